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
pub mod schema;

pub mod cluster_role;
pub mod cluster_role_binding;
pub mod config_map;
pub mod deployment;
pub mod endpoint_slice;
pub mod endpoints;
pub mod event;
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
    Answered, AnyObject, Column, ColumnDef, Decoded, Destination, Field, Kind, KindDef, Post,
    PostDef, Progress, ScaleFns, Scope, Subresource, SubresourceDef, Typed, Verb, cast, cast_mut,
    column, field,
};

use std::sync::OnceLock;

/// Declares the registry: every kind that is served, in the order of discovery.
macro_rules! kinds {
    ($($kind:path),* $(,)?) => {
        /// Every built-in kind.
        pub fn all() -> &'static [KindDef] {
            static ALL: OnceLock<Vec<KindDef>> = OnceLock::new();
            ALL.get_or_init(|| vec![$(KindDef::of::<$kind>()),*])
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
    role_binding::RoleBinding,
}

/// The declaration of a kind by its name, as in `deployments.apps`.
pub fn find(name: &str) -> Option<&'static KindDef> {
    all().iter().find(|def| &*def.name == name)
}

#[cfg(test)]
mod tests;
