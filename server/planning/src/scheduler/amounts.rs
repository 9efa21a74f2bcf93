//! Amounts of resources as small fixed numbers, so that comparing them costs next to nothing.

use super::slots::Names;
use crate::resources::Resources;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) cpu_milli: i64,
    pub(super) memory_bytes: i64,
    pub(super) storage_bytes: i64,
    pub(super) pods: i64,
    /// Of resources that only some nodes have, by the number of their name, in its order.
    extended: Vec<(u32, i64)>,
}

const STORAGE: &str = "ephemeral-storage";
pub(super) const PODS: &str = "pods";

impl Amounts {
    pub(super) fn of(resources: &Resources, names: &mut Names) -> Self {
        let mut amounts = Self {
            cpu_milli: resources.cpu_milli,
            memory_bytes: resources.memory_bytes,
            ..Self::default()
        };
        for (name, amount) in &resources.others {
            match name.as_str() {
                STORAGE => amounts.storage_bytes = *amount,
                PODS => amounts.pods = *amount,
                other => amounts.extended.push((names.number(other), *amount)),
            }
        }
        amounts.extended.sort_unstable();
        amounts
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.change(other, 1);
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        self.change(other, -1);
    }

    fn change(&mut self, other: &Self, sign: i64) {
        self.cpu_milli += sign * other.cpu_milli;
        self.memory_bytes += sign * other.memory_bytes;
        self.storage_bytes += sign * other.storage_bytes;
        self.pods += sign * other.pods;
        for (name, amount) in &other.extended {
            match self.extended.binary_search_by_key(name, |(name, _)| *name) {
                Ok(at) => self.extended[at].1 += sign * amount,
                Err(at) => self.extended.insert(at, (*name, sign * amount)),
            }
        }
    }

    fn extended(&self, name: u32) -> i64 {
        let found = self.extended.binary_search_by_key(&name, |(name, _)| *name);
        found.map_or(0, |at| self.extended[at].1)
    }

    /// Whether something is asked for beyond the number of pods.
    pub(super) fn is_asking(&self) -> bool {
        self.cpu_milli > 0
            || self.memory_bytes > 0
            || self.storage_bytes > 0
            || self.extended.iter().any(|(_, amount)| *amount > 0)
    }

    /// What of a request is not left, by name, and whether not even an empty node would have it.
    pub(super) fn lacks(&self, taken: &Self, wanted: &Self, names: &Names) -> Vec<(String, bool)> {
        let mut lacking = Vec::new();
        let mut compare = |name: &str, offered: i64, taken: i64, wanted: i64| {
            if wanted > 0 && wanted > offered - taken {
                lacking.push((name.to_owned(), wanted > offered));
            }
        };
        compare(PODS, self.pods, taken.pods, wanted.pods);
        compare("cpu", self.cpu_milli, taken.cpu_milli, wanted.cpu_milli);
        compare("memory", self.memory_bytes, taken.memory_bytes, wanted.memory_bytes);
        compare(STORAGE, self.storage_bytes, taken.storage_bytes, wanted.storage_bytes);
        for (name, amount) in &wanted.extended {
            compare(names.name(*name), self.extended(*name), taken.extended(*name), *amount);
        }
        lacking
    }

    pub(super) fn has_room(&self, taken: &Self, wanted: &Self) -> bool {
        let fits = |offered: i64, taken: i64, wanted: i64| wanted <= 0 || wanted <= offered - taken;
        fits(self.pods, taken.pods, wanted.pods)
            && fits(self.cpu_milli, taken.cpu_milli, wanted.cpu_milli)
            && fits(self.memory_bytes, taken.memory_bytes, wanted.memory_bytes)
            && fits(self.storage_bytes, taken.storage_bytes, wanted.storage_bytes)
            && wanted
                .extended
                .iter()
                .all(|(name, amount)| fits(self.extended(*name), taken.extended(*name), *amount))
    }
}
