//! What a node must fulfil to be given a pod: one file each and one line in the list.

mod affinity;
mod host_ports;
mod pod_affinity;
mod resources;
mod spread;
mod taints;
mod unschedulable;
mod volumes;

use std::{borrow::Cow, collections::BTreeMap};

pub(crate) use affinity::{is_in, is_selected};
pub(super) use affinity::{matches_term, selects};
pub(super) use taints::untolerated;

use super::{
    cluster::{Cluster, Pod},
    hints,
    node::{Info, Node},
    outlook::Outlook,
    shape::Shape,
    slots::Names,
};

pub(super) struct Filter {
    /// As Kubernetes names it.
    pub(super) name: &'static str,
    check: Check,
    /// The changes that may help a pod which it refused.
    pub(super) helped_by: u32,
}

/// Says why a pod can not go to a node, in Kubernetes' words; nothing if it can.
enum Check {
    /// From the node and what stands on it alone: the answer holds until the node changes.
    Node(fn(&Shape, &Node, &Info, &Names) -> Option<Refusal>),
    /// From more than the node.
    Beyond(fn(&Sight<'_>, u32) -> Option<Refusal>),
}

/// What a pod sees when it looks around.
pub(super) struct Sight<'s> {
    pub(super) cluster: &'s Cluster,
    pub(super) pod: &'s Pod,
    pub(super) outlook: &'s Outlook,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refusal {
    pub(super) filter: usize,
    pub(super) reasons: Vec<Cow<'static, str>>,
    /// Whether it would be the same if no pod stood there.
    pub(super) is_final: bool,
}

static FILTERS: &[Filter] = &[
    unschedulable::FILTER,
    taints::FILTER,
    affinity::FILTER,
    host_ports::FILTER,
    resources::FILTER,
    volumes::FILTER,
    spread::FILTER,
    pod_affinity::FILTER,
];

/// Where in the list those stand that refuse before any node is looked at.
const AFFINITY: usize = 2;
pub(super) const VOLUMES: usize = 5;

impl Refusal {
    fn passing(reason: &'static str) -> Self {
        Self { filter: 0, reasons: vec![reason.into()], is_final: false }
    }

    fn lasting(reason: &'static str) -> Self {
        Self { is_final: true, ..Self::passing(reason) }
    }
}

/// What the filters say that look at the node alone.
pub(super) fn check_node(shape: &Shape, node: &Node, names: &Names) -> Option<Refusal> {
    let info = node.info.as_deref()?;
    FILTERS.iter().enumerate().find_map(|(filter, one)| match one.check {
        Check::Node(check) => {
            check(shape, node, info, names).map(|refusal| Refusal { filter, ..refusal })
        }
        Check::Beyond(_) => None,
    })
}

/// What the other filters say.
pub(super) fn check_beyond(sight: &Sight<'_>, node: u32) -> Option<Refusal> {
    FILTERS.iter().enumerate().find_map(|(filter, one)| match one.check {
        Check::Beyond(check) => check(sight, node).map(|refusal| Refusal { filter, ..refusal }),
        Check::Node(_) => None,
    })
}

/// What is said of nodes that a pod does not name.
pub(super) fn not_selected() -> Refusal {
    Refusal { filter: AFFINITY, ..affinity::refusal() }
}

/// What is said of every node as long as the pod's volumes are not ready.
pub(super) fn not_ready() -> Refusal {
    Refusal { filter: VOLUMES, ..Refusal::passing("") }
}

pub(super) fn get(filter: usize) -> &'static Filter {
    &FILTERS[filter]
}

/// Whether a filter's answer follows from the node alone.
pub(super) fn is_of_node(filter: usize) -> bool {
    matches!(FILTERS[filter].check, Check::Node(_))
}

/// The changes that may help, of all filters in a set.
pub(super) fn helped_by(set: u32) -> u32 {
    let chosen = FILTERS.iter().enumerate().filter(|(filter, _)| set & (1 << filter) != 0);
    chosen.fold(0, |all, (_, filter)| all | filter.helped_by)
}

/// Every refusal that was met, numbered from one.
#[derive(Default)]
pub(super) struct Refusals {
    numbers: BTreeMap<Refusal, u32>,
    all: Vec<Refusal>,
}

impl Refusals {
    pub(super) fn number(&mut self, refusal: Refusal) -> u32 {
        if let Some(number) = self.numbers.get(&refusal) {
            return *number;
        }
        self.all.push(refusal.clone());
        let number = u32::try_from(self.all.len()).expect("wordings are few");
        self.numbers.insert(refusal, number);
        number
    }

    pub(super) fn get(&self, number: u32) -> &Refusal {
        &self.all[number as usize - 1]
    }
}
