//! Services on hosts, for real: needs root.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "services/cluster.rs"]
mod cluster;
#[path = "services/names.rs"]
mod names;
#[path = "../../node/tests/network/namespace.rs"]
mod namespace;
#[path = "services/programming.rs"]
mod programming;
#[path = "services/swaps.rs"]
mod swaps;
#[path = "services/traffic.rs"]
mod traffic;
