//! The engine with its senses: reflectors, a clock, a lease.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use client::{Client, Fence, Reflector, Selection};
use futures::FutureExt;
use jiff::Timestamp;
use kinds::{KindDef, Registry, Verb};
use object::KindName;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};

use crate::{Core, Counters, Effects, Executor, Job, LeaseHolder, Now, Outcome, lease};

/// The lease under which the one active engine runs.
pub const LEASE: &str = "engine";

/// Jobs that are carried out at the same time.
const JOBS_MAX: usize = 64;
/// Plans that are made before changes and finished jobs are looked at again.
const PLANS_MAX: usize = 32;
/// Changes that are taken in at once.
const UPDATES_MAX: usize = 512;
/// How long started jobs may take when the engine stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Runs the controllers and the scheduler while this copy has the lease, until `shutdown`.
pub async fn run(
    client: Arc<dyn Client>,
    holder: Arc<dyn LeaseHolder>,
    effects: Arc<dyn Effects>,
    counters: Arc<Counters>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown.fuse());
    loop {
        let epoch = tokio::select! {
            epoch = lease::take(&*holder, LEASE) => epoch,
            () = &mut shutdown => return,
        };
        tracing::info!(epoch, "the engine runs");
        let fence = Fence { lease: LEASE.into(), epoch };
        let executor = Executor::new(client.clone(), effects.clone(), Some(fence));
        let mut active = Active::start(&client, executor, counters.clone());
        let is_over = tokio::select! {
            () = active.run() => unreachable!("it runs until it is dropped"),
            () = lease::keep(&*holder, LEASE, epoch) => false,
            () = &mut shutdown => true,
        };
        if is_over {
            active.drain().await;
            if let Err(error) = holder.release(LEASE).await {
                tracing::warn!(%error, "the lease could not be given up");
            }
            return;
        }
    }
}

/// Every kind that can be watched.
fn watched() -> impl Iterator<Item = KindName> {
    let is_watched = |def: &&Arc<KindDef>| def.verbs.contains(&Verb::Watch);
    Registry::builtin().stored().filter(is_watched).map(|def| def.name.clone())
}

/// The kinds that objects of the world define.
fn custom(kinds: &Registry) -> BTreeSet<KindName> {
    kinds.custom().map(|def| def.name.clone()).collect()
}

struct Active {
    core: Core,
    /// What the reflector watches.
    kinds: Arc<Registry>,
    reflector: Reflector,
    executor: Arc<Executor>,
    counters: Arc<Counters>,
    /// Jobs that are carried out, each on whichever core is free; all end with this.
    running: JoinSet<(Job, Outcome)>,
    started: Instant,
}

impl Active {
    fn start(client: &Arc<dyn Client>, executor: Executor, counters: Arc<Counters>) -> Self {
        Self {
            core: Core::new(planning::CONTROLLERS, watched(), counters.clone()),
            kinds: Registry::builtin().clone(),
            reflector: Reflector::start(client, watched().map(|kind| (kind, Selection::default()))),
            executor: Arc::new(executor),
            counters,
            running: JoinSet::new(),
            started: Instant::now(),
        }
    }

    fn now(&self) -> Now {
        Now { wall: Timestamp::now(), since_start: self.started.elapsed() }
    }

    async fn run(&mut self) {
        loop {
            let is_busy = self.give_out();
            let lag = self.core.lag(self.now()).as_millis();
            self.counters.lag_ms.store(u64::try_from(lag).unwrap_or(u64::MAX), Ordering::Relaxed);
            let wake_at = match self.core.wake_at() {
                Some(_) if is_busy => None,
                Some(at) => Some(self.started + at),
                None => None,
            };
            let idle = async {
                match wake_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                update = self.reflector.next() => {
                    let now = self.now();
                    self.core.observe(update, now);
                    for _ in 0..UPDATES_MAX {
                        let Some(update) = self.reflector.try_next() else { break };
                        self.core.observe(update, now);
                    }
                    self.follow_kinds();
                }
                Some(ended) = self.running.join_next() => {
                    let now = self.now();
                    let (job, outcome) = result(ended).await;
                    self.core.finish(job, outcome, now);
                }
                () = idle => {}
            }
        }
    }

    /// Watches the kinds that have come to be, and those no longer that are gone. Nothing waits for
    /// what is there of a new one: whoever needs to know that something is absent asks afresh.
    fn follow_kinds(&mut self) {
        if Arc::ptr_eq(&self.kinds, self.core.world().kinds()) {
            return;
        }
        let (was, is) = (custom(&self.kinds), custom(self.core.world().kinds()));
        self.kinds = self.core.world().kinds().clone();
        for kind in is.difference(&was) {
            self.reflector.add(kind.clone(), Selection::default());
        }
        for kind in was.difference(&is) {
            self.reflector.remove(kind);
            self.core.forget(kind);
        }
    }

    /// Starts jobs; says whether no more may be started before one ends.
    fn give_out(&mut self) -> bool {
        while self.running.len() < JOBS_MAX {
            let now = self.now();
            let Some(job) = self.core.next(now, PLANS_MAX) else { return false };
            let executor = self.executor.clone();
            self.running.spawn(async move {
                let outcome = executor.execute(&job.actions, now.wall).await;
                (job, outcome)
            });
        }
        true
    }

    /// Lets started jobs end.
    async fn drain(&mut self) {
        let all = async { while self.running.join_next().await.is_some() {} };
        if timeout(DRAIN_MAX, all).await.is_err() {
            tracing::warn!(jobs = self.running.len(), "the engine stops in the middle of jobs");
        }
    }
}

/// What a job came to; one that panicked takes the engine with it, as it would have in place.
async fn result(ended: Result<(Job, Outcome), JoinError>) -> (Job, Outcome) {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and with it this.
        Err(Err(_)) => std::future::pending().await,
    }
}
