//! The kinds: one file each and one word in the list below. Everything that differs from kind to
//! kind is declared in its file; discovery, routes, RBAC names, OpenAPI, tables, storage and watch
//! read the list.
//!
//! **Invariant:** pure. Adding a kind touches its file and the list, nothing else.

mod kind;
mod merge_keys;
pub mod openapi;
pub mod parts;
pub mod protobuf;
mod registry;
pub mod schema;

pub mod cluster_role;
pub mod cluster_role_binding;
pub mod config_map;
pub mod deployment;
pub mod endpoint_slice;
pub mod endpoints;
pub mod event;
pub mod event_v1;
pub mod host;
pub mod ip_address;
pub mod lease;
pub mod local_subject_access_review;
pub mod namespace;
pub mod node;
pub mod node_port;
pub mod pod;
pub mod replica_set;
pub mod role;
pub mod role_binding;
pub mod secret;
pub mod self_subject_access_review;
pub mod self_subject_review;
pub mod self_subject_rules_review;
pub mod service;
pub mod service_account;
pub mod service_cidr;
pub mod session;
pub mod subject_access_review;
pub mod token_review;
pub mod user;

pub use kind::{
    Answered, AnyObject, Codec, Column, ColumnDef, Conversion, Decoded, Destination, Field, Kept,
    Kind, KindDef, Post, PostDef, Progress, ScaleFns, Scope, Subresource, SubresourceDef, Text,
    Typed, Verb, Version, cast, cast_mut, column, field,
};
pub use registry::Registry;

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
    config_map::ConfigMap,
    endpoints::Endpoints,
    event::Event,
    namespace::Namespace,
    node::Node,
    pod::Pod,
    secret::Secret,
    service_account::ServiceAccount,
    service::Service,
    deployment::Deployment,
    replica_set::ReplicaSet,
    self_subject_review::SelfSubjectReview,
    token_review::TokenReview,
    local_subject_access_review::LocalSubjectAccessReview,
    self_subject_access_review::SelfSubjectAccessReview,
    self_subject_rules_review::SelfSubjectRulesReview,
    subject_access_review::SubjectAccessReview,
    lease::Lease,
    endpoint_slice::EndpointSlice,
    host::Host,
    node_port::NodePort,
    session::Session,
    user::User,
    ip_address::IPAddress,
    service_cidr::ServiceCIDR,
    cluster_role::ClusterRole,
    cluster_role_binding::ClusterRoleBinding,
    role::Role,
    role_binding::RoleBinding;
    event_v1::EventV1,
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
