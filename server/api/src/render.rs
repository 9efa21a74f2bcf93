//! Stored bytes to what clients read: objects, lists, tables and metadata alone.

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use kinds::KindDef;
use object::{ApiError, body::splice_into};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use store::Stored;

use crate::{
    negotiate::{Shape, Wanted},
    query::Query,
};

/// What `includeObject` puts into a table's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Include {
    None,
    #[default]
    Metadata,
    Object,
}

/// How objects are to be shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    pub(crate) wanted: Wanted,
    pub(crate) include: Include,
}

impl View {
    pub(crate) fn new(wanted: Wanted, query: &Query) -> Result<Self, ApiError> {
        let include = match query.get("includeObject") {
            None | Some("Metadata") => Include::Metadata,
            Some("None") => Include::None,
            Some("Object") => Include::Object,
            Some(other) => {
                return Err(ApiError::bad_request(format!(
                    "unrecognized includeObject value: {other:?}"
                )));
            }
        };
        Ok(Self { wanted, include })
    }
}

/// A list's metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListMeta {
    pub(crate) revision: u64,
    pub(crate) continuation: Option<String>,
    pub(crate) remaining: Option<usize>,
}

impl ListMeta {
    fn to_value(&self) -> Value {
        let mut meta = json!({"resourceVersion": self.revision.to_string()});
        if let Some(continuation) = &self.continuation {
            meta["continue"] = continuation.as_str().into();
        }
        if let Some(remaining) = self.remaining {
            meta["remainingItemCount"] = remaining.into();
        }
        meta
    }
}

/// One object.
pub(crate) fn object(def: &KindDef, stored: &Stored, view: View) -> Bytes {
    match view.wanted.shape {
        // What a dry run makes has no revision.
        Shape::Whole if stored.revision == 0 => stored.body.clone(),
        Shape::Whole => object::body::splice(&stored.body, stored.revision),
        Shape::Partial(version) => partial(stored, version).into(),
        Shape::Table(version) => {
            let meta = ListMeta { revision: stored.revision, ..ListMeta::default() };
            table(def, [stored], &meta, version, view.include, true).into()
        }
    }
}

/// A list of objects.
pub(crate) fn list<'s>(
    def: &KindDef,
    items: impl IntoIterator<Item = &'s Stored>,
    meta: &ListMeta,
    view: View,
) -> Bytes {
    let (kind, api_version) = match view.wanted.shape {
        Shape::Table(version) => {
            return table(def, items, meta, version, view.include, true).into();
        }
        Shape::Partial(version) => ("PartialObjectMetadataList", format!("meta.k8s.io/{version}")),
        Shape::Whole => (&*def.list_kind, def.api_version.to_string()),
    };
    let mut out = BytesMut::with_capacity(4096);
    out.put_slice(list_start(kind, &api_version, meta).as_bytes());
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        match view.wanted.shape {
            Shape::Partial(version) => out.put_slice(partial(item, version).as_bytes()),
            _ => splice_into(&mut out, &item.body, item.revision),
        }
    }
    out.put_slice(LIST_END.as_bytes());
    out.freeze()
}

/// What stands before the first item of a list.
pub(crate) fn list_start(kind: &str, api_version: &str, meta: &ListMeta) -> String {
    let meta = meta.to_value();
    format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{meta},"items":["#)
}

/// What stands behind the last item.
pub(crate) const LIST_END: &str = "]}";

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    metadata: &'b RawValue,
}

/// `PartialObjectMetadata` of an object.
fn partial(stored: &Stored, version: &str) -> String {
    let metadata = serde_json::from_slice::<Envelope<'_>>(&stored.body)
        .map_or("{}", |envelope| envelope.metadata.get());
    let whole = format!(
        r#"{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/{version}","metadata":{metadata}}}"#
    );
    let spliced = object::body::splice(whole.as_bytes(), stored.revision);
    String::from_utf8(spliced.to_vec()).expect("JSON is UTF-8")
}

/// A `Table`; without columns where a watch has sent them before.
pub(crate) fn table<'s>(
    def: &KindDef,
    items: impl IntoIterator<Item = &'s Stored>,
    meta: &ListMeta,
    version: &str,
    include: Include,
    with_columns: bool,
) -> String {
    let now = Timestamp::now();
    let rows: Vec<Value> = items
        .into_iter()
        .map(|stored| {
            let cells = def.codec.decode(&stored.body).map(|object| object.cells(now));
            let cells = cells.unwrap_or_else(|_| vec![Value::Null; def.columns.len()]);
            let object = match include {
                Include::None => None,
                Include::Metadata => Some(partial(stored, version)),
                Include::Object => Some(
                    String::from_utf8(object::body::splice(&stored.body, stored.revision).to_vec())
                        .expect("a stored body is JSON"),
                ),
            };
            row(&cells, object)
        })
        .collect();
    let mut out = Map::new();
    out.insert("kind".to_owned(), "Table".into());
    out.insert("apiVersion".to_owned(), format!("meta.k8s.io/{version}").into());
    out.insert("metadata".to_owned(), meta.to_value());
    let columns = if with_columns { columns(def) } else { Value::Null };
    out.insert("columnDefinitions".to_owned(), columns);
    out.insert("rows".to_owned(), rows.into());
    Value::Object(out).to_string()
}

fn row(cells: &[Value], object: Option<String>) -> Value {
    let object =
        object.and_then(|text| serde_json::from_str::<Value>(&text).ok()).unwrap_or(Value::Null);
    json!({"cells": cells, "object": object})
}

fn columns(def: &KindDef) -> Value {
    def.columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name, "type": column.kind, "format": column.format,
                "description": column.description, "priority": column.priority,
            })
        })
        .collect()
}
