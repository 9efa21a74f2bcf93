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
    messages::{add_elements, add_rule, create_chain, delete_chain, delete_elements, delete_table},
    skeleton::create_skeleton,
};
use crate::netlink::Batch;

/// The programmed table, and how many of its frontends use what they share.
#[derive(Clone, Default)]
pub(crate) struct State {
    table: Table,
    chains: BTreeMap<Chain, usize>,
    loops: BTreeMap<Ipv4Addr, usize>,
}

/// What a transaction changes besides the fixed part.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    chains_added: BTreeSet<Chain>,
    chains_removed: BTreeSet<Chain>,
    removed: BTreeSet<(Set, Key)>,
    added: Content,
}

impl State {
    /// A batch that replaces everything that is there, and the state behind it.
    pub(crate) fn reload(settings: &Settings, table: &Table) -> (Batch, Self) {
        let mut batch = Batch::new();
        delete_table(&mut batch);
        create_skeleton(&mut batch, settings);
        let mut state = Self::default();
        state.advance(table).write(&mut batch, settings);
        (batch, state)
    }

    /// A batch with the differences to this state, and the state behind it.
    pub(crate) fn change(&self, settings: &Settings, table: &Table) -> (Batch, Self) {
        let mut batch = Batch::new();
        let mut state = self.clone();
        state.advance(table).write(&mut batch, settings);
        (batch, state)
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
        let missing = |from: &BTreeMap<Chain, usize>, of: &BTreeMap<Chain, usize>| {
            of.keys().filter(|chain| !from.contains_key(chain)).copied().collect()
        };
        changes.chains_added = missing(&chains, &self.chains);
        changes.chains_removed = missing(&self.chains, &chains);
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

    /// Chains come before the elements that lead to them, and go behind them.
    fn write(&self, batch: &mut Batch, settings: &Settings) {
        for chain in &self.chains_added {
            let name = chain.name();
            create_chain(batch, &name, None);
            for rule in chain.rules(settings) {
                add_rule(batch, &name, &rule);
            }
        }
        delete_elements(batch, &self.removed);
        add_elements(batch, &self.added);
        for chain in &self.chains_removed {
            delete_chain(batch, &chain.name());
        }
    }
}

#[cfg(test)]
mod tests;
