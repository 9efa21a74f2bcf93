//! A small operator, as people write them with kube-rs: each `Site` becomes a ConfigMap with its
//! page and a Deployment that serves it.
//!
//! **Invariant:** it speaks to the API alone and knows nothing of the server behind it, so that it
//! runs beside a cluster as well as in a pod.

pub mod objects;
pub mod reconcile;
pub mod site;

pub use reconcile::run;
pub use site::{Site, SiteSpec, SiteStatus};
