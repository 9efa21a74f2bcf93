//! Domains with fewer pods of the same sort come first, as far as the pod's spread constraints, or
//! the default ones for pods of an owner, ask for it.

use super::{
    super::{outlook::Skew, topology::NONE},
    BEST, Candidate, Sight,
};

/// Of a node that lacks a label.
const IGNORED: i64 = -1;
/// Rates are fractions of this while they are summed.
const UNIT: f64 = 1024.0;

pub(super) fn rate(sight: &Sight<'_>, candidates: &[Candidate], rates: &mut Vec<i64>) -> bool {
    let outlook = sight.outlook;
    if outlook.soft.is_empty() {
        return false;
    }
    let topologies = &sight.cluster.relations.topologies;
    rates.resize(candidates.len(), 0);
    if outlook.soft_needs_all {
        for (rate, candidate) in rates.iter_mut().zip(candidates) {
            let of = |skew: &Skew| topologies.get(skew.topology).of(candidate.node);
            if outlook.soft.iter().any(|skew| of(skew) == NONE) {
                *rate = IGNORED;
            }
        }
    }
    outlook.soft.iter().for_each(|skew| add(sight, skew, candidates, rates));
    invert(rates)
}

fn add(sight: &Sight<'_>, skew: &Skew, candidates: &[Candidate], rates: &mut [i64]) {
    let topology = sight.cluster.relations.topologies.get(skew.topology);
    let view = sight.cluster.relations.view(skew.view);
    // The more domains there are, the less one pod more in one of them should count.
    let domains = if skew.is_hostname {
        rates.iter().filter(|rate| **rate != IGNORED).count()
    } else {
        let mut seen = vec![false; topology.len()];
        let of = candidates.iter().zip(rates.iter()).filter(|(_, rate)| **rate != IGNORED);
        for domain in of.map(|(candidate, _)| topology.of(candidate.node)) {
            if domain != NONE {
                seen[domain as usize] = true;
            }
        }
        seen.into_iter().filter(|seen| *seen).count()
    };
    let weight = (domains as f64 + 2.0).ln() * UNIT;
    let allowance = (f64::from(skew.skew_max) - 1.0) * UNIT;
    for (rate, candidate) in rates.iter_mut().zip(candidates) {
        let domain = topology.of(candidate.node);
        if *rate != IGNORED && domain != NONE {
            let count = f64::from(view.of(domain));
            *rate += count.mul_add(weight, allowance).round() as i64;
        }
    }
}

/// The fewest become 100; nothing is said if all are the same.
fn invert(rates: &mut [i64]) -> bool {
    let known = || rates.iter().copied().filter(|rate| *rate != IGNORED);
    let least = known().min().unwrap_or(0);
    let most = known().max().unwrap_or(0);
    if least == most && rates.iter().all(|rate| *rate != IGNORED) {
        return false;
    }
    for rate in rates {
        *rate = match *rate {
            IGNORED => 0,
            _ if most == 0 => BEST,
            rate => BEST * (most + least - rate) / most,
        };
    }
    true
}
