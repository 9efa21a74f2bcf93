//! Keeps a connection to every copy of the server, over which streams arrive.

use std::time::Duration;

use client::{http::HttpClient, tunnel};
use tokio::task::JoinSet;

use crate::Streams;

const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Dials every copy for as long as its task lives, again and again.
pub async fn keep_tunnels(streams: Streams, node: String, client: HttpClient) {
    let mut copies = JoinSet::new();
    let servers: Vec<_> = client.servers().cloned().collect();
    for server in servers {
        let (streams, node, client) = (streams.clone(), node.clone(), client.clone());
        copies.spawn(async move {
            let mut pause = RETRY_MIN;
            loop {
                match client.dial_tunnel(&server, &node).await {
                    Ok(io) => {
                        pause = RETRY_MIN;
                        let streams = streams.clone();
                        let answer =
                            move |header, connection| streams.clone().answer(header, connection);
                        if let Err(error) = tunnel::serve(io, answer).await {
                            tracing::debug!(%server, %error, "the connection to the server ended");
                        }
                    }
                    Err(error) => tracing::debug!(%server, %error, "cannot reach the server"),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        });
    }
    while copies.join_next().await.is_some() {}
}
