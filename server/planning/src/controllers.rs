//! The controllers: one file each and one word in the list.

pub mod certificate_approval;
pub mod certificate_cleaner;
pub mod certificate_signing;
pub mod cluster_role_aggregation;
pub mod cron_job;
pub mod custom_resource_definition;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
pub mod endpoint_slice_mirroring;
pub mod endpoints;
pub mod ephemeral_volume;
pub mod event_expiry;
pub mod garbage_collector;
pub mod horizontal_pod_autoscaler;
pub mod host;
pub mod job;
pub mod namespace;
pub mod node_cidr;
pub mod node_lifecycle;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod pod_gc;
pub mod replica_set;
pub mod replication_controller;
pub mod resource_quota;
pub mod root_ca;
pub mod service_account;
pub mod service_account_token;
pub mod stateful_set;
pub mod taint_eviction;
pub mod token_cleaner;
pub mod ttl_after_finished;

use crate::Controller;

pub static CONTROLLERS: &[Controller] = &[
    deployment::CONTROLLER,
    replica_set::CONTROLLER,
    replication_controller::CONTROLLER,
    stateful_set::CONTROLLER,
    daemon_set::CONTROLLER,
    job::CONTROLLER,
    ttl_after_finished::CONTROLLER,
    cron_job::CONTROLLER,
    disruption::CONTROLLER,
    horizontal_pod_autoscaler::CONTROLLER,
    persistent_volume_claim::CONTROLLER,
    persistent_volume::CONTROLLER,
    ephemeral_volume::CONTROLLER,
    endpoint_slice::CONTROLLER,
    endpoints::CONTROLLER,
    endpoint_slice_mirroring::CONTROLLER,
    node_lifecycle::CONTROLLER,
    taint_eviction::CONTROLLER,
    node_cidr::CONTROLLER,
    pod_gc::CONTROLLER,
    namespace::CONTROLLER,
    service_account::CONTROLLER,
    service_account_token::CONTROLLER,
    token_cleaner::CONTROLLER,
    root_ca::CONTROLLER,
    garbage_collector::CONTROLLER,
    host::CONTROLLER,
    event_expiry::CONTROLLER,
    resource_quota::CONTROLLER,
    cluster_role_aggregation::CONTROLLER,
    certificate_approval::CONTROLLER,
    certificate_signing::CONTROLLER,
    certificate_cleaner::CONTROLLER,
    custom_resource_definition::CONTROLLER,
];
