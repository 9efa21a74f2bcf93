//! Starts one run of a container.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use k8s_openapi::api::core::v1::{Container, Pod};
use object::Key;
use planning::node::{
    ContainerLaunch, Hook, LaunchContext, MountPath, Role, Sources, Step, VolumePath,
    container_launch, environment, needed_sources,
};

use super::{Executor, StepError};
use crate::{
    files,
    observe::Sight,
    probes::{Answer, Target, run_hook},
    volumes,
};

const MESSAGE_PATH_DEFAULT: &str = "/dev/termination-log";
/// A `postStart` hook has no limit of its own.
const HOOK_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// What went wrong, with the reason that the status shows.
struct Failure {
    reason: &'static str,
    message: String,
}

impl Failure {
    fn config(message: impl ToString) -> Self {
        Self { reason: "CreateContainerConfigError", message: message.to_string() }
    }

    fn create(message: impl ToString) -> Self {
        Self { reason: "CreateContainerError", message: message.to_string() }
    }
}

impl Executor {
    pub(super) async fn start(
        &mut self,
        pod: &Pod,
        sight: &Sight,
        container: &Container,
        step: &Step,
    ) -> Result<(), StepError> {
        let name = &container.name;
        match self.try_start(pod, sight, container, step).await {
            Ok(id) => {
                self.state.notes().started(name);
                let message = format!("Started container {name}");
                self.context.recorder.normal(pod, Some(name), "Started", &message);
                self.run_post_start(pod, sight, container, id);
                Ok(())
            }
            Err(Failure { reason, message }) => {
                let text = format!("Error: {message}");
                self.context.recorder.warn(pod, Some(name), "Failed", &text);
                self.state.notes().start_failed(name, reason, &message, Self::now());
                Err(StepError::Other(message))
            }
        }
    }

    async fn try_start(
        &self,
        pod: &Pod,
        sight: &Sight,
        container: &Container,
        step: &Step,
    ) -> Result<String, Failure> {
        let launch = self.launch(pod, sight, container, step).await?;
        let recorder = &self.context.recorder;
        let _permit = self.permit().await;
        let id = self.context.runtime.create(&launch).await.map_err(Failure::create)?;
        let name = &container.name;
        recorder.normal(pod, Some(name), "Created", &format!("Created container: {name}"));
        self.context
            .runtime
            .start(&id)
            .await
            .map_err(|error| Failure { reason: "RunContainerError", message: error.to_string() })?;
        Ok(id)
    }

    async fn launch(
        &self,
        pod: &Pod,
        sight: &Sight,
        container: &Container,
        step: &Step,
    ) -> Result<ContainerLaunch, Failure> {
        let Step::Start { role, sandbox, restart_count, crashes, .. } = step else {
            return Err(Failure::create("this step starts nothing"));
        };
        let context = &self.context;
        let image_name = container.image.as_deref().unwrap_or_default();
        let image = context.runtime.image(image_name).await.map_err(Failure::create)?;
        let image = image.ok_or_else(|| {
            Failure::create(format!("the image \"{image_name}\" has gone since it was pulled"))
        })?;
        let sources = self.sources(pod, container).await?;
        let mut fields = context.fields(pod);
        let own = sight.observed.sandboxes.iter().find(|found| found.id == *sandbox);
        fields.pod_ip = own
            .and_then(|own| own.ip)
            .map_or_else(|| context.address.to_string(), |ip| ip.to_string());
        let env = environment(pod, container, &sources, &fields);
        let env = env.map_err(|error| Failure::config(error.0))?;
        let message = self.message_file(container, *restart_count).map_err(Failure::create)?;
        let mut own_files = files::mounts(&self.folder);
        own_files.push(message);
        let launch_context = LaunchContext {
            node: context.config.node.clone(),
            sandbox: sandbox.clone(),
            restart_count: *restart_count,
            crashes: *crashes,
            image_id: image.id,
            image_user: image.user,
            env,
            volumes: volumes::paths(pod, &self.folder),
            files: own_files,
            memory_capacity: context.room.allocatable.memory_bytes,
            target: target_of(pod, sight, container, *role),
        };
        let launch = container_launch(pod, *role, container, &launch_context);
        let launch = launch.map_err(|error| Failure::config(error.0))?;
        for mount in launch.mounts.iter().filter(|mount| !mount.sub_path.is_empty()) {
            make_sub_path(mount).map_err(Failure::create)?;
        }
        Ok(launch)
    }

