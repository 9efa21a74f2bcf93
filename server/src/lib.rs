//! The program: configuration, HTTP, and the wiring of the rooms.
//!
//! **Invariant:** knows every room's interface and none's inside.

pub mod agent;
pub mod api_gate;
pub mod config;
pub mod control_plane;
pub mod data_plane;
pub mod effects;
pub mod folder;
mod hosts;
pub mod http;
pub mod identity_providers;
pub mod keys;
pub mod kubeconfig;
pub mod leases;
pub mod operate;
pub mod pki;
pub mod say;
pub mod telemetry;
pub mod up;
