//! The conflict of an applied configuration with other managers, in Kubernetes' words.

use serde_json::{Value, json};

use super::managed::Entry;
use crate::{ApiError, Reason};

/// A 409 that names each field and whose it is. `conflicts` hold the fields in question.
pub(super) fn error(mut conflicts: Vec<Entry>) -> ApiError {
    conflicts.sort_by_key(|entry| entry.identity.describe());
    let named: Vec<(String, Vec<String>)> =
        conflicts.iter().map(|entry| (entry.identity.describe(), entry.fields.paths())).collect();
    let causes: Vec<Value> = named
        .iter()
        .flat_map(|(manager, paths)| paths.iter().map(move |path| (manager, path)))
        .map(|(manager, path)| {
            json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {manager}"),
                "field": path,
            })
        })
        .collect();
    let message = match named.as_slice() {
        [(manager, paths)] if paths.len() == 1 => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {}", paths[0])
        }
        _ => {
            let mut lines = Vec::new();
            for (manager, paths) in &named {
                lines.push(format!("conflicts with {manager}:"));
                lines.extend(paths.iter().map(|path| format!("- {path}")));
            }
            format!("Apply failed with {} conflicts: {}", causes.len(), lines.join("\n"))
        }
    };
    let details = Some(Box::new(json!({"causes": causes})));
    ApiError { reason: Reason::Conflict, message, details }
}
