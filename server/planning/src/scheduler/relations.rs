//! What pods are to each other: which rules mean which pods, and how many of them stand where.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    node::Info,
    reach::Reaches,
    slots::Table,
    tally::{Aspect, Tallies, View},
    term::{Carrier, Identity, NamespaceLabels, Scope, Sort, Term},
    topology::Topologies,
};
use crate::Entry;

#[derive(Default)]
pub(super) struct Relations {
    pub(super) topologies: Topologies,
    pub(super) tallies: Tallies,
    pub(super) reaches: Reaches,
    pub(super) terms: Table<Term>,
    pub(super) identities: Table<Identity>,
    namespaces: NamespaceLabels,
    /// The terms that are confined to a namespace.
    terms_in: BTreeMap<String, BTreeSet<u32>>,
    /// The terms that labels of namespaces decide about.
    terms_anywhere: BTreeSet<u32>,
    terms_of_owner: BTreeMap<Arc<str>, u32>,
}

impl Relations {
    /// Takes in what a node is, or that it is no more.
    pub(super) fn set_node(&mut self, node: u32, name: &Arc<str>, info: Option<&Arc<Info>>) {
        self.topologies.set(node, info.map(|info| &info.labels));
        self.reaches.set(node, name, info, &self.topologies);
        self.tallies.generation += 1;
    }

    pub(super) fn topology(&mut self, label: &str) -> u32 {
        match self.topologies.find(label) {
            Some(found) => found,
            None => self.topologies.insert(label, self.reaches.labels()),
        }
    }

    /// Says whether the labels of a namespace are others than before.
    pub(super) fn set_namespace(&mut self, name: &Arc<str>, new: Option<&Entry>) -> bool {
        let old = match new {
            Some(entry) => self.namespaces.insert(name.clone(), entry.meta.labels.clone()),
            None => self.namespaces.remove(name),
        };
        let labels = |map: Option<&BTreeMap<String, String>>| map.cloned().unwrap_or_default();
        if labels(old.as_ref()) == labels(self.namespaces.get(name)) {
            return false;
        }
        let touched: Vec<u32> = self.terms_anywhere.iter().copied().collect();
        let inside = self.identities.iter().filter(|(_, identity)| identity.namespace == *name);
        let inside: Vec<u32> = inside.map(|(at, _)| at).collect();
        for term in touched {
            for identity in &inside {
                self.review(term, *identity);
            }
        }
        true
    }

    /// Takes a term to mean an identity, or no more.
    fn review(&mut self, term: u32, identity: u32) {
        let means = self.terms[term].means(&self.identities[identity], &self.namespaces);
        let known = &mut self.identities[identity].terms;
        let sign = match (means, known.iter().position(|one| *one == term)) {
            (true, None) => {
                known.push(term);
                1
            }
            (false, Some(at)) => {
                known.remove(at);
                -1
            }
            _ => return,
        };
        let tally = self.terms[term].tally;
        for (node, count) in &self.identities[identity].by_node {
            self.tallies.add(tally, *node, sign * count, &self.topologies, &self.reaches);
        }
    }

    pub(super) fn share_identity(&mut self, entry: &Entry, text: &str) -> u32 {
        if let Some(found) = self.identities.share(text) {
            return found;
        }
        let owner = entry.meta.controller().map(|owner| owner.uid.clone());
        let mut identity = Identity {
            namespace: entry.key.namespace.clone(),
            labels: entry.meta.labels.clone(),
            owner,
            terms: Vec::new(),
            by_node: BTreeMap::new(),
        };
        let of_owner = identity.owner.as_ref().and_then(|owner| self.terms_of_owner.get(owner));
        let near = self.terms_in.get(&*identity.namespace).into_iter().flatten();
        let all = of_owner.into_iter().chain(near).chain(&self.terms_anywhere);
        identity.terms = all
            .copied()
            .filter(|term| self.terms[*term].means(&identity, &self.namespaces))
            .collect();
        self.identities.insert(text, identity)
    }

