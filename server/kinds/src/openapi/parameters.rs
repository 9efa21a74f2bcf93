//! The parameters of requests.

use serde_json::{Value, json};

fn query(name: &str, kind: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "query", "description": description,
        "schema": {"type": kind, "uniqueItems": true},
    })
}

fn segment(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "description": description,
        "schema": {"type": "string", "uniqueItems": true},
    })
}

pub(super) fn namespace() -> Value {
    segment("namespace", "the namespace of the objects")
}

pub(super) fn name(kind: &str) -> Value {
    segment("name", &format!("name of the {kind}"))
}

pub(super) fn pretty() -> Value {
    query("pretty", "string", "If 'true', then the output is pretty printed.")
}

/// What every write takes.
pub(super) fn write() -> Vec<Value> {
    vec![
        dry_run(),
        query(
            "fieldManager",
            "string",
            "The name of the one who makes the change: at most 128 printable characters. Required for apply requests, else derived from the user agent.",
        ),
        query(
            "fieldValidation",
            "string",
            "What to do with unknown and duplicate fields: Ignore drops them, Warn drops them and warns, Strict refuses the request. Warn is the default.",
        ),
    ]
}

pub(super) fn patch() -> Vec<Value> {
    let mut parameters = write();
    parameters.push(query("force", "boolean", "For apply requests: take over fields that other managers own, instead of answering a conflict."));
    parameters
}

pub(super) fn delete() -> Vec<Value> {
    vec![
        dry_run(),
        query(
            "gracePeriodSeconds",
            "integer",
            "Seconds before the object is deleted; zero deletes at once. The kind's default is used when it is absent.",
        ),
        query(
            "propagationPolicy",
            "string",
            "What becomes of the objects that it owns: Orphan, Background or Foreground.",
        ),
        query("orphanDependents", "boolean", "Deprecated: use propagationPolicy."),
    ]
}

pub(super) fn list() -> Vec<Value> {
    vec![
        query(
            "allowWatchBookmarks",
            "boolean",
            "Whether a watch may get BOOKMARK events, which tell how far it has come.",
        ),
        query("continue", "string", "The token of the last page, to get the next one."),
        query("fieldSelector", "string", "Which objects to list, by their fields."),
        query("labelSelector", "string", "Which objects to list, by their labels."),
        query("limit", "integer", "The greatest number of objects in one answer."),
        query(
            "resourceVersion",
            "string",
            "How fresh the answer must be, or where a watch begins.",
        ),
        query(
            "resourceVersionMatch",
            "string",
            "How resourceVersion is meant: Exact or NotOlderThan.",
        ),
        query(
            "sendInitialEvents",
            "boolean",
            "Whether a watch begins with the present objects and a bookmark.",
        ),
        query(
            "timeoutSeconds",
            "integer",
            "How long the request may last, whether there are events or not.",
        ),
        query("watch", "boolean", "Whether to send changes as they happen instead of a list."),
    ]
}

fn dry_run() -> Value {
    query("dryRun", "string", "All: checks everything and stores nothing.")
}
