//! The data plane of a host: connections to services reach their endpoints, and names their
//! addresses.
//!
//! **Invariant:** carries out a [`planning::routing::Table`] and does not know how it was decided.
//! What the kernel has is one nftables table of our own and one rule in Docker's chain for users;
//! both belong to the network namespace in which the [`Programmer`] was opened.

mod conntrack;
pub mod dns;
mod netlink;
mod nftables;
mod programmer;

pub use nftables::Settings;
pub use programmer::{EdgeError, Programmer, Report, clear};
