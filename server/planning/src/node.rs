//! What a node does about its pods: the next step for each, the status to report, how a container
//! is to be launched. The agent observes, asks here, and obeys.
//!
//! **Invariant:** the same pod, observation, notes and time give the same answer. What an agent
//! keeps in memory is [`Notes`]; losing it costs a retry, never a restart without cause.

mod admit;
mod conditions;
mod container_status;
mod containers;
mod env;
mod fields;
pub mod labels;
mod launch;
mod mounts;
mod notes;
mod observed;
mod plan;
mod probe;
mod qos;
mod security;
mod services;
mod start;
mod status;
mod step;
mod stop;
#[cfg(test)]
mod tests;
mod verdict;

pub use admit::{Refusal, Room, admit};
pub use containers::{Role, containers};
pub use env::{EnvError, Sources, needed as needed_sources, variables as environment};
pub use fields::{FieldContext, field as pod_field, resource as resource_field};
pub use launch::{
    ContainerLaunch, LaunchContext, LaunchError, Processes, SandboxLaunch,
    container as container_launch, sandbox as sandbox_launch,
};
pub use mounts::{MountPath, Propagation, VolumePath};
pub use notes::{Endpoint, Failure, Hook, Image, Notes, Probed, Stop};
pub use observed::{Container, Observed, Sandbox, State};
pub use plan::plan;
pub use probe::{ProbeKind, ProbeSettings, ProbeState};
pub use qos::{oom_score, qos_class};
pub use security::Security;
pub use status::{Place, status};
pub use step::{NodePlan, Step, Why};
