//! Nodes near pods that the pod likes, or that like it, come first.

use super::{super::topology::NONE, BEST, Candidate, Sight};

pub(super) fn rate(sight: &Sight<'_>, candidates: &[Candidate], rates: &mut Vec<i64>) -> bool {
    let likings = &sight.outlook.likings;
    if likings.is_empty() {
        return false;
    }
    let relations = &sight.cluster.relations;
    rates.resize(candidates.len(), 0);
    for (look, weight) in likings {
        let topology = relations.topologies.get(look.topology);
        let view = relations.view(look.view);
        for (rate, candidate) in rates.iter_mut().zip(candidates) {
            let domain = topology.of(candidate.node);
            if domain != NONE {
                *rate += weight * i64::from(view.of(domain));
            }
        }
    }
    let least = rates.iter().copied().min().unwrap_or(0);
    let range = rates.iter().copied().max().unwrap_or(0) - least;
    if range == 0 {
        return false;
    }
    rates.iter_mut().for_each(|rate| *rate = (*rate - least) * BEST / range);
    true
}
