//! Streams into the cluster: which agent is connected to this server copy, and how to reach a pod or
//! a service through the agents of their nodes.

mod dial;
mod exchange;
mod hook;
pub(crate) mod passing;
pub(crate) mod port_forward;
pub mod spdy;
mod tls;
mod tunnels;
mod upgrade;

pub use client::tunnel::{Operation, StreamHeader};
pub use dial::{ByteStream, Duplex};
pub use exchange::{BodyStream, Exchanged, exchange};
pub(crate) use passing::Passage;
pub use tls::{Identity, Tls, Trust};
pub use tunnels::Tunnels;
pub use upgrade::{Dialect, SUBPROTOCOLS, check_upgrade};
