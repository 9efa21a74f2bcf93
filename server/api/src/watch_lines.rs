//! A watch on the wire: one JSON document on each line.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use kinds::KindDef;
use object::ApiError;
use serde_json::json;
use store::Stored;

use crate::{
    negotiate::Shape,
    render::{self, ListMeta, View},
    verbs::watch::{Seen, SeenStream},
};

const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// The lines of a watch. A failure is its last line, as an event of its own.
pub(crate) fn lines(
    def: Arc<KindDef>,
    seen: SeenStream,
    view: View,
) -> BoxStream<'static, Result<Bytes, ApiError>> {
    let mut first = true;
    seen.map(move |event| {
        let line = match event {
            Ok(event) => line(&def, &event, view, first),
            Err(error) => error_line(&error),
        };
        first = false;
        Ok(line)
    })
    .boxed()
}

/// A watch that could not begin.
pub(crate) fn failed(error: &ApiError) -> BoxStream<'static, Result<Bytes, ApiError>> {
    stream::iter([Ok(error_line(error))]).boxed()
}

/// The event that tells a watcher why its watch ends.
fn error_line(error: &ApiError) -> Bytes {
    format!("{}\n", json!({"type": "ERROR", "object": error.to_status()})).into()
}

fn line(def: &KindDef, event: &Seen, view: View, first: bool) -> Bytes {
    let (kind, object) = match event {
        Seen::Added(stored) => ("ADDED", show(def, stored, view, first)),
        Seen::Modified(stored) => ("MODIFIED", show(def, stored, view, first)),
        Seen::Deleted(stored) => ("DELETED", show(def, stored, view, first)),
        Seen::Bookmark { revision, initial_end } => {
            ("BOOKMARK", bookmark(def, *revision, *initial_end, view))
        }
    };
    let mut out = BytesMut::with_capacity(object.len() + 32);
    out.put_slice(br#"{"type":""#);
    out.put_slice(kind.as_bytes());
    out.put_slice(br#"","object":"#);
    out.put_slice(&object);
    out.put_slice(b"}\n");
    out.freeze()
}

fn show(def: &KindDef, stored: &Stored, view: View, first: bool) -> Bytes {
    match view.wanted.shape {
        // Columns come with the first event only.
        Shape::Table(version) => {
            let meta = ListMeta { revision: stored.revision, ..ListMeta::default() };
            render::table(def, [stored], &meta, version, view.include, first).into()
        }
        _ => render::object(def, stored, view),
    }
}

fn bookmark(def: &KindDef, revision: u64, initial_end: bool, view: View) -> Bytes {
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if initial_end {
        metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
    }
    let partial = |version: &str| {
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"),
            "metadata": metadata,
        })
    };
    let object = match view.wanted.shape {
        Shape::Whole => {
            json!({"kind": def.kind, "apiVersion": def.api_version, "metadata": metadata})
        }
        Shape::Partial(version) => partial(version),
        Shape::Table(version) => json!({
            "kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"),
            "metadata": {"resourceVersion": revision.to_string()}, "columnDefinitions": null,
            "rows": [{"cells": vec![""; def.columns.len()], "object": partial(version)}],
        }),
    };
    object.to_string().into()
}
