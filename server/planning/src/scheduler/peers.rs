//! What pods of one sort are to others, and others to them: affinity, anti-affinity and spread,
//! compiled once for all of them.

use k8s_openapi::api::core::v1::{
    PodAffinity, PodAffinityTerm, PodAntiAffinity, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};

use super::{
    reach::Rules,
    read::{self, SpecPart},
    relations::Relations,
    shape::Places,
    term::{Scope, Sort},
};
use crate::Entry;

pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

pub(super) struct Peers {
    pub(super) identity: u32,
    /// In the domains of these labels there must be a pod that a term means.
    pub(super) required: Option<Required>,
    /// In its domain there must be none.
    pub(super) anti: Vec<Bond>,
    /// The more in its domain the better, or the worse.
    pub(super) preferred: Vec<(Bond, i32)>,
    pub(super) hard: Vec<Constraint>,
    pub(super) soft: Vec<Constraint>,
    /// Whether a node has to have all labels of `soft` to be rated by it.
    pub(super) soft_needs_all: bool,
    /// The tallies that such a pod adds to, with its weight.
    pub(super) carries: Vec<(u32, i32)>,
    carriers: Vec<(u32, u32, Sort)>,
    terms: Vec<u32>,
    reaches: Vec<u32>,
}

pub(super) struct Required {
    /// Of pods that all of its terms mean.
    pub(super) term: u32,
    pub(super) topologies: Vec<u32>,
    pub(super) means_itself: bool,
}

/// A term within the domains of a label.
#[derive(Clone, Copy)]
pub(super) struct Bond {
    pub(super) term: u32,
    pub(super) topology: u32,
}

pub(super) struct Constraint {
    pub(super) bond: Bond,
    pub(super) reach: Option<u32>,
    pub(super) skew_max: i32,
    pub(super) domains_min: Option<usize>,
    pub(super) means_itself: bool,
    pub(super) is_hostname: bool,
}

impl Peers {
    pub(super) fn of(entry: &Entry, spec: &SpecPart<'_>, relations: &mut Relations) -> Self {
        let owner = entry.meta.controller().map(|owner| owner.uid.clone());
        let owner = owner.map(|owner| relations.share_term(vec![Scope::Owner(owner)]));
        let identity = relations.share_identity(entry, &read::identity(entry));
        let mut peers = Self {
            identity,
            required: None,
            anti: Vec::new(),
            preferred: Vec::new(),
            hard: Vec::new(),
            soft: Vec::new(),
            soft_needs_all: true,
            carries: Vec::new(),
            carriers: Vec::new(),
            terms: owner.into_iter().collect(),
            reaches: Vec::new(),
        };
        if let Some(affinity) = &spec.affinity {
            peers.add_affinity(entry, &read::decode(affinity.pod_affinity), relations);
            peers.add_anti_affinity(entry, &read::decode(affinity.pod_anti_affinity), relations);
        }
        let constraints: Vec<TopologySpreadConstraint> =
            read::decode(spec.topology_spread_constraints);
        if constraints.is_empty() {
            peers.spread_by_default(owner, spec, relations);
        } else {
            peers.add_spread(entry, spec, &constraints, relations);
        }
        peers
    }

    /// Gives back all that it holds of others.
    pub(super) fn release(self, relations: &mut Relations) {
        relations.identities.release(self.identity);
        for (term, topology, sort) in self.carriers {
            relations.release_carrier(term, topology, sort);
        }
        self.terms.into_iter().for_each(|term| relations.release_term(term));
        self.reaches.into_iter().for_each(|reach| relations.release_reach(reach));
    }

    /// Whether it says something of the pods that a term means.
    pub(super) fn mentions(&self, term: u32) -> bool {
        self.terms.contains(&term)
    }

    fn bond(&mut self, scope: Scope, label: &str, relations: &mut Relations) -> Bond {
        let term = relations.share_term(vec![scope]);
        self.terms.push(term);
        Bond { term, topology: relations.topology(label) }
    }

    fn carry(&mut self, bond: Bond, sort: Sort, weight: i32, relations: &mut Relations) {
        let tally = relations.share_carrier(bond.term, bond.topology, sort);
        self.carriers.push((bond.term, bond.topology, sort));
        self.carries.push((tally, weight));
    }

    fn add_affinity(&mut self, pod: &Entry, affinity: &PodAffinity, relations: &mut Relations) {
        let required = affinity.required_during_scheduling_ignored_during_execution.as_deref();
        let required = required.unwrap_or_default();
        for term in required {
            let scope = Scope::of_affinity(term, pod);
            let bond = self.bond(scope, &term.topology_key, relations);
            // Who must be near others draws those a little, too.
            self.carry(bond, Sort::Liking, 1, relations);
        }
        if !required.is_empty() {
            let scopes = required.iter().map(|term| Scope::of_affinity(term, pod)).collect();
            let term = relations.share_term(scopes);
            self.terms.push(term);
            let label = |term: &PodAffinityTerm| relations.topology(&term.topology_key);
            let topologies = required.iter().map(label).collect();
            let means_itself = relations.identities[self.identity].terms.contains(&term);
            self.required = Some(Required { term, topologies, means_itself });
        }
        let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
        self.add_preferred(pod, preferred.unwrap_or_default(), 1, relations);
    }

