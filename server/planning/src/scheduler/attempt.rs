//! One try to find a node for a pod: filters over as many nodes as it takes, then scores.

use std::collections::BTreeMap;

use super::{
    cluster::{Cluster, Place},
    filters::{self, Refusal, Refusals, Sight},
    outlook::Outlook,
    scores::{self, Candidate, Scratch},
    shape::{Cell, Column},
    volumes::Unready,
};

/// What one try after the other uses.
#[derive(Default)]
pub(super) struct Search {
    pub(super) refusals: Refusals,
    scratch: Scratch,
    candidates: Vec<Candidate>,
    /// Where in the order of nodes the next try begins, so that all of them get their share.
    start: usize,
    tries: u64,
    columns: usize,
}

/// Why no node would have a pod.
#[derive(Default)]
pub(super) struct Misfit {
    pub(super) nodes: usize,
    /// How many nodes said what, by the number of the refusal.
    pub(super) counts: BTreeMap<u32, usize>,
    /// What was said before any node was looked at.
    pub(super) unready: Option<Unready>,
    /// The filters that refused, as a set.
    pub(super) refused_by: u32,
    /// Nodes that would have it if other pods went.
    pub(super) passing: Vec<u32>,
}

/// So many nodes that fit are enough in any cluster.
const ENOUGH_MIN: usize = 100;
/// Shapes past this number lose what was found about nodes, the longest unused first.
const COLUMNS_MAX: usize = 128;

/// How many nodes that fit are enough to choose from: the larger the cluster, the smaller their part.
fn enough(nodes: usize) -> usize {
    let percent = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(ENOUGH_MIN)
}

impl Search {
    pub(super) fn find(&mut self, cluster: &mut Cluster, pod: u32) -> Result<u32, Misfit> {
        self.tries += 1;
        let nodes = cluster.nodes_count();
        let outlook = match Outlook::of(cluster, pod) {
            Ok(outlook) => outlook,
            Err(unready) => {
                let refused_by = 1 << filters::VOLUMES;
                let unready = Some(unready);
                return Err(Misfit { nodes, unready, refused_by, ..Misfit::default() });
            }
        };
        if let Some(node) = self.nominated(cluster, pod, &outlook) {
            return Ok(node);
        }
        let named = self.named(cluster, pod);
        let mut misfit = Misfit { nodes, ..Misfit::default() };
        self.candidates.clear();
        let mut column = self.take_column(cluster, pod);
        let order = match &named {
            Some(named) => named.clone(),
            None => std::mem::take(cluster.order_mut()),
        };
        let wanted = enough(nodes);
        let mut looked_at = 0;
        let begin = if order.is_empty() { 0 } else { self.start % order.len() };
        for node in order[begin..].iter().chain(&order[..begin]) {
            if self.candidates.len() >= wanted {
                break;
            }
            looked_at += 1;
            self.look(cluster, pod, *node, &mut column, &outlook, &mut misfit);
        }
        if named.is_none() {
            self.start = if order.is_empty() { 0 } else { (begin + looked_at) % order.len() };
            *cluster.order_mut() = order;
        } else {
            self.count_others(looked_at, &mut misfit);
        }
        let shape = cluster.pods[pod].shape;
        cluster.shapes[shape].column = Some(column);
        let sight = Sight { cluster, pod: &cluster.pods[pod], outlook: &outlook };
        scores::best(&sight, &self.candidates, &mut self.scratch).ok_or(misfit)
    }

    /// Where to begin a walk over so many: not always with the same.
    pub(super) fn turn(&self, among: usize) -> usize {
        let tries = usize::try_from(self.tries).unwrap_or(0);
        tries.checked_rem(among).unwrap_or(0)
    }

    fn look(
        &mut self,
        cluster: &mut Cluster,
        pod: u32,
        node: u32,
        column: &mut Column,
        outlook: &Outlook,
        misfit: &mut Misfit,
    ) {
        let version = cluster.versions[node as usize];
        let cell = &mut column.cells[node as usize];
        if cell.version != version {
            *cell = self.cell(cluster, pod, node);
            cell.version = version;
        }
        let mut refusal = cell.refusal;
        let cell = *cell;
        if refusal == 0 && !outlook.is_free() {
            let sight = Sight { cluster, pod: &cluster.pods[pod], outlook };
            if let Some(said) = filters::check_beyond(&sight, node) {
                refusal = self.refusals.number(said);
            }
        }
        if refusal == 0
            && cluster.has_nominated
            && let Some(said) = check_with_nominated(cluster, pod, node)
        {
            refusal = self.refusals.number(said);
        }
        if refusal == 0 {
            self.candidates.push(Candidate { node, cell });
            return;
        }
        *misfit.counts.entry(refusal).or_insert(0) += 1;
        let said = self.refusals.get(refusal);
        misfit.refused_by |= 1 << said.filter;
        if !said.is_final {
            misfit.passing.push(node);
        }
    }

