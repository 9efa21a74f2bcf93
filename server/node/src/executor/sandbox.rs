//! Sandboxes: volumes, files, address, container, network.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Pod;
use planning::node::sandbox_launch;

use super::{Executor, StepError};
use crate::{
    files, network,
    observe::Sight,
    volumes::{self, Tokens},
};

impl Executor {
    pub(super) async fn create_sandbox(
        &self,
        pod: &Pod,
        attempt: u32,
        tokens: &mut Tokens,
    ) -> Result<(), StepError> {
        let context = &self.context;
        self.folder.create()?;
        volumes::prepare(context, pod, &self.folder, tokens).await?;
        let address = self.take_address(pod)?;
        let text = address.unwrap_or(context.address).to_string();
        let held = volumes::held(pod);
        let node = &context.config.node;
        let ip = address.map(|address| address.to_string());
        let launch = sandbox_launch(pod, node, attempt, ip.as_deref(), held);
        let created = async {
            files::write(&context.config, &self.folder, pod, &text, &launch.hostname)?;
            let _permit = self.permit().await;
            let id = context.runtime.run_sandbox(&launch).await?;
            match address {
                Some(address) => self.attach(&id, address).await,
                None => Ok(()),
            }
        }
        .await;
        if created.is_err()
            && let Some(address) = address
            && !self.holds_address(address).await
        {
            context.addresses.release(address);
        }
        created
    }

    /// An address for the pod; none for one on the host's network.
    fn take_address(&self, pod: &Pod) -> Result<Option<Ipv4Addr>, StepError> {
        if pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true) {
            return Ok(None);
        }
        let range = self.context.pod_range().ok_or_else(|| {
            StepError::Other("the node has no range of pod addresses yet (spec.podCIDR)".to_owned())
        })?;
        let taken = self.context.addresses.take(range, &self.state.uid);
        let full = || StepError::Other(format!("every address of {range} is taken"));
        taken.map(Some).ok_or_else(full)
    }

    /// Whether a sandbox of the pod carries this address, so that it must stay taken.
    async fn holds_address(&self, address: Ipv4Addr) -> bool {
        let label = planning::node::labels::POD_IP;
        let containers = self.context.runtime.containers(&self.state.uid).await;
        containers.is_ok_and(|all| {
            all.iter().any(|found| found.labels.get(label) == Some(&address.to_string()))
        })
    }

    async fn attach(&self, sandbox: &str, address: Ipv4Addr) -> Result<(), StepError> {
        let containers = self.context.runtime.containers(&self.state.uid).await?;
        let found = containers.iter().find(|found| found.id == sandbox);
        let pid = found.and_then(|found| found.pid).ok_or_else(|| {
            StepError::Other("the sandbox ended before it had a network".to_owned())
        })?;
        let name = network::link_name(&self.state.uid);
        Ok(self.context.network.attach(pid, address, &name).await?)
    }

    pub(super) async fn attach_network(
        &self,
        sight: &Sight,
        sandbox: &str,
    ) -> Result<(), StepError> {
        let found = sight.observed.sandboxes.iter().find(|found| found.id == sandbox);
        match found.and_then(|found| found.ip) {
            Some(address) => self.attach(sandbox, address).await,
            None => Err(StepError::Other("the sandbox has no address on its label".to_owned())),
        }
    }

    /// Tells the plan how it went, and people if it went wrong.
    pub(super) fn note_sandbox(
        &self,
        pod: &Pod,
        result: Result<(), StepError>,
    ) -> Result<(), StepError> {
        match &result {
            Ok(()) => self.state.notes().sandbox_failure = None,
            Err(error) => {
                let message = error.to_string();
                let reason = match error {
                    StepError::Volume(_) => "FailedMount",
                    _ => "FailedCreatePodSandBox",
                };
                self.context.recorder.warn(pod, None, reason, &message);
                self.state.notes().sandbox_failed(reason, &message, Self::now());
            }
        }
        result
    }

    pub(super) async fn remove_sandbox(
        &self,
        sight: &Sight,
        sandbox: &str,
    ) -> Result<(), StepError> {
        let _permit = self.permit().await;
        let others = sight.observed.sandboxes.iter().filter(|other| other.id != sandbox);
        // The link of the pod belongs to whichever sandbox runs.
        if !others.clone().any(|other| other.running) {
            self.context.network.detach(&network::link_name(&self.state.uid)).await?;
        }
        self.context.runtime.remove(sandbox).await?;
        let found = sight.observed.sandboxes.iter().find(|found| found.id == sandbox);
        if let Some(address) = found.and_then(|found| found.ip)
            && !others.clone().any(|other| other.ip == Some(address))
        {
            self.context.addresses.release(address);
        }
        Ok(())
    }
}
