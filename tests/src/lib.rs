//! The harness of the suites that run against the real thing.
//!
//! **Invariant:** a suite cleans up what it started, also when it fails.
