//! The whole API (TLS, authentication, authorization, admission, validation, Postgres) beside raw
//! etcd on the same disk: the same bytes, the same number of clients, the same HTTP/2 client, in
//! turns. What a client does is in `load`; the two servers are `platform` and `etcd`.

mod etcd;
pub(crate) mod latency;
mod lists;
mod load;
pub(crate) mod platform;
mod pods;
mod watches;
mod wire;

use std::time::Duration;

use anyhow::Result;

use self::{etcd::Etcd, latency::Report, load::Target, platform::Platform};

/// A figure is taken from that many turns of each server.
const TURNS: usize = 2;
const TURN: Duration = Duration::from_secs(3);
const CLIENTS: [usize; 4] = [1, 16, 128, 512];

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let platform = Platform::start().await?;
        let etcd = Etcd::start().await?;
        writes_and_reads(&platform, &etcd).await?;
        lists::run(&platform, &etcd).await?;
        watches::run(&platform, &etcd).await?;
        etcd.stop();
        platform.stop().await
    })
}

async fn writes_and_reads(platform: &Platform, etcd: &Etcd) -> Result<()> {
    println!(
        "\n{:<26}{:>9}{:>12}{:>12}{:>8}{:>20}{:>20}{:>22}{:>8}{:>8}",
        "pods of 1 to 4 KB",
        "clients",
        "here /s",
        "etcd /s",
        "ratio",
        "p50 p99 here ms",
        "p50 p99 etcd ms",
        "CPU us here / etcd",
        "failed",
        "retried"
    );
    for operation in [load::Operation::Create, load::Operation::Update, load::Operation::Get] {
        for clients in CLIENTS {
            let ours = platform.target(clients).await?;
            let theirs = etcd.target(clients).await?;
            let (mut here, mut there) = (Report::default(), Report::default());
            for turn in 0..TURNS {
                let name = format!("{}-{clients}-{turn}", operation.name());
                here.add(one(&ours, operation, &name, clients, || platform.cpu_us()).await?);
                there.add(one(&theirs, operation, &name, clients, || etcd.cpu_us()).await?);
            }
            print(operation.name(), clients, &mut here, &mut there);
        }
    }
    Ok(())
}

/// One turn of one server.
async fn one(
    target: &Target,
    operation: load::Operation,
    name: &str,
    clients: usize,
    cpu_us: impl Fn() -> u64,
) -> Result<Report> {
    let work = load::prepare(target, operation, name, clients).await?;
    let before = cpu_us();
    let mut report = work.run(TURN).await;
    report.cpu_us = cpu_us() - before;
    Ok(report)
}

fn print(what: &str, clients: usize, here: &mut Report, there: &mut Report) {
    let times = |report: &mut Report| {
        format!("{:.1} {:.1}", report.quantile_ms(0.5), report.quantile_ms(0.99))
    };
    let cpu = format!("{:.0} / {:.0}", here.cpu_us_each(), there.cpu_us_each());
    println!(
        "{what:<26}{clients:>9}{:>12.0}{:>12.0}{:>8.2}{:>20}{:>20}{cpu:>22}{:>8}{:>8}",
        here.per_second(),
        there.per_second(),
        here.per_second() / there.per_second(),
        times(here),
        times(there),
        format!("{}/{}", here.failed, there.failed),
        format!("{}/{}", here.retried, there.retried),
    );
}
