//! Patches on JSON: JSON patch, merge patch, strategic merge patch and server-side apply.

pub mod json;
pub mod merge;
pub mod strategic;
mod strategic_list;
