//! The engine without its senses: it is told what changed and what the time is, hands jobs out and
//! is told how they ended. It neither waits nor writes, so that a simulator can drive it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use client::Update;
use jiff::Timestamp;
use object::{Key, KindName};
use planning::{
    Action, Answer, Change, Controller, Failure, Memory, Round, World,
    scheduler::{Scheduler, Verdict},
};
use serde_json::Value;

use crate::{Barrier, Counters, Outcome, queue::Queue};

/// The time: as people read it, and as a clock that only moves on.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall: Timestamp,
    pub since_start: Duration,
}

/// One thing that is never done twice at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Plan { controller: usize, key: Key },
    Schedule { pod: Key },
}

/// Actions to carry out, in order; to be handed back by [`Core::finish`].
#[derive(Debug)]
pub struct Job {
    pub work: Work,
    pub actions: Vec<Action>,
    requeue_after: Option<Duration>,
}

/// What is kept of a key between its rounds.
#[derive(Default)]
struct Notes {
    memory: Memory,
    failures: Vec<Failure>,
    answers: Vec<Answer>,
    barriers: Vec<Barrier>,
    /// When the barriers are given up: a write whose change never shows must not hold a key for
    /// ever.
    barriers_until: Duration,
    /// Rounds in a row that were refused, stale, or went on wanting something.
    troubles: u32,
    rounds: u32,
}

/// A time that only moves on: since 1970 as long as since the start.
fn steady(now: Now) -> Timestamp {
    Timestamp::UNIX_EPOCH.saturating_add(now.since_start).unwrap_or(Timestamp::MAX)
}

const BARRIER_MAX: Duration = Duration::from_secs(30);
/// Back-off of refused rounds, and of rounds that a newer state made void.
const REFUSED_MIN: Duration = Duration::from_millis(100);
const REFUSED_MAX: Duration = Duration::from_secs(60);
const STALE_MIN: Duration = Duration::from_millis(5);
const STALE_MAX: Duration = Duration::from_secs(1);
/// A key that wants something new so often in a row is slowed down: its plans do not come to an end.
const ROUNDS_FAST_MAX: u32 = 100;

pub struct Core {
    controllers: &'static [Controller],
    world: World,
    scheduler: Scheduler,
    queue: Queue<Work>,
    notes: BTreeMap<Work, Notes>,
    /// Work that waits for the world, by a kind that it waits for.
    held: BTreeMap<KindName, BTreeSet<Work>>,
    unsynced: BTreeSet<KindName>,
    counters: Arc<Counters>,
}

