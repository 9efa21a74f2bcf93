//! Probes: a task for each running container that has any. The answers wake the pod's worker.

mod ask;
mod http;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use planning::node::{Observed, ProbeKind, ProbeSettings, ProbeState, Role};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::{context::Context, observe, pod_state::PodState};
use ask::ask;
pub(crate) use ask::{Answer, Target, exit_code, run_hook};
pub(crate) use http::Prober;

/// The probes of one pod.
#[derive(Default)]
pub(crate) struct Probes {
    tasks: BTreeMap<String, AbortOnDropHandle<()>>,
}

/// One container that is probed.
struct Subject {
    context: Arc<Context>,
    state: Arc<PodState>,
    pod: Pod,
    container: Container,
    target: Target,
    age: Duration,
    /// What the status said of this very run, when the agent has come back.
    was_started: Option<bool>,
    was_ready: Option<bool>,
}

impl Probes {
    /// Starts what is missing and ends what has no container any more.
    pub(crate) fn follow(
        &mut self,
        context: &Arc<Context>,
        state: &Arc<PodState>,
        pod: &Pod,
        observed: &Observed,
    ) {
        let Some(spec) = &pod.spec else { return };
        let running: BTreeMap<&str, _> = observed.running().map(|c| (c.id.as_str(), c)).collect();
        self.tasks.retain(|id, _| running.contains_key(id.as_str()));
        let sandbox = observed.sandbox();
        for (role, declared) in planning::node::containers(spec) {
            let has_probe = declared.startup_probe.is_some()
                || declared.liveness_probe.is_some()
                || declared.readiness_probe.is_some();
            let Some(run) = running.values().find(|run| run.name == declared.name) else {
                continue;
            };
            if !has_probe || role == Role::Ephemeral || self.tasks.contains_key(&run.id) {
                continue;
            }
            let own_ip = sandbox.and_then(|sandbox| sandbox.ip).map(|ip| ip.to_string());
            let started = observe::started_at(run);
            let age = started.map(|at| jiff::Timestamp::now().duration_since(at));
            let told = told(pod, &run.id);
            let subject = Subject {
                context: context.clone(),
                state: state.clone(),
                pod: pod.clone(),
                target: Target {
                    container: run.id.clone(),
                    address: own_ip.unwrap_or_else(|| context.address.to_string()),
                    ports: declared.ports.clone().unwrap_or_default(),
                },
                container: declared,
                age: age.and_then(|age| age.try_into().ok()).unwrap_or_default(),
                was_started: told.and_then(|(started, _)| started),
                was_ready: told.map(|(_, ready)| ready),
            };
            let task = AbortOnDropHandle::new(tokio::spawn(subject.run()));
            self.tasks.insert(run.id.clone(), task);
        }
    }
}

/// `started` and `ready` of the status, if it speaks of this very run.
fn told(pod: &Pod, id: &str) -> Option<(Option<bool>, bool)> {
    let status = pod.status.as_ref()?;
    let lists = [&status.container_statuses, &status.init_container_statuses];
    let mut all = lists.into_iter().flatten().flatten();
    let told = all.find(|told| {
        told.container_id.as_deref().and_then(|shown| shown.strip_prefix("docker://")) == Some(id)
    })?;
    Some((told.started, told.ready))
}

impl Subject {
    /// The startup probe first; once it has succeeded, the other two side by side.
    async fn run(self) {
        if let Some(probe) = &self.container.startup_probe
            && self.was_started != Some(true)
            && !self.start_up(probe).await
        {
            return;
        }
        let liveness = async {
            if let Some(probe) = &self.container.liveness_probe {
                self.watch(ProbeKind::Liveness, probe).await;
            }
        };
        let readiness = async {
            if let Some(probe) = &self.container.readiness_probe {
                self.watch(ProbeKind::Readiness, probe).await;
            }
        };
        tokio::join!(liveness, readiness);
    }

    /// Whether the container has come up.
    async fn start_up(&self, probe: &Probe) -> bool {
        self.watch(ProbeKind::Startup, probe).await;
        let notes = self.state.notes();
        notes.probes.get(&self.target.container).and_then(|probed| probed.started) == Some(true)
    }

    /// Asks again and again. Ends when the probe has said its last word: a startup probe that has
    /// decided, a liveness probe that has failed.
    async fn watch(&self, kind: ProbeKind, probe: &Probe) {
        let settings = ProbeSettings::of(probe);
        let before = if kind == ProbeKind::Readiness { self.was_ready } else { None };
        let mut state = ProbeState::new(kind, before);
        let mut told: Option<Instant> = None;
        tokio::time::sleep(settings.initial_delay.saturating_sub(self.age)).await;
        loop {
            let answer = ask(&self.context, probe, &self.target, settings.timeout).await;
            let success = matches!(answer, Answer::Success);
            if let Answer::Failure(why) = &answer
                && told.is_none_or(|told| told.elapsed() >= settings.period)
            {
                told = Some(Instant::now());
                let message = format!("{} probe failed: {why}", capitalized(kind.name()));
                let name = Some(self.container.name.as_str());
                self.context.recorder.warn(&self.pod, name, "Unhealthy", &message);
            }
            if state.record(success, &settings) {
                self.tell(kind, state.holds() == Some(true));
            }
            let is_over = match kind {
                ProbeKind::Startup => state.holds().is_some(),
                ProbeKind::Liveness => state.holds() == Some(false),
                ProbeKind::Readiness => false,
            };
            if is_over {
                return;
            }
            tokio::time::sleep(state.pause(&settings)).await;
        }
    }

    fn tell(&self, kind: ProbeKind, holds: bool) {
        {
            let mut notes = self.state.notes();
            let probed = notes.probes.entry(self.target.container.clone()).or_default();
            match kind {
                ProbeKind::Startup => {
                    probed.started = Some(holds);
                    if !holds {
                        probed.failed = Some(kind.name());
                    }
                }
                ProbeKind::Liveness => probed.failed = (!holds).then_some(kind.name()),
                ProbeKind::Readiness => probed.ready = Some(holds),
            }
        }
        self.state.wake();
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
