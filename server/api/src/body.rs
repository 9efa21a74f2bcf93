//! The body of a write: JSON, YAML or protobuf, as one JSON value with the fields that stood in it
//! twice.

use bytes::Bytes;
use kinds::{
    KindDef, protobuf,
    schema::{Body, read_json, read_yaml},
};
use object::ApiError;
use serde_json::{Map, Value};

use crate::negotiate::{self, Sent};

/// Reads the body of a create, an update or a deletion.
pub(crate) fn read(content_type: Option<&str>, body: &Bytes) -> Result<Body, ApiError> {
    let body = match negotiate::content_type(content_type) {
        Some(Sent::Json) => read_json(body),
        Some(Sent::Yaml) => read_yaml(body),
        Some(Sent::Protobuf) => {
            protobuf::decode(body).map(|value| Body { value, duplicates: Vec::new() })
        }
        _ => {
            return Err(negotiate::unsupported(&[
                "application/json",
                "application/yaml",
                "application/vnd.kubernetes.protobuf",
            ]));
        }
    };
    body.and_then(of_object)
}

/// As [`read`], for a client in process.
pub(crate) fn read_own(body: &Bytes) -> Result<Body, ApiError> {
    read_json(body).and_then(of_object)
}

fn of_object(body: Body) -> Result<Body, ApiError> {
    if body.value.is_object() {
        Ok(body)
    } else {
        Err(ApiError::bad_request("the object provided is unrecognized: the body is no object"))
    }
}

/// The object that a body is.
pub(crate) fn object_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => unreachable!("a body was checked to be an object, not {other}"),
    }
}

/// Refuses an object of another kind than the path's. One that names none is of the path's kind.
pub(crate) fn check_kind(object: &mut Value, def: &KindDef) -> Result<(), ApiError> {
    expect_kind(object, &def.group, &def.api_version, &def.kind)
}

/// As [`check_kind`], for the kinds of subresources.
pub(crate) fn expect_kind(
    object: &mut Value,
    group: &str,
    api_version: &str,
    kind: &str,
) -> Result<(), ApiError> {
    let text = |field: &str| object[field].as_str().filter(|text| !text.is_empty());
    let sent_version = text("apiVersion").unwrap_or(api_version).to_owned();
    let sent_kind = text("kind").unwrap_or(kind).to_owned();
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
    object["apiVersion"] = sent_version.into();
    object["kind"] = sent_kind.into();
    Ok(())
}
