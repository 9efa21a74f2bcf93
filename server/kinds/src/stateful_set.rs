//! StatefulSet.

use k8s_openapi::{
    api::{apps::v1, core::v1::PodSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::FieldErrors;

use crate::{
    Column, Kind, ScaleFns, Subresource, column,
    parts::{cells, check, template},
    persistent_volume_claim,
};

mod validation;

const ROLLING: &str = "RollingUpdate";
const RETAIN: &str = "Retain";

pub struct StatefulSet;

impl Kind for StatefulSet {
    type Object = v1::StatefulSet;
    const SHORT_NAMES: &'static [&'static str] = &["sts"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::scale(ScaleFns {
            replicas,
            set_replicas: |set: &mut v1::StatefulSet, replicas| {
                set.spec.replicas = Some(replicas);
            },
            status_replicas: |set| set.status.as_ref().map_or(0, |status| status.replicas),
            selector: |set| cells::selector(&set.spec.selector),
        }),
        Subresource::part("status", |stored: &mut v1::StatefulSet, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Ready", |set: &v1::StatefulSet, _| {
            let ready = set.status.as_ref().and_then(|status| status.ready_replicas);
            format!("{}/{}", ready.unwrap_or_default(), replicas(set)).into()
        })
        .described("Number of the pod with ready state"),
        cells::age(),
        column("Containers", |set, _| cells::container_names(pod(set)))
            .wide()
            .described("Names of each container in the template."),
        column("Images", |set, _| cells::container_images(pod(set)))
            .wide()
            .described("Images referenced by each container in the template."),
    ];
    const GENERATION: bool = true;

    fn set_defaults(set: &mut v1::StatefulSet) {
        let spec = &mut set.spec;
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit.get_or_insert(10);
        check::default_text(&mut spec.pod_management_policy, "OrderedReady");
        let retention = spec.persistent_volume_claim_retention_policy.get_or_insert_default();
        check::default_text(&mut retention.when_deleted, RETAIN);
        check::default_text(&mut retention.when_scaled, RETAIN);
        let strategy = spec.update_strategy.get_or_insert_default();
        check::default_text(&mut strategy.type_, ROLLING);
        if strategy.type_.as_deref() == Some(ROLLING) {
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.partition.get_or_insert(0);
            rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
        }
        template::set_defaults(spec.template.spec.get_or_insert_default());
        for claim in spec.volume_claim_templates.iter_mut().flatten() {
            persistent_volume_claim::set_defaults(claim);
        }
    }

    fn prepare_create(set: &mut v1::StatefulSet) {
        set.status = Some(v1::StatefulSetStatus::default());
    }

    fn validate(set: &v1::StatefulSet, errors: &mut FieldErrors) {
        validation::validate(&set.spec, errors);
    }

    fn validate_update(new: &v1::StatefulSet, old: &v1::StatefulSet, errors: &mut FieldErrors) {
        validation::validate_update(&new.spec, &old.spec, errors);
    }
}

fn replicas(set: &v1::StatefulSet) -> i32 {
    set.spec.replicas.unwrap_or_default()
}

fn pod(set: &v1::StatefulSet) -> Option<&PodSpec> {
    set.spec.template.spec.as_ref()
}
