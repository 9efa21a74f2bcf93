//! HorizontalPodAutoscaler.

use k8s_openapi::api::autoscaling::v2;
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check},
};

mod defaults;
mod targets;
mod validation;

pub struct HorizontalPodAutoscaler;

impl Kind for HorizontalPodAutoscaler {
    type Object = v2::HorizontalPodAutoscaler;
    const SHORT_NAMES: &'static [&'static str] = &["hpa"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v2::HorizontalPodAutoscaler, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Reference", |scaler: &v2::HorizontalPodAutoscaler, _| {
            let target = &scaler.spec.scale_target_ref;
            format!("{}/{}", target.kind, target.name).into()
        }),
        column("Targets", |scaler: &v2::HorizontalPodAutoscaler, _| {
            let status =
                scaler.status.as_ref().and_then(|status| status.current_metrics.as_deref());
            let specs = scaler.spec.metrics.as_deref().unwrap_or_default();
            targets::cell(specs, status.unwrap_or_default())
        }),
        column("MinPods", |scaler: &v2::HorizontalPodAutoscaler, _| {
            cells::or_unset(scaler.spec.min_replicas.map(|least| least.to_string()).as_deref())
        }),
        column("MaxPods", |scaler: &v2::HorizontalPodAutoscaler, _| {
            scaler.spec.max_replicas.into()
        })
        .integer(),
        column("Replicas", |scaler: &v2::HorizontalPodAutoscaler, _| {
            let replicas = scaler.status.as_ref().and_then(|status| status.current_replicas);
            replicas.unwrap_or_default().into()
        })
        .integer(),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(scaler: &mut v2::HorizontalPodAutoscaler) {
        defaults::set(&mut scaler.spec);
    }

    fn prepare_create(scaler: &mut v2::HorizontalPodAutoscaler) {
        scaler.status = Some(v2::HorizontalPodAutoscalerStatus::default());
    }

    fn validate(scaler: &v2::HorizontalPodAutoscaler, errors: &mut FieldErrors) {
        validation::validate(&scaler.spec, errors);
        if let Some(status) = &scaler.status {
            check::nonnegative(status.current_replicas, "status.currentReplicas", errors);
            check::nonnegative(Some(status.desired_replicas), "status.desiredReplicas", errors);
        }
    }
}
