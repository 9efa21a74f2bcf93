//! The agent on a host: what runs pods on its engine and connects them.
//!
//! **Invariant:** knows the pods of its own node, and neither scheduling nor other nodes' pods.

mod clear;
mod config;
mod docker;
mod image_name;
pub mod install;
pub mod network;
mod pause;
mod runtime;

pub use clear::{ClearError, clear};
pub use config::{AgentConfig, CONFIG_PATH};
pub use docker::Docker;
pub use pause::pause;
pub use runtime::{Engine, Runtime, RuntimeError};
