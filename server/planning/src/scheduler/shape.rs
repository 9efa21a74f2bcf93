//! What pods of one sort need of a node by itself. Replicas share one shape, so that what is found
//! about a node holds for all of them until the node changes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeAffinity, NodeSelector, Toleration};

use super::{
    amounts::Amounts,
    profiles::{PROFILES, Profile},
    read::{self, SpecPart},
    slots::Names,
};
use crate::{Entry, world::HostPort};

pub(super) struct Shape {
    pub(super) profile: &'static Profile,
    pub(super) requests: Amounts,
    /// CPU and memory as they count when nodes are compared.
    pub(super) assumed: [i64; 2],
    pub(super) host_ports: Vec<HostPort>,
    pub(super) places: Places,
    pub(super) images: Vec<String>,
    /// What was found about each node, by its number.
    pub(super) column: Option<Column>,
}

/// Where pods may go, by what nodes are.
#[derive(Default)]
pub(super) struct Places {
    pub(super) node_selector: BTreeMap<String, String>,
    pub(super) affinity: NodeAffinity,
    pub(super) tolerations: Vec<Toleration>,
}

#[derive(Default)]
pub(super) struct Column {
    pub(super) cells: Vec<Cell>,
    /// When it was used last, counted in decisions.
    pub(super) used: u64,
}

/// One node as pods of a shape see it.
#[derive(Clone, Copy, Default)]
pub(super) struct Cell {
    /// Of the node; zero for one that was not looked at.
    pub(super) version: u64,
    /// The number of what the filters said, zero if the node fits.
    pub(super) refusal: u32,
    pub(super) affinity: i32,
    pub(super) taints: u8,
    pub(super) allocation: u8,
    pub(super) balance: u8,
    pub(super) images: u8,
}

impl Shape {
    pub(super) fn of(
        entry: &Entry,
        spec: &SpecPart<'_>,
        profile: usize,
        names: &mut Names,
    ) -> Option<Self> {
        let pod = entry.pod()?;
        let mut requests = Amounts::of(&pod.requests, names);
        requests.pods = 1;
        Some(Self {
            profile: &PROFILES[profile],
            requests,
            assumed: pod.assumed,
            host_ports: pod.host_ports.clone(),
            places: Places::of(spec),
            images: spec.images().map(full_name).collect(),
            column: None,
        })
    }
}

impl Places {
    pub(super) fn of(spec: &SpecPart<'_>) -> Self {
        let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity);
        Self {
            node_selector: read::decode(spec.node_selector),
            affinity: read::decode(affinity),
            tolerations: read::decode(spec.tolerations),
        }
    }

    pub(super) fn required(&self) -> Option<&NodeSelector> {
        self.affinity.required_during_scheduling_ignored_during_execution.as_ref()
    }

    /// The names of the nodes to which alone the pod may go, if it says so, as a DaemonSet's does.
    pub(super) fn named(&self) -> Option<Vec<&str>> {
        let mut names = Vec::new();
        for term in &self.required()?.node_selector_terms {
            let field = term.match_fields.iter().flatten().find(|requirement| {
                requirement.key == "metadata.name" && requirement.operator == "In"
            });
            names.extend(field?.values.iter().flatten().map(String::as_str));
        }
        names.sort_unstable();
        names.dedup();
        Some(names)
    }
}

/// An image without a tag means `latest`.
fn full_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}
