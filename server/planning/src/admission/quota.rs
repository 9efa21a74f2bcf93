//! Resource quotas: what an object is to use is charged to the quotas of its namespace in the
//! transaction that writes it, so that no two writers use the same rest.

use kinds::AnyObject;
use object::ApiError;

use super::{Claim, Request, namespace_of};
use crate::{
    World,
    amounts::Amounts,
    quota::{Counted, QUOTAS, Quota, is_counted},
};

/// Kinds whose updates may use more, and by which part.
const GROWING: &[(&str, &str)] =
    &[("pods", "resize"), ("services", ""), ("persistentvolumeclaims", "")];

/// Whether a write is charged, and must therefore wait for others of its namespace.
pub(super) fn is_charged(request: &Request<'_>, namespace: &str, world: &World) -> bool {
    let kind = &*request.def.name;
    let counts = match request.old {
        None => request.is_main() && is_counted(kind),
        Some(_) => GROWING.contains(&(kind, request.subresource)),
    };
    counts
        && request.def.is_namespaced()
        && request.def.answered.is_none()
        && world.in_namespace(QUOTAS, namespace).next().is_some()
}

pub(super) fn charge(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<Vec<Claim>, ApiError> {
    let namespace = namespace_of(object);
    if !is_charged(request, namespace, world) {
        return Ok(Vec::new());
    }
    let kind = &*request.def.name;
    let counted = Counted::of(kind, object);
    let old = request.old.map(|old| Counted::of(kind, old));
    let used = counted.usage(None);
    let negative = used.only(|name| used.get(name).is_some_and(|amount| amount.is_negative()));
    if !negative.is_empty() {
        let names: Vec<&str> = negative.names().collect();
        let why = format!("quota usage is negative for resource(s): {}", names.join(","));
        return Err(request.forbid(object, why));
    }
    let mut claims = Vec::new();
    for entry in world.in_namespace(QUOTAS, namespace) {
        let Some(quota) = Quota::read(&entry.body) else { continue };
        let delta = match delta(&quota, &counted, old.as_ref(), &used) {
            Ok(delta) => delta,
            Err(why) => return Err(request.forbid(object, why)),
        };
        if delta.is_empty() {
            continue;
        }
        let mut sum = quota.used.clone();
        sum.add(&delta);
        let is_exceeded = |name: &str| {
            let limit = quota.hard.get(name);
            delta.get(name).is_some()
                && limit.is_some_and(|limit| sum.get(name).is_some_and(|sum| sum > limit))
        };
        let exceeded = delta.only(is_exceeded);
        if !exceeded.is_empty() {
            let (used, hard) = (quota.used.only(is_exceeded), quota.hard.only(is_exceeded));
            let name = quota.name();
            let why = format!(
                "exceeded quota: {name}, requested: {exceeded}, used: {used}, limited: {hard}"
            );
            return Err(request.forbid(object, why));
        }
        if let Some(body) = Quota::with_status(&entry.body, &quota.hard, &sum) {
            claims.push(Claim::Replace { key: entry.key.clone(), revision: entry.revision, body });
        }
    }
    Ok(claims)
}

/// What a write adds to the usage of a quota that means it; or why it must not.
fn delta(
    quota: &Quota,
    counted: &Counted<'_>,
    old: Option<&Counted<'_>>,
    used: &Amounts,
) -> Result<Amounts, String> {
    // A quota that nobody has looked at yet limits what its spec says.
    let hard = if quota.hard.is_empty() { &quota.wanted } else { &quota.hard };
    let Some(limited) = quota.limited(hard, counted) else { return Ok(Amounts::default()) };
    let name = quota.name();
    if let Some(unsaid) = counted.unsaid(&limited) {
        return Err(format!("failed quota: {name}: must specify {unsaid}"));
    }
    if limited.iter().any(|one| quota.used.get(one).is_none()) {
        let resources = limited.join(",");
        return Err(format!("status unknown for quota: {name}, resources: {resources}"));
    }
    let before = match old {
        Some(old) if quota.limited(hard, old).is_some() => old.usage(None),
        _ => Amounts::default(),
    };
    let delta = used.beyond(&before);
    Ok(delta.only(|name| limited.iter().any(|one| one == name)))
}
