//! The options of a request, as webhooks and policies see them.

use planning::dynamic_admission::Operation;
use serde_json::{Value, json};

use crate::{query::WriteOptions, verbs::delete::DeleteRequest};

fn options(kind: &str, dry_run: bool) -> Value {
    let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
    if dry_run {
        options["dryRun"] = json!(["All"]);
    }
    options
}

/// Where the options of a request come from.
#[derive(Clone, Copy)]
pub(crate) enum Options<'o> {
    Write(&'o WriteOptions),
    Delete(&'o DeleteRequest),
}

impl Options<'_> {
    pub(super) fn are_dry(self) -> bool {
        match self {
            Self::Write(write) => write.dry_run,
            Self::Delete(request) => request.write.dry_run,
        }
    }

    pub(super) fn show(self, operation: Operation) -> Value {
        match self {
            Self::Write(write) => write_options(operation, write),
            Self::Delete(request) => delete_options(request),
        }
    }
}

fn write_options(operation: Operation, write: &WriteOptions) -> Value {
    let kind = match operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => return Value::Null,
    };
    let mut options = options(kind, write.dry_run);
    if let Some(manager) = &write.field_manager {
        options["fieldManager"] = manager.as_str().into();
    }
    options
}

fn delete_options(request: &DeleteRequest) -> Value {
    let mut options = options("DeleteOptions", request.write.dry_run);
    if let Some(seconds) = request.grace_seconds {
        options["gracePeriodSeconds"] = seconds.into();
    }
    if let Some(propagation) = request.propagation {
        options["propagationPolicy"] = format!("{propagation:?}").into();
    }
    if request.uid.is_some() || request.revision.is_some() {
        options["preconditions"] = json!({"uid": request.uid, "resourceVersion": request.revision});
    }
    options
}
