//! The whole set of frontends with their backends, kept up change by change.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use imbl::{OrdMap, OrdSet, ordmap::DiffItem};
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use object::Key;

use super::{
    ENDPOINT_SLICES, NODES, SERVICES,
    backends::{Backends, Candidates, Here},
    frontends::{Frontend, Place, Protocol, frontends_of},
};
use crate::{
    backends::ZONE,
    world::{Change, Entry, World},
};

/// The label by which a slice names its service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Every frontend and who answers it. Clones share what they have in common, so that keeping the
/// last table, to compare with the next, costs little.
///
/// Two services may claim one frontend (by `externalIPs`): the one whose key sorts first has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    claims: OrdMap<(Frontend, Key), Arc<Backends>>,
    claimed: OrdMap<Key, OrdSet<Frontend>>,
}

/// Makes the table of a node afresh.
pub fn table(world: &World, node: &str) -> Table {
    let mut slices: BTreeMap<Key, Vec<EndpointSlice>> = BTreeMap::new();
    for entry in world.of_kind(ENDPOINT_SLICES) {
        if let (Some(service), Some(slice)) = (service_of(entry), decode(entry)) {
            slices.entry(service).or_default().push(slice);
        }
    }
    let mut table = Table::default();
    for entry in world.of_kind(SERVICES) {
        let slices = slices.remove(&entry.key).unwrap_or_default();
        table.claim(&entry.key, claims_of(entry, &slices, here(world, node)));
    }
    table
}

impl Table {
    /// Follows one change that `world` has seen. True when the table is another one now.
    pub fn update(&mut self, world: &World, node: &str, change: &Change) -> bool {
        let concerned: BTreeSet<Key> = match &*change.key.kind {
            SERVICES => BTreeSet::from([change.key.clone()]),
            ENDPOINT_SLICES => change.both().filter_map(|entry| service_of(entry)).collect(),
            // From another zone other endpoints are near.
            NODES if &*change.key.name == node && is_moved(change) => {
                world.of_kind(SERVICES).map(|entry| entry.key.clone()).collect()
            }
            _ => return false,
        };
        let before = self.clone();
        for key in concerned {
            let claims = match world.entry(&key) {
                Some(entry) => claims_of(entry, &slices_of(world, &key), here(world, node)),
                None => BTreeMap::new(),
            };
            self.claim(&key, claims);
        }
        *self != before
    }

    /// Follows everything that differs between two worlds, without reading the rest again.
    pub fn follow(&mut self, old: &World, new: &World, node: &str) {
        for kind in [NODES, SERVICES, ENDPOINT_SLICES] {
            for change in differences(old, new, kind) {
                self.update(new, node, &change);
            }
        }
    }

    /// Has one address on this node answer a frontend, whatever the services say, and see who asks:
    /// the node's own forwarder to the API server, its DNS, and the `hostPort` of a pod.
    pub fn answer(&mut self, frontend: Frontend, address: SocketAddrV4) {
        // The least of all keys, so that this claim goes before every service's.
        let key = Key::new("", "", "");
        self.claims.insert((frontend, key.clone()), Arc::new(Backends::single(address)));
        self.claimed.entry(key).or_default().insert(frontend);
    }

    /// Who answers a frontend. `None`: it is not ours.
    pub fn backends(&self, frontend: Frontend) -> Option<&Arc<Backends>> {
        let from = (frontend, Key::new("", "", ""));
        let (_, backends) =
            self.claims.range(from..).next().filter(|((at, _), _)| *at == frontend)?;
        Some(backends)
    }

    /// The service that has an address.
    pub fn service_at(&self, address: Ipv4Addr) -> Option<&Key> {
        let from = (Frontend::new(address, Protocol::Tcp, 0), Key::new("", "", ""));
        let at = self.claims.range(from..).map(|(claim, _)| claim);
        at.take_while(|(frontend, _)| frontend.place == Place::Address(address))
            .map(|(_, key)| key)
            .find(|key| &*key.kind == SERVICES)
    }

