//! ReplicaSet.

use k8s_openapi::api::{apps::v1, core::v1::PodSpec};

use crate::{Column, Kind, ScaleFns, Subresource, column, parts::cells};

pub struct ReplicaSet;

impl Kind for ReplicaSet {
    type Object = v1::ReplicaSet;
    const SHORT_NAMES: &'static [&'static str] = &["rs"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::scale(ScaleFns {
            replicas: |set: &v1::ReplicaSet| set.spec.replicas.unwrap_or_default(),
            set_replicas: |set, replicas| {
                set.spec.replicas = Some(replicas);
            },
            status_replicas: |set| set.status.as_ref().map_or(0, |status| status.replicas),
            selector,
        }),
        Subresource::part("status", |stored: &mut v1::ReplicaSet, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Desired", |set: &v1::ReplicaSet, _| set.spec.replicas.unwrap_or_default().into())
            .integer(),
        column("Current", |set: &v1::ReplicaSet, _| {
            set.status.as_ref().map_or(0, |status| status.replicas).into()
        })
        .integer(),
        column("Ready", |set: &v1::ReplicaSet, _| {
            set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default().into()
        })
        .integer(),
        cells::age(),
        column("Containers", |set: &v1::ReplicaSet, _| cells::container_names(pod(set))).wide(),
        column("Images", |set: &v1::ReplicaSet, _| cells::container_images(pod(set))).wide(),
        column("Selector", |set: &v1::ReplicaSet, _| cells::or_none(Some(&selector(set)))).wide(),
    ];
    const GENERATION: bool = true;

    fn prepare_create(set: &mut v1::ReplicaSet) {
        set.status = Some(v1::ReplicaSetStatus::default());
    }
}

fn pod(set: &v1::ReplicaSet) -> Option<&PodSpec> {
    set.spec.template.as_ref()?.spec.as_ref()
}

fn selector(set: &v1::ReplicaSet) -> String {
    cells::selector(&set.spec.selector)
}
