//! The kinds: one file each and one word in the list below. Everything that differs from kind to
//! kind is declared in its file; discovery, routes, RBAC names, OpenAPI, tables, storage and watch
//! read the list.
//!
//! **Invariant:** pure. Adding a kind touches its file and the list, nothing else.

mod kind;

pub mod config_map;
pub mod pod;

pub use kind::{
    Answered, AnyObject, Column, Field, Kind, KindDef, Post, PostDef, ScaleFns, Scope, Subresource,
    SubresourceDef, Typed, Verb, column, field,
};

use std::sync::OnceLock;

/// Declares the registry: every kind that is served, in the order of discovery.
macro_rules! kinds {
    ($($kind:path),* $(,)?) => {
        /// Every built-in kind.
        pub fn all() -> &'static [KindDef] {
            static ALL: OnceLock<Vec<KindDef>> = OnceLock::new();
            ALL.get_or_init(|| vec![$(KindDef::of::<$kind>()),*])
        }
    };
}

kinds! { config_map::ConfigMap, pod::Pod }

/// The declaration of a kind by its name, as in `deployments.apps`.
pub fn find(name: &str) -> Option<&'static KindDef> {
    all().iter().find(|def| &*def.name == name)
}
