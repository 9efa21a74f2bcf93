//! ControllerRevision: a template as it was at one time, kept by the owner of pods.

use k8s_openapi::api::apps::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, check},
};

pub struct ControllerRevision;

impl Kind for ControllerRevision {
    type Object = v1::ControllerRevision;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Controller", |revision: &v1::ControllerRevision, _| {
            let owners = revision.metadata.owner_references.iter().flatten();
            let mut controllers = owners.filter(|owner| owner.controller == Some(true));
            controllers.next().map_or(cells::NONE.into(), |owner| {
                let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
                let dot = if group.is_empty() { "" } else { "." };
                format!("{}{dot}{group}/{}", owner.kind.to_lowercase(), owner.name).into()
            })
        })
        .described("Controller of the object"),
        column("Revision", |revision: &v1::ControllerRevision, _| {
            revision.revision.unwrap_or_default().into()
        })
        .integer(),
        cells::age(),
    ];

    fn validate(revision: &v1::ControllerRevision, errors: &mut FieldErrors) {
        if revision.data.0.is_null() {
            errors.required("data", "data is mandatory");
        }
        check::nonnegative(revision.revision, "revision", errors);
    }

    fn validate_update(
        new: &v1::ControllerRevision,
        old: &v1::ControllerRevision,
        errors: &mut FieldErrors,
    ) {
        check::immutable(&new.data, &old.data, "data", errors);
    }
}
