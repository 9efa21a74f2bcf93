//! What a write must pass beside its kind's own validation, what it is given on the way, and the
//! unique names (addresses, ports) that it claims in its own transaction.
//!
//! The order of a write is: defaults of the kind, [`admit`], validation, [`review`], [`claim`],
//! store. A deletion passes [`check_deletion`], and the removal that ends it gives [`held`] back. What is
//! posted to a subresource passes [`check_post`].

mod certificates;
mod claim_resize;
mod cluster_ip;
mod default_class;
mod escalation;
mod eviction;
mod limit_range;
mod mirror_pod;
mod namespace_lifecycle;
mod node_port;
mod node_restriction;
mod node_taint;
mod pod_security;
mod priority;
mod quota;
mod runtime_class;
mod service;
mod service_account;
mod token_volume;
mod tolerations;

use std::{collections::BTreeMap, net::Ipv4Addr, ops::RangeInclusive};

use bytes::Bytes;
use jiff::Timestamp;
use kinds::{AnyObject, KindDef};
use object::{ApiError, FieldErrors, Key};
use serde_json::Value;

use crate::{
    World,
    access::{Access, User},
    dynamic_admission,
};

pub use pod_security::Level;

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where services' addresses come from: the first address and the length of the prefix.
    pub service_range: (Ipv4Addr, u8),
    pub node_ports: RangeInclusive<u16>,
    /// How long a pod stays on a node that is not ready or not reachable, unless it says.
    pub toleration_seconds: i64,
    /// What pods may ask of their host in a namespace that does not say.
    pub pod_security: Level,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            service_range: (Ipv4Addr::new(10, 43, 0, 0), 16),
            node_ports: 30000..=32767,
            toleration_seconds: 30,
            pod_security: Level::default(),
        }
    }
}

/// Who writes what.
pub struct Request<'a> {
    pub user: &'a User,
    pub access: &'a Access,
    pub settings: &'a Settings,
    pub def: &'a KindDef,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// The object as it is stored; `None` at its creation.
    pub old: Option<&'a dyn AnyObject>,
    pub now: Timestamp,
    /// Any number; other numbers lead to other choices among what is free.
    pub seed: u64,
    /// What is stored, for the few checks that look at more than the world holds.
    pub objects: &'a dyn Objects,
}

/// All that is stored, as of one moment.
pub trait Objects: Sync {
    /// The bodies of a kind's objects in one namespace, in order of name.
    fn list(&self, kind: &str, namespace: &str) -> Vec<Bytes>;
    fn get(&self, key: &Key) -> Option<Bytes>;
}

/// What the writer is told beside the answer, and what is noted of the request for the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    pub warnings: Vec<String>,
    pub annotations: BTreeMap<String, String>,
}

impl Notes {
    pub fn extend(&mut self, other: Self) {
        self.warnings.extend(other.warnings);
        self.annotations.extend(other.annotations);
    }
}

/// A name that only one object may hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// To be created, where it must be absent, in the transaction of the write that claims it. The
    /// body lacks what the API stamps on every new object (uid, creationTimestamp).
    Take { key: Key, body: Value },
    /// To be deleted in that transaction.
    Release { key: Key },
    /// To be replaced in that transaction, where it must be at this revision.
    Replace { key: Key, revision: u64, body: Value },
}

impl Claim {
    pub fn key(&self) -> &Key {
        match self {
            Self::Take { key, .. } | Self::Release { key } | Self::Replace { key, .. } => key,
        }
    }
}

