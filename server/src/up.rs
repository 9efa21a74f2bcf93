//! `longshore up` and `longshore server`: start, say so, run until told to stop.

use std::time::Duration;

use client::{Client, Selection, WriteOptions};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kinds::host::Host;
use object::{ApiError, Key};
use serde_json::json;
use store::embedded::EmbeddedPostgres;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    config::{Listen, Rules, Server, Up},
    control_plane::ControlPlane,
    folder::DataFolder,
    keys,
    say::say,
};

/// How long a start waits for the first host before it says what is wrong.
const HOST_PATIENCE: Duration = Duration::from_secs(60);

/// The embedded default: a private Postgres and the local engine.
///
/// # Errors
/// When something can not be used; the message says what to do.
pub async fn up(options: Up) -> anyhow::Result<()> {
    let folder = DataFolder::open(&options.folder.data)?;
    let key = keys::read_or_create(&folder.path().join("key"))?;
    let postgres = EmbeddedPostgres::start(folder.path()).await?;
    let first = FirstHost { docker: options.docker, socket: None };
    let ended =
        serve(&folder, &options.listen, &options.rules, postgres.url(), key, Some(first)).await;
    postgres.stop().await;
    ended
}

/// The control plane against a Postgres that is there.
///
/// # Errors
/// When something can not be used; the message says what to do.
pub async fn server(options: Server) -> anyhow::Result<()> {
    let folder = DataFolder::open(&options.folder.data)?;
    let key_file = options.key_file.unwrap_or_else(|| folder.path().join("key"));
    let key = keys::read_or_create(&key_file)?;
    let first = options.docker.map(|docker| FirstHost { docker, socket: options.docker_socket });
    serve(&folder, &options.listen, &options.rules, &options.database_url, key, first).await
}

/// The engine that becomes a host by itself.
struct FirstHost {
    docker: String,
    socket: Option<String>,
}

async fn serve(
    folder: &DataFolder,
    listen: &Listen,
    rules: &Rules,
    database_url: &str,
    key: [u8; 32],
    first: Option<FirstHost>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(stopped);
    let start = ControlPlane::start(folder, listen, rules, database_url, key);
    let control_plane = tokio::select! {
        started = start => started?,
        () = &mut stopped => return Ok(()),
    };
    let announce = async {
        let joined = match first {
            Some(first) => join(&*control_plane.client(), first).await,
            None => Ok(()),
        };
        announce(folder, listen, joined);
    };
    tokio::select! {
        () = async { announce.await; std::future::pending().await } => {}
        () = &mut stopped => {}
    }
    say("Stopping. The apps go on.");
    control_plane.stop().await;
    Ok(())
}

/// Registers the first host under this machine's name, once, and waits until it is ready.
async fn join(client: &dyn Client, first: FirstHost) -> anyhow::Result<()> {
    let name = machine_name();
    let key = Key::new("hosts.longshore.dev", "", &name);
    let mut spec = json!({"docker": first.docker});
    if let Some(socket) = first.socket {
        spec["socket"] = socket.into();
    }
    let found = client.list(&key.kind, &Selection::default()).await?;
    let same = found.items.iter().filter_map(|object| object.decode::<Host>().ok());
    let known = same.filter(|host| host.spec.docker == first.docker);
    let name = match known.filter_map(|host| host.metadata.name).next() {
        Some(known) => known,
        None => {
            let body = json!({
                "apiVersion": "longshore.dev/v1", "kind": "Host",
                "metadata": {"name": name}, "spec": spec,
            });
            client.create(&key, "", body.to_string().into(), &WriteOptions::default()).await?;
            name
        }
    };
    wait_joined(client, &name).await
}

/// Waits until a registered host is ready.
///
/// # Errors
/// When it failed, or is not ready in time; with the reason.
pub(crate) async fn wait_joined(client: &dyn Client, name: &str) -> anyhow::Result<()> {
    if let Ok(ready) = timeout(HOST_PATIENCE, wait_ready(client, name)).await {
        return Ok(ready?);
    }
    let host: Host = client.get(&Key::new("hosts.longshore.dev", "", name)).await?.decode()?;
    let message = host.status.and_then(|status| status.message).unwrap_or_default();
    anyhow::bail!("host {name} is not ready yet: {message}")
}

/// Waits for the host's node; a registration that fails ends the waiting.
async fn wait_ready(client: &dyn Client, name: &str) -> Result<(), ApiError> {
    let named = Selection { fields: Some(format!("metadata.name={name}")), ..Selection::default() };
    let nodes = client.watch(&"nodes".into(), &named, 0).await?;
    let hosts = client.watch(&"hosts.longshore.dev".into(), &named, 0).await?;
    let mut changes = futures::stream::select(nodes, hosts);
    while let Some(change) = changes.next().await {
        change?;
        if node_is_ready(client, name).await? {
            return Ok(());
        }
        let host = client.get(&Key::new("hosts.longshore.dev", "", name)).await?;
        let status = host.decode::<Host>()?.status.unwrap_or_default();
        if status.phase.as_deref() == Some("Failed") {
            return Err(ApiError::unavailable(status.message.unwrap_or_default()));
        }
    }
    Err(ApiError::unavailable("the API stopped"))
}

async fn node_is_ready(client: &dyn Client, name: &str) -> Result<bool, ApiError> {
    let node: Node = match client.get(&Key::new("nodes", "", name)).await {
        Ok(object) => object.decode()?,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error),
    };
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    Ok(conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"))
}

/// This machine's name, as a node may be called.
fn machine_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let name = name.unwrap_or_default().to_lowercase();
    if object::name::subdomain(&name).is_ok() { name } else { "local".to_owned() }
}

/// The block that a person waits for.
fn announce(folder: &DataFolder, listen: &Listen, joined: anyhow::Result<()>) {
    let config = folder.kubeconfig();
    let config = config.display();
    say(format!(
        "\nLongshore is ready.\n\n  dashboard   http://{}\n  user        admin, password in {}\n  kubeconfig  {config}\n\n  KUBECONFIG={config} kubectl get nodes\n",
        listen.dashboard,
        folder.admin_password().display(),
    ));
    if let Err(error) = joined {
        say(format!("The first host has not joined: {error:#}\n"));
    }
}
