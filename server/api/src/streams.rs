//! Streams to containers: which agent is connected to this server copy, and how to reach a pod
//! through its node's agent.

mod tunnels;
mod upgrade;

pub use client::tunnel::{Operation, StreamHeader};
pub use tunnels::Tunnels;
pub use upgrade::{SUBPROTOCOLS, check_upgrade};
