//! The agent on a host: what runs pods on its engine and connects them.
//!
//! **Invariant:** knows the pods of its own node, and neither scheduling nor other nodes' pods.

mod addresses;
mod agent;
mod clear;
mod config;
mod context;
mod docker;
mod endpoints;
mod events;
mod executor;
mod files;
mod folder;
mod image_name;
pub mod install;
pub mod network;
mod objects;
mod observe;
mod pause;
mod pod_state;
mod probes;
mod reclaim;
mod registration;
mod reporter;
mod runtime;
mod streams;
mod usage;
mod volumes;
mod worker;

pub use agent::{Agent, AgentError, Streams};
pub use clear::{ClearError, clear};
pub use config::{AgentConfig, CONFIG_PATH};
pub use docker::Docker;
pub use pause::pause;
pub use runtime::{Engine, Runtime, RuntimeError};
