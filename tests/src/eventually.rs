//! Waiting for a condition with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Asks until the answer is `Ok` and returns it; panics with the last error at the deadline.
pub fn eventually<T>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(error) if Instant::now() > deadline => {
                panic!("{what}: not within {within:?}; at last: {error}")
            }
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}
