//! PATCH by server-side apply: the applied configuration is merged by who owns which field; an
//! object that is not there is created.

use bytes::Bytes;
use jiff::Timestamp;
use kinds::{
    Verb,
    schema::{FieldValidation, of, read_yaml, yaml_errors},
};
use object::{ApiError, FieldErrors, Reason, patch::apply};
use serde_json::Value;

use super::{
    Writer, Written,
    update::{Draft, Ownership},
};
use crate::{Api, admit, authorize, body::check_kind, query::refuse, resolve::Target};

/// How often an object may vanish and come back while it is applied to.
const ATTEMPTS_MAX: usize = 4;

impl Api {
    pub(crate) async fn apply(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        body: &Bytes,
    ) -> Result<Written, ApiError> {
        let config = read_config(writer, target, body)?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let last = attempts >= ATTEMPTS_MAX;
            match self.apply_to_live(writer, target, &config).await {
                Err(error) if is_absent(&error, target) && target.subresource.is_empty() => {}
                other => return other,
            }
            match self.apply_as_new(writer, target, &config).await {
                Err(error) if error.reason == Reason::AlreadyExists && !last => {}
                other => return other,
            }
        }
    }

    pub(crate) async fn apply_to_live(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        config: &Value,
    ) -> Result<Written, ApiError> {
        self.change(writer, target, |current, _| {
            let live = admit::stored_value(&target.def, &current.body)?;
            let merged = merge(writer, target, Some(&live), config)?;
            let mut draft = Draft::new(admit::complete(&target.def, merged)?)?;
            draft.ownership = Ownership::Noted;
            Ok(draft)
        })
        .await
    }

    pub(crate) async fn apply_as_new(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        config: &Value,
    ) -> Result<Written, ApiError> {
        let wanted = authorize::wanted(Verb::Create.name(), target);
        self.authorize(writer.user, &wanted).await?;
        let merged = merge(writer, target, None, config)?;
        let sent = admit::complete(&target.def, merged)?;
        self.create_object(writer, target, sent).await
    }
}

fn merge(
    writer: &Writer<'_>,
    target: &Target,
    live: Option<&Value>,
    config: &Value,
) -> Result<Value, ApiError> {
    let write = writer.ownership(target, Timestamp::now());
    let force = writer.options.force.unwrap_or(false);
    apply::apply(live, config, of(&target.def), &write, force)
}

fn require_manager(writer: &Writer<'_>) -> Result<(), ApiError> {
    if writer.options.names_manager {
        return Ok(());
    }
    let mut errors = FieldErrors::default();
    errors.required("fieldManager", "is required for apply patch");
    refuse("PatchOptions", &errors)
}

/// The configuration, which must be of the path's kind and for the path's object.
fn read_config(writer: &mut Writer<'_>, target: &Target, body: &Bytes) -> Result<Value, ApiError> {
    let mut config = read_applied(writer, body)?;
    check_kind(&mut config, &target.def)?;
    place(&mut config, target)?;
    let has_status = target.def.subresources.iter().any(|sub| sub.name == "status");
    Ok(apply::writable_part(config, &target.subresource, has_status))
}

/// What is to be applied, as it was sent.
pub(super) fn read_applied(writer: &mut Writer<'_>, body: &Bytes) -> Result<Value, ApiError> {
    require_manager(writer)?;
    let read = read_yaml(body)?;
    if !read.value.is_object() {
        return Err(ApiError::bad_request("the applied configuration is no object"));
    }
    match writer.options.validation {
        FieldValidation::Strict if !read.duplicates.is_empty() => {
            return Err(ApiError::bad_request(format!(
                "error strict decoding YAML: error converting YAML to JSON: {}",
                yaml_errors(&read.duplicates)
            )));
        }
        FieldValidation::Warn => writer.warnings.extend(read.duplicates),
        _ => {}
    }
    Ok(read.value)
}

/// Says whose configuration it is; refuses one that says somebody else's.
pub(super) fn place(config: &mut Value, target: &Target) -> Result<(), ApiError> {
    let metadata = &mut config["metadata"];
    for (field, expected) in [("name", &target.name), ("namespace", &target.namespace)] {
        let sent = metadata[field].as_str().unwrap_or_default();
        if !sent.is_empty() && sent != expected {
            return Err(ApiError::bad_request(format!(
                "the {field} of the provided object ({sent}) does not match the {field} sent on the request ({expected})"
            )));
        }
        if !expected.is_empty() {
            metadata[field] = expected.as_str().into();
        }
    }
    Ok(())
}

fn is_absent(error: &ApiError, target: &Target) -> bool {
    let about = error.details.as_ref().map(|details| details["kind"] == *target.def.plural);
    error.is_not_found() && about == Some(true)
}
