//! PodTemplate.

use k8s_openapi::api::core::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, template},
};

pub struct PodTemplate;

impl Kind for PodTemplate {
    type Object = v1::PodTemplate;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Containers", |one, _| cells::container_names(pod(one)))
            .described("Names of each container in the template."),
        column("Images", |one, _| cells::container_images(pod(one)))
            .described("Images referenced by each container in the template."),
        column("Pod Labels", |one: &v1::PodTemplate, _| {
            let metadata = one.template.as_ref().and_then(|template| template.metadata.as_ref());
            cells::labels(metadata.and_then(|metadata| metadata.labels.as_ref()))
        })
        .described("The labels for the pod template."),
    ];
    const GENERATION: bool = true;
    const RETURNS_DELETED: bool = true;

    fn set_defaults(one: &mut v1::PodTemplate) {
        if let Some(template) = &mut one.template {
            template::set_defaults(template.spec.get_or_insert_default());
        }
    }

    fn validate(one: &v1::PodTemplate, errors: &mut FieldErrors) {
        let none = v1::PodTemplateSpec::default();
        let template = one.template.as_ref().unwrap_or(&none);
        template::validate_any_template(template, "template", errors);
    }
}

fn pod(one: &v1::PodTemplate) -> Option<&v1::PodSpec> {
    one.template.as_ref()?.spec.as_ref()
}
