//! Counts of pods by node, and by domain: followed as pods come and go, so that no decision walks
//! over pods.

use std::collections::BTreeMap;

use super::{
    slots::Slots,
    topology::{NONE, Topologies},
};

/// How many pods of some sort stand on which node, or how much they weigh.
#[derive(Default)]
pub(super) struct Tally {
    by_node: BTreeMap<u32, i32>,
    pub(super) total: i64,
    views: Vec<(Aspect, u32)>,
}

/// By which label nodes are grouped, which of them count, and whether the least is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Aspect {
    pub(super) topology: u32,
    /// Which nodes count; `None` for all.
    pub(super) reach: Option<u32>,
    pub(super) is_leveled: bool,
}

/// A tally by domain.
pub(super) struct View {
    tally: u32,
    pub(super) aspect: Aspect,
    /// Of the nodes, when this was counted.
    generation: u64,
    used: u64,
    counts: Vec<i32>,
    /// How many domains have which count: for the least.
    levels: BTreeMap<i32, u32>,
    /// Which domains have a node that counts.
    is_there: Vec<bool>,
}

/// Past so many, the view that was used longest ago goes.
const VIEWS_MAX: usize = 512;

#[derive(Default)]
pub(super) struct Tallies {
    tallies: Slots<Tally>,
    views: Slots<View>,
    views_count: usize,
    clock: u64,
    /// Changes when a node comes, goes or is another: then domains are counted anew.
    pub(super) generation: u64,
}

/// Which nodes a reach lets count, by its number and the node's.
pub(super) trait Reaches {
    fn admits(&self, reach: u32, node: u32) -> bool;
    /// The nodes that there are.
    fn nodes(&self) -> &[u32];
}

impl Tallies {
    pub(super) fn insert(&mut self) -> u32 {
        self.tallies.insert(Tally::default())
    }

    pub(super) fn remove(&mut self, tally: u32) {
        if let Some(tally) = self.tallies.remove(tally) {
            for (_, view) in tally.views {
                self.views.remove(view);
                self.views_count -= 1;
            }
        }
    }

    pub(super) fn get(&self, tally: u32) -> &Tally {
        &self.tallies[tally]
    }

    pub(super) fn view(&self, view: u32) -> &View {
        &self.views[view]
    }

    /// Counts more, or less, on a node.
    pub(super) fn add(
        &mut self,
        tally: u32,
        node: u32,
        amount: i32,
        topologies: &Topologies,
        reaches: &dyn Reaches,
    ) {
        let tally = &mut self.tallies[tally];
        tally.total += i64::from(amount);
        let count = tally.by_node.entry(node).or_insert(0);
        *count += amount;
        if *count == 0 {
            tally.by_node.remove(&node);
        }
        for (aspect, view) in &tally.views {
            let view = &mut self.views[*view];
            let counts = aspect.reach.is_none_or(|reach| reaches.admits(reach, node));
            if view.generation == self.generation && counts {
                view.add(topologies.get(aspect.topology).of(node), amount);
            }
        }
    }

    /// The tally by domain, as it stands now.
    pub(super) fn look(
        &mut self,
        tally: u32,
        aspect: Aspect,
        topologies: &Topologies,
        reaches: &dyn Reaches,
    ) -> u32 {
        self.clock += 1;
        let found = self.tallies[tally].views.iter().find(|(other, _)| *other == aspect);
        let view = match found {
            Some((_, view)) => *view,
            None => self.open(tally, aspect),
        };
        self.views[view].used = self.clock;
        if self.views[view].generation != self.generation {
            self.views[view].generation = self.generation;
            self.views[view].count(&self.tallies[tally], topologies, reaches);
        }
        view
    }

    /// Nothing is counted any more within a reach.
    pub(super) fn close(&mut self, reach: u32) {
        let of_reach = self.views.iter().filter(|(_, view)| view.aspect.reach == Some(reach));
        let those: Vec<u32> = of_reach.map(|(at, _)| at).collect();
        those.into_iter().for_each(|view| self.remove_view(view));
    }

    fn remove_view(&mut self, at: u32) {
        if let Some(view) = self.views.remove(at) {
            self.tallies[view.tally].views.retain(|(_, other)| *other != at);
            self.views_count -= 1;
        }
    }

    fn open(&mut self, tally: u32, aspect: Aspect) -> u32 {
        if self.views_count >= VIEWS_MAX {
            let oldest = self.views.iter().min_by_key(|(_, view)| view.used).map(|(at, _)| at);
            oldest.into_iter().for_each(|view| self.remove_view(view));
        }
        let view = self.views.insert(View {
            tally,
            aspect,
            generation: u64::MAX,
            used: 0,
            counts: Vec::new(),
            levels: BTreeMap::new(),
            is_there: Vec::new(),
        });
        self.views_count += 1;
        self.tallies[tally].views.push((aspect, view));
        view
    }
}

impl Tally {
    pub(super) fn is_empty(&self) -> bool {
        self.by_node.is_empty()
    }

    pub(super) fn on_nodes(&self) -> impl Iterator<Item = (u32, i32)> {
        self.by_node.iter().map(|(node, count)| (*node, *count))
    }
}

impl View {
    fn count(&mut self, tally: &Tally, topologies: &Topologies, reaches: &dyn Reaches) {
        let topology = topologies.get(self.aspect.topology);
        let admits = |node| self.aspect.reach.is_none_or(|reach| reaches.admits(reach, node));
        self.counts.clear();
        self.counts.resize(topology.len(), 0);
        for (node, count) in tally.on_nodes() {
            let domain = topology.of(node);
            if domain != NONE && admits(node) {
                self.counts[domain as usize] += count;
            }
        }
        if !self.aspect.is_leveled {
            return;
        }
        let mut is_there = vec![false; topology.len()];
        for node in reaches.nodes() {
            let domain = topology.of(*node);
            if domain != NONE && admits(*node) {
                is_there[domain as usize] = true;
            }
        }
        self.levels.clear();
        for (count, _) in self.counts.iter().zip(&is_there).filter(|(_, is_there)| **is_there) {
            *self.levels.entry(*count).or_insert(0) += 1;
        }
        self.is_there = is_there;
    }

    fn add(&mut self, domain: u32, amount: i32) {
        let Some(count) = self.counts.get_mut(domain as usize) else { return };
        let before = *count;
        *count += amount;
        if !self.aspect.is_leveled || !self.is_there[domain as usize] {
            return;
        }
        *self.levels.entry(before + amount).or_insert(0) += 1;
        if let Some(domains) = self.levels.get_mut(&before) {
            *domains -= 1;
            if *domains == 0 {
                self.levels.remove(&before);
            }
        }
    }

    pub(super) fn of(&self, domain: u32) -> i32 {
        self.counts.get(domain as usize).copied().unwrap_or(0)
    }

    /// The least that a domain has, and how many domains there are.
    pub(super) fn least(&self) -> (i32, usize) {
        let least = self.levels.keys().next().copied().unwrap_or(0);
        (least, self.levels.values().map(|count| *count as usize).sum())
    }
}
