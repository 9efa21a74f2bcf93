//! The steps that a plan for a pod consists of.

use std::fmt;

use jiff::Timestamp;

use super::Role;

/// What to do now, and when to look again though nothing changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodePlan {
    /// Executed in order; the first failure ends the round.
    pub steps: Vec<Step>,
    pub again_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Prepare volumes and files, give the pod an address, start the sandbox, attach its network.
    CreateSandbox {
        attempt: u32,
    },
    AttachNetwork {
        sandbox: String,
    },
    /// Release the network and remove the sandbox.
    RemoveSandbox {
        sandbox: String,
    },
    /// See that the image is here, as the pull policy asks.
    Pull {
        container: String,
    },
    Start {
        container: String,
        role: Role,
        sandbox: String,
        restart_count: i32,
        crashes: u32,
    },
    /// Run the `preStop` hook, then send the stop signal.
    Stop {
        id: String,
        container: String,
        why: Why,
        grace_s: i64,
    },
    Kill {
        id: String,
        container: String,
    },
    /// Remove a run that nobody needs any more.
    RemoveContainer {
        id: String,
    },
    /// Remove every trace of a deleted pod from this host.
    TearDown,
    /// Delete the pod's object with grace 0.
    DeletePod,
}

/// Why a container is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Deleted,
    /// The pod has reached its end without this container.
    PodFinished,
    /// The named probe failed.
    Unhealthy(&'static str),
    PostStartHook,
    DefinitionChanged,
    SandboxChanged,
}

impl NodePlan {
    pub(super) fn wait_until(&mut self, at: Timestamp) {
        self.again_at = Some(self.again_at.map_or(at, |before| before.min(at)));
    }
}

impl Why {
    /// The message of the `Killing` event.
    pub fn describe(self, container: &str) -> String {
        match self {
            Self::Deleted | Self::PodFinished => format!("Stopping container {container}"),
            Self::Unhealthy(probe) => {
                format!("Container {container} failed {probe} probe, will be restarted")
            }
            Self::PostStartHook => format!("FailedPostStartHook: stopping container {container}"),
            Self::DefinitionChanged => {
                format!("Container {container} definition changed, will be restarted")
            }
            Self::SandboxChanged => {
                format!("Pod sandbox changed, container {container} will be killed and re-created")
            }
        }
    }
}

/// One line each: the form in which tests read plans.
impl fmt::Display for NodePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        if let Some(at) = self.again_at {
            writeln!(f, "again at {}", at.as_second())?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateSandbox { attempt } => write!(f, "create sandbox {attempt}"),
            Self::AttachNetwork { sandbox } => write!(f, "attach network to {sandbox}"),
            Self::RemoveSandbox { sandbox } => write!(f, "remove sandbox {sandbox}"),
            Self::Pull { container } => write!(f, "pull image of {container}"),
            Self::Start { container, restart_count, crashes, sandbox, .. } => {
                write!(f, "start {container} in {sandbox}, restart {restart_count}")?;
                if *crashes > 0 { write!(f, ", crash {crashes}") } else { Ok(()) }
            }
            Self::Stop { id, container, why, grace_s } => {
                write!(f, "stop {container} ({id}) in {grace_s} s: {why:?}")
            }
            Self::Kill { id, container } => write!(f, "kill {container} ({id})"),
            Self::RemoveContainer { id } => write!(f, "remove {id}"),
            Self::TearDown => f.write_str("tear down"),
            Self::DeletePod => f.write_str("delete pod"),
        }
    }
}
