//! What a kind's table shows, and the fields that select its objects.

use jiff::Timestamp;
use serde_json::Value;

/// A column of the table that `kubectl get` prints.
#[derive(Clone, Copy)]
pub struct Column<T: 'static> {
    pub name: &'static str,
    /// `string`, `integer`, `boolean` or `date`.
    pub kind: &'static str,
    pub description: &'static str,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: i32,
    pub cell: fn(&T, Timestamp) -> Value,
}

pub const fn column<T>(name: &'static str, cell: fn(&T, Timestamp) -> Value) -> Column<T> {
    Column { name, kind: "string", description: "", priority: 0, cell }
}

impl<T> Column<T> {
    #[must_use]
    pub const fn integer(self) -> Self {
        Self { kind: "integer", ..self }
    }

    #[must_use]
    pub const fn boolean(self) -> Self {
        Self { kind: "boolean", ..self }
    }

    /// Shown with `-o wide` only.
    #[must_use]
    pub const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    #[must_use]
    pub const fn described(self, description: &'static str) -> Self {
        Self { description, ..self }
    }
}

/// A field that field selectors may name and that worlds index, besides `metadata.name` and
/// `metadata.namespace`, which every kind has.
#[derive(Clone, Copy)]
pub struct Field<T: 'static> {
    pub path: &'static str,
    pub read: fn(&T) -> String,
}

pub const fn field<T>(path: &'static str, read: fn(&T) -> String) -> Field<T> {
    Field { path, read }
}
