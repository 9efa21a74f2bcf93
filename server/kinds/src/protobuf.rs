//! Reads `application/vnd.kubernetes.protobuf`, in which `kubectl` and Helm send what they create:
//! one decoder to JSON for every message of a table. Answers may be JSON always, so nothing here
//! writes protobuf.

mod decode;
mod messages;
mod special;
mod wire;

use object::ApiError;
use serde_json::Value;

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum ProtobufError {
    #[error("the message ends too early")]
    Truncated,
    #[error("{0} is no wire type")]
    WireType(u8),
    #[error("field {0} has the wrong wire type")]
    FieldType(&'static str),
    #[error("a text is not UTF-8")]
    Text,
    #[error("a time is out of range")]
    Time,
    #[error("an embedded object is not valid: {0}")]
    Embedded(String),
    #[error("messages are nested too deep")]
    Depth,
    #[error("the message has too many values")]
    Size,
    #[error("it does not begin with \"k8s\\0\"")]
    Magic,
    #[error("its encoding {0:?} is not supported; send the message plain")]
    Encoding(String),
    #[error("no kind {kind:?} is known in version {api_version:?}")]
    Kind { api_version: String, kind: String },
}

/// Decodes a body to the object that its JSON would be.
///
/// # Errors
/// 400 with what is wrong with the bytes.
pub fn decode(body: &[u8]) -> Result<Value, ApiError> {
    decode::envelope(body).map_err(|error| {
        ApiError::bad_request(format!(
            "the body is not a valid Kubernetes protobuf message: {error}"
        ))
    })
}

/// Whether Go's zero value of a type already has a field: structs that are no pointers, and what
/// JSON writes even when it is empty. The table of messages knows it.
pub(crate) fn is_implied(definition: &str, field: &str) -> bool {
    messages::is_implied(definition, field)
}

#[cfg(test)]
#[path = "protobuf/tests.rs"]
mod tests;
