//! Runs planning's controllers and the scheduler: what changes wakes keys, a key's plan becomes
//! writes.
//!
//! **Invariant:** makes no decision and knows no controller by name, no Postgres, no Docker. A key
//! is never planned twice at once, nor again before the world has reached its last write. Every
//! write carries the epoch of the lease under which it was decided.

mod barrier;
mod core;
mod counters;
mod events;
mod executor;
mod lease;
mod outcome;
mod queue;
mod run;

pub use barrier::Barrier;
pub use core::{Core, Job, Now, Work};
pub use counters::Counters;
pub use executor::{Effects, Executor};
pub use lease::LeaseHolder;
pub use outcome::Outcome;
pub use run::{LEASE, run};
