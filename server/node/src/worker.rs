//! The worker of one pod: observe, report, plan, carry out, wait.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use planning::node::{self, Step};

use crate::{
    context::Context,
    executor::Executor,
    folder::PodFolder,
    observe::{Sight, observe},
    pod_state::PodState,
    probes::Probes,
    reporter::Reporter,
    volumes::{self, Tokens},
};

/// How long to wait after something went wrong that the plan does not know of.
const RETRY: SignedDuration = SignedDuration::from_secs(1);
/// What the engine has is looked at this often even if it reports no change.
const RELIST: Duration = Duration::from_secs(60);

pub(crate) struct Worker {
    context: Arc<Context>,
    state: Arc<PodState>,
    folder: PodFolder,
    reporter: Reporter,
    executor: Executor,
    probes: Probes,
    tokens: Tokens,
    /// When the content of volumes has to be made anew.
    content_due: Option<Timestamp>,
    /// The pod as it was last seen, for one that vanishes.
    last: Option<Pod>,
    /// The API has taken the deletion; the world does not know of it yet.
    is_deleted: bool,
}

enum Next {
    /// Something was done: look again.
    Again,
    /// Nothing to do before then, unless something changes.
    Wait(Option<Timestamp>),
    /// The pod is gone, and everything of it.
    End,
}

impl Worker {
    pub(crate) fn new(context: Arc<Context>, state: Arc<PodState>) -> Self {
        let folder = PodFolder::new(&context.config, &state.uid);
        Self {
            reporter: Reporter::new(context.clone(), state.clone()),
            executor: Executor::new(context.clone(), state.clone(), folder.clone()),
            context,
            state,
            folder,
            probes: Probes::default(),
            tokens: Tokens::default(),
            content_due: None,
            last: None,
            is_deleted: false,
        }
    }

    /// Runs until nothing of the pod is left.
    pub(crate) async fn run(mut self) {
        loop {
            match self.round().await {
                Next::Again => {}
                Next::Wait(until) => self.wait(until).await,
                Next::End => break,
            }
        }
        self.context.give_back(&self.state.uid);
        self.context.addresses.release_all(&self.state.uid);
        self.context.objects.watch(&self.state, &std::collections::BTreeSet::new());
    }

    async fn wait(&self, until: Option<Timestamp>) {
        let left = until.map(|at| at.duration_since(Timestamp::now()));
        let left = left.map(|left| Duration::try_from(left).unwrap_or_default());
        let limit = left.unwrap_or(RELIST).min(RELIST);
        // Woken or not: the next round finds out what there is to do.
        tokio::time::timeout(limit, self.state.woken()).await.ok();
    }

    async fn round(&mut self) -> Next {
        let now = Timestamp::now();
        let Some(pod) = self.reporter.current() else { return self.vanished(now).await };
        if self.is_deleted {
            return Next::Wait(None);
        }
        self.last = Some(pod.clone());
        let sight = match observe(&self.context, &self.folder, &self.state.uid, Some(&pod)).await {
            Ok(sight) => sight,
            Err(error) => {
                tracing::debug!(pod = %self.state.key, %error, "cannot look at the pod's containers");
                return Next::Wait(Some(now + RETRY));
            }
        };
        self.note(&pod, &sight, now);
        self.probes.follow(&self.context, &self.state, &pod, &sight.observed);
        let retry_report_at = self.reporter.report(&sight.observed, now).await;
        let plan = {
            let notes = self.state.notes();
            node::plan(&pod, &sight.observed, &notes, now)
        };
        if plan.steps.is_empty() {
            let refresh_at = self.refresh_content(&pod, &sight, now).await;
            let times = [plan.again_at, retry_report_at, refresh_at];
            return Next::Wait(times.into_iter().flatten().min());
        }
        self.carry_out(&pod, &sight, plan.steps, now).await
    }

    async fn carry_out(
        &mut self,
        pod: &Pod,
        sight: &Sight,
        steps: Vec<Step>,
        now: Timestamp,
    ) -> Next {
        for step in steps {
            tracing::debug!(pod = %self.state.key, %step, "carrying out");
            let is_deletion = step == Step::DeletePod;
            if let Err(error) = self.executor.execute(pod, sight, &step, &mut self.tokens).await {
                tracing::info!(pod = %self.state.key, %step, %error, "a step failed; trying again later");
                return Next::Wait(Some(now + RETRY));
            }
            if matches!(step, Step::CreateSandbox { .. }) {
                self.content_due = Some(now);
            }
            self.is_deleted |= is_deletion;
        }
        Next::Again
    }

