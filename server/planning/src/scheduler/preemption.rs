//! Room for a pod by letting less important ones go: on which node, and which ones.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;

use super::{
    Scheduler,
    attempt::{self, Misfit},
    cluster::{Cluster, Place},
    decision,
    read::PodPart,
};

/// What it costs to make room on a node.
pub(super) struct Cost {
    pub(super) node: u32,
    /// The most important first.
    pub(super) victims: Vec<u32>,
    broken_budgets: usize,
}

/// So many nodes are looked at for victims: a part of all, and at least this many.
const CANDIDATES_PERCENT: usize = 10;
const CANDIDATES_MIN: usize = 100;

const NO_VICTIMS: &str = "No preemption victims found for incoming pod";
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";

impl Scheduler {
    /// Where to make room for a pod, or why that is not done, in Kubernetes' words.
    pub(super) fn find_victims(&mut self, pod: u32, misfit: &Misfit) -> Result<Cost, String> {
        if let Some(why) = self.is_not_eligible(pod, misfit) {
            return Err(format!("preemption: {why}"));
        }
        let everywhere: Vec<u32>;
        let nodes = match &misfit.unready {
            Some(unready) if !unready.is_final => {
                everywhere = self.cluster.order().to_vec();
                &everywhere
            }
            _ => &misfit.passing,
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        *counts.entry(NOT_HELPFUL.to_owned()).or_insert(0) += misfit.nodes - nodes.len();
        let mut found = Vec::new();
        let wanted = (misfit.nodes * CANDIDATES_PERCENT / 100).max(CANDIDATES_MIN);
        let priority = self.cluster.pods[pod].priority;
        let has_lower = self.cluster.priorities.range(..priority).next().is_some();
        if !has_lower {
            *counts.entry(NO_VICTIMS.to_owned()).or_insert(0) += nodes.len();
        }
        let begin = self.search.turn(nodes.len());
        for node in nodes[begin..].iter().chain(&nodes[..begin]) {
            if found.len() >= wanted || !has_lower {
                break;
            }
            match self.cost(pod, *node) {
                Ok(cost) => found.push(cost),
                Err(reasons) => {
                    reasons.into_iter().for_each(|why| *counts.entry(why).or_insert(0) += 1)
                }
            }
        }
        counts.retain(|_, count| *count > 0);
        self.cheapest(found).ok_or_else(|| {
            let counts = counts.iter().map(|(why, count)| (why.as_str(), *count)).collect();
            format!("preemption: {}", decision::list(misfit.nodes, &counts))
        })
    }

    fn is_not_eligible(&self, pod: u32, misfit: &Misfit) -> Option<&'static str> {
        let one = &self.cluster.pods[pod];
        if one.never_preempts {
            return Some("not eligible due to preemptionPolicy=Never.");
        }
        let node = one.nominated.filter(|node| misfit.passing.contains(node))?;
        let is_going = |other: &u32| {
            let other = &self.cluster.pods[*other];
            other.priority < one.priority && other.is_going()
        };
        let is_waiting = self.cluster.nodes[node].pods.iter().any(is_going);
        is_waiting.then_some("not eligible due to a terminating pod on the nominated node.")
    }

    /// Which pods would have to leave a node so that the pod fits; as few as can be, and of these
    /// the least important. All is as before afterwards.
    fn cost(&mut self, pod: u32, node: u32) -> Result<Cost, Vec<String>> {
        let cluster = &mut self.cluster;
        let priority = cluster.pods[pod].priority;
        let pods = cluster.nodes[node].pods.iter().copied();
        let mut lower: Vec<u32> =
            pods.filter(|other| cluster.pods[*other].priority < priority).collect();
        if lower.is_empty() {
            return Err(vec![NO_VICTIMS.to_owned()]);
        }
        lower.sort_by_cached_key(|other| importance(cluster, *other));
        let places: Vec<Place> = lower.iter().map(|other| cluster.pods[*other].place).collect();
        let entries: Vec<_> =
            lower.iter().map(|other| cluster.pods[*other].entry.clone()).collect();
        let entries: Vec<_> = entries.iter().map(|entry| &**entry).collect();
        let breaks = self.budgets.broken_by(&entries);
        lower.iter().for_each(|other| cluster.put(*other, Place::Nowhere));
        let result = match attempt::check_all(cluster, pod, node) {
            Some(refusal) => {
                Err(refusal.reasons.into_iter().map(std::borrow::Cow::into_owned).collect())
            }
            None => Ok(spare(cluster, pod, node, &lower, &breaks)),
        };
        for (other, place) in lower.iter().zip(places) {
            cluster.put(*other, place);
        }
        result
    }

    fn cheapest(&self, costs: Vec<Cost>) -> Option<Cost> {
        let priority = |pod: &u32| i64::from(self.cluster.pods[*pod].priority);
        costs.into_iter().min_by_key(|cost| {
            let most = cost.victims.iter().map(priority).max();
            let sum: i64 = cost.victims.iter().map(|pod| priority(pod) + (1 << 31)).sum();
            let important = cost.victims.iter().filter(|pod| Some(priority(pod)) == most);
            let since = important.map(|pod| started(&self.cluster, *pod)).min();
            (cost.broken_budgets, most, sum, cost.victims.len(), Reverse(since))
        })
    }
}

/// Lets those stay that can, the most important first, and before them those whose budget would be
/// broken.
fn spare(cluster: &mut Cluster, pod: u32, node: u32, lower: &[u32], breaks: &[bool]) -> Cost {
    let mut cost = Cost { node, victims: Vec::new(), broken_budgets: 0 };
    for is_first in [true, false] {
        for (other, _) in lower.iter().zip(breaks).filter(|(_, breaks)| **breaks == is_first) {
            cluster.put(*other, Place::On(node));
            if attempt::check_all(cluster, pod, node).is_some() {
                cluster.put(*other, Place::Nowhere);
                cost.victims.push(*other);
                cost.broken_budgets += usize::from(is_first);
            }
        }
    }
    cost.victims.sort_by_cached_key(|other| importance(cluster, *other));
    cost
}

/// The more important come first: of the same priority those that run longer.
fn importance(cluster: &Cluster, pod: u32) -> (Reverse<i32>, Timestamp, u32) {
    (Reverse(cluster.pods[pod].priority), started(cluster, pod), pod)
}

fn started(cluster: &Cluster, pod: u32) -> Timestamp {
    let entry = &cluster.pods[pod].entry;
    let told = PodPart::of(entry).and_then(|part| part.status.start_time?.parse().ok());
    told.or(entry.meta.creation_timestamp).unwrap_or(Timestamp::UNIX_EPOCH)
}
