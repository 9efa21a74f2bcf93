//! The kinds: one file each and one word in the list below. Everything that differs from kind to
//! kind is declared in its file; discovery, routes, RBAC names, OpenAPI, tables, storage and watch
//! read the list.
//!
//! **Invariant:** pure. Adding a kind touches its file and the list, nothing else.

mod custom;
mod kind;
mod merge_keys;
pub mod openapi;
pub mod parts;
pub mod protobuf;
mod registry;
pub mod schema;

pub mod api_service;
pub mod audit_event;
pub mod binding;
pub mod certificate_signing_request;
pub mod cluster_role;
pub mod cluster_role_binding;
pub mod cluster_trust_bundle;
pub mod component_status;
pub mod config_map;
pub mod controller_revision;
pub mod cron_job;
pub mod csi_driver;
pub mod csi_node;
pub mod csi_storage_capacity;
pub mod custom_resource_definition;
pub mod daemon_set;
pub mod deployment;
pub mod device_class;
pub mod device_taint_rule;
pub mod endpoint_slice;
pub mod endpoints;
pub mod event;
pub mod event_v1;
pub mod flow_schema;
pub mod horizontal_pod_autoscaler;
pub mod horizontal_pod_autoscaler_v1;
pub mod host;
pub mod ingress;
pub mod ingress_class;
pub mod ip_address;
pub mod job;
pub mod lease;
pub mod limit_range;
pub mod local_subject_access_review;
pub mod mutating_admission_policy;
pub mod mutating_admission_policy_binding;
pub mod mutating_webhook_configuration;
pub mod namespace;
pub mod network_policy;
pub mod node;
pub mod node_metrics;
pub mod node_port;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod placement;
pub mod pod;
pub mod pod_certificate_request;
pub mod pod_disruption_budget;
pub mod pod_metrics;
pub mod pod_template;
pub mod priority_class;
pub mod priority_level_configuration;
pub mod replica_set;
pub mod replication_controller;
pub mod resource_claim;
pub mod resource_claim_template;
pub mod resource_quota;
pub mod resource_slice;
pub mod role;
pub mod role_binding;
pub mod runtime_class;
pub mod secret;
pub mod self_subject_access_review;
pub mod self_subject_review;
pub mod self_subject_rules_review;
pub mod service;
pub mod service_account;
pub mod service_cidr;
pub mod session;
pub mod stateful_set;
pub mod storage_class;
pub mod storage_version_migration;
pub mod subject_access_review;
pub mod token_review;
pub mod user;
pub mod validating_admission_policy;
pub mod validating_admission_policy_binding;
pub mod validating_webhook_configuration;
pub mod volume_attachment;
pub mod volume_attributes_class;
pub mod what_if;

pub use custom::CustomKind;
pub use kind::{
    Answered, AnyObject, Codec, Column, ColumnDef, Conversion, Decoded, Destination, Field, Kept,
    Kind, KindDef, Post, PostDef, Progress, Proxied, ScaleFns, Scope, Strategy, Subresource,
    SubresourceDef, Text, Typed, Verb, Version, cast, cast_mut, column, field, hub_cell,
};
pub use registry::{Defines, Registry};
pub use schema::Definitions;

use std::sync::Arc;

/// Declares the built-in kinds in the order of discovery, and after them the further versions in
/// which some are served.
macro_rules! kinds {
    ($($kind:path),* ; $($version:path),* $(,)?) => {
        fn declared() -> Vec<Arc<KindDef>> {
            let mut kinds = vec![$(Arc::new(KindDef::of::<$kind>())),*];
            $(kinds.push(registry::version_of::<$version>(&kinds));)*
            kinds
        }
    };
}

kinds! {
    binding::Binding,
    component_status::ComponentStatus,
    config_map::ConfigMap,
    endpoints::Endpoints,
    event::Event,
    limit_range::LimitRange,
    namespace::Namespace,
    node::Node,
    persistent_volume::PersistentVolume,
    persistent_volume_claim::PersistentVolumeClaim,
    pod::Pod,
    pod_metrics::PodMetrics,
    node_metrics::NodeMetrics,
    pod_template::PodTemplate,
    replication_controller::ReplicationController,
    resource_quota::ResourceQuota,
    secret::Secret,
    service_account::ServiceAccount,
    service::Service,
    api_service::APIService,
    controller_revision::ControllerRevision,
    daemon_set::DaemonSet,
    deployment::Deployment,
    replica_set::ReplicaSet,
    stateful_set::StatefulSet,
    self_subject_review::SelfSubjectReview,
    token_review::TokenReview,
    local_subject_access_review::LocalSubjectAccessReview,
    self_subject_access_review::SelfSubjectAccessReview,
    self_subject_rules_review::SelfSubjectRulesReview,
    subject_access_review::SubjectAccessReview,
    horizontal_pod_autoscaler::HorizontalPodAutoscaler,
    cron_job::CronJob,
    job::Job,
    certificate_signing_request::CertificateSigningRequest,
    cluster_trust_bundle::ClusterTrustBundle,
    pod_certificate_request::PodCertificateRequest,
    ingress::Ingress,
    ingress_class::IngressClass,
    ip_address::IPAddress,
    network_policy::NetworkPolicy,
    service_cidr::ServiceCIDR,
    pod_disruption_budget::PodDisruptionBudget,
    cluster_role::ClusterRole,
    cluster_role_binding::ClusterRoleBinding,
    role::Role,
    role_binding::RoleBinding,
    csi_driver::CSIDriver,
    csi_node::CSINode,
    csi_storage_capacity::CSIStorageCapacity,
    storage_class::StorageClass,
    volume_attachment::VolumeAttachment,
    volume_attributes_class::VolumeAttributesClass,
    storage_version_migration::StorageVersionMigration,
    mutating_admission_policy::MutatingAdmissionPolicy,
    mutating_admission_policy_binding::MutatingAdmissionPolicyBinding,
    mutating_webhook_configuration::MutatingWebhookConfiguration,
    validating_admission_policy::ValidatingAdmissionPolicy,
    validating_admission_policy_binding::ValidatingAdmissionPolicyBinding,
    validating_webhook_configuration::ValidatingWebhookConfiguration,
    custom_resource_definition::CustomResourceDefinition,
    priority_class::PriorityClass,
    lease::Lease,
    runtime_class::RuntimeClass,
    endpoint_slice::EndpointSlice,
    flow_schema::FlowSchema,
    priority_level_configuration::PriorityLevelConfiguration,
    device_class::DeviceClass,
    device_taint_rule::DeviceTaintRule,
    resource_claim::ResourceClaim,
    resource_claim_template::ResourceClaimTemplate,
    resource_slice::ResourceSlice,
    audit_event::AuditEvent,
    host::Host,
    node_port::NodePort,
    placement::Placement,
    session::Session,
    user::User,
    what_if::WhatIf;
    event_v1::EventV1,
    horizontal_pod_autoscaler_v1::HorizontalPodAutoscalerV1,
}

/// Every built-in kind in every version that is served.
pub fn all() -> &'static [Arc<KindDef>] {
    Registry::builtin().all()
}

/// The declaration of a built-in kind by its name, as in `deployments.apps`.
pub fn find(name: &str) -> Option<&'static Arc<KindDef>> {
    Registry::builtin().find(name)
}

#[cfg(test)]
mod tests;
