//! Patience with what fails again and again, kept in a controller's memory.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Memory;

/// The pauses double from one to the other.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// How often each thing was tried of late.
#[derive(Default)]
pub struct Backoff {
    tries: BTreeMap<String, Tries>,
    wait: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Tries {
    count: u32,
    last: Timestamp,
}

impl Backoff {
    /// What the memory holds; what was not tried for long is forgotten.
    pub fn of(memory: &Memory, now: Timestamp) -> Self {
        let read = |(name, value): (&String, &Value)| {
            let count = u32::try_from(value[0].as_u64()?).ok()?;
            let last: Timestamp = value[1].as_str()?.parse().ok()?;
            let is_recent = since(last, now) < pause(count) * 2;
            is_recent.then(|| (name.clone(), Tries { count, last }))
        };
        let tries = memory.as_object().into_iter().flatten().filter_map(read).collect();
        Self { tries, wait: None }
    }

    /// Whether it is time to try, and notes that it is done; else when it will be.
    pub fn may_try(&mut self, what: &str, now: Timestamp) -> bool {
        let tries = self.tries.get(what).copied();
        if let Some(Tries { count, last }) = tries {
            let left = pause(count).saturating_sub(since(last, now));
            if !left.is_zero() {
                self.wait = Some(self.wait.map_or(left, |wait| wait.min(left)));
                return false;
            }
        }
        let count = tries.map_or(0, |tries| tries.count) + 1;
        self.tries.insert(what.to_owned(), Tries { count, last: now });
        true
    }

    /// When the next try is due that was put off.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    pub fn into_memory(self) -> Memory {
        if self.tries.is_empty() {
            return Memory::Null;
        }
        let entry =
            |(name, tries): (String, Tries)| (name, json!([tries.count, tries.last.to_string()]));
        Memory::Object(self.tries.into_iter().map(entry).collect())
    }
}

fn pause(count: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << count.saturating_sub(1).min(16)).min(PAUSE_MAX)
}

fn since(last: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(last)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn pauses_double_and_are_forgotten() {
        let mut now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut memory = Memory::Null;
        let mut tries = 0;
        for _ in 0..60 {
            let mut backoff = Backoff::of(&memory, now);
            tries += u32::from(backoff.may_try("a", now));
            memory = backoff.into_memory();
            now += SignedDuration::from_secs(1);
        }
        assert_eq!(tries, 6, "at 0, 1, 3, 7, 15 and 31 s");
        let later = now + SignedDuration::from_secs(600);
        assert_eq!(Backoff::of(&memory, later).into_memory(), Memory::Null);
    }
}
