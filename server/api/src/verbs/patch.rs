//! PATCH: the present object as JSON, patched, and written as an update is.

use bytes::Bytes;
use object::{
    ApiError, body as bodies,
    patch::{json, merge, strategic},
    schema::Schema,
};
use serde_json::Value;

use super::{Writer, Written, update::Draft};
use crate::{
    Api,
    admit::{self, meta},
    body::check_kind,
    resolve::Target,
};

/// A patch as it was sent.
#[derive(Clone, Debug)]
pub(crate) enum Patch {
    Json(Bytes),
    Merge(Bytes),
    Strategic(Bytes),
}

impl Patch {
    /// Patches an object's JSON.
    pub(crate) fn apply(&self, object: &mut Value, schema: Schema<'_>) -> Result<(), ApiError> {
        match self {
            Self::Json(patch) => json::apply(object, patch),
            Self::Merge(patch) => {
                merge::apply(object, merge::parse(patch)?);
                Ok(())
            }
            Self::Strategic(patch) => strategic::apply(object, merge::parse(patch)?, schema),
        }
    }
}

impl Api {
    pub(crate) async fn patch(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        patch: &Patch,
    ) -> Result<Written, ApiError> {
        self.change(writer, target, |current, _| {
            let shown = bodies::splice(&current.body, current.revision);
            let mut value: Value = serde_json::from_slice(&shown)
                .map_err(|_| ApiError::internal("a stored object is no JSON"))?;
            patch.apply(&mut value, Schema::untyped())?;
            let sent_revision = value["metadata"]["resourceVersion"].clone();
            let Value::Object(mut object) = value else {
                return Err(ApiError::bad_request("the patch leaves no object"));
            };
            check_kind(&mut object, target.def)?;
            let mut object = admit::decode(target.def, object)?;
            meta::place(object.metadata_mut(), target)?;
            object.set_defaults();
            let mut draft = Draft::new(target, object)?;
            // Only a revision that the patch itself names is a precondition.
            if sent_revision == current.revision.to_string() {
                draft.revision = None;
            }
            Ok(draft)
        })
        .await
    }
}
