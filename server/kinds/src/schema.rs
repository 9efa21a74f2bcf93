//! The types of all kinds, made from their Rust types' schemas and the table of merge keys, and
//! the strict reading of what clients send.

mod check;
mod conform;
mod convert;
pub(crate) mod definitions;
mod lines;
mod read;

pub use check::{
    FieldValidation, check_body, check_patched, check_patched_posted, check_posted, missing,
    yaml_errors,
};
pub use conform::conform;
pub use definitions::Definitions;
pub use read::{Body, read_json, read_yaml};

use std::sync::OnceLock;

use object::schema::{Schema, Types};
use serde_json::{Map, Value};

use crate::KindDef;

/// The types of all built-in kinds and of what is posted to their subresources, made once.
fn builtin() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut types = Types::default();
        // One kind at a time: the schemas with all their texts take many times the types' memory.
        for def in crate::all() {
            convert::add(&mut types, &definitions::of_kinds([def]));
        }
        types.definitions.shrink_to_fit();
        types
    })
}

/// The type of a kind's objects.
pub fn of(def: &KindDef) -> Schema<'_> {
    match &def.custom {
        Some(custom) => custom.schema(),
        None => builtin().schema(&def.definition).unwrap_or_else(Schema::untyped),
    }
}

/// The type of what is posted to a subresource: group, version and kind.
pub fn of_posted((group, version, kind): (&str, &str, &str)) -> Schema<'static> {
    let name = definitions::posted_name(group, version, kind);
    name.and_then(|name| builtin().schema(name)).unwrap_or_else(Schema::untyped)
}

/// The type of every object's metadata.
pub(crate) fn object_meta() -> Schema<'static> {
    builtin().schema(&crate::openapi::meta("ObjectMeta")).unwrap_or_else(Schema::untyped)
}

/// Types made of definitions that refer to each other.
pub(crate) fn types_of(definitions: &Map<String, Value>) -> Types {
    let mut types = Types::default();
    convert::add(&mut types, definitions);
    types
}

#[cfg(test)]
mod ownership_tests;
