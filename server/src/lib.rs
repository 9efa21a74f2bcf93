//! The program: configuration, HTTP, keys, and the wiring of the rooms.
//!
//! **Invariant:** joins the rooms without knowing how any of them works.

pub mod http;
pub mod keys;
pub mod pki;
