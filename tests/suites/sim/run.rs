//! One run: a while with faults, then a while without, and what must hold.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{
    agent::Agent, api::Api, budget::Budget, engine_copy::EngineCopy, faults::Faults,
    scaler::Scaler, tenants, tenants::Tenants, user::User, workloads::Workloads,
};

const STEPS: usize = 500;
const NODES: usize = 3;

/// What a run came to: for comparing runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    writes: u64,
    end: Timestamp,
    rest_steps: usize,
}

pub(crate) struct Run {
    pub(crate) api: Arc<Api>,
    pub(crate) engines: Vec<EngineCopy>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) user: User,
    pub(crate) workloads: Workloads,
    pub(crate) tenants: Tenants,
    pub(crate) budget: Budget,
    pub(crate) scaler: Scaler,
    faults: Faults,
    starts: usize,
    /// How long it took to come to rest.
    pub(crate) steps: usize,
}

pub(crate) fn run(seed: u64, tells: bool) -> Summary {
    let mut run = Run::new(seed, tells);
    let guard = Story(run.api.clone());
    for _ in 0..STEPS {
        run.step();
        run.check();
    }
    run.rest();
    let state = run.api.state();
    let summary = Summary { writes: state.writes, end: state.now(), rest_steps: run.steps };
    drop(state);
    drop(guard);
    summary
}

/// Tells what happened when a run fails.
struct Story(Arc<Api>);

impl Drop for Story {
    fn drop(&mut self) {
        if let Some(story) = self.0.state().story.take().filter(|_| std::thread::panicking()) {
            println!("{}", story.join("\n"));
        }
    }
}

impl Run {
    /// One without any faults.
    pub(crate) fn quiet() -> Self {
        let api = Api::new(0, false);
        api.state().faults = Faults::none();
        Self::with(Arc::new(api))
    }

    fn new(seed: u64, tells: bool) -> Self {
        Self::with(Arc::new(Api::new(seed, tells)))
    }

    fn with(api: Arc<Api>) -> Self {
        for name in ["default", "kube-system", "kube-node-lease", "apps"] {
            api.perform(&tenants::namespace(name), None).unwrap();
        }
        let faults = api.faults();
        api.tell(|| format!("{faults:?}"));
        api.state().checks.workloads.is_late = faults.has_late_writes;
        let engines = vec![EngineCopy::start(&api, "copy-0")];
        let agents = (0..NODES).map(Agent::new).collect();
        Self {
            api,
            engines,
            agents,
            user: User::default(),
            workloads: Workloads::default(),
            tenants: Tenants::default(),
            budget: Budget::default(),
            scaler: Scaler::default(),
            faults,
            starts: 1,
            steps: 0,
        }
    }

    fn step(&mut self) {
        let millis = self.api.below(self.faults.pace_ms);
        self.api.pass(SignedDuration::from_millis(i64::try_from(millis).unwrap()));
        self.api.deliver_late(false);
        for agent in &mut self.agents {
            agent.beat(&self.api);
        }
        let is_calm = self.faults.is_calm;
        match self.api.below(100) {
            0..=1 => self.user.step(&self.api, is_calm),
            2 => self.disturb_engines(),
            3 if !is_calm => self.disturb_nodes(),
            4 => self.workloads.step(&self.api, is_calm),
            5 => match self.api.below(8) {
                0 => self.tenants.step(&self.api),
                1..=3 => self.budget.step(&self.api),
                4 => self.scaler.step(&self.api),
                _ => {}
            },
            6..=20 => {
                let at = self.api.below(self.agents.len());
                self.agents[at].step(&self.api, !is_calm);
                self.check_identities();
            }
            _ => self.step_an_engine(),
        }
        if is_calm {
            self.user.guard(&self.api);
            self.budget.guard(&self.api);
        }
    }