    fn add_anti_affinity(
        &mut self,
        pod: &Entry,
        affinity: &PodAntiAffinity,
        relations: &mut Relations,
    ) {
        let required = affinity.required_during_scheduling_ignored_during_execution.as_deref();
        for term in required.unwrap_or_default() {
            let bond = self.bond(Scope::of_affinity(term, pod), &term.topology_key, relations);
            self.anti.push(bond);
            self.carry(bond, Sort::Anti, 1, relations);
        }
        let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
        self.add_preferred(pod, preferred.unwrap_or_default(), -1, relations);
    }

    fn add_preferred(
        &mut self,
        pod: &Entry,
        preferred: &[WeightedPodAffinityTerm],
        sign: i32,
        relations: &mut Relations,
    ) {
        for weighted in preferred {
            let term = &weighted.pod_affinity_term;
            let bond = self.bond(Scope::of_affinity(term, pod), &term.topology_key, relations);
            self.preferred.push((bond, sign * weighted.weight));
            self.carry(bond, Sort::Liking, sign * weighted.weight, relations);
        }
    }

    /// Replicas of one owner go to different nodes and zones, if they can.
    fn spread_by_default(
        &mut self,
        owner: Option<u32>,
        spec: &SpecPart<'_>,
        relations: &mut Relations,
    ) {
        let Some(term) = owner else { return };
        self.soft_needs_all = false;
        let reach = spec.selects_nodes().then(|| {
            let rules = || Rules { places: Some(Places::of(spec)), ..Rules::default() };
            let topologies = &relations.topologies;
            relations.reaches.share(&format!("\n{}", spec.places()), rules, topologies)
        });
        self.reaches.extend(reach);
        for (label, skew_max) in [(HOSTNAME, 3), (ZONE, 5)] {
            let bond = Bond { term, topology: relations.topology(label) };
            self.soft.push(Constraint {
                bond,
                reach,
                skew_max,
                domains_min: None,
                means_itself: true,
                is_hostname: label == HOSTNAME,
            });
        }
    }

    fn add_spread(
        &mut self,
        pod: &Entry,
        spec: &SpecPart<'_>,
        constraints: &[TopologySpreadConstraint],
        relations: &mut Relations,
    ) {
        let is_hard = |one: &&TopologySpreadConstraint| one.when_unsatisfiable == "DoNotSchedule";
        let (hard, soft): (Vec<_>, Vec<_>) = constraints.iter().partition(is_hard);
        for (those, is_hard) in [(hard, true), (soft, false)] {
            let mut topologies: Vec<u32> =
                those.iter().map(|one| relations.topology(&one.topology_key)).collect();
            topologies.sort_unstable();
            topologies.dedup();
            for constraint in those {
                let one = self.constraint(pod, spec, constraint, &topologies, relations);
                if is_hard { self.hard.push(one) } else { self.soft.push(one) }
            }
        }
    }

    fn constraint(
        &mut self,
        pod: &Entry,
        spec: &SpecPart<'_>,
        constraint: &TopologySpreadConstraint,
        topologies: &[u32],
        relations: &mut Relations,
    ) -> Constraint {
        let scope = Scope::of_spread(constraint, pod);
        let bond = self.bond(scope, &constraint.topology_key, relations);
        let by_places = constraint.node_affinity_policy.as_deref() != Some("Ignore");
        let by_places = by_places && spec.selects_nodes();
        let by_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
        let text = format!("{topologies:?} {by_places} {by_taints}\n{}", spec.places());
        let rules = || {
            let places = Places::of(spec);
            Rules {
                topologies: topologies.to_vec(),
                tolerations: by_taints.then(|| places.tolerations.clone()),
                places: by_places.then_some(places),
            }
        };
        // With one label, nodes without it have no domain and count nowhere anyway.
        let reach = (by_places || by_taints || topologies.len() > 1)
            .then(|| relations.reaches.share(&text, rules, &relations.topologies));
        self.reaches.extend(reach);
        let domains_min = constraint.min_domains.and_then(|least| usize::try_from(least).ok());
        Constraint {
            bond,
            reach,
            skew_max: constraint.max_skew,
            domains_min,
            means_itself: relations.identities[self.identity].terms.contains(&bond.term),
            is_hostname: constraint.topology_key == HOSTNAME,
        }
    }
}
