//! Docker, by its API.
//!
//! **Invariant:** the only place that names bollard. Nothing is ever passed through a shell.

mod agent;
mod convert;
mod endpoint;
mod images;
mod inspect;
mod oom;
mod stats;
mod streams;

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

use async_trait::async_trait;
use bollard::{
    Docker as Connection,
    errors::Error,
    models::VolumeCreateRequest,
    query_parameters::{
        CreateContainerOptionsBuilder, EventsOptionsBuilder, KillContainerOptionsBuilder,
        ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
        RemoveVolumeOptionsBuilder,
    },
};
use futures::{StreamExt, stream::BoxStream};
use planning::node::{ContainerLaunch, SandboxLaunch, labels};

use crate::runtime::{
    Attached, Change, Command, CommandState, ContainerUsage, Credentials, Engine, Image, Inspected,
    LogOptions, MemoryVolume, OutputStream, PodRef, Result, Runtime, RuntimeError,
};

pub(crate) use agent::AgentLaunch;

/// An engine, with an API version that both sides speak.
#[derive(Clone)]
pub struct Docker {
    connection: Connection,
    /// The image of sandboxes, which is the agent's own.
    sandbox_image: String,
    /// How far a container's score may be lowered below the other processes' of its host.
    oom_score_min: i64,
}

impl Docker {
    /// Connects to `unix:///path` or `tcp://host:port` and agrees on an API version.
    ///
    /// # Errors
    /// When nothing answers there, or the engine is too old.
    pub async fn connect(url: &str, sandbox_image: &str) -> Result<Self> {
        let connection = endpoint::connect(url).await?;
        let oom_score_min = if oom::may_lower() { oom::SCORE_MIN } else { 0 };
        Ok(Self { connection, sandbox_image: sandbox_image.to_owned(), oom_score_min })
    }

