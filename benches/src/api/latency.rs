//! What was counted and timed.

use std::time::Duration;

/// What one or several turns of a load came to.
#[derive(Default)]
pub struct Report {
    times: Vec<Duration>,
    pub elapsed: Duration,
    /// Answers that were neither the expected one nor a conflict.
    pub failed: usize,
    /// Writes whose precondition no longer held, which were tried again on what is there.
    pub retried: usize,
    /// Processor time of the server and of its database.
    pub cpu_us: u64,
}

impl Report {
    pub fn note(&mut self, time: Duration) {
        self.times.push(time);
    }

    pub fn count(&self) -> usize {
        self.times.len()
    }

    pub fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.elapsed += other.elapsed;
        self.failed += other.failed;
        self.retried += other.retried;
        self.cpu_us += other.cpu_us;
    }

    pub fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub fn cpu_us_each(&self) -> f64 {
        self.cpu_us as f64 / self.times.len().max(1) as f64
    }

    /// Milliseconds within which this share of the answers came.
    pub fn quantile_ms(&mut self, share: f64) -> f64 {
        self.times.sort_unstable();
        let at = (self.times.len() as f64 * share) as usize;
        let time = self.times.get(at.min(self.times.len().saturating_sub(1)));
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }
}
