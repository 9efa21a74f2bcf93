//! What is there: the containers that the runtime has for one pod.

use std::net::Ipv4Addr;

use jiff::Timestamp;

/// Everything that the runtime has for one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    pub sandboxes: Vec<Sandbox>,
    pub containers: Vec<Container>,
}

/// The container that holds a pod's namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Sandbox {
    pub id: String,
    /// Counts the sandboxes of one pod from 0.
    pub attempt: u32,
    pub running: bool,
    /// Whether the pod's address answers; always for pods on the host's network.
    pub networked: bool,
    pub ip: Option<Ipv4Addr>,
    pub pid: Option<u32>,
}

/// One run of one of the pod's containers. A restart makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub id: String,
    pub name: String,
    /// The sandbox whose namespaces it joined.
    pub sandbox: String,
    pub restart_count: i32,
    /// How many restarts in a row led here, which decides the next back-off.
    pub crashes: u32,
    pub spec_hash: String,
    pub image: String,
    pub image_id: String,
    pub state: State,
}

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Left behind between creation and start.
    Created,
    Running {
        started_at: Timestamp,
    },
    Exited {
        started_at: Option<Timestamp>,
        finished_at: Timestamp,
        exit_code: i32,
        /// `Completed`, `Error`, `OOMKilled`, `StartError`.
        reason: String,
        message: Option<String>,
    },
}

impl Container {
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    pub fn exit_code(&self) -> Option<i32> {
        match self.state {
            State::Exited { exit_code, .. } => Some(exit_code),
            _ => None,
        }
    }
}

impl Observed {
    /// The sandbox in which the pod runs now.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.iter().filter(|s| s.running).max_by_key(|s| s.attempt)
    }

    /// The newest run of a container, in any sandbox.
    pub fn newest(&self, name: &str) -> Option<&Container> {
        self.containers.iter().filter(|c| c.name == name).max_by_key(|c| c.restart_count)
    }

    /// The newest run of a container in one sandbox.
    pub fn newest_in(&self, sandbox: &str, name: &str) -> Option<&Container> {
        let runs = self.containers.iter().filter(|c| c.name == name && c.sandbox == sandbox);
        runs.max_by_key(|c| c.restart_count)
    }

    /// The run before the newest one.
    pub fn previous(&self, name: &str) -> Option<&Container> {
        let newest = self.newest(name)?.restart_count;
        let runs = self.containers.iter().filter(|c| c.name == name && c.restart_count < newest);
        runs.max_by_key(|c| c.restart_count)
    }

    pub fn running(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|c| c.is_running())
    }

    pub fn is_empty(&self) -> bool {
        self.sandboxes.is_empty() && self.containers.is_empty()
    }
}
