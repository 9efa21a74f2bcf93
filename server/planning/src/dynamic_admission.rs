//! Admission that the cluster's users define: webhooks, and policies in CEL. Which of them concern
//! a request, what they are asked and what their answers mean is decided here; `api` calls the
//! webhooks.
//!
//! Definitions are compiled when they are stored and kept until they change. A request that none
//! concerns pays for looking at their rules, which for none at all is nothing.

mod attempt;
mod compile;
mod conditions;
mod context;
mod definitions;
mod matching;
mod mutation;
mod params;
mod policy;
mod review;
mod type_check;
mod validation;
mod webhook;

pub use attempt::{Attempt, Operation, Part};
pub(crate) use compile::review as review_definition;
pub use context::Scene;
pub use definitions::Definitions;
pub use policy::Policy;
pub use review::Answer;
pub(crate) use type_check::note as note_types;
pub use validation::validate;
pub use webhook::{Target, Webhook};
