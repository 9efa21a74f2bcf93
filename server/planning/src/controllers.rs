//! The controllers: one file each and one word in the list.

pub mod deployment;
pub mod endpoint_slice;
pub mod endpoints;
pub mod replica_set;

use crate::Controller;

pub static CONTROLLERS: &[Controller] = &[
    deployment::CONTROLLER,
    replica_set::CONTROLLER,
    endpoint_slice::CONTROLLER,
    endpoints::CONTROLLER,
];
