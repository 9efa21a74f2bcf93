//! How long after a write was sent its event reaches the watchers, each on a connection of its own.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::task::JoinSet;

use super::{etcd::Etcd, latency::Report, load::Target, platform::Platform, pods::pod};

const EVENTS: usize = 30;
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);
const WATCHERS: [usize; 3] = [1, 100, 1000];
const MARK: &str = "sent-us-";

/// The clock that writer and watchers share.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn mark(self) -> String {
        format!("{MARK}{}", self.0.elapsed().as_micros())
    }

    /// How long ago a value was sent, by the mark in it.
    fn age(self, value: &[u8]) -> Option<Duration> {
        let at = value.windows(MARK.len()).position(|part| part == MARK.as_bytes())? + MARK.len();
        let digits: String = value[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .map(|b| *b as char)
            .collect();
        let sent = Duration::from_micros(digits.parse().ok()?);
        self.0.elapsed().checked_sub(sent)
    }
}

type Times = Arc<Mutex<Report>>;

pub async fn run(platform: &Platform, etcd: &Etcd) -> Result<()> {
    println!(
        "\n{:<26}{:>9}{:>12}{:>20}{:>20}{:>20}",
        "watch, after the write",
        "watchers",
        "events",
        "p50 p99 here ms",
        "p50 p99 etcd ms",
        "max here / etcd ms"
    );
    for watchers in WATCHERS {
        let mut here = ours(platform, watchers).await?;
        let mut there = theirs(etcd, watchers).await?;
        let times = |report: &mut Report| {
            format!("{:.1} {:.1}", report.quantile_ms(0.5), report.quantile_ms(0.99))
        };
        println!(
            "{:<26}{watchers:>9}{:>12}{:>20}{:>20}{:>20}",
            "",
            here.count(),
            times(&mut here),
            times(&mut there),
            format!("{:.1} / {:.1}", here.quantile_ms(1.0), there.quantile_ms(1.0)),
        );
    }
    Ok(())
}

async fn ours(platform: &Platform, watchers: usize) -> Result<Report> {
    let (times, clock) = (Times::default(), Clock(Instant::now()));
    let space = format!("watch-{watchers}");
    let target = platform.target(1).await?;
    target.make_space(&space).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..watchers {
        let client = platform.client(1).await?;
        let path = format!("/api/v1/namespaces/{space}/pods?watch=true");
        let mut body = client.open(&path).await?;
        let times = times.clone();
        tasks.spawn(async move {
            let (mut seen, mut read) = (0, BytesMut::new());
            while seen < EVENTS {
                let Some(Ok(frame)) = body.frame().await else { break };
                let Ok(data) = frame.into_data() else { continue };
                read.extend_from_slice(&data);
                while let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                    seen += note(&times, clock, &read.split_to(end + 1));
                }
            }
            drop(client);
        });
    }
    write(&target, &space, clock, tasks, times).await
}

async fn theirs(etcd: &Etcd, watchers: usize) -> Result<Report> {
    let (times, clock) = (Times::default(), Clock(Instant::now()));
    let space = format!("watch-{watchers}");
    let mut tasks = JoinSet::new();
    for _ in 0..watchers {
        let client = etcd.client(1).await?;
        let mut values = client.watch(&format!("/registry/pods/{space}/")).await?;
        let times = times.clone();
        tasks.spawn(async move {
            let mut seen = 0;
            while seen < EVENTS {
                let Ok(events) = values.next().await else { break };
                seen += events.iter().map(|value| note(&times, clock, value)).sum::<usize>();
            }
            drop(client);
        });
    }
    write(&etcd.target(1).await?, &space, clock, tasks, times).await
}

fn note(times: &Times, clock: Clock, value: &[u8]) -> usize {
    let Some(age) = clock.age(value) else { return 0 };
    times.lock().unwrap_or_else(PoisonError::into_inner).note(age);
    1
}

async fn write(
    target: &Target,
    space: &str,
    clock: Clock,
    mut tasks: JoinSet<()>,
    times: Times,
) -> Result<Report> {
    for number in 0..EVENTS {
        tokio::time::sleep(PAUSE).await;
        let name = format!("pod-{number}");
        let mut object = pod(space, &name);
        object["metadata"]["annotations"]["example.com/sent"] = clock.mark().into();
        target.create(space, &name, Bytes::from(object.to_string())).await?;
    }
    tokio::time::timeout(PATIENCE, async { while tasks.join_next().await.is_some() {} }).await?;
    Ok(std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner)))
}
