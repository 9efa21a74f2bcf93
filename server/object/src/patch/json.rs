//! JSON patch (RFC 6902).

use json_patch::{Patch, PatchErrorKind};
use serde_json::Value;

use crate::{ApiError, Reason};

/// As many operations as Kubernetes allows in one patch.
const OPERATIONS_MAX: usize = 10_000;

/// Applies a JSON patch to an object.
///
/// # Errors
/// 400 for a body that is no JSON patch, 413 for one that is too long, 422 for one that does not
/// fit the object.
pub fn apply(object: &mut Value, patch: &[u8]) -> Result<(), ApiError> {
    let patch: Patch = serde_json::from_slice(patch)
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    if patch.len() > OPERATIONS_MAX {
        let message = format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            patch.len()
        );
        return Err(ApiError::new(Reason::RequestEntityTooLarge, message));
    }
    json_patch::patch(object, &patch).map_err(|error| {
        let operation = serde_json::to_string(&patch[error.operation]).unwrap_or_default();
        let why = match error.kind {
            PatchErrorKind::TestFailed => "testing the value failed",
            PatchErrorKind::InvalidFromPointer => "the path in \"from\" does not exist",
            PatchErrorKind::InvalidPointer => "the path does not exist",
            PatchErrorKind::CannotMoveInsideItself => "a value can't be moved inside itself",
            _ => "the operation does not apply",
        };
        let message = format!(
            "the server rejected our request due to an error in our request: {why}: {operation}"
        );
        ApiError::new(Reason::Invalid, message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn applies_or_refuses() {
        let mut object = json!({"spec": {"replicas": 1, "list": ["a"]}});
        apply(
            &mut object,
            br#"[{"op":"test","path":"/spec/replicas","value":1},
                 {"op":"replace","path":"/spec/replicas","value":2},
                 {"op":"add","path":"/spec/list/-","value":"b"}]"#,
        )
        .unwrap();
        assert_eq!(object, json!({"spec": {"replicas": 2, "list": ["a", "b"]}}));
        for (patch, code, part) in [
            (&b"{}"[..], 400, "error decoding patch"),
            (br#"[{"op":"jump","path":"/a"}]"#, 400, "error decoding patch"),
            (
                br#"[{"op":"test","path":"/spec/replicas","value":3}]"#,
                422,
                "testing the value failed",
            ),
            (br#"[{"op":"remove","path":"/nope"}]"#, 422, "the path does not exist"),
        ] {
            let before = object.clone();
            let error = apply(&mut object, patch).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.message.contains(part), "{error}");
            assert_eq!(object, before, "a refused patch changes nothing");
        }
    }
}
