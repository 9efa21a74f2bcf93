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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Short names and plurals are one space for kubectl.
    #[test]
    fn names_are_unique() {
        let mut seen = BTreeSet::new();
        for def in all() {
            assert!(seen.insert(def.name.to_string()), "{} is there twice", def.name);
            for short in def.short_names {
                assert!(seen.insert((*short).to_owned()), "{short} is there twice");
            }
        }
    }

    #[test]
    fn what_is_not_kept_can_only_be_created() {
        for def in all() {
            assert_eq!(def.answered.is_some(), def.verbs == [Verb::Create], "{}", def.name);
            assert!(def.answered.is_none() || def.subresources.is_empty(), "{}", def.name);
        }
    }

    /// An empty object has all its cells: printing never fails on what is not there yet.
    #[test]
    fn prints_empty_objects() {
        for def in all() {
            let object = (def.decode)(br#"{"metadata":{"name":"a"}}"#).unwrap();
            assert_eq!(object.cells(jiff::Timestamp::UNIX_EPOCH).len(), def.columns.len());
            let value = object.to_value();
            assert_eq!(value["kind"], def.kind);
            assert_eq!(value["apiVersion"], def.api_version);
        }
    }

    #[test]
    fn status_writes_and_main_writes_keep_to_their_parts() {
        let def = find("deployments.apps").unwrap();
        let old = r#"{"metadata":{"name":"a"},"spec":{"replicas":1},"status":{"replicas":1}}"#;
        let new = r#"{"metadata":{"name":"a"},"spec":{"replicas":2},"status":{"replicas":2}}"#;
        for (subresource, spec, status) in [("", 2, 1), ("status", 1, 2)] {
            let old = (def.decode)(old.as_bytes()).unwrap();
            let mut written = (def.decode)(new.as_bytes()).unwrap();
            written.prepare_update(&*old, subresource);
            let value = written.to_value();
            assert_eq!(value["spec"]["replicas"], spec, "{subresource}");
            assert_eq!(value["status"]["replicas"], status, "{subresource}");
        }
    }
}
