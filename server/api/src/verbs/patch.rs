//! PATCH: the present object as JSON, patched, and written as an update is.

use bytes::Bytes;
use kinds::schema::{check_patched, of, read_json};
use object::{
    ApiError, FieldErrors,
    patch::{json, merge, strategic},
    schema::Schema,
};
use serde_json::Value;

use super::{Writer, Written, update::Draft};
use crate::{
    Api,
    admit::{self, meta},
    body::check_kind,
    negotiate::unsupported,
    query::refuse,
    resolve::Target,
};

/// A patch as it was sent.
#[derive(Clone, Debug)]
pub(crate) enum Patch {
    Json(Bytes),
    Merge(Bytes),
    Strategic(Bytes),
    Apply(Bytes),
}

impl Patch {
    /// Patches an object's JSON; gives the fields that stood twice in the patch.
    pub(crate) fn apply(
        &self,
        object: &mut Value,
        schema: Schema<'_>,
    ) -> Result<Vec<String>, ApiError> {
        match self {
            Self::Json(patch) => {
                json::apply(object, patch)?;
                Ok(Vec::new())
            }
            Self::Merge(patch) => {
                merge::apply(object, merge::parse(patch)?);
                Ok(read_json(patch)?.duplicates)
            }
            Self::Apply(_) => Err(ApiError::internal("what is applied is no patch of an object")),
            Self::Strategic(patch) => {
                strategic::apply(object, merge::parse(patch)?, schema)?;
                Ok(read_json(patch)?.duplicates)
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        let (Self::Json(patch) | Self::Merge(patch) | Self::Strategic(patch) | Self::Apply(patch)) =
            self;
        String::from_utf8_lossy(patch).into_owned()
    }
}

fn refuse_force(writer: &Writer<'_>) -> Result<(), ApiError> {
    let mut errors = FieldErrors::default();
    if writer.options.force.is_some() {
        errors.forbidden("force", "may not be specified for non-apply patch");
    }
    refuse("PatchOptions", &errors)
}

impl Api {
    pub(crate) async fn patch(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        patch: &Patch,
    ) -> Result<Written, ApiError> {
        if target.def.custom.is_some() && matches!(patch, Patch::Strategic(_)) {
            return Err(unsupported(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+yaml",
            ]));
        }
        let scales = target.sub().is_some_and(|sub| sub.scales);
        match patch {
            Patch::Apply(config) if scales => self.apply_scale(writer, target, config).await,
            Patch::Apply(config) => self.apply(writer, target, config).await,
            patch => {
                refuse_force(writer)?;
                match scales {
                    true => self.patch_scale(writer, target, patch).await,
                    false => self.patch_object(writer, target, patch).await,
                }
            }
        }
    }

    async fn patch_object(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        patch: &Patch,
    ) -> Result<Written, ApiError> {
        let def = &target.def;
        let validation = writer.options.validation;
        let mut warnings = Vec::new();
        let written = self
            .change(writer, target, |current, _| {
                let mut value = admit::stored_value(def, &current.body)?;
                value["metadata"]["resourceVersion"] = current.revision.to_string().into();
                let duplicates = patch.apply(&mut value, of(def))?;
                if !value.is_object() {
                    return Err(ApiError::bad_request("the patch leaves no object"));
                }
                check_kind(&mut value, def)?;
                let text = patch.text();
                let name = &target.name;
                warnings = check_patched(def, name, &mut value, &text, duplicates, validation)?;
                let mut sent = admit::complete(def, value)?;
                meta::place(sent.object.metadata_mut(), target)?;
                let mut draft = Draft::new(sent)?;
                // Only a revision that the patch itself names is a precondition.
                draft.revision = draft.revision.filter(|revision| *revision != current.revision);
                Ok(draft)
            })
            .await?;
        writer.warnings.append(&mut warnings);
        Ok(written)
    }
}
