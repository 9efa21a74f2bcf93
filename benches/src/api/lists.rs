//! Whole lists: bytes a second on the wire, and for each second of the server's processor time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Method;

use super::{etcd::Etcd, load, platform::Platform};

const TIME: Duration = Duration::from_secs(4);
const READS_MAX: usize = 2000;

/// What reading lists came to.
#[derive(Default)]
struct Reads {
    count: usize,
    /// Of JSON (or of values), before compression.
    bytes: usize,
    elapsed: Duration,
    cpu_us: u64,
}

impl Reads {
    fn print(&self, what: &str, length: usize) {
        let megabytes = self.bytes as f64 / 1e6;
        println!(
            "{what:<26}{length:>9}{:>14.1}{:>14.0}{:>20.0}",
            self.elapsed.as_secs_f64() * 1000.0 / self.count as f64,
            megabytes / self.elapsed.as_secs_f64(),
            megabytes / (self.cpu_us as f64 / 1e6),
        );
    }
}

pub async fn run(platform: &Platform, etcd: &Etcd) -> Result<()> {
    println!(
        "\n{:<26}{:>9}{:>14}{:>14}{:>20}",
        "lists, one reader", "pods", "ms each", "MB/s", "MB per CPU second"
    );
    let (ours, theirs) = (platform.target(64).await?, etcd.target(64).await?);
    let (api, raw) = (platform.client(1).await?, etcd.client(1).await?);
    for length in [1000, 10_000] {
        let space = format!("list-{length}");
        ours.make_space(&space).await?;
        load::fill(&ours, &space, length).await?;
        load::fill(&theirs, &space, length).await?;
        let path = format!("/api/v1/namespaces/{space}/pods");
        let plain = read(
            || platform.server_cpu_us(),
            || async {
                let answer = api.ask(Method::GET, &path, Bytes::new()).await?;
                ensure!(answer.head.status() == 200, "the list failed: {}", answer.head.status());
                Ok(answer.body.len())
            },
        );
        let plain = plain.await?;
        plain.print("here", length);
        let each = plain.bytes / plain.count;
        let zipped = read(
            || platform.server_cpu_us(),
            || async {
                let answer = api.get_compressed(&path).await?;
                let coding = answer.head.headers().get("content-encoding");
                ensure!(
                    coding.is_some_and(|coding| coding == "gzip"),
                    "the list is not compressed"
                );
                Ok(each)
            },
        );
        zipped.await?.print("here, gzip", length);
        let prefix = format!("/registry/pods/{space}/");
        let range = read(|| etcd.cpu_us(), || async { Ok(raw.list(&prefix).await?.1) });
        range.await?.print("etcd range", length);
    }
    Ok(())
}

/// Reads until the time is up; `one` answers the bytes it got.
async fn read<F: Future<Output = Result<usize>>>(
    cpu_us: impl Fn() -> u64,
    one: impl Fn() -> F,
) -> Result<Reads> {
    one().await?;
    let (before, started) = (cpu_us(), Instant::now());
    let mut reads = Reads::default();
    while started.elapsed() < TIME && reads.count < READS_MAX {
        reads.bytes += one().await?;
        reads.count += 1;
    }
    reads.elapsed = started.elapsed();
    reads.cpu_us = cpu_us() - before;
    Ok(reads)
}
