//! All definitions, compiled, kept current by the changes of what is stored.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration,
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
};
use object::Key;
use serde::de::DeserializeOwned;

use super::{
    attempt::Attempt,
    policy::{Binding, Policy},
    webhook::Webhook,
};

/// Definitions of one sort by name, which is their order, too.
type Named<T> = BTreeMap<Arc<str>, T>;

/// All definitions. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Definitions(Arc<All>);

#[derive(Clone, Debug, Default)]
struct All {
    mutating: Sort,
    validating: Sort,
}

/// What changes requests, or what refuses them.
#[derive(Clone, Debug, Default)]
struct Sort {
    webhooks: Named<Vec<Arc<Webhook>>>,
    policies: Named<Arc<Policy>>,
    bindings: Named<Arc<Binding>>,
}

impl Definitions {
    /// Takes in a change of a stored object; of other kinds nothing is wanted.
    pub fn apply(&mut self, key: &Key, body: Option<&[u8]>) {
        let Some(resource) = key.kind.strip_suffix(".admissionregistration.k8s.io") else { return };
        let all = Arc::make_mut(&mut self.0);
        let name = &key.name;
        match resource {
            "mutatingwebhookconfigurations" => {
                put(&mut all.mutating.webhooks, name, body, |c: MutatingWebhookConfiguration| {
                    c.webhooks.iter().flatten().map(|one| Arc::new(Webhook::from(one))).collect()
                });
            }
            "validatingwebhookconfigurations" => {
                put(
                    &mut all.validating.webhooks,
                    name,
                    body,
                    |c: ValidatingWebhookConfiguration| {
                        c.webhooks
                            .iter()
                            .flatten()
                            .map(|one| Arc::new(Webhook::from(one)))
                            .collect()
                    },
                );
            }
            "mutatingadmissionpolicies" => {
                put(&mut all.mutating.policies, name, body, |policy: MutatingAdmissionPolicy| {
                    Arc::new(Policy::mutating(&policy))
                });
            }
            "validatingadmissionpolicies" => {
                put(&mut all.validating.policies, name, body, |p: ValidatingAdmissionPolicy| {
                    Arc::new(Policy::validating(&p))
                });
            }
            "mutatingadmissionpolicybindings" => {
                put(&mut all.mutating.bindings, name, body, |b: MutatingAdmissionPolicyBinding| {
                    Arc::new(Binding::mutating(&b))
                });
            }
            "validatingadmissionpolicybindings" => {
                put(
                    &mut all.validating.bindings,
                    name,
                    body,
                    |b: ValidatingAdmissionPolicyBinding| Arc::new(Binding::validating(&b)),
                );
            }
            _ => {}
        }
    }

    /// Whether anybody may want to change what is attempted, whose objects need not be known yet.
    pub fn may_mutate(&self, attempt: &Attempt<'_>) -> bool {
        self.0.mutating.covers(attempt)
    }

    /// Whether anybody may want to refuse what is attempted, whose objects need not be known yet.
    pub fn may_refuse(&self, attempt: &Attempt<'_>) -> bool {
        self.0.validating.covers(attempt)
    }

    pub fn mutating_webhooks(&self) -> impl Iterator<Item = &Arc<Webhook>> {
        self.0.mutating.webhooks.values().flatten()
    }

    pub fn validating_webhooks(&self) -> impl Iterator<Item = &Arc<Webhook>> {
        self.0.validating.webhooks.values().flatten()
    }

    pub fn mutating_policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.0.mutating.policies.values()
    }

    pub(super) fn validating_policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.0.validating.policies.values()
    }

    pub(super) fn mutating_bindings(&self, policy: &str) -> impl Iterator<Item = &Arc<Binding>> {
        self.0.mutating.bindings.values().filter(move |binding| binding.policy == policy)
    }

    pub(super) fn validating_bindings(&self, policy: &str) -> impl Iterator<Item = &Arc<Binding>> {
        self.0.validating.bindings.values().filter(move |binding| binding.policy == policy)
    }
}

impl Sort {
    fn covers(&self, attempt: &Attempt<'_>) -> bool {
        let is_bound = !self.bindings.is_empty();
        self.webhooks.values().flatten().any(|webhook| webhook.criteria.covers(attempt))
            || is_bound && self.policies.values().any(|policy| policy.criteria.covers(attempt))
    }
}

fn put<O: DeserializeOwned, T>(
    named: &mut Named<T>,
    name: &str,
    body: Option<&[u8]>,
    make: impl FnOnce(O) -> T,
) {
    match body.map(serde_json::from_slice::<O>) {
        Some(Ok(object)) => {
            named.insert(name.into(), make(object));
        }
        // What was stored has been validated; what nevertheless cannot be read does nothing.
        Some(Err(_)) | None => {
            named.remove(name);
        }
    }
}
