//! Reads of a pod's bytes what the scheduler needs, and no more: most pods are like one that was
//! read before, so that their parts are compared as text and need no decoding.

use std::{borrow::Cow, fmt::Write};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::Entry;

#[derive(Deserialize)]
pub(super) struct PodPart<'a> {
    #[serde(borrow)]
    pub(super) spec: SpecPart<'a>,
    #[serde(borrow, default)]
    pub(super) status: StatusPart<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpecPart<'a> {
    #[serde(borrow)]
    pub(super) affinity: Option<AffinityPart<'a>>,
    #[serde(borrow)]
    pub(super) node_selector: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tolerations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) topology_spread_constraints: Option<&'a RawValue>,
    pub(super) scheduling_gates: Option<Vec<IgnoredAny>>,
    pub(super) priority: Option<i32>,
    #[serde(borrow)]
    pub(super) scheduler_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) preemption_policy: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) containers: Vec<ContainerPart<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AffinityPart<'a> {
    #[serde(borrow)]
    pub(super) node_affinity: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) pod_affinity: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) pod_anti_affinity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ContainerPart<'a> {
    #[serde(borrow)]
    pub(super) image: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusPart<'a> {
    #[serde(borrow)]
    pub(super) nominated_node_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) start_time: Option<Cow<'a, str>>,
}

impl<'a> PodPart<'a> {
    pub(super) fn of(entry: &'a Entry) -> Option<Self> {
        serde_json::from_slice(&entry.body).ok()
    }
}

impl SpecPart<'_> {
    pub(super) fn is_gated(&self) -> bool {
        self.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty())
    }

    pub(super) fn never_preempts(&self) -> bool {
        self.preemption_policy.as_deref() == Some("Never")
    }

    /// Where the pod may go, by what nodes are.
    pub(super) fn places(&self) -> String {
        let affinity = self.affinity.as_ref().and_then(|affinity| affinity.node_affinity);
        format!("{}\n{}\n{}", text(self.node_selector), text(affinity), text(self.tolerations))
    }

    /// All that decides how well a node by itself suits the pod.
    pub(super) fn shape(&self, entry: &Entry, profile: usize) -> String {
        let mut all = format!("{profile}\n{}\n", self.places());
        for image in self.images() {
            all.push_str(image);
            all.push(' ');
        }
        let Some(pod) = entry.pod() else { return all };
        let requests = &pod.requests;
        write!(all, "\n{} {} {:?}", requests.cpu_milli, requests.memory_bytes, pod.assumed)
            .expect("a text takes all");
        for (name, amount) in &requests.others {
            write!(all, " {name}={amount}").expect("a text takes all");
        }
        for port in &pod.host_ports {
            write!(all, "\n{}/{}/{}", port.ip, port.protocol, port.port).expect("a text takes all");
        }
        all
    }

    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        self.containers.iter().filter_map(|container| container.image.as_deref())
    }

    /// All that decides what the pod is to others and what others are to it.
    pub(super) fn peers(&self, entry: &Entry) -> String {
        let mut all = identity(entry);
        if let Some(affinity) = &self.affinity {
            all.push('\n');
            all.push_str(text(affinity.pod_affinity));
            all.push('\n');
            all.push_str(text(affinity.pod_anti_affinity));
        }
        if let Some(spread) = self.topology_spread_constraints {
            all.push('\n');
            all.push_str(spread.get());
        }
        // Domains are counted over the nodes that the pod may go to.
        if self.topology_spread_constraints.is_some() || self.selects_nodes() {
            all.push('\n');
            all.push_str(&self.places());
        }
        all
    }

    pub(super) fn selects_nodes(&self) -> bool {
        self.node_selector.is_some()
            || self.affinity.as_ref().is_some_and(|affinity| affinity.node_affinity.is_some())
    }
}

/// By what others know a pod: its namespace, its owner and its labels.
pub(super) fn identity(entry: &Entry) -> String {
    let owner = entry.meta.controller().map_or("", |owner| &*owner.uid);
    let mut all = format!("{}\n{owner}", entry.key.namespace);
    for (label, value) in &entry.meta.labels {
        all.push('\n');
        all.push_str(label);
        all.push('=');
        all.push_str(value);
    }
    all
}

fn text(part: Option<&RawValue>) -> &str {
    part.map_or("", RawValue::get)
}

/// Decodes a part; one that is not there or can not be read, which the API refuses, says nothing.
pub(super) fn decode<T: Default + for<'d> Deserialize<'d>>(part: Option<&RawValue>) -> T {
    part.and_then(|part| serde_json::from_str(part.get()).ok()).unwrap_or_default()
}
