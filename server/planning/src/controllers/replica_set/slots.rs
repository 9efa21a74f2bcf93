//! The slots of a ReplicaSet's pods and their incarnations.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use object::Key;
use serde_json::json;

use crate::{
    Action, Entry, Round,
    backoff::Backoff,
    names,
    pods::{PODS, is_running},
};

/// Of a pod: `slot.incarnation`.
pub(super) const SLOT: &str = "longshore.dev/slot";
/// Of a ReplicaSet: the next incarnation of each slot that was vacated, `slot:incarnation,…`.
pub const INCARNATIONS: &str = "longshore.dev/incarnations";

pub(super) struct Slots {
    /// Slots that hold a pod which runs or will.
    taken: BTreeSet<u32>,
    /// The next incarnation of slots whose earlier pods were seen to go.
    next: BTreeMap<u32, u32>,
    persisted: BTreeMap<u32, u32>,
    /// Slots whose last pod has ended by itself.
    ended: BTreeSet<u32>,
}

impl Slots {
    pub(super) fn of(set: &Entry, owned: &[&Arc<Entry>]) -> Self {
        let persisted: BTreeMap<u32, u32> = set
            .meta
            .annotations
            .get(INCARNATIONS)
            .into_iter()
            .flat_map(|text| text.split(','))
            .filter_map(|pair| parse(pair, ':'))
            .collect();
        let mut slots = Self {
            taken: BTreeSet::new(),
            next: persisted.clone(),
            persisted,
            ended: BTreeSet::new(),
        };
        for pod in owned {
            let Some((slot, incarnation)) =
                pod.meta.annotations.get(SLOT).and_then(|text| parse(text, '.'))
            else {
                continue;
            };
            if is_running(pod) {
                slots.taken.insert(slot);
            } else {
                let next = slots.next.entry(slot).or_insert(0);
                *next = (*next).max(incarnation + 1);
                if !pod.meta.is_deleting() {
                    slots.ended.insert(slot);
                }
            }
        }
        slots
    }

    /// Writes down what was learnt, before the pods that tell it are gone.
    pub(super) fn persist(&self, set: &Entry) -> Option<Action> {
        if self.next == self.persisted {
            return None;
        }
        let pairs: Vec<String> =
            self.next.iter().map(|(slot, next)| format!("{slot}:{next}")).collect();
        let patch = json!({"metadata": {
            "uid": set.meta.uid,
            "resourceVersion": set.revision.to_string(),
            "annotations": {INCARNATIONS: pairs.join(",")},
        }});
        Some(Action::Patch { key: set.key.clone(), subresource: "", patch })
    }

    /// Names and slots for so many new pods: the lowest free slots, less those that have to wait.
    /// Where the name belongs to another slot's pod, the next incarnation is taken.
    pub(super) fn fill(
        &mut self,
        round: &Round<'_>,
        set: &Entry,
        count: usize,
        backoff: &mut Backoff,
    ) -> Vec<(String, String)> {
        let mut given = BTreeMap::new();
        let free = (0_u32..).filter(|slot| !self.taken.contains(slot)).take(count);
        for slot in free {
            if self.ended.contains(&slot) && !backoff.may_try(&slot.to_string(), round.steady) {
                continue;
            }
            let mut incarnation = self.next.get(&slot).copied().unwrap_or(0);
            let name = loop {
                let name = pod_name(set, slot, incarnation);
                let key = Key::new(PODS, &set.key.namespace, &name);
                if round.world.entry(&key).is_none() && !given.contains_key(&name) {
                    break name;
                }
                incarnation += 1;
            };
            given.insert(name, (slot, incarnation));
        }
        let mut given: Vec<_> = given.into_iter().collect();
        given.sort_by_key(|(_, slot)| *slot);
        given.into_iter().map(|(name, (slot, inc))| (name, format!("{slot}.{inc}"))).collect()
    }
}

fn pod_name(set: &Entry, slot: u32, incarnation: u32) -> String {
    names::generated(&set.key.name, &[&set.meta.uid, &slot.to_string(), &incarnation.to_string()])
}

fn parse(text: &str, separator: char) -> Option<(u32, u32)> {
    let (slot, incarnation) = text.split_once(separator)?;
    Some((slot.parse().ok()?, incarnation.parse().ok()?))
}
