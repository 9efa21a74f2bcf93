//! Domains: nodes that have the same value of a label, as a zone.

use std::{collections::BTreeMap, sync::Arc};

/// Every label by which domains were asked for.
#[derive(Default)]
pub(super) struct Topologies {
    by_label: BTreeMap<Arc<str>, u32>,
    all: Vec<Topology>,
}

pub(super) struct Topology {
    pub(super) label: Arc<str>,
    by_value: BTreeMap<String, u32>,
    of_node: Vec<u32>,
}

/// The domain of a node without the label.
pub(super) const NONE: u32 = u32::MAX;

impl Topologies {
    pub(super) fn find(&self, label: &str) -> Option<u32> {
        self.by_label.get(label).copied()
    }

    /// A label that was not asked for before; `nodes` are all that there are.
    pub(super) fn insert<'n>(
        &mut self,
        label: &str,
        nodes: impl Iterator<Item = (u32, &'n BTreeMap<String, String>)>,
    ) -> u32 {
        let label: Arc<str> = label.into();
        let mut topology =
            Topology { label: label.clone(), by_value: BTreeMap::new(), of_node: Vec::new() };
        for (node, labels) in nodes {
            topology.set(node, Some(labels));
        }
        let number = u32::try_from(self.all.len()).expect("labels of domains are few");
        self.by_label.insert(label, number);
        self.all.push(topology);
        number
    }

    /// Takes the labels of a node in, or the node out.
    pub(super) fn set(&mut self, node: u32, labels: Option<&BTreeMap<String, String>>) {
        for topology in &mut self.all {
            topology.set(node, labels);
        }
    }

    pub(super) fn get(&self, number: u32) -> &Topology {
        &self.all[number as usize]
    }
}

impl Topology {
    fn set(&mut self, node: u32, labels: Option<&BTreeMap<String, String>>) {
        let at = node as usize;
        if self.of_node.len() <= at {
            self.of_node.resize(at + 1, NONE);
        }
        let next = u32::try_from(self.by_value.len()).expect("there are fewer domains than nodes");
        self.of_node[at] = match labels.and_then(|labels| labels.get(&*self.label)) {
            Some(value) => *self.by_value.entry(value.clone()).or_insert(next),
            None => NONE,
        };
    }

    pub(super) fn of(&self, node: u32) -> u32 {
        self.of_node.get(node as usize).copied().unwrap_or(NONE)
    }

    /// How many domains there ever were.
    pub(super) fn len(&self) -> usize {
        self.by_value.len()
    }
}
