//! What the node and its containers use: looked at now and then, told to whoever asks. Nothing of
//! it is stored.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{context::Context, runtime::ContainerUsage};

/// How often is looked. Rates are those of the time between two looks.
const EVERY: Duration = Duration::from_secs(10);

/// The newest two looks.
#[derive(Default)]
pub(crate) struct Usage(Mutex<Looks>);

#[derive(Default)]
struct Looks {
    before: Option<Look>,
    last: Option<Look>,
}

struct Look {
    at: Instant,
    time: Timestamp,
    containers: BTreeMap<(String, String), ContainerUsage>,
    node_cpu_ns: u64,
    node_memory_bytes: u64,
}

/// Looks for ever.
pub(crate) async fn watch(context: Arc<Context>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match context.runtime.usage(&context.config.node).await {
            Ok(containers) => context.usage.note(containers),
            Err(error) => tracing::debug!(%error, "cannot see what containers use"),
        }
    }
}

impl Usage {
    fn note(&self, containers: Vec<ContainerUsage>) {
        let key = |one: &ContainerUsage| (one.pod_uid.clone(), one.name.clone());
        let look = Look {
            at: Instant::now(),
            time: Timestamp::now(),
            containers: containers.into_iter().map(|one| (key(&one), one)).collect(),
            node_cpu_ns: node_cpu_ns().unwrap_or(0),
            node_memory_bytes: node_memory_bytes().unwrap_or(0),
        };
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.before = looks.last.replace(look);
    }

    /// What `/stats/summary` answers, in the form of a kubelet's; `None` before there are two
    /// looks.
    pub(crate) fn summary(&self, context: &Context) -> Option<Value> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, last) = (looks.before.as_ref()?, looks.last.as_ref()?);
        let passed = last.at.duration_since(before.at);
        let mut pods: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for ((uid, name), now) in &last.containers {
            let Some(then) = before.containers.get(&(uid.clone(), name.clone())) else { continue };
            pods.entry(uid).or_default().push(json!({"name": name,
                "cpu": {"time": last.time.to_string(),
                    "usageNanoCores": rate(then.cpu_ns, now.cpu_ns, passed)},
                "memory": {"time": last.time.to_string(), "workingSetBytes": now.memory_bytes}}));
        }
        let world = context.world();
        let named = world.of_kind("pods").filter_map(|pod| {
            let containers = pods.get(&*pod.meta.uid)?;
            Some(json!({"podRef": {"name": pod.key.name, "namespace": pod.key.namespace,
                    "uid": pod.meta.uid}, "containers": containers}))
        });
        Some(json!({
            "node": {"nodeName": context.config.node,
                "cpu": {"time": last.time.to_string(),
                    "usageNanoCores": rate(before.node_cpu_ns, last.node_cpu_ns, passed)},
                "memory": {"time": last.time.to_string(),
                    "workingSetBytes": last.node_memory_bytes}},
            "pods": named.collect::<Vec<_>>(),
            "windowSeconds": passed.as_secs().max(1),
        }))
    }
}

/// Billionths of a core.
fn rate(before_ns: u64, now_ns: u64, passed: Duration) -> u64 {
    let passed_ns = passed.as_nanos().max(1);
    let used = u128::from(now_ns.saturating_sub(before_ns));
    u64::try_from(used * 1_000_000_000 / passed_ns).unwrap_or(u64::MAX)
}

/// The time that the host's processors were at work, from the first line of `/proc/stat`.
fn node_cpu_ns() -> Option<u64> {
    busy_ns(&fs::read_to_string("/proc/stat").ok()?)
}

fn busy_ns(stat: &str) -> Option<u64> {
    /// Linux tells times in hundredths of a second.
    const TICK_NS: u64 = 10_000_000;
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // User, nice and system; idle and waiting stand between; then interrupts and stolen time.
    let busy: u64 = ticks.iter().take(3).chain(ticks.iter().skip(5).take(3)).sum();
    Some(busy * TICK_NS)
}

fn node_memory_bytes() -> Option<u64> {
    used_bytes(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn used_bytes(meminfo: &str) -> Option<u64> {
    let of = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((of("MemTotal:")?.saturating_sub(of("MemAvailable:")?)) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_host_says() {
        let stat = "cpu  10 1 4 900 50 2 3 0 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy_ns(stat), Some(20 * 10_000_000));
        let meminfo = "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n";
        assert_eq!(used_bytes(meminfo), Some(600 * 1024));
        assert_eq!(rate(0, 500_000_000, Duration::from_secs(2)), 250_000_000);
    }
}