    pub(super) fn share_term(&mut self, scopes: Vec<Scope>) -> u32 {
        let mut text = String::new();
        for scope in &scopes {
            scope.write(&mut text);
            text.push('\n');
        }
        if let Some(found) = self.terms.share(&text) {
            return found;
        }
        let tally = self.tallies.insert();
        let term = self.terms.insert(&text, Term { scopes, tally, carriers: Vec::new() });
        let inside = match &self.terms[term].scopes[0] {
            Scope::Owner(owner) => {
                // Whoever has an owner holds its term: no identity is there before.
                self.terms_of_owner.insert(owner.clone(), term);
                Vec::new()
            }
            scope => {
                match scope.namespaces() {
                    Some(names) => names.iter().for_each(|name| {
                        self.terms_in.entry(name.clone()).or_default().insert(term);
                    }),
                    None => drop(self.terms_anywhere.insert(term)),
                }
                self.identities.iter().map(|(at, _)| at).collect()
            }
        };
        for identity in inside {
            self.review(term, identity);
        }
        term
    }

    pub(super) fn release_term(&mut self, term: u32) {
        let Some(gone) = self.terms.release(term) else { return };
        self.tallies.remove(gone.tally);
        match &gone.scopes[0] {
            Scope::Owner(owner) => {
                self.terms_of_owner.remove(owner);
                return;
            }
            scope => match scope.namespaces() {
                Some(names) => names.iter().for_each(|name| {
                    if let Some(terms) = self.terms_in.get_mut(name) {
                        terms.remove(&term);
                        if terms.is_empty() {
                            self.terms_in.remove(name);
                        }
                    }
                }),
                None => drop(self.terms_anywhere.remove(&term)),
            },
        }
        let all: Vec<u32> = self.identities.iter().map(|(at, _)| at).collect();
        for identity in all {
            self.identities[identity].terms.retain(|one| *one != term);
        }
    }

    pub(super) fn release_reach(&mut self, reach: u32) {
        if self.reaches.release(reach) {
            self.tallies.close(reach);
        }
    }

    /// The tally of the pods that say something of the pods which a term means.
    pub(super) fn share_carrier(&mut self, term: u32, topology: u32, sort: Sort) -> u32 {
        let known = &mut self.terms[term].carriers;
        let is_it = |one: &&mut Carrier| one.topology == topology && one.sort == sort;
        if let Some(carrier) = known.iter_mut().find(is_it) {
            carrier.users += 1;
            return carrier.tally;
        }
        let tally = self.tallies.insert();
        known.push(Carrier { topology, sort, tally, users: 1 });
        tally
    }

    pub(super) fn release_carrier(&mut self, term: u32, topology: u32, sort: Sort) {
        let known = &mut self.terms[term].carriers;
        let is_it = |one: &Carrier| one.topology == topology && one.sort == sort;
        let Some(at) = known.iter().position(is_it) else { return };
        known[at].users -= 1;
        if known[at].users == 0 {
            let carrier = known.remove(at);
            self.tallies.remove(carrier.tally);
        }
    }

    /// A pod comes to a node, or goes.
    pub(super) fn place(&mut self, identity: u32, carries: &[(u32, i32)], node: u32, adds: bool) {
        let sign = if adds { 1 } else { -1 };
        let known = &mut self.identities[identity];
        let count = known.by_node.entry(node).or_insert(0);
        *count += sign;
        if *count == 0 {
            known.by_node.remove(&node);
        }
        for term in &known.terms {
            let tally = self.terms[*term].tally;
            self.tallies.add(tally, node, sign, &self.topologies, &self.reaches);
        }
        for (tally, weight) in carries {
            self.tallies.add(*tally, node, sign * weight, &self.topologies, &self.reaches);
        }
    }

    /// A tally by domain, as it stands now.
    pub(super) fn look(&mut self, tally: u32, aspect: Aspect) -> u32 {
        self.tallies.look(tally, aspect, &self.topologies, &self.reaches)
    }

    pub(super) fn view(&self, view: u32) -> &View {
        self.tallies.view(view)
    }
}
