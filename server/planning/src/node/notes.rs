//! What an agent remembers about a pod between rounds. Losing it is safe.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Refusal;

const IMAGE_DELAY_S: i64 = 10;
const IMAGE_DELAY_S_MAX: i64 = 300;
const START_DELAY_S: i64 = 1;
const START_DELAY_S_MAX: i64 = 10;

#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Why this node does not take the pod.
    pub refusal: Option<Refusal>,
    /// By container name: whether its image is here for the next start.
    pub images: BTreeMap<String, Image>,
    /// By container name: the last failed pull; it outlives the next try, so that delays grow.
    pub pull_failures: BTreeMap<String, Failure>,
    /// By container name: why it could not be created or started.
    pub start_failures: BTreeMap<String, Failure>,
    /// Why the sandbox, its volumes or its network could not be made.
    pub sandbox_failure: Option<Failure>,
    /// By container id.
    pub hooks: BTreeMap<String, Hook>,
    pub stops: BTreeMap<String, Stop>,
    pub probes: BTreeMap<String, Probed>,
    pub endpoint: Endpoint,
    /// When the pod's deletion was first seen here.
    pub deletion_seen: Option<Timestamp>,
    /// Nothing of a deleted pod is left on this host.
    pub torn_down: bool,
}

/// The image for the next start of a container.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    Pulling,
    Ready { id: String },
    Failed(Failure),
}

/// Something that went wrong and is tried again with growing delays.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// As in a waiting container's `reason`; empty when the status does not show it.
    pub reason: String,
    pub message: String,
    pub at: Timestamp,
    pub count: u32,
}

/// A `postStart` hook.
#[derive(Clone, Debug, PartialEq)]
pub enum Hook {
    Running,
    Done,
    Failed,
}

/// A container that was told to stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub since: Timestamp,
    /// When it was last sent SIGKILL.
    pub killed_at: Option<Timestamp>,
}

/// What the probes of a container say. Absent until the first of them has answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probed {
    /// `None`: there is no startup probe, or it has not decided yet.
    pub started: Option<bool>,
    pub ready: Option<bool>,
    /// The probe that asks for a restart: `liveness` or `startup`.
    pub failed: Option<&'static str>,
}

/// Whether services send traffic to the pod, as far as this node knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// In no EndpointSlice.
    #[default]
    Absent,
    /// New connections may arrive.
    Ready,
    /// Out of the ready addresses of every slice since then.
    Left(Timestamp),
}

impl Failure {
    /// A further failure of the same sort.
    pub fn again(
        before: Option<&Self>,
        reason: impl Into<String>,
        message: impl Into<String>,
        now: Timestamp,
    ) -> Self {
        let count = before.map_or(0, |failure| failure.count).saturating_add(1);
        Self { reason: reason.into(), message: message.into(), at: now, count }
    }

    pub(super) fn image_retry_at(&self) -> Timestamp {
        self.retry_at(IMAGE_DELAY_S, IMAGE_DELAY_S_MAX)
    }

    pub(super) fn start_retry_at(&self) -> Timestamp {
        self.retry_at(START_DELAY_S, START_DELAY_S_MAX)
    }

    fn retry_at(&self, first_s: i64, most_s: i64) -> Timestamp {
        self.at + SignedDuration::from_secs(doubled(first_s, most_s, self.count.saturating_sub(1)))
    }
}

/// `first` doubled `times` times, at most `most`.
pub(super) fn doubled(first: i64, most: i64, times: u32) -> i64 {
    first.saturating_mul(1_i64.checked_shl(times.min(30)).unwrap_or(i64::MAX)).min(most)
}

impl Notes {
    pub fn pull_failed(&mut self, container: &str, reason: &str, message: &str, now: Timestamp) {
        let failure = Failure::again(self.pull_failures.get(container), reason, message, now);
        self.pull_failures.insert(container.to_owned(), failure.clone());
        self.images.insert(container.to_owned(), Image::Failed(failure));
    }

    pub fn pulled(&mut self, container: &str, id: String) {
        self.pull_failures.remove(container);
        self.images.insert(container.to_owned(), Image::Ready { id });
    }

    pub fn start_failed(&mut self, container: &str, reason: &str, message: &str, now: Timestamp) {
        let failure = Failure::again(self.start_failures.get(container), reason, message, now);
        self.start_failures.insert(container.to_owned(), failure);
        self.images.remove(container);
    }

    pub fn started(&mut self, container: &str) {
        self.start_failures.remove(container);
        self.images.remove(container);
    }

    pub fn sandbox_failed(&mut self, reason: &str, message: &str, now: Timestamp) {
        let failure = Failure::again(self.sandbox_failure.as_ref(), reason, message, now);
        self.sandbox_failure = Some(failure);
    }

    /// Takes in what the EndpointSlices say: `None` when no slice names the pod.
    pub fn see_endpoint(&mut self, ready: Option<bool>, deleting: bool, now: Timestamp) {
        self.endpoint = match (self.endpoint, ready) {
            (_, Some(true)) => Endpoint::Ready,
            (Endpoint::Ready, _) => Endpoint::Left(now),
            (Endpoint::Absent, Some(false)) if deleting => Endpoint::Left(now),
            (before, _) => before,
        };
    }

    /// Forgets containers that are gone.
    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.hooks.retain(|id, _| is_there(id));
        self.stops.retain(|id, _| is_there(id));
        self.probes.retain(|id, _| is_there(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn pull_delays_double_through_retries() {
        let mut notes = Notes::default();
        let mut delays = Vec::new();
        for _ in 0..7 {
            notes.images.insert("web".into(), Image::Pulling);
            notes.pull_failed("web", "ErrImagePull", "no", at(0));
            let Some(Image::Failed(failure)) = notes.images.get("web") else { unreachable!() };
            delays.push(failure.image_retry_at().as_second());
        }
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300]);
        notes.pulled("web", "i".into());
        notes.pull_failed("web", "ErrImagePull", "no", at(0));
        assert!(matches!(&notes.images["web"], Image::Failed(f) if f.count == 1));
    }

    #[test]
    fn an_endpoint_leaves_once() {
        let mut notes = Notes::default();
        for (second, ready, deleting, want) in [
            (1, None, false, Endpoint::Absent),
            (2, Some(false), false, Endpoint::Absent),
            (3, Some(true), false, Endpoint::Ready),
            (4, Some(false), true, Endpoint::Left(at(4))),
            (5, None, true, Endpoint::Left(at(4))),
        ] {
            notes.see_endpoint(ready, deleting, at(second));
            assert_eq!(notes.endpoint, want, "at {second}");
        }
    }
}
