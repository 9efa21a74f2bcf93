//! The schedulers that a pod can name: one structure that rates nodes in different ways.

use super::scores::Weights;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Profile {
    /// What `spec.schedulerName` says; events name it as their source.
    pub(super) name: &'static str,
    pub(super) allocation: Allocation,
    pub(super) weights: Weights,
}

/// Which node is better as far as its resources are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allocation {
    /// The one with the most left: load is spread.
    Least,
    /// The one with the least left that is enough: nodes are filled one after the other.
    Most,
}

const WEIGHTS: Weights =
    Weights { taints: 3, affinity: 2, spread: 2, peers: 2, allocation: 1, balance: 1, images: 1 };

/// The first is meant by a pod that names none.
pub(super) static PROFILES: &[Profile] = &[
    Profile { name: "default-scheduler", allocation: Allocation::Least, weights: WEIGHTS },
    Profile {
        name: "most-allocated-scheduler",
        allocation: Allocation::Most,
        // Nothing may pull pods apart more than filling nodes draws them together.
        weights: Weights { spread: 0, allocation: 5, balance: 0, ..WEIGHTS },
    },
];

/// A pod that names no profile of ours is somebody else's.
pub(super) fn find(name: Option<&str>) -> Option<usize> {
    match name {
        None | Some("") => Some(0),
        Some(name) => PROFILES.iter().position(|profile| profile.name == name),
    }
}
