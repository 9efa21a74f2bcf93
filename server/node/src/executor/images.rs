//! Images: here, or pulled in the background.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::{Container, Pod, Secret};
use object::Key;
use planning::node::Image;
use serde::Deserialize;
use tokio::time::Instant;

use super::Executor;
use crate::{context::Context, image_name::ImageName, pod_state::PodState, runtime::Credentials};

/// How a container's image is wanted.
struct Wanted {
    pod: Pod,
    container: String,
    image: String,
    name: ImageName,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Always,
    IfNotPresent,
    Never,
}

impl Executor {
    /// Sees that the image is here, as the pull policy asks.
    pub(super) async fn pull(&mut self, pod: &Pod, container: Container) {
        let image = container.image.unwrap_or_default();
        let name = match ImageName::parse(&image) {
            Ok(name) => name,
            Err(message) => {
                self.context.recorder.warn(pod, Some(&container.name), "InspectFailed", &message);
                let now = Self::now();
                self.state.notes().pull_failed(&container.name, "InvalidImageName", &message, now);
                return;
            }
        };
        let policy = match container.image_pull_policy.as_deref() {
            Some("Always") => Policy::Always,
            Some("Never") => Policy::Never,
            None if name.is_latest() => Policy::Always,
            _ => Policy::IfNotPresent,
        };
        let wanted = Wanted { pod: pod.clone(), container: container.name, image, name };
        if policy != Policy::Always && self.take_present(&wanted).await {
            return;
        }
        if policy == Policy::Never {
            let message = format!(
                "Container image \"{}\" is not present with pull policy of Never",
                wanted.image
            );
            fail(&self.context, &self.state, &wanted, "ErrImageNeverPull", &message);
            return;
        }
        self.state.notes().images.insert(wanted.container.clone(), Image::Pulling);
        let (context, state) = (self.context.clone(), self.state.clone());
        self.background.spawn(async move {
            pull(&context, &state, wanted).await;
            state.wake();
        });
    }

    /// Uses the image that is here. False: there is none.
    async fn take_present(&self, wanted: &Wanted) -> bool {
        match self.context.runtime.image(&wanted.image).await {
            Ok(Some(image)) => {
                let message =
                    format!("Container image \"{}\" already present on machine", wanted.image);
                let name = Some(wanted.container.as_str());
                self.context.recorder.normal(&wanted.pod, name, "Pulled", &message);
                self.state.notes().pulled(&wanted.container, image.id);
                true
            }
            Ok(None) => false,
            Err(error) => {
                let message = error.to_string();
                fail(&self.context, &self.state, wanted, "ImageInspectError", &message);
                true
            }
        }
    }
}

async fn pull(context: &Arc<Context>, state: &Arc<PodState>, wanted: Wanted) {
    let name = Some(wanted.container.as_str());
    let (recorder, image) = (&context.recorder, &wanted.image);
    recorder.normal(&wanted.pod, name, "Pulling", &format!("Pulling image \"{image}\""));
    let start = Instant::now();
    let credentials = credentials(context, &wanted).await;
    let pulled = match context.runtime.pull(image, credentials).await {
        Ok(()) => context.runtime.image(image).await,
        Err(error) => Err(error),
    };
    match pulled {
        Ok(Some(found)) => {
            let seconds = start.elapsed().as_millis();
            let message = format!("Successfully pulled image \"{image}\" in {seconds}ms");
            recorder.normal(&wanted.pod, name, "Pulled", &message);
            state.notes().pulled(&wanted.container, found.id);
        }
        Ok(None) => {
            let message = format!("the engine pulled \"{image}\" and does not have it");
            fail(context, state, &wanted, "ErrImagePull", &message);
        }
        Err(error) => {
            let message = format!("Failed to pull image \"{image}\": {error}");
            fail(context, state, &wanted, "ErrImagePull", &message);
        }
    }
}

fn fail(context: &Context, state: &PodState, wanted: &Wanted, reason: &str, message: &str) {
    let name = Some(wanted.container.as_str());
    context.recorder.warn(&wanted.pod, name, "Failed", message);
    context.recorder.warn(&wanted.pod, name, "Failed", &format!("Error: {reason}"));
    state.notes().pull_failed(&wanted.container, reason, message, jiff::Timestamp::now());
}

/// The first of the pod's pull secrets that speaks of the image's registry.
async fn credentials(context: &Context, wanted: &Wanted) -> Option<Credentials> {
    let namespace = wanted.pod.metadata.namespace.as_deref().unwrap_or_default();
    let secrets = wanted.pod.spec.as_ref()?.image_pull_secrets.as_ref()?;
    for reference in secrets {
        let key = Key::new("secrets", namespace, &reference.name);
        match context.objects.get::<Secret>(&key).await {
            Ok(Some(secret)) => {
                if let Some(found) = in_secret(&secret, &wanted.name.registry) {
                    return Some(found);
                }
            }
            Ok(None) => {
                let message = format!(
                    "Unable to retrieve some image pull secrets ({}); attempting to pull the image \
                     may not succeed.",
                    reference.name
                );
                let name = Some(wanted.container.as_str());
                context.recorder.warn(
                    &wanted.pod,
                    name,
                    "FailedToRetrieveImagePullSecret",
                    &message,
                );
            }
            Err(error) => tracing::debug!(%key, %error, "a pull secret could not be read"),
        }
    }
    None
}

#[derive(Deserialize)]
struct DockerConfig {
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerAuth {
    username: String,
    password: String,
    auth: String,
    identitytoken: String,
}

fn in_secret(secret: &Secret, registry: &str) -> Option<Credentials> {
    let data = secret.data.as_ref()?;
    let auths = match (data.get(".dockerconfigjson"), data.get(".dockercfg")) {
        (Some(config), _) => serde_json::from_slice::<DockerConfig>(&config.0).ok()?.auths,
        (None, Some(config)) => serde_json::from_slice(&config.0).ok()?,
        (None, None) => return None,
    };
    let (server, auth) =
        auths.into_iter().find(|(server, _)| host_of(server) == host_of(registry))?;
    let decoded = STANDARD.decode(&auth.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (user, password) = match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) if auth.username.is_empty() => {
            (user.to_owned(), password.to_owned())
        }
        _ => (auth.username, auth.password),
    };
    Some(Credentials { user, password, identity_token: auth.identitytoken, registry: server })
}

/// The registry in an address as secrets write it: `https://index.docker.io/v1/`.
fn host_of(server: &str) -> &str {
    let bare = server.split_once("://").map_or(server, |(_, rest)| rest);
    match bare.split('/').next().unwrap_or_default() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_credentials_by_registry() {
        let config = json!({"auths": {
            "https://index.docker.io/v1/": {"auth": STANDARD.encode("me:secret:x")},
            "ghcr.io": {"username": "you", "password": "p"}}});
        let secret: Secret = serde_json::from_value(json!({
            "data": {".dockerconfigjson": STANDARD.encode(config.to_string())}}))
        .unwrap();
        let found = |registry: &str| in_secret(&secret, registry).map(|c| (c.user, c.password));
        assert_eq!(found("docker.io"), Some(("me".into(), "secret:x".into())));
        assert_eq!(found("ghcr.io"), Some(("you".into(), "p".into())));
        assert_eq!(found("quay.io"), None);
        assert!(!format!("{:?}", in_secret(&secret, "ghcr.io")).contains("you"));
    }
}
