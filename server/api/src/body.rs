//! The body of a write: JSON, YAML or protobuf, as one JSON object with what strict validation
//! must know of the text.

use bytes::Bytes;
use kinds::KindDef;
use object::ApiError;
use serde_json::{Map, Value};

use crate::negotiate::{self, Sent};

/// An object as it was sent.
pub(crate) struct Document {
    pub(crate) object: Map<String, Value>,
    /// The JSON text, in which duplicate fields still stand; none for other formats.
    pub(crate) text: Option<Bytes>,
}

impl Document {
    /// Reads an object that a client of this process wrote as JSON.
    pub(crate) fn of_json(body: &Bytes) -> Result<Self, ApiError> {
        let object = read_json(body)?;
        Ok(Self { object, text: Some(body.clone()) })
    }
}

fn read_json(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(unreadable("json", "the body is no object")),
        Err(error) => Err(unreadable("json", &error.to_string())),
    }
}

fn unreadable(format: &str, why: &str) -> ApiError {
    ApiError::bad_request(format!(
        "the object provided is unrecognized: {format} parse error: {why}"
    ))
}

/// Reads the body of a create, an update or a deletion.
pub(crate) fn read(content_type: Option<&str>, body: &Bytes) -> Result<Document, ApiError> {
    match negotiate::content_type(content_type) {
        Some(Sent::Json) => Document::of_json(body),
        Some(Sent::Yaml) => {
            let object = read_yaml(body)?;
            Ok(Document { object, text: None })
        }
        _ => Err(negotiate::unsupported(&[
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
        ])),
    }
}

/// Reads YAML (of which JSON is a part).
pub(crate) fn read_yaml(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_norway::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(unreadable("yaml", "the body is no object")),
        Err(error) => Err(unreadable("yaml", &error.to_string())),
    }
}

/// Refuses an object of another kind than the path's. One that names none is of the path's kind.
pub(crate) fn check_kind(object: &mut Map<String, Value>, def: &KindDef) -> Result<(), ApiError> {
    expect_kind(object, def.group, def.api_version, def.kind)
}

/// As [`check_kind`], for the kinds of subresources.
pub(crate) fn expect_kind(
    object: &mut Map<String, Value>,
    group: &str,
    api_version: &str,
    kind: &str,
) -> Result<(), ApiError> {
    let text = |field: &str| {
        object.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let sent_version = text("apiVersion").unwrap_or_else(|| api_version.to_owned());
    let sent_kind = text("kind").unwrap_or_else(|| kind.to_owned());
    let version = sent_version.rsplit('/').next().unwrap_or_default();
    if sent_kind != kind {
        let package = group.split('.').next().filter(|name| !name.is_empty()).unwrap_or("core");
        return Err(ApiError::bad_request(format!(
            "{sent_kind} in version {version:?} cannot be handled as a {kind}: converting ({sent_version}.{sent_kind}) to ({package}.{kind}): unknown conversion"
        )));
    }
    if sent_version != api_version {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({sent_version}) does not match the expected API version ({api_version})"
        )));
    }
    object.insert("apiVersion".to_owned(), sent_version.into());
    object.insert("kind".to_owned(), sent_kind.into());
    Ok(())
}
