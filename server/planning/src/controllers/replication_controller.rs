//! Keeps as many pods as a ReplicationController asks for, as a ReplicaSet does.

use super::replica_set::{self, Sort};
use crate::{Controller, pods::PODS};

pub const CONTROLLER: Controller = Controller {
    name: "replication-controller",
    watches: &[SORT.kind, PODS],
    keys_for: |change, world| replica_set::keys_of(&SORT, change, world),
    plan: |round| replica_set::plan_of(&SORT, round),
};

const SORT: Sort = Sort {
    kind: "replicationcontrollers",
    source: "replication-controller",
    has_plain_selector: true,
};
