//! What the kernel has of a table, and the transactions that lead to the next one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
};

use planning::routing::{Backends, Frontend, Table};

use super::{
    Settings,
    chains::Chain,
    content::{Content, Key, Set, Value, content_of, loop_key},
    messages::{
        add_elements, add_rule, create_chain, delete_chain, delete_elements, delete_table,
        empty_chain,
    },
    skeleton::{create_skeleton, fixed_chains, layout, refresh_skeleton},
};
use crate::netlink::Batch;

/// The programmed table, and how many of its frontends use what they share.
#[derive(Clone, Default)]
pub(crate) struct State {
    table: Table,
    chains: BTreeMap<Chain, usize>,
    /// The names of chains that nothing leads to since the last transaction. They go with the next.
    idle: BTreeSet<String>,
    loops: BTreeMap<Ipv4Addr, usize>,
}

/// What a transaction changes besides the fixed part.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    chains_added: BTreeSet<Chain>,
    chains_removed: BTreeSet<String>,
    removed: BTreeSet<(Set, Key)>,
    added: Content,
}

/// Batches, to be carried out one after the other.
pub(crate) type Batches = Vec<Batch>;

impl State {
    /// Replaces everything that is there, whatever it is; `chains` names the chains of our table.
    pub(crate) fn reload(
        settings: &Settings,
        table: &Table,
        chains: &BTreeSet<String>,
    ) -> (Batches, Self) {
        let mut state = Self::default();
        let changes = state.advance(table);
        let mut batch = Batch::new();
        if !chains.contains(&layout()) {
            delete_table(&mut batch);
            create_skeleton(&mut batch, settings);
            write_chains(&mut batch, settings, &changes.chains_added);
            add_elements(&mut batch, &changes.added);
            return (vec![batch], state);
        }
        let (there, missing) =
            changes.chains_added.iter().partition(|chain| chains.contains(&chain.name()));
        let mut before = Batch::new();
        write_chains(&mut before, settings, &missing);
        refresh_skeleton(&mut batch, settings);
        for chain in &there {
            empty_chain(&mut batch, &chain.name());
        }
        write_chains(&mut batch, settings, &there);
        add_elements(&mut batch, &changes.added);
        let used: BTreeSet<String> = changes.chains_added.iter().map(Chain::name).collect();
        let fixed = fixed_chains(settings);
        let is_idle = |name: &&String| !used.contains(*name) && !fixed.contains(*name);
        state.idle = chains.iter().filter(is_idle).cloned().collect();
        (not_empty([before, batch]), state)
    }

    /// The differences to this state, and the state behind them.
    pub(crate) fn change(&self, settings: &Settings, table: &Table) -> (Batches, Self) {
        let mut state = self.clone();
        let changes = state.advance(table);
        let (mut before, mut batch) = (Batch::new(), Batch::new());
        write_chains(&mut before, settings, &changes.chains_added);
        for name in &changes.chains_removed {
            delete_chain(&mut batch, name);
        }
        delete_elements(&mut batch, &changes.removed);
        add_elements(&mut batch, &changes.added);
        (not_empty([before, batch]), state)
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    fn advance(&mut self, table: &Table) -> Changes {
        let (chains, loops) = (self.chains.clone(), self.loops.clone());
        let mut changes = Changes::default();
        for frontend in table.differences(&self.table) {
            let (old, new) = (self.table.backends(frontend).cloned(), table.backends(frontend));
            self.count(frontend, old.as_ref(), false);
            self.count(frontend, new, true);
            let content = |backends: Option<&Arc<Backends>>| {
                backends.map(|backends| content_of(frontend, backends)).unwrap_or_default()
            };
            changes.replace(content(old.as_ref()), content(new));
        }
        for address in self.loops.keys().filter(|address| !loops.contains_key(address)) {
            changes.added.insert(loop_key(*address), Value::Nothing);
        }
        for address in loops.keys().filter(|address| !self.loops.contains_key(address)) {
            changes.removed.insert(loop_key(*address));
        }
        let names = |chains: &BTreeMap<Chain, usize>| -> BTreeSet<String> {
            chains.keys().map(Chain::name).collect()
        };
        let (before, now) = (names(&chains), names(&self.chains));
        let is_new =
            |chain: &&Chain| !chains.contains_key(chain) && !self.idle.contains(&chain.name());
        changes.chains_added = self.chains.keys().filter(is_new).copied().collect();
        changes.chains_removed = self.idle.difference(&now).cloned().collect();
        self.idle = before.difference(&now).cloned().collect();
        self.table = table.clone();
        changes
    }

    /// Counts the users of what frontends share: chains, and the loops of local endpoints.
    fn count(&mut self, frontend: Frontend, backends: Option<&Arc<Backends>>, is_more: bool) {
        let Some(backends) = backends else { return };
        if let Some(chain) = Chain::of(frontend, backends) {
            count(&mut self.chains, chain, is_more);
        }
        for endpoint in backends.endpoints.iter().filter(|endpoint| endpoint.is_local) {
            count(&mut self.loops, *endpoint.address.ip(), is_more);
        }
    }
}

fn count<K: Ord + Copy>(users: &mut BTreeMap<K, usize>, key: K, is_more: bool) {
    let number = users.entry(key).or_default();
    *number = if is_more { *number + 1 } else { *number - 1 };
    if *number == 0 {
        users.remove(&key);
    }
}

impl Changes {
    fn replace(&mut self, old: Content, mut new: Content) {
        for (at, value) in old {
            if new.get(&at) == Some(&value) {
                new.remove(&at);
            } else {
                self.removed.insert(at);
            }
        }
        self.added.extend(new);
    }
}

fn write_chains(batch: &mut Batch, settings: &Settings, chains: &BTreeSet<Chain>) {
    for chain in chains {
        let name = chain.name();
        create_chain(batch, &name, None);
        for rule in chain.rules(settings) {
            add_rule(batch, &name, &rule);
        }
    }
}

fn not_empty(batches: [Batch; 2]) -> Batches {
    batches.into_iter().filter(|batch| !batch.is_empty()).collect()
}

#[cfg(test)]
mod tests;
