//! ResourceClaimTemplate.

use k8s_openapi::api::resource::v1;
use object::FieldErrors;

use crate::{
    Column, Kind,
    parts::{cells, check, devices},
};

pub struct ResourceClaimTemplate;

impl Kind for ResourceClaimTemplate {
    type Object = v1::ResourceClaimTemplate;
    const COLUMNS: &'static [Column<Self::Object>] = &[cells::age()];
    const GENERATION: bool = true;
    const RETURNS_DELETED: bool = true;

    fn set_defaults(template: &mut v1::ResourceClaimTemplate) {
        let spec = template.spec.get_or_insert_default();
        devices::set_defaults(spec.spec.get_or_insert_default());
    }

    fn validate(template: &v1::ResourceClaimTemplate, errors: &mut FieldErrors) {
        let Some(spec) = &template.spec else { return };
        if let Some(metadata) = &spec.metadata {
            check::labels(metadata.labels.as_ref(), "spec.metadata.labels", errors);
            let annotations = metadata.annotations.as_ref();
            check::annotations(annotations, "spec.metadata.annotations", errors);
        }
        if let Some(claim) = &spec.spec {
            devices::validate_claim(claim, "spec.spec", errors);
        }
    }

    fn validate_update(
        new: &v1::ResourceClaimTemplate,
        old: &v1::ResourceClaimTemplate,
        errors: &mut FieldErrors,
    ) {
        check::immutable(&new.spec, &old.spec, "spec", errors);
    }
}
