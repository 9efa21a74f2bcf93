//! `longshore node`: the agent of one host with its tunnels and its data plane; and
//! `longshore clear`.

mod renewal;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use client::{Client, http::HttpClient, tunnel};
use node::{Agent, AgentConfig, Streams};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::{api_gate::ApiGate, data_plane::DataPlane};

/// How long an agent waits before it dials a server again.
const REDIAL: Duration = Duration::from_secs(2);

/// Runs the agent until it is told to stop. Its pods go on.
///
/// # Errors
/// When the configuration, the engine or the host's network can not be used.
pub async fn run(path: &Path) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut config = AgentConfig::read(path)
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    let http = HttpClient::new(&config.servers, &config.ca, Some(&config.token))?;
    let client: Arc<dyn Client> = Arc::new(http.clone());
    config.dns.get_or_insert(crate::data_plane::DNS_SERVICE);
    let agent = Agent::start(config.clone(), client).await?;
    let mut tasks = JoinSet::new();
    for server in http.servers().map(ToString::to_string) {
        tasks.spawn(keep_tunnel(http.clone(), server, config.node.clone(), agent.streams()));
    }
    let (sender, worlds) = watch::channel(None);
    let gate = ApiGate::bind(&config).await?;
    let plane = DataPlane::open(&config, gate.address()?, worlds).await?;
    tasks.spawn(gate.serve());
    tasks.spawn(renewal::keep(http, config, path.to_owned()));
    tasks.spawn(plane.run());
    tokio::select! {
        () = agent.run(sender) => bail!("a task of the agent ended"),
        ended = tasks.join_next() => bail!("a task of the agent ended: {ended:?}"),
        _ = terminate.recv() => Ok(()),
    }
}

/// Keeps one connection to a server copy, over which it opens streams to containers.
async fn keep_tunnel(http: HttpClient, server: String, node: String, streams: Streams) {
    loop {
        let Some(url) = http.servers().find(|url| url.as_str() == server) else { return };
        let ended = match http.dial_tunnel(url, &node).await {
            Ok(io) => {
                tracing::info!(server, "connected");
                let answering = streams.clone();
                let answer = move |header, connection| answering.clone().answer(header, connection);
                tunnel::serve(io, answer).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.message),
        };
        if let Err(error) = ended {
            tracing::warn!(server, error, "the connection to the server ended");
        }
        sleep(REDIAL).await;
    }
}

/// Removes the data plane's rules and what the agent left on its host.
///
/// # Errors
/// When something could not be removed.
pub async fn clear() -> anyhow::Result<()> {
    edge::clear(node::network::sysctls())?;
    Ok(node::clear().await?)
}
