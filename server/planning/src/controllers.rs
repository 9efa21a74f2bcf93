//! The controllers: one file each and one word in the list.

pub mod replica_set;

use crate::Controller;

pub static CONTROLLERS: &[Controller] = &[replica_set::CONTROLLER];
