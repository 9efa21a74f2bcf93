//! Looks after APIServices: asks those that are served elsewhere whether they answer, and keeps one
//! for each version that is served here.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use client::{DeleteOptions, PatchType, WriteOptions};
use futures::{StreamExt, TryStreamExt, stream};
use http::Request;
use jiff::Timestamp;
use object::{ApiError, Key};
use planning::{
    access::{self, User},
    aggregation::{API_SERVICES, Outcome, Remote, availability, local_changes},
};
use serde_json::{Value, json};
use store::Range;
use tokio::time::{sleep, timeout};

use super::{discovered::Found, name_user};
use crate::{
    Api,
    streams::{BodyStream, Exchanged},
};

/// Those that do not answer are asked that often, the others every fifth time.
const PERIOD: Duration = Duration::from_secs(2);
const ROUNDS_PER_CHECK: u32 = 5;
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

fn ourselves() -> User {
    User::new("system:apiserver", &[access::MASTERS])
}

/// Runs for as long as the API lives.
pub(crate) async fn look_after(api: Weak<Api>) {
    for round in 0_u32.. {
        sleep(PERIOD).await;
        let Some(api) = api.upgrade() else { return };
        api.keep_local().await;
        api.check_remotes(round.is_multiple_of(ROUNDS_PER_CHECK)).await;
    }
}

impl Api {
    /// Every version that is served here has its APIService.
    async fn keep_local(self: &Arc<Self>) {
        // The server is shutting down.
        let Ok(registry) = self.registry().await else { return };
        let served: BTreeSet<(String, String)> =
            registry.served().map(|def| (def.group.to_string(), def.version.to_string())).collect();
        let kind = Some(API_SERVICES.into());
        let snapshot = self.store.snapshot(&Range { kind, ..Range::default() });
        let stored = snapshot.items.iter().map(|item| (&*item.key.name, &*item.body));
        let (created, stale) = local_changes(&served, stored);
        let client = self.client_as(ourselves());
        let tell = |name: &str, result: Result<(), ApiError>| match result {
            // Another copy was faster.
            Err(error) if !error.is_already_exists() && !error.is_not_found() => {
                tracing::warn!(name, %error, "an APIService could not be kept");
            }
            _ => {}
        };
        for object in created {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let key = Key::new(API_SERVICES, "", &name);
            let body = object.to_string().into();
            let made = client.create(&key, "", body, &WriteOptions::default()).await;
            tell(&name, made.map(drop));
        }
        for name in stale {
            let key = Key::new(API_SERVICES, "", &name);
            tell(&name, client.delete(&key, &DeleteOptions::default()).await);
        }
    }

    async fn check_remotes(self: &Arc<Self>, all: bool) {
        let remotes = self.remotes();
        self.discovered.keep(&remotes);
        for remote in remotes.all().into_iter().filter(|remote| all || !remote.is_available) {
            let outcome = match timeout(ANSWER_PATIENCE, self.discover_remote(remote)).await {
                Ok(Ok(found)) => {
                    self.discovered.set(remote, found);
                    Outcome::Answers
                }
                Ok(Err(outcome)) => outcome,
                Err(_) => failing(remote, "it did not answer in time"),
            };
            if let Err(error) = self.note_availability(remote, &outcome).await {
                tracing::warn!(name = remote.name(), %error, "its availability can not be noted");
            }
        }
    }

    async fn note_availability(
        self: &Arc<Self>,
        remote: &Remote,
        outcome: &Outcome,
    ) -> Result<(), ApiError> {
        let key = Key::new(API_SERVICES, "", &remote.name());
        let Some(stored) = self.store.get(&key) else { return Ok(()) };
        let Some(condition) = availability(&stored.body, outcome, Timestamp::now()) else {
            return Ok(());
        };
        tracing::info!(name = remote.name(), ?outcome, "an aggregated API");
        let patch = json!({"status": {"conditions": [condition]}}).to_string();
        let client = self.client_as(ourselves());
        let options = WriteOptions::default();
        client.patch(&key, "status", PatchType::Merge, patch.into(), &options).await.map(drop)
    }

    /// Asks a service what it serves.
    async fn discover_remote(&self, remote: &Remote) -> Result<Found, Outcome> {
        let path = format!("/apis/{}/{}", remote.group, remote.version);
        let list = self.get_remote(remote, &path).await?;
        let resources = list["resources"].as_array().cloned().unwrap_or_default();
        // Not every service has schemas; it can be used without.
        let index = self.get_remote(remote, "/openapi/v3").await.unwrap_or_default();
        let url = index["paths"][path.trim_start_matches('/')]["serverRelativeURL"].as_str();
        let hash = url.and_then(|url| url.split("hash=").nth(1)).map(str::to_owned);
        Ok(Found { resources, schema_hash: hash })
    }

    async fn get_remote(&self, remote: &Remote, path: &str) -> Result<Value, Outcome> {
        let body: BodyStream = stream::empty().boxed();
        let host = format!("{}.{}.svc", remote.service, remote.namespace);
        let request =
            Request::get(path).header("host", host).header("accept", "application/json").body(body);
        let mut request = request.map_err(|error| failing(remote, &error.to_string()))?;
        name_user(request.headers_mut(), &ourselves());
        let response = match self.ask_remote(remote, request).await {
            Ok(Exchanged::Answered(response)) => response,
            Ok(Exchanged::Upgraded(..)) => return Err(failing(remote, "it wants to upgrade")),
            Err(error) => return Err(outcome_of(remote, &error)),
        };
        if !response.status().is_success() {
            return Err(failing(remote, &format!("bad status {}", response.status())));
        }
        let gather = |mut all: Vec<u8>, chunk: bytes::Bytes| async move {
            if all.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ApiError::unavailable("the answer is too long"));
            }
            all.extend_from_slice(&chunk);
            Ok(all)
        };
        let body = response.into_body().try_fold(Vec::new(), gather).await;
        let body = body.map_err(|error| failing(remote, &error.message))?;
        serde_json::from_slice(&body).map_err(|_| failing(remote, "the answer is no JSON"))
    }
}

fn outcome_of(remote: &Remote, error: &ApiError) -> Outcome {
    let Remote { namespace, service, .. } = remote;
    if error.is_not_found() {
        return Outcome::NoService(format!("service/{service} in \"{namespace}\" is not present"));
    }
    if error.message.starts_with("no endpoints available") {
        return Outcome::NoEndpoints(format!(
            "endpoints for service/{service} in \"{namespace}\" have no addresses"
        ));
    }
    failing(remote, &error.message)
}

fn failing(remote: &Remote, why: &str) -> Outcome {
    let Remote { group, version, namespace, service, port, .. } = remote;
    Outcome::Fails(format!(
        "failing or missing response from https://{service}.{namespace}.svc:{port}/apis/{group}/{version}: {why}"
    ))
}
