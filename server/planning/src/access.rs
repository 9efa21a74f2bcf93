//! Who may do what: RBAC, what nodes may, reviews, and the roles that every cluster starts with.

mod attributes;
mod bootstrap;
mod bootstrap_token;
mod escalation;
mod grants;
mod node;
mod review;
mod rules;
mod user;

pub use attributes::{Attributes, refusal};
pub use bootstrap::{bootstrap, completed};
pub(crate) use bootstrap_token::end as bootstrap_token_end;
pub use bootstrap_token::{BootstrapToken, NAMESPACE as BOOTSTRAP_NAMESPACE};
pub use escalation::check_escalation;
pub use grants::{Access, Verdict};
pub(crate) use node::references;
pub use review::review;
pub use rules::Rule;
pub use user::{AUTHENTICATED, MASTERS, UNAUTHENTICATED, User};