    /// The ConfigMaps, Secrets and services that the environment is read from.
    async fn sources(&self, pod: &Pod, container: &Container) -> Result<Sources, Failure> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let config = &self.context.config;
        let mut sources = Sources {
            services: self.context.services(namespace),
            api_address: config.api_address.to_string(),
            api_port: config.api_port,
            ..Sources::default()
        };
        let (config_maps, secrets) = needed_sources(container);
        for name in config_maps {
            let key = Key::new("configmaps", namespace, &name);
            let found = self.context.objects.get(&key).await.map_err(Failure::config)?;
            sources.config_maps.extend(found.map(|map| (name, map)));
        }
        for name in secrets {
            let key = Key::new("secrets", namespace, &name);
            let found = self.context.objects.get(&key).await.map_err(Failure::config)?;
            sources.secrets.extend(found.map(|secret| (name, secret)));
        }
        Ok(sources)
    }

    /// An empty file that everyone in the container may write.
    fn message_file(&self, container: &Container, run: i32) -> io::Result<MountPath> {
        let path = self.folder.message(&container.name, run);
        fs::write(&path, "")?;
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        let target = container.termination_message_path.as_deref().filter(|path| !path.is_empty());
        let target = target.unwrap_or(MESSAGE_PATH_DEFAULT);
        Ok(MountPath::new(path.to_string_lossy(), target))
    }

    fn run_post_start(&mut self, pod: &Pod, sight: &Sight, container: &Container, id: String) {
        let hook = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.post_start.clone());
        let Some(hook) = hook else { return };
        self.state.notes().hooks.insert(id.clone(), Hook::Running);
        let (context, state, pod) = (self.context.clone(), self.state.clone(), pod.clone());
        let target = self.target(sight, container, &id);
        let name = container.name.clone();
        self.background.spawn(async move {
            let outcome = match run_hook(&context, &hook, &target, HOOK_TIMEOUT).await {
                Answer::Success => Hook::Done,
                Answer::Failure(why) | Answer::Unknown(why) => {
                    let message = format!("PostStartHook failed: {why}");
                    context.recorder.warn(&pod, Some(&name), "FailedPostStartHook", &message);
                    Hook::Failed
                }
            };
            state.notes().hooks.insert(id, outcome);
            state.wake();
        });
    }

    pub(super) fn target(&self, sight: &Sight, container: &Container, id: &str) -> Target {
        let own = sight.observed.sandbox().and_then(|sandbox| sandbox.ip);
        Target {
            container: id.to_owned(),
            address: own.map_or_else(|| self.context.address.to_string(), |ip| ip.to_string()),
            ports: container.ports.clone().unwrap_or_default(),
        }
    }
}

/// The container whose processes an ephemeral container sees.
fn target_of(pod: &Pod, sight: &Sight, container: &Container, role: Role) -> Option<String> {
    if role != Role::Ephemeral {
        return None;
    }
    let declared = pod.spec.as_ref()?.ephemeral_containers.as_ref()?;
    let own = declared.iter().find(|declared| declared.name == container.name)?;
    let name = own.target_container_name.as_deref()?;
    let run = sight.observed.newest(name).filter(|run| run.is_running())?;
    Some(run.id.clone())
}

fn make_sub_path(mount: &MountPath) -> io::Result<()> {
    match &mount.source {
        VolumePath::Path(root) => make_inside(Path::new(root), &mount.sub_path),
        // The engine makes what is missing of the host's own; it refuses the other.
        VolumePath::Host(_) | VolumePath::Named(_) => Ok(()),
    }
}

/// A path below a volume is made when it is missing. It must not lead out of the volume through a
/// link that some container left there.
fn make_inside(root: &Path, sub_path: &str) -> io::Result<()> {
    let path = root.join(sub_path);
    if !path.try_exists()? {
        fs::create_dir_all(&path)?;
    }
    if path.canonicalize()?.starts_with(root.canonicalize()?) {
        return Ok(());
    }
    Err(io::Error::other(format!("subPath \"{sub_path}\" leads out of its volume")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_path_stays_in_its_volume() {
        let root = std::env::temp_dir().join(format!("longshore-sub-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        assert!(make_inside(&root, "a/b").is_ok());
        assert!(root.join("a/b").is_dir());
        assert!(make_inside(&root, "out").is_err());
        fs::remove_dir_all(root).unwrap();
    }
}