    /// Every frontend with who answers it, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Frontend, &Arc<Backends>)> {
        let mut last = None;
        self.claims.iter().filter_map(move |((frontend, _), backends)| {
            let is_first = last.replace(*frontend) != Some(*frontend);
            is_first.then_some((*frontend, backends))
        })
    }

    /// The frontends that may have another answer than in `other`: at the cost of what differs,
    /// not of what is there, when one table came from the other.
    pub fn differences(&self, other: &Self) -> BTreeSet<Frontend> {
        let changed = other.claims.diff(&self.claims).map(|item| match item {
            DiffItem::Add((frontend, _), _) | DiffItem::Remove((frontend, _), _) => *frontend,
            DiffItem::Update { new: ((frontend, _), _), .. } => *frontend,
        });
        changed.collect()
    }

    fn claim(&mut self, key: &Key, claims: BTreeMap<Frontend, Arc<Backends>>) {
        let mut old = self.claimed.remove(key).unwrap_or_default();
        let new: OrdSet<Frontend> = claims.keys().copied().collect();
        for (frontend, backends) in claims {
            old.remove(&frontend);
            let at = (frontend, key.clone());
            // An equal value stays in place, so that both tables go on sharing it.
            if self.claims.get(&at) != Some(&backends) {
                self.claims.insert(at, backends);
            }
        }
        for frontend in old {
            self.claims.remove(&(frontend, key.clone()));
        }
        if !new.is_empty() {
            self.claimed.insert(key.clone(), new);
        }
    }
}

/// The objects of a kind that are not the same in two worlds. Those that are share their entry.
fn differences(old: &World, new: &World, kind: &str) -> Vec<Change> {
    let (mut before, mut after) = (old.of_kind(kind).peekable(), new.of_kind(kind).peekable());
    let mut changes = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (Some(old), Some(new)) => old.key.cmp(&new.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return changes,
        };
        let old = before.next_if(|_| order.is_le());
        let new = after.next_if(|_| order.is_ge());
        let is_same = old.zip(new).is_some_and(|(old, new)| Arc::ptr_eq(old, new));
        if let (Some(entry), false) = (old.or(new), is_same) {
            let key = entry.key.clone();
            changes.push(Change { key, old: old.cloned(), new: new.cloned() });
        }
    }
}

fn here<'w>(world: &'w World, node: &'w str) -> Here<'w> {
    let own = world.entry(&Key::new(NODES, "", node));
    let zone = own.and_then(|own| own.meta.labels.get(ZONE));
    Here { node, zone: zone.map(String::as_str) }
}

/// Whether a node is in another zone than before.
fn is_moved(change: &Change) -> bool {
    let zone = |node: &Option<Arc<Entry>>| node.as_ref()?.meta.labels.get(ZONE).cloned();
    zone(&change.old) != zone(&change.new)
}

/// The frontends of a service, each with its backends.
fn claims_of(
    entry: &Entry,
    slices: &[EndpointSlice],
    here: Here<'_>,
) -> BTreeMap<Frontend, Arc<Backends>> {
    let mut claims = BTreeMap::new();
    let Some(service) = decode::<Service>(entry) else { return claims };
    for port in service.spec.iter().flat_map(|spec| spec.ports.iter().flatten()) {
        let candidates = Candidates::read(port, slices, here);
        for (frontend, audience) in frontends_of(&service, port) {
            let backends = || Arc::new(candidates.backends_for(&service, audience));
            claims.entry(frontend).or_insert_with(backends);
        }
    }
    claims
}

/// The slices of a service, decoded.
pub(super) fn slices_of(world: &World, service: &Key) -> Vec<EndpointSlice> {
    let own = world.labelled(ENDPOINT_SLICES, &service.namespace, SERVICE_LABEL, &service.name);
    own.filter_map(|entry| decode(entry)).collect()
}

/// The service that a slice belongs to.
fn service_of(slice: &Entry) -> Option<Key> {
    let name = slice.meta.labels.get(SERVICE_LABEL)?;
    Some(Key::new(SERVICES, &slice.key.namespace, name))
}

fn decode<T: serde::de::DeserializeOwned>(entry: &Entry) -> Option<T> {
    serde_json::from_slice(&entry.body).ok()
}

#[cfg(test)]
mod tests;
