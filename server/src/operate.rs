//! What an operator types: hosts, tokens, the kubeconfig, and the end of it all.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, bail};
use client::{Client, DeleteOptions, Selection, WriteOptions, http::HttpClient};
use kinds::{
    host::Host as HostObject,
    what_if::{AppOutlook, WhatIf as WhatIfObject},
};
use node::install;
use object::{ApiError, Key};
use serde_json::{Value, json};
use store::embedded::EmbeddedPostgres;

use crate::{
    config::{Down, Folder, Host, Token, WhatIf},
    control_plane::open_store,
    folder::DataFolder,
    keys,
    kubeconfig::Kubeconfig,
    say::say,
};

/// A client with the administrator's rights, through the API.
fn connect(folder: &Folder) -> anyhow::Result<Arc<dyn Client>> {
    let config = Kubeconfig::read(&folder.data.join("kubeconfig"))?;
    Ok(Arc::new(HttpClient::new(&[config.server], &config.ca_pem, Some(&config.token))?))
}

fn host_key(name: &str) -> Key {
    Key::new("hosts.longshore.dev", "", name)
}

/// `longshore host …`
///
/// # Errors
/// What the API refuses.
pub async fn host(command: Host) -> anyhow::Result<()> {
    match command {
        Host::Add { name, docker, socket, folder } => {
            let client = connect(&folder)?;
            let body = json!({
                "apiVersion": "longshore.dev/v1", "kind": "Host",
                "metadata": {"name": name}, "spec": {"docker": docker, "socket": socket},
            });
            let body = body.to_string().into();
            client.create(&host_key(&name), "", body, &WriteOptions::default()).await?;
            crate::up::wait_joined(&*client, &name).await?;
            say(format!("Host {name} is ready."));
        }
        Host::List { folder } => {
            let client = connect(&folder)?;
            let list = client.list(&host_key("").kind, &Selection::default()).await?;
            say(format!("{:<24}{:<12}{:<40}MESSAGE", "NAME", "STATUS", "DOCKER"));
            for object in &list.items {
                let host: HostObject = object.decode()?;
                let status = host.status.unwrap_or_default();
                let phase = status.phase.unwrap_or_else(|| "Pending".to_owned());
                let message = status.message.unwrap_or_default();
                let name = host.metadata.name.unwrap_or_default();
                say(format!("{name:<24}{phase:<12}{:<40}{message}", host.spec.docker));
            }
        }
        Host::Remove { name, folder } => {
            let client = connect(&folder)?;
            client.delete(&host_key(&name), &DeleteOptions::default()).await?;
            say(format!("Host {name} is leaving; its pods move to other hosts."));
        }
    }
    Ok(())
}

/// `longshore what-if --lose HOST`
///
/// # Errors
/// What the API refuses.
pub async fn what_if(options: WhatIf) -> anyhow::Result<()> {
    let client = connect(&options.folder)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for host in &options.lose {
        query.append_pair("lose", host);
    }
    let path = format!("/apis/longshore.dev/v1/whatif?{}", query.finish());
    let list = client.read(&path).await?;
    let foreseen: WhatIfObject = serde_json::from_value(list["items"][0].clone())?;
    let status = foreseen.status.unwrap_or_default();
    say(format!("Without {}:", options.lose.join(", ")));
    if status.apps.is_empty() {
        say("  nothing changes: no pod runs there.");
    }
    for app in &status.apps {
        let AppOutlook { kind, namespace, name, outcome, pods, remaining, interrupted, lost } = app;
        let meanwhile = if *interrupted { ", down until its pods have started" } else { "" };
        say(format!(
            "  {outcome:<11}{kind} {namespace}/{name}: {remaining} of {pods} pods stay{meanwhile}"
        ));
        for pod in lost {
            let to = pod.to.as_ref().map(|node| format!(" to {node}")).unwrap_or_default();
            let why = if pod.preempted { " (gives way)" } else { "" };
            say(format!("             {} {}{to}{why} {}", pod.name, pod.outcome, pod.message));
        }
    }
    Ok(())
}

