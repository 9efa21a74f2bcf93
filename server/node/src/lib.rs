//! The agent on a host: what runs pods on its engine and connects them.
//!
//! **Invariant:** knows the pods of its own node, and neither scheduling nor other nodes' pods.

pub mod network;
