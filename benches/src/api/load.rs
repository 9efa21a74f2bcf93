//! What the clients do: create, update with a precondition, get. One write in ten is on a hot key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::Method;
use rand::Rng;
use serde_json::Value;

use super::{etcd, latency::Report, platform, pods::pod};

/// Keys that updates and gets choose from, beside the hot one.
const KEYS: usize = 1024;
/// The most that one turn writes.
const OPERATIONS_MAX: usize = 100_000;

/// Clients share connections as programs with one client library do.
pub fn connections(clients: usize) -> usize {
    clients.div_ceil(32)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Get,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Get => "get",
        }
    }
}

#[derive(Clone)]
pub enum Target {
    Platform(Arc<platform::Client>),
    Etcd(Arc<etcd::Client>),
}

impl Target {
    pub async fn make_space(&self, space: &str) -> Result<()> {
        match self {
            Self::Platform(client) => client.make_namespace(space).await,
            Self::Etcd(_) => Ok(()),
        }
    }

    /// Creates; says the revision.
    pub async fn create(&self, space: &str, name: &str, body: Bytes) -> Result<i64> {
        match self {
            Self::Platform(client) => {
                let path = format!("/api/v1/namespaces/{space}/pods");
                let answer = client.ask(Method::POST, &path, body).await?;
                if answer.head.status() != 201 {
                    bail!("{}", String::from_utf8_lossy(&answer.body));
                }
                revision(&answer.body)
            }
            Self::Etcd(client) => {
                client.put(&key(space, name), None, body).await?.context("the key is taken")
            }
        }
    }

    pub async fn get(&self, space: &str, name: &str) -> Result<(Bytes, i64)> {
        match self {
            Self::Platform(client) => {
                let path = format!("/api/v1/namespaces/{space}/pods/{name}");
                let answer = client.ask(Method::GET, &path, Bytes::new()).await?;
                let at = revision(&answer.body)?;
                Ok((answer.body, at))
            }
            Self::Etcd(client) => {
                client.get(key(space, name).as_bytes()).await?.context("the key is gone")
            }
        }
    }

    /// Writes over a revision; the new one, or `None` when somebody else was faster.
    async fn update(&self, space: &str, name: &str, body: Bytes, at: i64) -> Result<Option<i64>> {
        match self {
            Self::Platform(client) => {
                let path = format!("/api/v1/namespaces/{space}/pods/{name}");
                let answer = client.ask(Method::PUT, &path, body).await?;
                match answer.head.status().as_u16() {
                    200 => revision(&answer.body).map(Some),
                    409 => Ok(None),
                    _ => bail!("{}", String::from_utf8_lossy(&answer.body)),
                }
            }
            Self::Etcd(client) => client.put(&key(space, name), Some(at), body).await,
        }
    }
}

/// The revision in an object: its first `resourceVersion`, found without reading the rest.
fn revision(body: &[u8]) -> Result<i64> {
    let text = std::str::from_utf8(body)?;
    let (_, rest) = text.split_once("\"resourceVersion\":\"").context("no revision")?;
    let (digits, _) = rest.split_once('"').context("no end of the revision")?;
    Ok(digits.parse()?)
}

fn key(space: &str, name: &str) -> String {
    format!("/registry/pods/{space}/{name}")
}

/// A load that is ready to run.
pub struct Work {
    target: Target,
    operation: Operation,
    space: String,
    clients: usize,
}

/// Makes the space, and the keys that updates and gets need.
pub async fn prepare(
    target: &Target,
    operation: Operation,
    space: &str,
    clients: usize,
) -> Result<Work> {
    target.make_space(space).await?;
    if operation != Operation::Create {
        fill(target, space, KEYS).await?;
        target.create(space, "hot", pod(space, "hot").to_string().into()).await?;
    }
    let (target, space) = (target.clone(), space.to_owned());
    Ok(Work { target, operation, space, clients })
}

/// Creates `pod-0` to `pod-(count-1)`.
pub async fn fill(target: &Target, space: &str, count: usize) -> Result<()> {
    let creations = (0..count).map(|number| async move {
        let name = format!("pod-{number}");
        target.create(space, &name, pod(space, &name).to_string().into()).await
    });
    stream::iter(creations).buffer_unordered(64).try_for_each(|_| async { Ok(()) }).await
}

impl Work {
    /// Runs until the time is up.
    pub async fn run(self, time: Duration) -> Report {
        let work = Arc::new(self);
        let begun = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let clients: Vec<_> = (0..work.clients)
            .map(|client| tokio::spawn(work.clone().client(client, begun.clone(), started + time)))
            .collect();
        let mut report = Report::default();
        for client in clients {
            report.add(client.await.expect("a client does not panic"));
        }
        report.elapsed = started.elapsed();
        report
    }

    async fn client(
        self: Arc<Self>,
        client: usize,
        begun: Arc<AtomicUsize>,
        end: Instant,
    ) -> Report {
        let mut report = Report::default();
        let mut number = 0;
        while Instant::now() < end && begun.fetch_add(1, Ordering::Relaxed) < OPERATIONS_MAX {
            number += 1;
            let done = match self.operation {
                Operation::Create => self.create(client, number, &mut report).await,
                Operation::Update => self.update(client, number, &mut report).await,
                Operation::Get => self.get(&mut report).await,
            };
            if let Err(error) = done {
                if report.failed == 0 {
                    println!("  {} failed: {error:#}", self.operation.name());
                }
                report.failed += 1;
            }
        }
        report
    }

    async fn create(&self, client: usize, number: usize, report: &mut Report) -> Result<()> {
        let name = format!("pod-{client}-{number}");
        let body = Bytes::from(pod(&self.space, &name).to_string());
        let began = Instant::now();
        self.target.create(&self.space, &name, body).await?;
        report.note(began.elapsed());
        Ok(())
    }

    async fn get(&self, report: &mut Report) -> Result<()> {
        let name = format!("pod-{}", rand::rng().random_range(0..KEYS));
        let began = Instant::now();
        self.target.get(&self.space, &name).await?;
        report.note(began.elapsed());
        Ok(())
    }

    /// Reads, changes, writes over what was read; timed is the write that succeeds.
    async fn update(&self, client: usize, number: usize, report: &mut Report) -> Result<()> {
        let is_hot = number.is_multiple_of(10);
        let own = (number * self.clients + client) % KEYS;
        let name = if is_hot { "hot".to_owned() } else { format!("pod-{own}") };
        loop {
            let (body, at) = self.target.get(&self.space, &name).await?;
            let mut object: Value = serde_json::from_slice(&body)?;
            let changed = format!("{client}-{number}");
            object["metadata"]["annotations"]["example.com/changed"] = changed.into();
            let body = Bytes::from(object.to_string());
            let began = Instant::now();
            if self.target.update(&self.space, &name, body, at).await?.is_some() {
                report.note(began.elapsed());
                return Ok(());
            }
            report.retried += 1;
        }
    }
}
