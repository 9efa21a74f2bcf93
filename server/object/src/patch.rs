//! Patches on JSON: JSON patch, merge patch, strategic merge patch and server-side apply.

pub mod apply;
mod compare;
mod conflict;
mod field_set;
pub mod json;
pub mod managed;
pub mod merge;
pub mod strategic;
mod strategic_list;
mod typed;
mod typed_merge;
