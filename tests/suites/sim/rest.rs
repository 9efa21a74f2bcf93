//! The end of a run: when the faults have stopped, everything must come to rest as asked for.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use planning::{Action, CONTROLLERS, Change, Round, World};

use crate::{api::Api, checks, run::Run, user};

/// Steps in which everything must come to rest.
const STEPS_MAX: usize = 60_000;

impl Run {
    /// No more faults: everything must come to rest as asked for.
    pub(crate) fn rest(&mut self) {
        self.api.state().faults.stop();
        self.api.state().skew = SignedDuration::ZERO;
        self.api.tell(|| "the faults stop".to_owned());
        self.api.deliver_late(true);
        self.user.settle(&self.api);
        self.workloads.settle(&self.api);
        self.tenants.settle(&self.api);
        self.agents.iter().for_each(|agent| agent.forget(&self.api));
        self.engines.clear();
        self.start_engine();
        let mut unrest = Vec::new();
        for _ in 0..STEPS_MAX {
            self.steps += 1;
            let moved = self.act();
            if moved || self.user.go_on(&self.api) || user::tidy(&self.api) {
                continue;
            }
            unrest = self.unrest();
            if unrest.is_empty() {
                unrest = unplanned(&self.api);
            }
            if unrest.is_empty() {
                return;
            }
            if !self.wait() {
                break;
            }
        }
        panic!("it does not come to rest:\n{}", unrest.join("\n"));
    }

    /// Lets so much time pass, in which everybody does what there is to do.
    pub(crate) fn live(&mut self, seconds: i64) {
        let end = self.api.elapsed() + SignedDuration::from_secs(seconds);
        while self.api.elapsed() < end && (self.act() || self.wait()) {}
    }

    /// Does so many things of what there is to do.
    pub(crate) fn work(&mut self, steps: usize) {
        for _ in 0..steps {
            if !self.act() {
                self.wait();
            }
        }
    }

    /// Everybody does one thing; whether there was any.
    fn act(&mut self) -> bool {
        self.check();
        let mut moved = self.engines[0].step();
        for agent in &mut self.agents {
            agent.replace(&self.api);
            moved |= agent.step(&self.api, false);
        }
        self.check_identities();
        moved
    }

    fn unrest(&self) -> Vec<String> {
        let mut unrest = checks::unrest(&self.api, &self.user.asked);
        let nodes: BTreeSet<String> = self.agents.iter().map(|agent| agent.node.clone()).collect();
        unrest.extend(self.workloads.unrest(&self.api, &nodes));
        unrest.extend(self.tenants.unrest(&self.api));
        unrest.extend(self.budget.unrest(&self.api));
        unrest.extend(self.scaler.unrest(&self.api));
        unrest
    }

    /// Lets time pass until somebody has something to do.
    fn wait(&self) -> bool {
        let engine = self.engines[0].wake_at();
        let agents = self.agents.iter().filter_map(crate::agent::Agent::wake_at);
        let Some(next) = engine.into_iter().chain(agents).min() else { return false };
        let pause = (next - self.api.elapsed()).max(SignedDuration::from_millis(1));
        self.api.pass(pause);
        true
    }
}

/// What a controller that begins now would still write: nothing, if all is as it should be.
fn unplanned(api: &Api) -> Vec<String> {
    let mut world = World::default();
    for (key, _) in api.all_values() {
        if let Some(stored) = api.stored(&key) {
            world.apply(key, stored.revision, Some(stored.body.clone()));
        }
    }
    let mut wanted = Vec::new();
    for controller in CONTROLLERS {
        let watches = |kind: &str| controller.watches.iter().any(|one| *one == "*" || *one == kind);
        let concerned = world.all().filter(|entry| watches(&entry.key.kind));
        let keys: BTreeSet<_> = concerned
            .flat_map(|entry| {
                let new = Some(entry.clone());
                (controller.keys_for)(&Change { key: entry.key.clone(), old: None, new }, &world)
            })
            .collect();
        for key in &keys {
            let plan = (controller.plan)(&Round {
                key,
                world: &world,
                now: api.now(),
                steady: api.now(),
                failures: &[],
                answers: &[],
                memory: &serde_json::Value::Null,
            });
            let writes = plan
                .actions
                .iter()
                .filter(|action| !matches!(action, Action::Record(_) | Action::Read { .. }));
            wanted.extend(writes.map(|action| format!("{} wants {action}", controller.name)));
        }
    }
    wanted
}
