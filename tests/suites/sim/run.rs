//! One run: a while with faults, then a while without, and what must hold.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use object::Key;
use serde_json::json;

use crate::{
    agent::Agent,
    api::{Api, Op},
    checks,
    engine_copy::EngineCopy,
    user::User,
    workloads::Workloads,
};

const STEPS: usize = 1000;
/// Steps in which everything must come to rest.
const REST_STEPS_MAX: usize = 60_000;
const NODES: usize = 3;

/// What a run came to: for comparing runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    writes: u64,
    end: Timestamp,
}

struct Run {
    api: Arc<Api>,
    engines: Vec<EngineCopy>,
    agents: Vec<Agent>,
    user: User,
    workloads: Workloads,
    /// Without trouble on nodes: then what is available is guarded.
    is_calm: bool,
    starts: usize,
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
    let summary = Summary { writes: state.writes, end: state.now };
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
    fn new(seed: u64, tells: bool) -> Self {
        let api = Arc::new(Api::new(seed, tells));
        for name in ["default", "kube-system", "kube-node-lease", "apps"] {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
            let op = Op::Create { key: Key::new("namespaces", "", name), body };
            api.perform(&op, None).unwrap();
        }
        let engines = vec![EngineCopy::start(&api, "copy-0")];
        let agents = (0..NODES).map(Agent::new).collect();
        let is_calm = seed.is_multiple_of(2);
        Self {
            api,
            engines,
            agents,
            user: User::default(),
            workloads: Workloads::default(),
            is_calm,
            starts: 1,
        }
    }

    fn step(&mut self) {
        let millis = self.api.below(60);
        self.api.pass(SignedDuration::from_millis(i64::try_from(millis).unwrap()));
        match self.api.below(100) {
            0..=1 => self.user.step(&self.api, self.is_calm),
            2 if self.api.happens(400) => self.disturb_engines(),
            3 if !self.is_calm && self.api.happens(150) => self.silence_a_node(),
            4 => self.workloads.step(&self.api, self.is_calm),
            5..=19 => {
                let at = self.api.below(self.agents.len());
                self.agents[at].step(&self.api, !self.is_calm);
            }
            _ => self.step_an_engine(),
        }
        if self.is_calm {
            self.user.guard(&self.api);
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

    fn start_engine(&mut self) {
        let holder = format!("copy-{}", self.starts);
        self.starts += 1;
        self.engines.push(EngineCopy::start(&self.api, &holder));
    }

    /// A copy crashes, or another one takes over from one that does not notice.
    fn disturb_engines(&mut self) {
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

    fn silence_a_node(&mut self) {
        let at = self.api.below(self.agents.len());
        let now = self.api.now();
        let seconds = 5 + self.api.below(80);
        // One node is left, always.
        if self.agents.iter().filter(|agent| !agent.is_silent(now)).count() > 1 {
            self.api.tell(|| format!("{} falls silent for {seconds} s", self.agents[at].node));
            let until = now + SignedDuration::from_secs(i64::try_from(seconds).unwrap());
            self.agents[at].silent_until = Some(until);
        }
    }

    fn check(&self) {
        let state = self.api.state();
        let violations = state.checks.violations.join("\n");
        drop(state);
        assert!(violations.is_empty(), "{violations}");
        self.check_identities();
    }

    /// Never do two hosts run a pod of the same name, as far as nobody forced one away.
    fn check_identities(&self) {
        if !self.is_calm {
            return;
        }
        let mut names = BTreeSet::new();
        for name in self.agents.iter().flat_map(|agent| agent.running.values()) {
            assert!(names.insert(name), "{name} runs twice");
        }
    }

    /// No more faults: everything must come to rest as asked for.
    fn rest(&mut self) {
        self.api.state().is_faulty = false;
        self.api.tell(|| "the faults stop".to_owned());
        self.user.settle(&self.api);
        self.workloads.settle(&self.api);
        self.engines.clear();
        self.start_engine();
        let mut unrest = Vec::new();
        for _ in 0..REST_STEPS_MAX {
            self.check();
            let mut moved = self.engines[0].step();
            for agent in &mut self.agents {
                moved |= agent.step(&self.api, false);
            }
            if moved {
                continue;
            }
            unrest = checks::unrest(&self.api, &self.user.asked);
            let nodes = self.agents.iter().map(|agent| agent.node.clone()).collect();
            unrest.extend(self.workloads.unrest(&self.api, &nodes));
            if unrest.is_empty() {
                return;
            }
            if !self.wait() {
                break;
            }
        }
        panic!("it does not come to rest:\n{}", unrest.join("\n"));
    }

    /// Lets time pass until somebody has something to do.
    fn wait(&self) -> bool {
        let now = self.api.now();
        let engine = self.engines[0].wake_at();
        let agents = self.agents.iter().filter_map(Agent::wake_at);
        let Some(next) = engine.into_iter().chain(agents).min() else { return false };
        let pause = next.duration_since(now).max(SignedDuration::from_millis(1));
        self.api.pass(pause);
        true
    }
}
