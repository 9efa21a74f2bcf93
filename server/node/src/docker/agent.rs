//! The agent's own container, as the server starts it on a host.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    body_full,
    errors::Error,
    models::{
        ContainerCreateBody, HostConfig, Mount, MountType, RestartPolicy, RestartPolicyNameEnum,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, ImportImageOptionsBuilder, ListContainersOptionsBuilder,
        ListImagesOptionsBuilder, ListVolumesOptionsBuilder, RemoveImageOptionsBuilder,
        RemoveVolumeOptionsBuilder, StopContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};

use super::{Docker, convert::log_config, failed, filter};
use crate::{
    network::{SYSCTLS_IN_AGENT, SYSCTLS_ON_HOST},
    runtime::{LogOptions, Result, Runtime, RuntimeError},
};

/// How long an agent gets to end.
const STOP_TIMEOUT_S: i32 = 10;

/// A container of ours that is no pod's.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentLaunch {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Paths that are the same on the host and inside, made when they are missing; only the
    /// kernel's settings are elsewhere inside.
    pub(crate) folders: Vec<String>,
    /// Paths that have to be there.
    pub(crate) files: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    /// Whether the engine starts it again after a reboot.
    pub(crate) is_service: bool,
}

/// An agent's container as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentContainer {
    pub(crate) id: String,
    pub(crate) is_running: bool,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Docker {
    /// Loads a `docker-archive`.
    pub(crate) async fn load_image(
        &self,
        archive: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<()> {
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let mut progress = Box::pin(self.connection.import_image_stream(options, archive, None));
        while let Some(info) = progress.try_next().await.map_err(failed)? {
            if let Some(message) = info.error_detail.and_then(|detail| detail.message) {
                return Err(RuntimeError::Refused(message));
            }
        }
        Ok(())
    }

    /// Removes the images of a repository that no container uses, but for one.
    pub(crate) async fn remove_old_images(&self, repository: &str, kept: &str) -> Result<()> {
        let filters = filter("reference", repository);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let images = self.connection.list_images(Some(options)).await.map_err(failed)?;
        for name in images.into_iter().flat_map(|image| image.repo_tags).filter(|n| n != kept) {
            let options = RemoveImageOptionsBuilder::new().build();
            match self.connection.remove_image(&name, Some(options), None).await {
                // 409: a container uses it.
                Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) | Ok(_) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    pub(crate) async fn find_agent(&self, name: &str) -> Result<Option<AgentContainer>> {
        match self.connection.inspect_container(name, None).await.map_err(failed) {
            Ok(found) => Ok(Some(AgentContainer {
                id: found.id.unwrap_or_default(),
                is_running: found.state.and_then(|state| state.running) == Some(true),
                labels: found
                    .config
                    .and_then(|c| c.labels)
                    .unwrap_or_default()
                    .into_iter()
                    .collect(),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates and starts it; `archive` is unpacked at its root before it starts, so that what is
    /// in there stands in no variable and no label.
    pub(crate) async fn run_agent(&self, launch: &AgentLaunch, archive: Bytes) -> Result<String> {
        let options = CreateContainerOptionsBuilder::new().name(&launch.name).build();
        let created = self.connection.create_container(Some(options), body(launch)).await;
        let id = created.map_err(failed)?.id;
        let upload = UploadToContainerOptionsBuilder::new().path("/").build();
        let uploaded =
            self.connection.upload_to_container(&id, Some(upload), body_full(archive)).await;
        let started = match uploaded {
            Ok(()) => self.connection.start_container(&id, None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            self.remove(&id).await?;
            return Err(failed(error));
        }
        Ok(id)
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// What it said, when it failed.
    pub(crate) async fn run_to_end(&self, launch: &AgentLaunch, archive: Bytes) -> Result<()> {
        let id = self.run_agent(launch, archive).await?;
        let ended = self.connection.wait_container(&id, None).next().await;
        let result = match ended {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(Error::DockerContainerWaitError { .. })) => {
                Err(RuntimeError::Refused(self.last_words(&id).await?))
            }
            Some(Err(error)) => Err(failed(error)),
        };
        self.remove(&id).await?;
        result
    }

    /// The last lines of a container's log.
    pub(crate) async fn last_words(&self, id: &str) -> Result<String> {
        let options = LogOptions { tail_lines: Some(5), ..LogOptions::default() };
        let output: Vec<_> = self.logs(id, &options).await?.try_collect().await?;
        let bytes: Vec<u8> = output.iter().flat_map(|piece| piece.data.to_vec()).collect();
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    pub(crate) async fn stop_agent(&self, id: &str) -> Result<()> {
        let options = StopContainerOptionsBuilder::new().t(STOP_TIMEOUT_S).build();
        match self.connection.stop_container(id, Some(options)).await.map_err(failed) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => self.remove(id).await,
        }
    }

    /// Removes every container and volume with a label; answers how many containers there were.
    pub(crate) async fn remove_labelled(&self, label: &str) -> Result<usize> {
        let filters = filter("label", label);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = self.connection.list_containers(Some(options)).await.map_err(failed)?;
        let ids: Vec<String> = listed.into_iter().filter_map(|container| container.id).collect();
        for id in &ids {
            self.remove(id).await?;
        }
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let volumes = self.connection.list_volumes(Some(options)).await.map_err(failed)?;
        for volume in volumes.volumes.into_iter().flatten() {
            let options = RemoveVolumeOptionsBuilder::new().force(true).build();
            self.connection.remove_volume(&volume.name, Some(options)).await.map_err(failed)?;
        }
        Ok(ids.len())
    }
}

fn body(launch: &AgentLaunch) -> ContainerCreateBody {
    let restart = if launch.is_service {
        RestartPolicyNameEnum::UNLESS_STOPPED
    } else {
        RestartPolicyNameEnum::NO
    };
    let file = |path: &String| Mount {
        source: Some(path.clone()),
        target: Some(path.clone()),
        typ: Some(MountType::BIND),
        ..Mount::default()
    };
    let host_config = HostConfig {
        network_mode: Some("host".to_owned()),
        pid_mode: Some("host".to_owned()),
        uts_mode: Some("host".to_owned()),
        cap_add: Some(launch.capabilities.clone()),
        // Its own profile forbids mounts and other processes' namespaces, which are its work.
        security_opt: Some(vec!["apparmor=unconfined".to_owned()]),
        binds: Some(launch.folders.iter().map(|path| bind(path)).collect()),
        mounts: Some(launch.files.iter().map(file).collect()),
        log_config: Some(log_config()),
        restart_policy: Some(RestartPolicy { name: Some(restart), maximum_retry_count: None }),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(launch.image.clone()),
        cmd: Some(launch.command.clone()),
        labels: Some(launch.labels.clone().into_iter().collect::<HashMap<_, _>>()),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

/// Nothing may be mounted over `/proc` in a container, and its own settings can only be read.
fn bind(path: &str) -> String {
    let inside = if path == SYSCTLS_ON_HOST { SYSCTLS_IN_AGENT } else { path };
    format!("{path}:{inside}")
}
