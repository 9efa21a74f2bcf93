//! Every decision: controllers, the scheduler, access, admission, what a node does, routing.
//!
//! **Invariant:** pure. No async, clock, randomness, I/O, nor the iteration order of a hash map.

pub mod access;
pub mod accounts;
pub mod admission;
pub mod aggregation;
mod amounts;
pub mod audit;
pub mod backends;
pub mod backoff;
pub mod bootstrap;
mod certificates;
pub mod conditions;
pub mod controllers;
pub mod dialing;
pub mod dynamic_admission;
pub mod fairness;
pub mod names;
pub mod node;
pub mod owners;
pub mod plan;
pub mod pods;
pub mod portion;
pub mod quota;
pub mod resources;
pub mod revisions;
pub mod routing;
pub mod scheduler;
pub mod storage;
pub mod taints;
#[cfg(test)]
mod testing;
pub mod what_if;
pub mod world;

pub use controllers::CONTROLLERS;
pub use plan::{Action, Answer, Controller, Event, Failure, Memory, Plan, Round, Severity};
pub use world::{Change, Entry, World};
