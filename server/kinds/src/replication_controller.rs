//! ReplicationController.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1;
use object::FieldErrors;

use crate::{
    Column, Field, Kind, ScaleFns, Subresource, column, field,
    parts::{cells, check, template},
};

pub struct ReplicationController;

impl Kind for ReplicationController {
    type Object = v1::ReplicationController;
    const SHORT_NAMES: &'static [&'static str] = &["rc"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::scale(ScaleFns {
            replicas: desired,
            set_replicas: |controller: &mut v1::ReplicationController, replicas| {
                controller.spec.get_or_insert_default().replicas = Some(replicas);
            },
            status_replicas: |controller| status(controller, |status| Some(status.replicas)),
            selector: selector_text,
        }),
        Subresource::part("status", |stored: &mut v1::ReplicationController, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Desired", |controller, _| desired(controller).into()).integer(),
        column("Current", |controller, _| status(controller, |s| Some(s.replicas)).into())
            .integer(),
        column("Ready", |controller, _| status(controller, |s| s.ready_replicas).into()).integer(),
        cells::age(),
        column("Containers", |controller, _| cells::container_names(pod(controller))).wide(),
        column("Images", |controller, _| cells::container_images(pod(controller))).wide(),
        column("Selector", |controller, _| cells::labels(selector(controller))).wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] = &[field("status.replicas", |controller| {
        status(controller, |status| Some(status.replicas)).to_string()
    })];
    const GENERATION: bool = true;

    fn set_defaults(controller: &mut v1::ReplicationController) {
        let spec = controller.spec.get_or_insert_default();
        spec.replicas.get_or_insert(1);
        let Some(template) = &mut spec.template else { return };
        template::set_defaults(template.spec.get_or_insert_default());
        let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
        let Some(labels) = labels.filter(|labels| !labels.is_empty()) else { return };
        for own in [&mut spec.selector, &mut controller.metadata.labels] {
            if own.as_ref().is_none_or(BTreeMap::is_empty) {
                *own = Some(labels.clone());
            }
        }
    }

    fn prepare_create(controller: &mut v1::ReplicationController) {
        controller.status = Some(v1::ReplicationControllerStatus::default());
    }

    fn validate(controller: &v1::ReplicationController, errors: &mut FieldErrors) {
        let Some(spec) = &controller.spec else { return errors.required("spec", "") };
        check::nonnegative(spec.min_ready_seconds, "spec.minReadySeconds", errors);
        check::nonnegative(spec.replicas, "spec.replicas", errors);
        let none = BTreeMap::new();
        let wanted = spec.selector.as_ref().unwrap_or(&none);
        if wanted.is_empty() {
            errors.required("spec.selector", "");
        }
        let Some(template) = &spec.template else {
            return errors.required("spec.template", "");
        };
        let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
        let labels = labels.unwrap_or(&none);
        if !wanted.iter().all(|(key, value)| labels.get(key) == Some(value)) {
            let why = "`selector` does not match template `labels`";
            errors.invalid("spec.template.metadata.labels", check::shown(labels), why);
        }
        template::validate_template(template, "ReplicationController", errors);
    }
}

fn desired(controller: &v1::ReplicationController) -> i32 {
    controller.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default()
}

fn status(
    controller: &v1::ReplicationController,
    read: fn(&v1::ReplicationControllerStatus) -> Option<i32>,
) -> i32 {
    controller.status.as_ref().and_then(read).unwrap_or_default()
}

fn pod(controller: &v1::ReplicationController) -> Option<&v1::PodSpec> {
    controller.spec.as_ref()?.template.as_ref()?.spec.as_ref()
}

fn selector(controller: &v1::ReplicationController) -> Option<&BTreeMap<String, String>> {
    controller.spec.as_ref()?.selector.as_ref()
}

fn selector_text(controller: &v1::ReplicationController) -> String {
    let pairs = selector(controller).into_iter().flatten();
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
