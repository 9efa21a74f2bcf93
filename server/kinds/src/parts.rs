//! What several kinds share: table cells, our own group's objects, roles.

pub mod cells;
pub(crate) mod longshore;
pub(crate) mod rbac;