type Check = fn(&Request<'_>, &mut dyn AnyObject, &World) -> Result<(), ApiError>;
type Review = fn(&Request<'_>, &dyn AnyObject, &World) -> Result<Notes, ApiError>;
type DeletionCheck = fn(&Request<'_>, &dyn AnyObject) -> Result<(), ApiError>;
type PostCheck = fn(&Request<'_>, &Key, &Value) -> Result<(), ApiError>;
type Allocation = fn(&Request<'_>, &mut dyn AnyObject, &World) -> Result<Vec<Claim>, ApiError>;

/// In this order.
const CHECKS: &[Check] = &[
    namespace_lifecycle::check,
    node_restriction::check,
    escalation::check,
    certificates::check,
    service_account::set_default,
    limit_range::set_defaults,
    priority::resolve,
    priority::check_default,
    runtime_class::apply,
    tolerations::set_defaults,
    node_taint::add,
    default_class::of_claim,
    default_class::of_ingress,
    service::keep_allocated,
    pod_security::check_namespace,
    dynamic_admission::note_types,
];

/// In this order.
const REVIEWS: &[Review] = &[
    limit_range::review,
    pod_security::review,
    pod_security::review_namespace,
    claim_resize::review,
    dynamic_admission::review_definition,
];

/// Quotas come last: they count what the others give.
const ALLOCATIONS: &[Allocation] = &[cluster_ip::allocate, node_port::allocate, quota::charge];

const DELETION_CHECKS: &[DeletionCheck] = &[namespace_lifecycle::check_deletion];

const POST_CHECKS: &[PostCheck] = &[node_restriction::check_token];

const HOLDERS: &[fn(&dyn AnyObject) -> Vec<Key>] = &[cluster_ip::held, node_port::held];

/// The kinds that checks and allocations read from the world.
pub const READS: &[&str] = &[
    "namespaces",
    "nodes",
    "serviceaccounts",
    cluster_ip::CLAIMS,
    node_port::CLAIMS,
    eviction::BUDGETS,
    limit_range::LIMIT_RANGES,
    crate::quota::QUOTAS,
    priority::CLASSES,
    runtime_class::CLASSES,
    default_class::STORAGE_CLASSES,
    default_class::INGRESS_CLASSES,
];

/// Completes what is written and refuses what must not be. What the world lacks may be news: look
/// twice at a refusal.
///
/// # Errors
/// The first check's refusal.
pub fn admit(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    CHECKS.iter().try_for_each(|check| check(request, object, world))
}

/// Looks at what is complete and valid, without changing it. What the world lacks may be news: look
/// twice at a refusal.
///
/// # Errors
/// The first refusal.
pub fn review(
    request: &Request<'_>,
    object: &dyn AnyObject,
    world: &World,
) -> Result<Notes, ApiError> {
    let mut notes = Notes::default();
    for review in REVIEWS {
        notes.extend(review(request, object, world)?);
    }
    Ok(notes)
}

/// Chooses the unique names that a valid object needs. When the store refuses one of them, because
/// somebody else was faster, claim again on a newer world with another seed.
///
/// # Errors
/// 422 for a name that is taken or can not be had.
pub fn claim(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<Vec<Claim>, ApiError> {
    let mut claims = Vec::new();
    for allocate in ALLOCATIONS {
        claims.extend(allocate(request, object, world)?);
    }
    Ok(claims)
}

/// Refuses the deletion of what must stay; `request.old` is not read.
///
/// # Errors
/// The first check's refusal.
pub fn check_deletion(request: &Request<'_>, object: &dyn AnyObject) -> Result<(), ApiError> {
    DELETION_CHECKS.iter().try_for_each(|check| check(request, object))
}

/// Refuses what may not be posted to a subresource of `key`; `request.old` is not read.
///
/// # Errors
/// The first check's refusal.
pub fn check_post(request: &Request<'_>, key: &Key, posted: &Value) -> Result<(), ApiError> {
    POST_CHECKS.iter().try_for_each(|check| check(request, key, posted))
}

/// What the eviction of an object must write beside it, or why it may not go now.
///
/// # Errors
/// 429 when a disruption budget does not allow it.
pub fn evict(
    object: &dyn AnyObject,
    world: &World,
    now: Timestamp,
) -> Result<Option<Claim>, ApiError> {
    eviction::spend(object, world, now)
}

/// Whether a write claims something that every write of its namespace claims, a quota: such writes
/// do well to come one after the other.
pub fn takes_turns(request: &Request<'_>, namespace: &str, world: &World) -> bool {
    quota::is_charged(request, namespace, world)
}

/// The claims that an object holds, to be deleted in the transaction that removes it.
pub fn held(object: &dyn AnyObject) -> Vec<Key> {
    HOLDERS.iter().flat_map(|holder| holder(object)).collect()
}

impl Request<'_> {
    fn is_create(&self) -> bool {
        self.old.is_none()
    }

    /// Whether the object itself is written, not a part of it.
    fn is_main(&self) -> bool {
        self.subresource.is_empty()
    }

    fn forbid(&self, object: &dyn AnyObject, why: impl std::fmt::Display) -> ApiError {
        ApiError::forbidden(&self.def.name, name_of(object), why)
    }

    fn invalid(&self, object: &dyn AnyObject, errors: &FieldErrors) -> ApiError {
        ApiError::invalid(&self.def.group_kind(), name_of(object), errors)
    }
}

fn name_of(object: &dyn AnyObject) -> &str {
    object.metadata().name.as_deref().unwrap_or_default()
}

fn namespace_of(object: &dyn AnyObject) -> &str {
    object.metadata().namespace.as_deref().unwrap_or_default()
}

/// What changes between what was held and what is wanted now.
fn difference(old: Vec<Key>, new: Vec<Key>, body: impl Fn(&Key) -> Value) -> Vec<Claim> {
    let taken = new.iter().filter(|key| !old.contains(key));
    let taken = taken.map(|key| Claim::Take { key: key.clone(), body: body(key) });
    let released = old.iter().filter(|key| !new.contains(key));
    taken.chain(released.map(|key| Claim::Release { key: key.clone() })).collect()
}

/// The first free index below `count`, looked for from a place that the seed decides.
fn choose(count: u64, seed: u64, is_free: impl Fn(u64) -> bool) -> Option<u64> {
    let start = mix(seed).checked_rem(count)?;
    (0..count).map(|step| (start + step) % count).find(|index| is_free(*index))
}

/// Spreads a seed's bits, so that neighbouring seeds choose far apart (splitmix64).
fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chooses_what_is_free(count in 0..50_u64, seed: u64, taken: u64) {
            let is_free = |index: u64| taken >> index & 1 == 0;
            match choose(count, seed, is_free) {
                Some(index) => prop_assert!(index < count && is_free(index)),
                None => prop_assert!((0..count).all(|index| !is_free(index))),
            }
        }
    }
}
