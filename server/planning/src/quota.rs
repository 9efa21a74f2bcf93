//! What objects use of resource quotas, which quotas mean them, and what a quota's status says.

mod scope;
mod usage;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ResourceQuota, ScopedResourceSelectorRequirement};
use serde_json::{Value, json};

use crate::{World, amounts::Amounts};

pub(crate) use usage::Counted;

pub(crate) const QUOTAS: &str = "resourcequotas";

/// Kinds that no quota counts: events come and go by themselves.
const UNCOUNTED: &[&str] = &["events", "events.events.k8s.io"];

pub(crate) fn is_counted(kind: &str) -> bool {
    !UNCOUNTED.contains(&kind)
}

/// A stored quota, read.
pub(crate) struct Quota {
    quota: ResourceQuota,
    scopes: Vec<ScopedResourceSelectorRequirement>,
    /// As the spec has them.
    pub(crate) wanted: Amounts,
    /// As the status has them, which admission goes by.
    pub(crate) hard: Amounts,
    pub(crate) used: Amounts,
}

impl Quota {
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let quota: ResourceQuota = serde_json::from_slice(body).ok()?;
        let (spec, status) = (quota.spec.as_ref(), quota.status.as_ref());
        Some(Self {
            scopes: spec.map(scope::requirements).unwrap_or_default(),
            wanted: Amounts::of(spec.and_then(|spec| spec.hard.as_ref())),
            hard: Amounts::of(status.and_then(|status| status.hard.as_ref())),
            used: Amounts::of(status.and_then(|status| status.used.as_ref())),
            quota,
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.quota.metadata.name.as_deref().unwrap_or_default()
    }

    /// Which of these resources the quota limits for an object; `None` when it does not mean it.
    pub(crate) fn limited(&self, hard: &Amounts, counted: &Counted<'_>) -> Option<Vec<String>> {
        let names: Vec<String> =
            hard.names().filter(|name| counted.knows(name)).map(str::to_owned).collect();
        let is_meant = self.scopes.iter().all(|scope| scope::matches(scope, counted));
        (!names.is_empty() && is_meant).then_some(names)
    }

    /// What the objects of the quota's namespace use of what its spec limits.
    pub(crate) fn usage(&self, world: &World, now: Timestamp) -> Amounts {
        let namespace = self.quota.metadata.namespace.as_deref().unwrap_or_default();
        let mut used = Amounts::default();
        for name in self.wanted.names() {
            used.set(name, object::quantity::Quantity::default());
        }
        for kind in self.kinds() {
            for entry in world.in_namespace(&kind, namespace) {
                let counted = Counted::stored(&kind, &entry.body);
                let Some(names) = self.limited(&self.wanted, &counted) else { continue };
                let own = counted.usage(Some(now));
                used.add(&own.only(|name| names.iter().any(|limited| limited == name)));
            }
        }
        used
    }

    /// The kinds whose objects may use what the spec limits.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self.wanted.names().map(usage::kind_of).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// The kind whose objects use a resource.
    pub(crate) fn kind_of(&self, resource: &str) -> String {
        usage::kind_of(resource)
    }

    /// The stored object with another status.
    pub(crate) fn with_status(body: &[u8], hard: &Amounts, used: &Amounts) -> Option<Value> {
        let mut value: Value = serde_json::from_slice(body).ok()?;
        value["status"] = json!({"hard": hard.to_texts(), "used": used.to_texts()});
        Some(value)
    }
}

#[cfg(test)]
mod tests;