    fn cell(&mut self, cluster: &Cluster, pod: u32, node: u32) -> Cell {
        let shape = &cluster.shapes[cluster.pods[pod].shape];
        let node = &cluster.nodes[node];
        match filters::check_node(shape, node, &cluster.names) {
            Some(refusal) => Cell { refusal: self.refusals.number(refusal), ..Cell::default() },
            None => scores::of_node(shape, node),
        }
    }

    /// The node on which room was made for the pod, if the pod fits there now.
    fn nominated(&mut self, cluster: &mut Cluster, pod: u32, outlook: &Outlook) -> Option<u32> {
        let node = cluster.pods[pod].nominated?;
        cluster.nodes[node].info.as_ref()?;
        let shape = &cluster.shapes[cluster.pods[pod].shape];
        let sight = Sight { cluster, pod: &cluster.pods[pod], outlook };
        let fits = filters::check_node(shape, &cluster.nodes[node], &cluster.names).is_none()
            && filters::check_beyond(&sight, node).is_none()
            && check_with_nominated(cluster, pod, node).is_none();
        fits.then_some(node)
    }

    /// The nodes that the pod names as the only ones for it.
    fn named(&self, cluster: &Cluster, pod: u32) -> Option<Vec<u32>> {
        let shape = &cluster.shapes[cluster.pods[pod].shape];
        let names = shape.places.named()?;
        let found = names.into_iter().filter_map(|name| cluster.find_node(name));
        Some(found.filter(|node| cluster.nodes[*node].info.is_some()).collect())
    }

    /// Nodes that were not looked at because the pod names others.
    fn count_others(&mut self, looked_at: usize, misfit: &mut Misfit) {
        let others = misfit.nodes - looked_at;
        if others > 0 {
            let said = self.refusals.number(filters::not_selected());
            misfit.refused_by |= 1 << self.refusals.get(said).filter;
            *misfit.counts.entry(said).or_insert(0) += others;
        }
    }

    fn take_column(&mut self, cluster: &mut Cluster, pod: u32) -> Column {
        let shape = cluster.pods[pod].shape;
        let mut column = match cluster.shapes[shape].column.take() {
            Some(column) => column,
            None => {
                self.make_room_for_column(cluster);
                Column::default()
            }
        };
        column.used = self.tries;
        column.cells.resize(cluster.versions.len(), Cell::default());
        column
    }

    fn make_room_for_column(&mut self, cluster: &mut Cluster) {
        self.columns += 1;
        if self.columns <= COLUMNS_MAX {
            return;
        }
        // Columns also go with their shapes, so that the count is made anew.
        let mut used: Vec<(u64, u32)> = cluster
            .shapes
            .iter()
            .filter_map(|(at, shape)| Some((shape.column.as_ref()?.used, at)))
            .collect();
        used.sort_unstable();
        let surplus = (used.len() + 1).saturating_sub(COLUMNS_MAX / 2);
        for (_, shape) in used.iter().take(surplus) {
            cluster.shapes[*shape].column = None;
        }
        self.columns = used.len() + 1 - surplus.min(used.len());
    }
}

/// What all filters say of a node as it stands, and as it will be when those have come for whom room
/// is made there.
pub(super) fn check_all(cluster: &mut Cluster, pod: u32, node: u32) -> Option<Refusal> {
    check(cluster, pod, node).or_else(|| check_with_nominated(cluster, pod, node))
}

fn check(cluster: &mut Cluster, pod: u32, node: u32) -> Option<Refusal> {
    let shape = &cluster.shapes[cluster.pods[pod].shape];
    if let Some(refusal) = filters::check_node(shape, &cluster.nodes[node], &cluster.names) {
        return Some(refusal);
    }
    match Outlook::of(cluster, pod) {
        Ok(outlook) => {
            let sight = Sight { cluster, pod: &cluster.pods[pod], outlook: &outlook };
            filters::check_beyond(&sight, node)
        }
        Err(_) => Some(filters::not_ready()),
    }
}

/// The same as if those stood there already for whom room was made: others of the same or a higher
/// priority.
fn check_with_nominated(cluster: &mut Cluster, pod: u32, node: u32) -> Option<Refusal> {
    let priority = cluster.pods[pod].priority;
    let nominated = cluster.nodes[node].nominated.iter().copied();
    let before: Vec<u32> = nominated
        .filter(|other| *other != pod && cluster.pods[*other].priority >= priority)
        .filter(|other| cluster.pods[*other].place == Place::Nowhere)
        .collect();
    if before.is_empty() {
        return None;
    }
    before.iter().for_each(|other| cluster.put(*other, Place::Assumed(node)));
    let refusal = check(cluster, pod, node);
    before.iter().for_each(|other| cluster.put(*other, Place::Nowhere));
    refusal
}
