//! Which nodes count when domains are compared: those that a pod may go to at all.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Toleration;

use super::{
    filters,
    node::Info,
    shape::Places,
    slots::Table,
    tally,
    topology::{NONE, Topologies},
};

#[derive(Default)]
pub(super) struct Reaches {
    table: Table<Reach>,
    infos: Vec<Option<Arc<Info>>>,
    names: Vec<Arc<str>>,
    nodes: Vec<u32>,
}

struct Reach {
    rules: Rules,
    admits: Vec<bool>,
}

/// What must hold of a node that counts.
#[derive(Default)]
pub(super) struct Rules {
    /// It has all of these labels.
    pub(super) topologies: Vec<u32>,
    pub(super) places: Option<Places>,
    pub(super) tolerations: Option<Vec<Toleration>>,
}

impl Rules {
    fn admit(&self, node: u32, name: &str, info: &Info, topologies: &Topologies) -> bool {
        self.topologies.iter().all(|topology| topologies.get(*topology).of(node) != NONE)
            && self.places.as_ref().is_none_or(|places| {
                filters::selects(&places.node_selector, places.required(), name, &info.labels)
            })
            && self
                .tolerations
                .as_ref()
                .is_none_or(|tolerations| filters::untolerated(info, tolerations).is_none())
    }
}

impl Reaches {
    /// Takes in what a node is, or that it is no more.
    pub(super) fn set(
        &mut self,
        node: u32,
        name: &Arc<str>,
        info: Option<&Arc<Info>>,
        topologies: &Topologies,
    ) {
        let at = node as usize;
        if self.infos.len() <= at {
            self.infos.resize(at + 1, None);
            self.names.resize(at + 1, "".into());
        }
        self.infos[at] = info.cloned();
        self.names[at] = name.clone();
        match (info, self.nodes.binary_search(&node)) {
            (Some(_), Err(place)) => self.nodes.insert(place, node),
            (None, Ok(place)) => drop(self.nodes.remove(place)),
            _ => {}
        }
        let numbers: Vec<u32> = self.table.iter().map(|(number, _)| number).collect();
        for number in numbers {
            let reach = &mut self.table[number];
            reach.admits.resize(self.infos.len(), false);
            reach.admits[at] =
                info.is_some_and(|info| reach.rules.admit(node, name, info, topologies));
        }
    }

    /// The number of some rules, which `text` says in full.
    pub(super) fn share(
        &mut self,
        text: &str,
        rules: impl FnOnce() -> Rules,
        topologies: &Topologies,
    ) -> u32 {
        if let Some(found) = self.table.share(text) {
            return found;
        }
        let rules = rules();
        let admits = (0..)
            .zip(&self.infos)
            .zip(&self.names)
            .map(|((node, info), name)| {
                info.as_ref().is_some_and(|info| rules.admit(node, name, info, topologies))
            })
            .collect();
        self.table.insert(text, Reach { rules, admits })
    }

    /// Whether that was its last user.
    pub(super) fn release(&mut self, reach: u32) -> bool {
        self.table.release(reach).is_some()
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = (u32, &BTreeMap<String, String>)> {
        (0..).zip(&self.infos).filter_map(|(node, info)| Some((node, &info.as_ref()?.labels)))
    }
}

impl tally::Reaches for Reaches {
    fn admits(&self, reach: u32, node: u32) -> bool {
        self.table[reach].admits.get(node as usize).copied().unwrap_or(false)
    }

    fn nodes(&self) -> &[u32] {
        &self.nodes
    }
}