    fn step_an_engine(&mut self) {
        if self.engines.is_empty() {
            return self.start_engine();
        }
        // The newest has the lease; others do not know that they lost it, and go on.
        let at = self.api.below(self.engines.len());
        self.engines[at].step();
    }

    pub(crate) fn start_engine(&mut self) {
        let holder = format!("copy-{}", self.starts);
        self.starts += 1;
        self.engines.push(EngineCopy::start(&self.api, &holder));
    }

    fn disturb_engines(&mut self) {
        let at = self.api.below(self.engines.len().max(1));
        match self.api.below(10) {
            0..=2 if self.faults.has_crashes => self.crash_or_take_over(),
            3 if self.faults.has_jumps => self.set_a_clock(at),
            4..=6 if self.faults.has_stalls && at < self.engines.len() => self.engines[at].stall(),
            7..=8 if self.faults.has_relists && at < self.engines.len() => {
                self.engines[at].relist();
            }
            _ => {}
        }
    }

    /// A copy crashes, or another one takes over from one that does not notice.
    fn crash_or_take_over(&mut self) {
        if self.api.happens(500) || self.engines.len() > 1 {
            let at = self.api.below(self.engines.len().max(1));
            if at < self.engines.len() {
                self.api.tell(|| "an engine crashes".to_owned());
                drop(self.engines.remove(at));
            }
        } else {
            self.start_engine();
        }
    }

    /// The API's clock or an engine's jumps, forward or back.
    fn set_a_clock(&mut self, at: usize) {
        let most = [5, 60, 600, 7200][self.api.below(4)];
        let seconds = i64::try_from(self.api.below(2 * most)).unwrap();
        let skew = SignedDuration::from_secs(seconds - i64::try_from(most).unwrap());
        let is_apis = self.api.happens(500);
        self.api.tell(|| format!("a clock is set to {skew:#}, the API's: {is_apis}"));
        if is_apis {
            self.api.state().skew = skew;
        } else if let Some(engine) = self.engines.get_mut(at) {
            engine.set_clock(skew);
        }
    }

    /// A node is cut off, switched off, or lost; one that was lost is given up and replaced.
    fn disturb_nodes(&mut self) {
        let at = self.api.below(self.agents.len());
        let seconds = 5 + i64::try_from(self.api.below(80)).unwrap();
        let until = self.api.elapsed() + SignedDuration::from_secs(seconds);
        let choice = self.api.below(100);
        let ups = self.agents.iter().filter(|agent| agent.is_up()).count();
        let agent = &mut self.agents[at];
        if agent.is_lost() {
            match choice {
                0..=29 => agent.forget(&self.api),
                30..=59 => agent.replace(&self.api),
                _ => {}
            }
            return;
        }
        // One node is left, always.
        if choice > 20 || ups <= 1 || !agent.is_up() {
            return;
        }
        match choice {
            0..=8 => agent.cut_off(until),
            9..=16 => agent.switch_off(until),
            _ => agent.lose(),
        }
        self.api.tell(|| format!("{} is away: {choice}, for {seconds} s", self.agents[at].node));
    }

    pub(crate) fn check(&self) {
        let violations = {
            let state = self.api.state();
            if state.checks.violations.is_empty() {
                return;
            }
            state.checks.violations.join("\n")
        };
        panic!("{violations}");
    }

    /// Never do two hosts run the same pod, nor two pods of one name, as far as nobody forced one
    /// away. Of pods that are not a StatefulSet's this holds while no host is cut off.
    pub(crate) fn check_identities(&self) {
        let mut uids = BTreeSet::new();
        let mut pods = BTreeSet::new();
        let state = self.api.state();
        for (uid, running) in self.agents.iter().flat_map(|agent| &agent.running) {
            assert!(uids.insert(uid), "{uid} runs twice");
            let counts = self.faults.is_calm || running.owner_kind == "StatefulSet";
            if counts && !state.checks.forced.contains(uid) {
                assert!(pods.insert(&running.pod), "{} runs twice", running.pod);
            }
        }
    }
}
