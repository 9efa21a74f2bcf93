//! Disruption budgets, as far as preemption should not break them.

use std::collections::{BTreeMap, BTreeSet};

use object::{Key, selector::LabelSelector};
use serde::Deserialize;
use serde_json::Value;

use crate::{Change, Entry};

pub(super) const BUDGETS: &str = "poddisruptionbudgets.policy";

#[derive(Default)]
pub(super) struct Budgets(BTreeMap<Key, Budget>);

struct Budget {
    selector: LabelSelector,
    allowed: i64,
    /// Pods whose disruption was counted already.
    disrupted: BTreeSet<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StatusPart {
    disruptions_allowed: i64,
    disrupted_pods: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct BudgetPart {
    #[serde(default)]
    status: StatusPart,
}

impl Budgets {
    pub(super) fn apply(&mut self, change: &Change) {
        match change.new.as_deref().and_then(read) {
            Some(budget) => drop(self.0.insert(change.key.clone(), budget)),
            None => drop(self.0.remove(&change.key)),
        }
    }

    /// Which of some pods could not go, if they all went in this order.
    pub(super) fn broken_by(&self, pods: &[&Entry]) -> Vec<bool> {
        if self.0.is_empty() {
            return vec![false; pods.len()];
        }
        let mut left: BTreeMap<&Key, i64> = BTreeMap::new();
        let mut breaks = |pod: &Entry| {
            let of = self.0.iter().filter(|(key, budget)| {
                key.namespace == pod.key.namespace
                    && !pod.meta.labels.is_empty()
                    && budget.selector.matches(&pod.meta.labels)
                    && !budget.disrupted.contains(&*pod.key.name)
            });
            let mut breaks = false;
            for (key, budget) in of {
                let left = left.entry(key).or_insert(budget.allowed);
                *left -= 1;
                breaks |= *left < 0;
            }
            breaks
        };
        pods.iter().map(|pod| breaks(pod)).collect()
    }
}

fn read(entry: &Entry) -> Option<Budget> {
    let part: BudgetPart = entry.read()?;
    Some(Budget {
        selector: entry.selector()?.clone(),
        allowed: part.status.disruptions_allowed,
        disrupted: part.status.disrupted_pods.into_keys().collect(),
    })
}
