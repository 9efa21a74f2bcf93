//! Our nftables table: a few fixed chains, maps with the services, and one chain for each *number*
//! of endpoints that any service has. A connection costs two look-ups, however many services there
//! are: `address . protocol . port` to a chain, then `address . protocol . port . number` to an
//! endpoint, with a random number.
//!
//! **Invariant:** the maps change in one transaction, and no packet meets a moment without rules.
//! A packet may meet two states, when a transaction falls between its look-ups; it still reaches an
//! endpoint. For that
//! - the last rule of each chain takes number 0, which is there in both states;
//! - a chain is made before the transaction whose elements lead to it, and deleted after the one
//!   that leads away: to a packet that began before, a new chain is empty, and so is a deleted one;
//! - a reload keeps the sets and chains that are there, for the same reason.
//!
//! Each was seen to fail once in some thousand changes under load when it was left out.

mod chains;
mod content;
mod docker;
mod expressions;
mod messages;
mod numbers;
mod skeleton;
mod state;

pub(crate) use docker::{allow_in_docker, forbid_in_docker};
pub(crate) use messages::{chains, delete_table, generation, table_identity};
pub use skeleton::Settings;
pub(crate) use state::State;

/// A connection to a service of ours, in its connection mark.
pub(crate) const MARK_SERVICE: u32 = 0x1000_0000;
/// A connection that gets this node's address as its source, in its connection mark.
const MARK_MASQUERADE: u32 = 0x2000_0000;
/// A packet from or to a pod, which Docker's rules let pass, in the packet's mark.
const MARK_FORWARD: u32 = 0x1000_0000;
