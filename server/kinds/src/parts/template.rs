//! What Pods and the templates of pods share: defaults and validation.

mod claims;
mod containers;
mod defaults;
mod env;
mod ephemeral;
mod lifecycle;
mod mounts;
mod placement;
mod probes;
mod resources;
mod security;
mod sources;
mod spec;
mod volumes;

pub(crate) use defaults::{set_defaults, set_pod_defaults};
pub(crate) use placement::{validate_node_selector, validate_toleration};
pub(crate) use resources::qos_class;
pub(crate) use spec::{validate, validate_any_template, validate_template};
pub(crate) use volumes::validate_host_path;

#[cfg(test)]
mod tests;
