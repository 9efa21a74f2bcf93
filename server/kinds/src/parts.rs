//! What several kinds share: table cells, checks, selectors, pods' templates, our own group's
//! objects, roles.

pub(crate) mod admission;
pub mod cells;
pub(crate) mod check;
pub(crate) mod cron;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod flow;
pub(crate) mod limits;
pub(crate) mod longshore;
pub(crate) mod network;
pub(crate) mod quota;
pub(crate) mod rbac;
pub(crate) mod review;
pub(crate) mod selector;
pub(crate) mod signer;
pub(crate) mod storage;
pub(crate) mod template;
pub(crate) mod webhook;
