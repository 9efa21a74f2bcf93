//! What containers use, as Docker counts it.

use bollard::{
    Docker as Connection,
    models::{ContainerMemoryStats, ContainerStatsResponse},
    query_parameters::{ListContainersOptionsBuilder, StatsOptionsBuilder},
};
use futures::{StreamExt, stream};
use planning::node::labels;

use super::{failed, filter};
use crate::runtime::{ContainerUsage, Result};

/// So many containers are asked for at once.
const AT_ONCE: usize = 8;

/// Of every container of a node's pods that runs, sandboxes left out.
pub(super) async fn usage(connection: &Connection, node: &str) -> Result<Vec<ContainerUsage>> {
    let filters = filter("label", &format!("{}={node}", labels::NODE));
    let options = ListContainersOptionsBuilder::new().filters(&filters).build();
    let listed = connection.list_containers(Some(options)).await.map_err(failed)?;
    let asked = listed.into_iter().map(async |container| {
        let labels = container.labels.unwrap_or_default();
        let name = labels.get(labels::CONTAINER_NAME)?.clone();
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut answers = Box::pin(connection.stats(&container.id?, Some(options)));
        // One that ends meanwhile uses nothing more.
        let stats = answers.next().await?.ok()?;
        Some(ContainerUsage {
            pod_uid: labels.get(labels::POD_UID)?.clone(),
            name,
            cpu_ns: cpu_ns(&stats),
            memory_bytes: stats.memory_stats.as_ref().map_or(0, working_set),
        })
    });
    let found: Vec<Option<ContainerUsage>> =
        stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    Ok(found.into_iter().flatten().collect())
}

fn cpu_ns(stats: &ContainerStatsResponse) -> u64 {
    let usage = stats.cpu_stats.as_ref().and_then(|stats| stats.cpu_usage.as_ref());
    usage.and_then(|usage| usage.total_usage).unwrap_or(0)
}

/// What can not be given back without harm: all but the pages of files that nobody uses.
fn working_set(stats: &ContainerMemoryStats) -> u64 {
    let idle = stats.stats.as_ref().and_then(|stats| {
        // The names of the second and of the first version of control groups.
        stats.get("inactive_file").or_else(|| stats.get("total_inactive_file"))
    });
    stats.usage.unwrap_or(0).saturating_sub(idle.copied().unwrap_or(0))
}
