//! The columns that a definition declares.

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;
use serde_json::Value;

use super::Path;
use crate::{ColumnDef, Text, parts::cells};

/// A column and where its cells come from.
pub(super) struct Printed {
    pub(super) column: ColumnDef,
    path: Path,
}

/// The columns after NAME; the age where none is declared.
pub(super) fn read(columns: Option<&[CustomResourceColumnDefinition]>) -> Vec<Printed> {
    let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
        return vec![Printed {
            column: ColumnDef {
                name: "Age".into(),
                kind: "date".into(),
                format: "".into(),
                description: "CreationTimestamp is a timestamp representing the server time when this object was created.".into(),
                priority: 0,
            },
            path: Path::parse(".metadata.creationTimestamp"),
        }];
    };
    let text = |text: &Option<String>| Text::from(text.clone().unwrap_or_default());
    columns
        .iter()
        .map(|column| Printed {
            column: ColumnDef {
                name: column.name.clone().into(),
                kind: column.type_.clone().into(),
                format: text(&column.format),
                description: text(&column.description),
                priority: column.priority.unwrap_or_default(),
            },
            path: Path::parse(&column.json_path),
        })
        .collect()
}

impl Printed {
    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let Some(value) = self.path.find(object) else { return Value::Null };
        match (&*self.column.kind, value) {
            ("integer", Value::Number(number)) => {
                #[expect(clippy::cast_possible_truncation, reason = "shown without its fraction")]
                let whole = || number.as_f64().map(|number| number as i64);
                number.as_i64().or_else(whole).into()
            }
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
            ("date", Value::String(text)) => match text.parse() {
                Ok(at) => {
                    let at = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at);
                    cells::since(Some(&at), now).into()
                }
                Err(_) => "<invalid>".into(),
            },
            ("string", Value::String(text)) => text.as_str().into(),
            ("string", Value::Null) => Value::Null,
            ("string", value) => value.to_string().into(),
            _ => Value::Null,
        }
    }
}
