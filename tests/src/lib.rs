//! The harness of the suites that run against the real thing: Docker engines in network namespaces
//! of their own, a real server, real clients.
//!
//! **Invariant:** a suite removes what it started, also when it fails.

pub mod browser;
pub mod cluster;
pub mod command;
pub mod control_plane;
pub mod desk;
pub mod engine;
pub mod eventually;
pub mod image;
pub mod input;
pub mod load;

pub use cluster::{TestCluster, binary, root};
pub use command::{Output, run};
pub use control_plane::ControlPlane;
pub use desk::{Desk, contains, try_each};
pub use engine::{Engine, Network};
pub use eventually::eventually;
pub use load::Load;