/// `longshore token create`: a ServiceAccount with one role in one namespace, and its token.
///
/// # Errors
/// What the API refuses.
pub async fn token(command: Token) -> anyhow::Result<()> {
    let Token::Create { name, namespace, role, days, folder } = command;
    let client = connect(&folder)?;
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
    });
    let binding_name = format!("{name}-{role}");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": binding_name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    });
    let role_key = Key::new("clusterroles.rbac.authorization.k8s.io", "", &role);
    client.get(&role_key).await.with_context(|| format!("there is no role {role}; try edit"))?;
    let account_key = Key::new("serviceaccounts", &namespace, &name);
    create_if_absent(&*client, &account_key, &account).await?;
    let binding_key = Key::new("rolebindings.rbac.authorization.k8s.io", &namespace, &binding_name);
    create_if_absent(&*client, &binding_key, &binding).await?;
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {},
        "spec": {"audiences": [], "expirationSeconds": i64::from(days) * 24 * 3600},
    });
    let body = request.to_string().into();
    let made = client.create(&account_key, "token", body, &WriteOptions::default()).await?;
    let made: Value = serde_json::from_slice(&made.body)?;
    say(made["status"]["token"].as_str().context("the API gave no token")?);
    Ok(())
}

async fn create_if_absent(client: &dyn Client, key: &Key, body: &Value) -> Result<(), ApiError> {
    let body = body.to_string().into();
    match client.create(key, "", body, &WriteOptions::default()).await {
        Err(error) if !error.is_already_exists() => Err(error),
        _ => Ok(()),
    }
}

/// `longshore kubeconfig`
///
/// # Errors
/// When there is none yet.
pub fn kubeconfig(folder: &Folder) -> anyhow::Result<()> {
    let path = folder.data.join("kubeconfig");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("no kubeconfig at {}; start the server first", path.display()))?;
    say(text.trim_end());
    Ok(())
}

/// `longshore down`: removes what is ours from every registered host; with `purge` the data, too.
///
/// # Errors
/// When the server still runs, or a host can not be reached.
pub async fn down(options: Down) -> anyhow::Result<()> {
    let data = &options.folder.data;
    if !data.join("key").exists() {
        bail!("{} is no data folder of longshore; give the right one with --data", data.display());
    }
    let folder = DataFolder::open(data)?;
    let hosts = registered(&folder).await?;
    let mut failed = Vec::new();
    for (name, docker) in hosts {
        match install::remove(&docker, &name, true).await {
            Ok(()) => say(format!("Removed everything from {name}.")),
            Err(error) => failed.push(format!("{name} ({docker}): {error}")),
        }
    }
    if !failed.is_empty() {
        bail!("some hosts still hold containers of ours: {}", failed.join("; "));
    }
    if options.purge {
        let path = folder.path().to_owned();
        drop(folder);
        remove_folder(&path)?;
        say(format!("Removed {}.", path.display()));
    }
    Ok(())
}

fn remove_folder(path: &Path) -> anyhow::Result<()> {
    fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// The hosts as the database has them, while no server runs.
async fn registered(folder: &DataFolder) -> anyhow::Result<Vec<(String, String)>> {
    let key = keys::read_or_create(&folder.path().join("key"))?;
    let postgres = EmbeddedPostgres::start(folder.path()).await?;
    let store = open_store(postgres.url(), key).await;
    let hosts = store.map(|store| hosts_of(&store));
    postgres.stop().await;
    hosts
}

fn hosts_of(store: &dyn store::Store) -> Vec<(String, String)> {
    let range = store::Range { kind: Some("hosts.longshore.dev".into()), ..Default::default() };
    let items = store.snapshot(&range).items;
    let hosts = items.iter().filter_map(|stored| {
        let host: Value = serde_json::from_slice(&stored.body).ok()?;
        let docker = host["spec"]["docker"].as_str()?.to_owned();
        Some((stored.key.name.to_string(), docker))
    });
    hosts.collect()
}
