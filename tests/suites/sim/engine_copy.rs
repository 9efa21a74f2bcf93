//! One copy of the engine, with a world that lags behind, each kind at its own pace.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use client::Update;
use engine::{Core, Counters, Effects, Executor, Job, Now, Outcome};
use futures::{FutureExt, future::BoxFuture};
use jiff::SignedDuration;
use object::{ApiError, Key, KindName};
use serde_json::Value;

use crate::{
    api::{Api, epoch},
    line::Line,
};

const JOBS_MAX: usize = 4;

pub(crate) struct EngineCopy {
    api: Arc<Api>,
    core: Core,
    counters: Arc<Counters>,
    executor: Arc<Executor>,
    /// How much of each kind's log it has been told; `None` before it was told what there is.
    told: BTreeMap<KindName, Option<usize>>,
    /// Until when a kind is not heard of.
    stalled: BTreeMap<KindName, SignedDuration>,
    jobs: Vec<BoxFuture<'static, (Job, Outcome)>>,
    started: SignedDuration,
    /// By how much its clock is wrong.
    skew: SignedDuration,
}

impl EngineCopy {
    /// Starts a copy that takes the lease.
    pub(crate) fn start(api: &Arc<Api>, holder: &str) -> Self {
        let counters = Arc::new(Counters::default());
        let fence = api.take_lease(holder);
        api.tell(|| format!("engine {holder} starts with epoch {}", fence.epoch));
        let line = Arc::new(Line { api: api.clone() });
        let kinds = || {
            kinds::Registry::builtin()
                .stored()
                .filter(|def| def.verbs.contains(&kinds::Verb::Watch))
                .map(|def| def.name.clone())
        };
        let mut copy = Self {
            api: api.clone(),
            core: Core::new(planning::CONTROLLERS, kinds(), counters.clone()),
            counters,
            executor: Arc::new(Executor::new(line, Arc::new(NoHosts), Some(fence))),
            told: kinds().map(|kind| (kind, None)).collect(),
            stalled: BTreeMap::new(),
            jobs: Vec::new(),
            started: api.elapsed(),
            skew: SignedDuration::ZERO,
        };
        // What is not there is soon told.
        for kind in kinds() {
            if api.snapshot(&kind).1.is_empty() {
                copy.hear_all(&kind);
            }
        }
        copy
    }

    fn now(&self) -> Now {
        let elapsed = self.api.elapsed();
        let since_start = Duration::try_from(elapsed - self.started).unwrap();
        Now { wall: epoch() + elapsed + self.skew, since_start }
    }

