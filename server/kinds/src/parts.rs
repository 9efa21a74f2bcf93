//! What several kinds share: table cells, checks, selectors, pods' templates, our own group's
//! objects, roles.

pub mod cells;
pub(crate) mod check;
pub(crate) mod data;
pub(crate) mod longshore;
pub(crate) mod rbac;
pub(crate) mod review;
pub(crate) mod selector;
pub(crate) mod template;
