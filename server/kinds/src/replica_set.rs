//! ReplicaSet.

use k8s_openapi::api::{apps::v1, core::v1::PodSpec};
use object::FieldErrors;

use crate::{
    Column, Field, Kind, ScaleFns, Subresource, column, field,
    parts::{cells, check, selector, template},
};

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
            selector: selector_text,
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
        column("Selector", |set: &v1::ReplicaSet, _| cells::or_none(Some(&selector_text(set))))
            .wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] = &[field("status.replicas", |set| {
        set.status.as_ref().map_or(0, |status| status.replicas).to_string()
    })];
    const GENERATION: bool = true;

    fn set_defaults(set: &mut v1::ReplicaSet) {
        set.spec.replicas.get_or_insert(1);
        if let Some(template) = &mut set.spec.template {
            template::set_defaults(template.spec.get_or_insert_default());
        }
    }

    fn prepare_create(set: &mut v1::ReplicaSet) {
        set.status = Some(v1::ReplicaSetStatus::default());
    }

    fn validate(set: &v1::ReplicaSet, errors: &mut FieldErrors) {
        let spec = &set.spec;
        check::nonnegative(spec.replicas, "spec.replicas", errors);
        check::nonnegative(spec.min_ready_seconds, "spec.minReadySeconds", errors);
        selector::validate_owner(&spec.selector, spec.template.as_ref(), "deployment", errors);
        match &spec.template {
            Some(template) => template::validate_template(template, "ReplicaSet", errors),
            None => errors.required("spec.template", ""),
        }
    }

    fn validate_update(new: &v1::ReplicaSet, old: &v1::ReplicaSet, errors: &mut FieldErrors) {
        if new.spec.selector != old.spec.selector {
            let selector = check::shown(&new.spec.selector);
            errors.invalid("spec.selector", selector, check::IMMUTABLE);
        }
    }
}

fn pod(set: &v1::ReplicaSet) -> Option<&PodSpec> {
    set.spec.template.as_ref()?.spec.as_ref()
}

fn selector_text(set: &v1::ReplicaSet) -> String {
    cells::selector(&set.spec.selector)
}
