//! Where connections go: the table of services that a node's data plane carries out, the routes to
//! the pods of the other nodes, and what names mean.
//!
//! **Invariant:** reads services, endpoint slices and nodes, and no other kind. A [`Table`] that
//! followed every change is equal to one made afresh.

mod backends;
pub mod dns;
mod frontends;
mod nodes;
mod table;

pub use backends::{Absence, Backends, Endpoint, Masquerade};
pub use frontends::{Frontend, Place, Protocol};
pub use nodes::{Route, network, routes};
pub use table::{Table, table};

/// The name of the kind whose objects say which ports are served.
pub const SERVICES: &str = "services";
/// The name of the kind whose objects say where.
pub const ENDPOINT_SLICES: &str = "endpointslices.discovery.k8s.io";
/// The name of the kind whose objects say where the networks of pods are.
pub const NODES: &str = "nodes";