impl Core {
    /// Plans nothing before all of these kinds are told in full: what is not seen yet must not pass
    /// for absent.
    pub fn new(
        controllers: &'static [Controller],
        kinds: impl IntoIterator<Item = KindName>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            controllers,
            world: World::default(),
            scheduler: Scheduler::default(),
            queue: Queue::default(),
            notes: BTreeMap::new(),
            held: BTreeMap::new(),
            unsynced: kinds.into_iter().collect(),
            counters,
        }
    }

    pub fn world(&self) -> &World {
        &self.world
    }

    /// Takes a change of the world in and wakes whom it concerns.
    pub fn observe(&mut self, update: Update, now: Now) {
        let (kind, change) = match update {
            Update::Set(key, revision, body) => {
                (key.kind.clone(), self.world.apply(key, revision, Some(body)))
            }
            Update::Removed(key, revision) => {
                (key.kind.clone(), self.world.apply(key, revision, None))
            }
            Update::Reached(kind, revision) => {
                self.world.reach(&kind, revision);
                (kind, None)
            }
            Update::Synced(kind) => {
                if self.unsynced.remove(&kind) && self.unsynced.is_empty() {
                    self.wake_all(now);
                }
                (kind, None)
            }
        };
        if let Some(change) = change {
            self.scheduler.apply(&change);
            if self.unsynced.is_empty() {
                self.wake(&change, now);
            }
        }
        for work in self.held.remove(&kind).into_iter().flatten() {
            self.queue.add(work, now.since_start);
        }
    }

    /// Drops what is known of a kind that is no more.
    pub fn forget(&mut self, kind: &KindName) {
        let keys: Vec<Key> = self.world.of_kind(kind).map(|entry| entry.key.clone()).collect();
        for key in keys {
            let revision = self.world.entry(&key).map_or(0, |entry| entry.revision);
            if let Some(change) = self.world.apply(key, revision + 1, None) {
                self.scheduler.apply(&change);
            }
        }
    }

    /// A start is the same as a change of everything.
    fn wake_all(&mut self, now: Now) {
        let world = self.world.clone();
        for entry in world.all() {
            let change = Change { key: entry.key.clone(), old: None, new: Some(entry.clone()) };
            self.wake(&change, now);
        }
    }

    fn wake(&mut self, change: &Change, now: Now) {
        for (at, controller) in self.controllers.iter().enumerate() {
            if !controller.watches.iter().any(|kind| *kind == "*" || **kind == *change.key.kind) {
                continue;
            }
            for key in (controller.keys_for)(change, &self.world) {
                self.queue.add(Work::Plan { controller: at, key }, now.since_start);
            }
        }
    }

    /// Plans until something is to be done, at most `budget` times. `None` as soon as nothing is
    /// due, or the budget is spent: [`Self::wake_at`] says when to come again.
    pub fn next(&mut self, now: Now, budget: usize) -> Option<Job> {
        if !self.unsynced.is_empty() {
            return None;
        }
        for _ in 0..budget {
            let Some(work) = self.queue.pop(now.since_start) else {
                return self.schedule(now);
            };
            if let Some(job) = self.plan(work, now) {
                return Some(job);
            }
        }
        None
    }

    /// When [`Self::next`] has something to do, if the world does not change before.
    pub fn wake_at(&self) -> Option<Duration> {
        if !self.unsynced.is_empty() {
            return None;
        }
        self.queue.due_at().into_iter().chain(self.scheduler.wake_at()).min()
    }

    /// For how long the work that waits longest has been due.
    pub fn lag(&self, now: Now) -> Duration {
        self.queue.due_at().map_or(Duration::ZERO, |due| now.since_start.saturating_sub(due))
    }

    fn schedule(&mut self, now: Now) -> Option<Job> {
        let decision = self.scheduler.next(now.since_start)?;
        Counters::add(&self.counters.rounds, 1);
        let actions = decision.actions(now.wall);
        if let Verdict::Bind { node } = &decision.verdict {
            tracing::debug!(pod = %decision.pod.key, %node, "bound");
        }
        let work = Work::Schedule { pod: decision.pod.key.clone() };
        Some(Job { work, actions, requeue_after: None })
    }

    fn plan(&mut self, work: Work, now: Now) -> Option<Job> {
        let Work::Plan { controller, key } = &work else { unreachable!("only plans are queued") };
        let notes = self.notes.entry(work.clone()).or_default();
        if now.since_start < notes.barriers_until
            && let Some(unmet) = notes.barriers.iter().find(|barrier| !barrier.is_met(&self.world))
        {
            self.held.entry(unmet.kind().clone()).or_default().insert(work.clone());
            let until = notes.barriers_until;
            self.queue.finish(work, Some(until));
            return None;
        }
        notes.barriers.clear();
        let plan = (self.controllers[*controller].plan)(&Round {
            key,
            world: &self.world,
            now: now.wall,
            steady: steady(now),
            failures: &notes.failures,
            answers: &notes.answers,
            memory: &notes.memory,
        });
        Counters::add(&self.counters.rounds, 1);
        notes.memory = plan.memory;
        notes.answers.clear();
        if !plan.actions.is_empty() {
            notes.rounds += 1;
            return Some(Job { work, actions: plan.actions, requeue_after: plan.requeue_after });
        }
        self.rest(work, plan.requeue_after, now);
        None
    }

    /// A key is done: of its notes only the controller's own stay.
    fn rest(&mut self, work: Work, requeue_after: Option<Duration>, now: Now) {
        if let Some(notes) = self.notes.get_mut(&work) {
            match std::mem::take(&mut notes.memory) {
                Value::Null => drop(self.notes.remove(&work)),
                memory => *notes = Notes { memory, ..Notes::default() },
            }
        }
        self.queue.finish(work, requeue_after.map(|after| now.since_start + after));
    }

    /// Takes a job back, with what became of it.
    pub fn finish(&mut self, job: Job, outcome: Outcome, now: Now) {
        Counters::add(&self.counters.actions, outcome.done);
        Counters::add(&self.counters.failures, outcome.failures.len());
        Counters::add(&self.counters.stale, usize::from(outcome.is_stale));
        let went_well = outcome.failures.is_empty() && !outcome.is_stale && !outcome.is_unknown;
        let work = job.work;
        if let Work::Schedule { pod } = &work {
            if !went_well {
                self.scheduler.refused(pod, now.since_start);
            }
            return;
        }
        // What is only told is no write: it would be told for ever.
        if went_well && job.actions.iter().all(|action| matches!(action, Action::Record(_))) {
            return self.rest(work, job.requeue_after, now);
        }
        let notes = self.notes.entry(work.clone()).or_default();
        notes.answers = outcome.answers;
        notes.barriers = outcome.barriers;
        notes.barriers_until = now.since_start + BARRIER_MAX;
        let again = if went_well {
            notes.troubles = 0;
            notes.failures.clear();
            // Only a plan without writes means "done"; the barriers hold the next round back.
            let after = if notes.rounds > ROUNDS_FAST_MAX {
                tracing::warn!(?work, rounds = notes.rounds, "a key's plans do not come to an end");
                STALE_MAX
            } else {
                Duration::ZERO
            };
            after.min(job.requeue_after.unwrap_or(Duration::MAX))
        } else {
            let (least, most) =
                if outcome.is_stale { (STALE_MIN, STALE_MAX) } else { (REFUSED_MIN, REFUSED_MAX) };
            if !outcome.failures.is_empty() {
                notes.failures = outcome.failures;
            }
            notes.troubles = notes.troubles.saturating_add(1);
            least.saturating_mul(1 << (notes.troubles - 1).min(16)).min(most)
        };
        self.queue.finish(work, Some(now.since_start + again));
    }
}

#[cfg(test)]
mod tests;