    async fn create_named(
        &self,
        name: &str,
        body: bollard::models::ContainerCreateBody,
    ) -> Result<String> {
        let options = || Some(CreateContainerOptionsBuilder::new().name(name).build());
        match self.connection.create_container(options(), body.clone()).await {
            Ok(created) => Ok(created.id),
            // Left behind by an agent that ended between creation and start.
            Err(Error::DockerResponseServerError { status_code: 409, message }) => {
                if !inspect::is_never_started(&self.connection, name).await? {
                    return Err(RuntimeError::Refused(message));
                }
                self.remove(name).await?;
                let created = self.connection.create_container(options(), body).await;
                Ok(created.map_err(failed)?.id)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

#[async_trait]
impl Runtime for Docker {
    async fn engine(&self) -> Result<Engine> {
        inspect::engine(&self.connection).await
    }

    async fn pods(&self, node: &str) -> Result<BTreeMap<String, PodRef>> {
        let filters = filter("label", &format!("{}={node}", labels::NODE));
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = self.connection.list_containers(Some(options)).await.map_err(failed)?;
        let mut pods: BTreeMap<String, PodRef> = BTreeMap::new();
        for mut labels in listed.into_iter().filter_map(|container| container.labels) {
            let Some(uid) = labels.remove(labels::POD_UID) else { continue };
            let pod = pods.entry(uid).or_default();
            pod.namespace = labels.remove(labels::POD_NAMESPACE).unwrap_or_default();
            pod.name = labels.remove(labels::POD_NAME).unwrap_or_default();
            let address = labels.get(labels::POD_IP).and_then(|ip| ip.parse::<Ipv4Addr>().ok());
            pod.addresses.extend(address);
        }
        Ok(pods)
    }

    async fn containers(&self, pod_uid: &str) -> Result<Vec<Inspected>> {
        inspect::containers(&self.connection, pod_uid).await
    }

    async fn usage(&self, node: &str) -> Result<Vec<ContainerUsage>> {
        stats::usage(&self.connection, node).await
    }

    async fn changes(&self, node: &str) -> Result<BoxStream<'static, Result<Change>>> {
        let mut filters = filter("label", &format!("{}={node}", labels::NODE));
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        let wanted = ["start", "die", "oom", "destroy"].map(str::to_owned).to_vec();
        filters.insert("event".to_owned(), wanted);
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let events = self.connection.events(Some(options));
        let changes = events.filter_map(async |event| match event {
            Ok(event) => {
                let pod_uid = event.actor?.attributes?.remove(labels::POD_UID)?;
                Some(Ok(Change { pod_uid }))
            }
            Err(error) => Some(Err(failed(error))),
        });
        Ok(changes.boxed())
    }

    async fn run_sandbox(&self, sandbox: &SandboxLaunch) -> Result<String> {
        let body = convert::sandbox(sandbox, &self.sandbox_image, self.oom_score_min);
        let id = self.create_named(&sandbox.name, body).await?;
        if let Err(error) = self.start(&id).await {
            self.remove(&id).await?;
            return Err(error);
        }
        Ok(id)
    }

    async fn create(&self, container: &ContainerLaunch) -> Result<String> {
        self.create_named(&container.name, convert::container(container, self.oom_score_min)?).await
    }

    async fn start(&self, id: &str) -> Result<()> {
        self.connection.start_container(id, None).await.map_err(failed)
    }

    async fn signal(&self, id: &str, signal: &str) -> Result<()> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match self.connection.kill_container(id, Some(options)).await {
            // 409: it does not run any more.
            Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) | Ok(()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn remove(&self, id: &str) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.connection.remove_container(id, Some(options)).await {
            // 409: somebody else removes it.
            Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) | Ok(()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn image(&self, name: &str) -> Result<Option<Image>> {
        images::find(&self.connection, name).await
    }

    async fn pull(&self, name: &str, credentials: Option<Credentials>) -> Result<()> {
        images::pull(&self.connection, name, credentials).await
    }

    async fn create_volume(&self, volume: &MemoryVolume) -> Result<()> {
        let mut options = HashMap::from([
            ("type".to_owned(), "tmpfs".to_owned()),
            ("device".to_owned(), "tmpfs".to_owned()),
        ]);
        // Like the folder of a volume on disk: everyone may write.
        let size = if volume.size_bytes > 0 {
            format!(",size={}", volume.size_bytes)
        } else {
            String::new()
        };
        options.insert("o".to_owned(), format!("mode=0777{size}"));
        let request = VolumeCreateRequest {
            name: Some(volume.name.clone()),
            driver: Some("local".to_owned()),
            driver_opts: Some(options),
            labels: Some(volume.labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        self.connection.create_volume(request).await.map_err(failed)?;
        Ok(())
    }

    async fn remove_volumes(&self, pod_uid: &str) -> Result<()> {
        let filters = filter("label", &format!("{}={pod_uid}", labels::POD_UID));
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let listed = self.connection.list_volumes(Some(options)).await.map_err(failed)?;
        for volume in listed.volumes.into_iter().flatten() {
            let options = RemoveVolumeOptionsBuilder::new().force(true).build();
            self.connection.remove_volume(&volume.name, Some(options)).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn logs(&self, id: &str, options: &LogOptions) -> Result<OutputStream> {
        Ok(streams::logs(&self.connection, id, options))
    }

    async fn attach(&self, id: &str, stdin: bool) -> Result<Attached> {
        streams::attach(&self.connection, id, stdin).await
    }

    async fn resize(&self, id: &str, width: u16, height: u16) -> Result<()> {
        streams::resize(&self.connection, id, width, height).await
    }

    async fn execute(&self, container: &str, command: &Command) -> Result<(String, Attached)> {
        streams::execute(&self.connection, container, command).await
    }

    async fn command_state(&self, command: &str) -> Result<CommandState> {
        streams::command_state(&self.connection, command).await
    }

    async fn resize_command(&self, command: &str, width: u16, height: u16) -> Result<()> {
        streams::resize_command(&self.connection, command, width, height).await
    }
}

fn filter(name: &str, value: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([(name.to_owned(), vec![value.to_owned()])])
}

/// The engine's own words, without the library's.
fn failed(error: Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { status_code: 404, message } => {
            RuntimeError::NotFound(message)
        }
        Error::DockerResponseServerError { message, .. } => RuntimeError::Refused(message),
        Error::DockerStreamError { error } => RuntimeError::Refused(error),
        Error::RequestTimeoutError => {
            RuntimeError::Unreachable("Docker did not answer in time".to_owned())
        }
        other => RuntimeError::Unreachable(format!("cannot talk to Docker: {other}")),
    }
}
