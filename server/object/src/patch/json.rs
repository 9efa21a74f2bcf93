//! JSON patch (RFC 6902).

use json_patch::{Patch, PatchErrorKind, PatchOperation};
use serde_json::Value;

use crate::{ApiError, Reason};

/// As many operations as Kubernetes allows in one patch.
const OPERATIONS_MAX: usize = 10_000;
/// A patch of few bytes could double its object again and again; no object is as large as this.
const COPIED_BYTES_MAX: usize = 3 << 20;

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
    let mut patched = object.clone();
    let mut copied = 0;
    for operation in &*patch {
        if passes_for_absence(&patched, operation) {
            continue;
        }
        if let PatchOperation::Copy(copy) = operation {
            copied += patched.pointer(copy.from.as_str()).map_or(0, size);
            if copied > COPIED_BYTES_MAX {
                return Err(rejected("the copies are too large", operation));
            }
        }
        json_patch::patch_unsafe(&mut patched, std::slice::from_ref(operation)).map_err(
            |error| {
                let why = match error.kind {
                    PatchErrorKind::TestFailed => "testing the value failed",
                    PatchErrorKind::InvalidFromPointer => "the path in \"from\" does not exist",
                    PatchErrorKind::InvalidPointer => "the path does not exist",
                    PatchErrorKind::CannotMoveInsideItself => {
                        "a value can't be moved inside itself"
                    }
                    _ => "the operation does not apply",
                };
                rejected(why, operation)
            },
        )?;
    }
    *object = patched;
    Ok(())
}

/// Whether an operation tests for null what is not there: that passes in Kubernetes, and clients
/// make sure by it that there are no finalizers yet.
fn passes_for_absence(object: &Value, operation: &PatchOperation) -> bool {
    let PatchOperation::Test(test) = operation else { return false };
    let Some((parent, field)) = test.path.split_back() else { return false };
    let parent = object.pointer(parent.as_str()).and_then(Value::as_object);
    test.value.is_null() && parent.is_some_and(|fields| !fields.contains_key(&*field.decoded()))
}

fn rejected(why: &str, operation: &PatchOperation) -> ApiError {
    let operation = serde_json::to_string(operation).unwrap_or_default();
    let message = format!(
        "the server rejected our request due to an error in our request: {why}: {operation}"
    );
    ApiError::new(Reason::Invalid, message)
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() + size(value) + 4).sum::<usize>() + 2
        }
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn copies_do_not_grow_without_end() {
        let mut object = json!({"a": {"text": "x".repeat(100)}});
        let copies: Vec<Value> = (0..60)
            .map(|n| json!({"op": "copy", "from": "/a", "path": format!("/a/{n}")}))
            .collect();
        let error = apply(&mut object, json!(copies).to_string().as_bytes()).unwrap_err();
        assert!(error.message.contains("the copies are too large"), "{error}");
    }

    #[test]
    fn a_test_for_null_passes_where_nothing_is() {
        let mut object = json!({"metadata": {"name": "a", "labels": {"x": "y"}}});
        let add = br#"[{"op":"test","path":"/metadata/finalizers","value":null},
                       {"op":"add","path":"/metadata/finalizers","value":["f"]}]"#;
        apply(&mut object, add).unwrap();
        assert_eq!(object["metadata"]["finalizers"], json!(["f"]));
        assert_eq!(apply(&mut object, add).unwrap_err().code(), 422, "now there is one");
        let deeper = br#"[{"op":"test","path":"/spec/replicas","value":null}]"#;
        assert_eq!(apply(&mut object, deeper).unwrap_err().code(), 422);
        let valued = br#"[{"op":"test","path":"/metadata/uid","value":"u"}]"#;
        assert_eq!(apply(&mut object, valued).unwrap_err().code(), 422);
    }

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
