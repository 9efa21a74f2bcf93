//! What a pod has to know of others before it looks at nodes: its terms and those that mean it, by
//! domain.

use k8s_openapi::api::core::v1::NodeSelector;

use super::{
    cluster::Cluster,
    peers::{Constraint, Peers},
    relations::Relations,
    tally::Aspect,
    term::Sort,
    volumes::Unready,
};

#[derive(Default)]
pub(super) struct Outlook {
    pub(super) volumes: Vec<NodeSelector>,
    pub(super) hard: Vec<Skew>,
    pub(super) required: Option<Required>,
    /// Pods that it does not bear.
    pub(super) anti: Vec<Look>,
    /// Pods that do not bear it.
    pub(super) unbearing: Vec<Look>,
    pub(super) soft: Vec<Skew>,
    pub(super) soft_needs_all: bool,
    pub(super) likings: Vec<(Look, i64)>,
}

/// A tally by the domains of a label.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) topology: u32,
    pub(super) view: u32,
}

pub(super) struct Required {
    pub(super) looks: Vec<Look>,
    /// Whether there is no such pod and it is one of them itself.
    pub(super) is_first: bool,
}

pub(super) struct Skew {
    pub(super) topology: u32,
    pub(super) view: u32,
    pub(super) least: i32,
    /// What the pod adds itself.
    pub(super) itself: i32,
    pub(super) skew_max: i32,
    pub(super) is_hostname: bool,
}

impl Outlook {
    pub(super) fn of(cluster: &mut Cluster, pod: u32) -> Result<Self, Unready> {
        let Cluster { pods, peers, relations, volumes, .. } = cluster;
        let one = &pods[pod];
        let peers = &peers[one.peers];
        let mut outlook = Self {
            volumes: volumes.places(&one.entry)?,
            soft_needs_all: peers.soft_needs_all,
            ..Self::default()
        };
        outlook.look_at_own_terms(peers, relations);
        outlook.look_at_others_terms(peers, relations);
        Ok(outlook)
    }

    /// Whether nothing but nodes themselves can refuse the pod.
    pub(super) fn is_free(&self) -> bool {
        self.volumes.is_empty()
            && self.hard.is_empty()
            && self.required.is_none()
            && self.anti.is_empty()
            && self.unbearing.is_empty()
    }

    fn look_at_own_terms(&mut self, peers: &Peers, relations: &mut Relations) {
        self.hard = peers.hard.iter().map(|one| skew(one, true, relations)).collect();
        self.soft = peers.soft.iter().map(|one| skew(one, false, relations)).collect();
        self.required = peers.required.as_ref().map(|required| {
            let tally = relations.terms[required.term].tally;
            let looks = required.topologies.iter();
            Required {
                looks: looks.map(|topology| look(tally, *topology, relations)).collect(),
                is_first: required.means_itself && relations.tallies.get(tally).total == 0,
            }
        });
        for bond in &peers.anti {
            let tally = relations.terms[bond.term].tally;
            self.anti.push(look(tally, bond.topology, relations));
        }
        for (bond, weight) in &peers.preferred {
            let tally = relations.terms[bond.term].tally;
            self.likings.push((look(tally, bond.topology, relations), i64::from(*weight)));
        }
    }

    fn look_at_others_terms(&mut self, peers: &Peers, relations: &mut Relations) {
        let mut found = Vec::new();
        for term in &relations.identities[peers.identity].terms {
            let carriers = relations.terms[*term].carriers.iter();
            found.extend(carriers.map(|one| (one.sort, one.tally, one.topology)));
        }
        for (sort, tally, topology) in found {
            if relations.tallies.get(tally).is_empty() {
                continue;
            }
            let look = look(tally, topology, relations);
            match sort {
                Sort::Anti => self.unbearing.push(look),
                Sort::Liking => self.likings.push((look, 1)),
            }
        }
    }
}

fn look(tally: u32, topology: u32, relations: &mut Relations) -> Look {
    let aspect = Aspect { topology, reach: None, is_leveled: false };
    Look { topology, view: relations.look(tally, aspect) }
}

fn skew(constraint: &Constraint, is_leveled: bool, relations: &mut Relations) -> Skew {
    let topology = constraint.bond.topology;
    let tally = relations.terms[constraint.bond.term].tally;
    let view = relations.look(tally, Aspect { topology, reach: constraint.reach, is_leveled });
    let (least, domains) = relations.view(view).least();
    let is_short = constraint.domains_min.is_some_and(|wanted| domains < wanted);
    Skew {
        topology,
        view,
        least: if is_short { 0 } else { least },
        itself: i32::from(constraint.means_itself),
        skew_max: constraint.skew_max,
        is_hostname: constraint.is_hostname,
    }
}