    /// Takes what has changed outside the engine into the notes.
    fn note(&self, pod: &Pod, sight: &Sight, now: Timestamp) {
        let deleting = pod.metadata.deletion_timestamp.is_some();
        let is_new = sight.observed.is_empty()
            && pod.status.as_ref().is_none_or(|status| status.start_time.is_none());
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        // A pod that is deleted runs nothing any more before the API hears of its end: whoever is bound
        // to its room at once has to find it free.
        if (deleting || matches!(phase, Some("Failed" | "Succeeded")))
            && sight.observed.running().next().is_none()
        {
            self.context.give_back(&self.state.uid);
        }
        let mut notes = self.state.notes();
        if deleting && notes.deletion_seen.is_none() {
            notes.deletion_seen = Some(now);
        }
        notes.see_endpoint(self.context.endpoints.is_ready(&self.state.uid), deleting, now);
        notes.retain(|id| sight.containers.contains_key(id));
        if is_new && !deleting && notes.refusal.is_none() {
            notes.refusal = self.context.admit(&self.state.uid, pod);
            if let Some(refusal) = &notes.refusal {
                self.context.recorder.warn(pod, None, &refusal.reason, &refusal.message);
            }
        }
    }

    /// Brings volumes up to date whose sources have changed; answers when to do so again.
    async fn refresh_content(
        &mut self,
        pod: &Pod,
        sight: &Sight,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let changed = self.state.take_content_changed();
        let is_due = changed || self.content_due.is_some_and(|due| due <= now);
        let runs = sight.observed.running().next().is_some();
        if !runs || pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        if !is_due && self.content_due.is_some() {
            return self.content_due;
        }
        // First of all after an agent's start: watch what the volumes show.
        self.context.objects.watch(&self.state, &volumes::watched(pod));
        let refreshed = volumes::refresh(&self.context, pod, &self.folder, &mut self.tokens).await;
        self.content_due = Some(match refreshed {
            Ok(until) => until.unwrap_or(Timestamp::MAX),
            Err(error) => {
                tracing::info!(pod = %self.state.key, %error, "a volume could not be brought up to date");
                now + RETRY * 30
            }
        });
        self.content_due
    }

    /// The API has no such pod any more, or never told of it: makes sure, then removes its
    /// containers. While the API does not answer, they stay.
    async fn vanished(&mut self, now: Timestamp) -> Next {
        if self.state.notes().torn_down {
            return Next::End;
        }
        match self.reporter.exists().await {
            Ok(false) => {}
            Ok(true) => return Next::Wait(Some(now + RETRY)),
            Err(error) => {
                tracing::debug!(pod = %self.state.key, %error, "cannot ask whether the pod exists");
                return Next::Wait(Some(now + RETRY * 5));
            }
        }
        let seen = observe(&self.context, &self.folder, &self.state.uid, None).await;
        let Ok(sight) = seen else { return Next::Wait(Some(now + RETRY)) };
        if sight.observed.running().next().is_some()
            && let Some(mut pod) = self.last.clone()
        {
            // Its containers still get the grace that the pod asked for.
            let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now);
            pod.metadata.deletion_timestamp.get_or_insert(time);
            self.note(&pod, &sight, now);
            let plan = {
                let notes = self.state.notes();
                node::plan(&pod, &sight.observed, &notes, now)
            };
            let is_stop = |step: &Step| matches!(step, Step::Stop { .. } | Step::Kill { .. });
            let steps: Vec<Step> = plan.steps.into_iter().filter(is_stop).collect();
            if steps.is_empty() {
                return Next::Wait(plan.again_at);
            }
            return self.carry_out(&pod, &sight, steps, now).await;
        }
        match self.executor.tear_down(&sight).await {
            Ok(()) => Next::End,
            Err(error) => {
                tracing::info!(pod = %self.state.key, %error, "cannot clean up yet");
                Next::Wait(Some(now + RETRY))
            }
        }
    }
}
