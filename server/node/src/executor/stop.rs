//! Stops containers: the hook, the signal, and what comes when they do not listen.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use planning::node::Stop;

use super::{Executor, StepError, declared};
use crate::{
    observe::Sight,
    probes::{Answer, run_hook},
};

const SIGNAL_DEFAULT: &str = "SIGTERM";

impl Executor {
    /// Runs the `preStop` hook and sends the stop signal, both in the background: the plan kills
    /// what has not ended with its grace.
    pub(super) fn stop(&mut self, pod: &Pod, sight: &Sight, id: &str, name: &str, grace_s: i64) {
        let stop = Stop { since: Self::now(), killed_at: None };
        self.state.notes().stops.insert(id.to_owned(), stop);
        let found = sight.containers.get(id);
        let signal = found.and_then(|found| found.stop_signal.clone());
        let signal = signal.unwrap_or_else(|| SIGNAL_DEFAULT.to_owned());
        let declared = declared(pod, name).ok();
        let hook = declared.as_ref().and_then(|c| c.lifecycle.as_ref()?.pre_stop.clone());
        let hook = hook.zip(declared.map(|declared| self.target(sight, &declared, id)));
        let (context, state) = (self.context.clone(), self.state.clone());
        let (pod, id, name) = (pod.clone(), id.to_owned(), name.to_owned());
        let limit = Duration::from_secs(u64::try_from(grace_s).unwrap_or(0));
        self.background.spawn(async move {
            if let Some((hook, target)) = hook {
                let ran = tokio::time::timeout(limit, run_hook(&context, &hook, &target, limit));
                let answer =
                    ran.await.unwrap_or_else(|_| Answer::Failure("it took too long".into()));
                if let Answer::Failure(why) | Answer::Unknown(why) = answer {
                    let message = format!("PreStopHook failed: {why}");
                    context.recorder.warn(&pod, Some(&name), "FailedPreStopHook", &message);
                }
            }
            if let Err(error) = context.runtime.signal(&id, &signal).await {
                tracing::warn!(pod = %state.key, container = name, %error, "cannot signal");
            }
        });
    }

    pub(super) async fn kill(&self, id: &str) -> Result<(), StepError> {
        let now = Self::now();
        {
            let mut notes = self.state.notes();
            let stop = notes.stops.entry(id.to_owned());
            stop.or_insert(Stop { since: now, killed_at: None }).killed_at = Some(now);
        }
        Ok(self.context.runtime.signal(id, "SIGKILL").await?)
    }
}