    /// How many plans it has made.
    pub(crate) fn rounds(&self) -> u64 {
        self.counters.rounds.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Its clock is set to another time.
    pub(crate) fn set_clock(&mut self, skew: SignedDuration) {
        self.skew = skew;
    }

    /// A kind is not heard of for a while.
    pub(crate) fn stall(&mut self) {
        let is_lease = |kind: &&KindName| kind.starts_with("leases.");
        let kinds: Vec<KindName> =
            self.told.keys().filter(|kind| !is_lease(kind)).cloned().collect();
        let millis = i64::try_from(self.api.below(5000)).unwrap();
        if let Some(kind) = self.api.pick(&kinds) {
            let until = self.api.elapsed() + SignedDuration::from_millis(millis);
            self.stalled.insert(kind.clone(), until);
        }
    }

    /// The watch of a kind breaks and starts over.
    pub(crate) fn relist(&mut self) {
        let heard = self.told.iter().filter(|(_, told)| told.is_some());
        let kinds: Vec<KindName> = heard.map(|(kind, _)| kind.clone()).collect();
        if let Some(kind) = self.api.pick(&kinds) {
            self.told.insert(kind.clone(), None);
        }
    }

    /// Does one of the things that it could do; false if there is none.
    pub(crate) fn step(&mut self) -> bool {
        let first = self.api.below(3);
        (0..3).any(|turn| match (first + turn) % 3 {
            0 => self.hear_something(),
            1 => self.start_job(),
            _ => self.go_on_with_a_job(),
        })
    }

    /// Is told of some changes of one kind.
    fn hear_something(&mut self) -> bool {
        let behind: Vec<KindName> = {
            let state = self.api.state();
            let is_stalled = |kind: &KindName| {
                self.stalled.get(kind).is_some_and(|until| state.elapsed < *until)
            };
            let len = |kind: &KindName| state.log.get(kind).map_or(0, Vec::len);
            let is_behind = |(kind, told): &(&KindName, &Option<usize>)| {
                told.is_none_or(|told| told < len(kind)) && !is_stalled(kind)
            };
            self.told.iter().filter(is_behind).map(|(kind, _)| kind.clone()).collect()
        };
        let Some(kind) = self.api.pick(&behind).cloned() else { return false };
        match self.told[&kind] {
            None => self.hear_all(&kind),
            Some(told) => self.hear_news(&kind, told),
        }
        true
    }

    /// Is told all that there is of a kind.
    fn hear_all(&mut self, kind: &KindName) {
        let now = self.now();
        let (revision, objects) = self.api.snapshot(kind);
        let told = self.api.happened(&[&**kind]);
        self.told.insert(kind.clone(), Some(told));
        let there: BTreeSet<Key> = objects.iter().map(|object| object.key.clone()).collect();
        let known: Vec<Key> =
            self.core.world().of_kind(kind).map(|entry| entry.key.clone()).collect();
        for object in objects {
            self.core.observe(Update::Set(object.key, object.revision, object.body), now);
        }
        for gone in known.into_iter().filter(|key| !there.contains(key)) {
            self.core.observe(Update::Removed(gone, revision), now);
        }
        self.core.observe(Update::Reached(kind.clone(), revision), now);
        self.core.observe(Update::Synced(kind.clone()), now);
    }

    /// Is told some of what has happened since.
    fn hear_news(&mut self, kind: &KindName, told: usize) {
        let now = self.now();
        let count = 1 + self.api.below(4);
        let news: Vec<_> = self.api.state().log[kind][told..].iter().take(count).cloned().collect();
        self.told.insert(kind.clone(), Some(told + news.len()));
        for (revision, key, body) in news {
            let update = match body {
                Some(body) => Update::Set(key, revision, body),
                None => Update::Removed(key, revision),
            };
            self.core.observe(update, now);
        }
    }

    fn start_job(&mut self) -> bool {
        if self.jobs.len() >= JOBS_MAX {
            return false;
        }
        let now = self.now();
        let Some(job) = self.core.next(now, 8) else { return false };
        self.api.tell(|| {
            let actions: Vec<String> = job.actions.iter().map(ToString::to_string).collect();
            format!("{:?} wants\n    {}", job.work, actions.join("\n    "))
        });
        let executor = self.executor.clone();
        self.jobs.push(
            async move {
                let outcome = executor.execute(&job.actions, now.wall).await;
                (job, outcome)
            }
            .boxed(),
        );
        true
    }

    fn go_on_with_a_job(&mut self) -> bool {
        if self.jobs.is_empty() {
            return false;
        }
        let at = self.api.below(self.jobs.len());
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready((job, outcome)) = self.jobs[at].poll_unpin(&mut context) {
            drop(self.jobs.swap_remove(at));
            let now = self.now();
            self.core.finish(job, outcome, now);
        }
        true
    }

    /// When it has something to do though nothing changes.
    pub(crate) fn wake_at(&self) -> Option<SignedDuration> {
        let at = self.core.wake_at()?;
        Some(self.started + SignedDuration::try_from(at).unwrap())
    }
}

struct NoHosts;

#[async_trait]
impl Effects for NoHosts {
    async fn install(&self, _: &Value) -> Result<(), ApiError> {
        Ok(())
    }
    async fn remove(&self, _: &Value) -> Result<(), ApiError> {
        Ok(())
    }
    async fn sign(&self, _: &Value) -> Result<String, ApiError> {
        Ok("certificate".to_owned())
    }
}
