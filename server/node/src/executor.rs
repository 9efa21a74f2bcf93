//! Carries out the steps of a plan. Makes no choice; what fails is noted for the next plan.

mod images;
mod sandbox;
mod start;
mod stop;

use std::sync::Arc;

use client::DeleteOptions;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use object::ApiError;
use planning::node::Step;
use thiserror::Error;
use tokio::task::JoinSet;

use crate::{
    RuntimeError,
    context::Context,
    folder::PodFolder,
    network::{self, NetworkError},
    observe::Sight,
    pod_state::PodState,
    volumes::{Tokens, VolumeError},
};

/// Why a step failed.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Volume(#[from] VolumeError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("{0}")]
    Files(#[from] std::io::Error),
    #[error("{0}")]
    Other(String),
}

pub(crate) struct Executor {
    context: Arc<Context>,
    state: Arc<PodState>,
    folder: PodFolder,
    /// Pulls and hooks, which take their time; they end with the pod.
    background: JoinSet<()>,
}

impl Executor {
    pub(crate) fn new(context: Arc<Context>, state: Arc<PodState>, folder: PodFolder) -> Self {
        Self { context, state, folder, background: JoinSet::new() }
    }

    pub(crate) async fn execute(
        &mut self,
        pod: &Pod,
        sight: &Sight,
        step: &Step,
        tokens: &mut Tokens,
    ) -> Result<(), StepError> {
        while self.background.try_join_next().is_some() {}
        match step {
            Step::CreateSandbox { attempt } => {
                let created = self.create_sandbox(pod, *attempt, tokens).await;
                self.note_sandbox(pod, created)
            }
            Step::AttachNetwork { sandbox } => {
                let attached = self.attach_network(sight, sandbox).await;
                self.note_sandbox(pod, attached)
            }
            Step::RemoveSandbox { sandbox } => self.remove_sandbox(sight, sandbox).await,
            Step::Pull { container } => {
                self.pull(pod, declared(pod, container)?).await;
                Ok(())
            }
            Step::Start { container, .. } => {
                let declared = declared(pod, container)?;
                self.start(pod, sight, &declared, step).await
            }
            Step::Stop { id, container, why, grace_s } => {
                let message = why.describe(container);
                self.context.recorder.normal(pod, Some(container), "Killing", &message);
                self.stop(pod, sight, id, container, *grace_s);
                Ok(())
            }
            Step::Kill { id, .. } => self.kill(id).await,
            Step::RemoveContainer { id } => Ok(self.context.runtime.remove(id).await?),
            Step::TearDown => self.tear_down(sight).await,
            Step::DeletePod => self.delete_pod().await,
        }
    }

    /// Removes every trace of the pod from this host.
    pub(crate) async fn tear_down(&mut self, sight: &Sight) -> Result<(), StepError> {
        self.background.abort_all();
        {
            let _permit = self.permit().await;
            let sandboxes = &sight.observed.sandboxes;
            let is_sandbox = |id: &String| sandboxes.iter().any(|sandbox| sandbox.id == *id);
            for id in sight.containers.keys().filter(|id| !is_sandbox(id)) {
                self.context.runtime.remove(id).await?;
            }
            self.context.network.detach(&network::link_name(&self.state.uid)).await?;
            for sandbox in sandboxes {
                self.context.runtime.remove(&sandbox.id).await?;
            }
            self.context.runtime.remove_volumes(&self.state.uid).await?;
        }
        self.folder.remove()?;
        self.context.addresses.release_all(&self.state.uid);
        self.state.notes().torn_down = true;
        Ok(())
    }

    async fn delete_pod(&self) -> Result<(), StepError> {
        let options = DeleteOptions {
            grace_seconds: Some(0),
            uid: Some(self.state.uid.as_str().into()),
            ..DeleteOptions::default()
        };
        match self.context.client.delete(&self.state.key, &options).await {
            // Gone, or a successor of the same name: both mean that it is done.
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Waits until few enough other pods start or remove containers.
    async fn permit(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.context.permits.acquire().await.expect("the semaphore is never closed")
    }

    fn now() -> Timestamp {
        Timestamp::now()
    }
}

fn declared(pod: &Pod, name: &str) -> Result<Container, StepError> {
    let all = pod.spec.as_ref().map(planning::node::containers).unwrap_or_default();
    let found = all.into_iter().find(|(_, container)| container.name == name);
    found
        .map(|(_, container)| container)
        .ok_or_else(|| StepError::Other(format!("the pod has no container {name} any more")))
}
