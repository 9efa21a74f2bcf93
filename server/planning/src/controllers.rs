//! The controllers: one file each and one word in the list.

use crate::Controller;

pub static CONTROLLERS: &[Controller] = &[];
