//! A webhook: whom it is to be asked about, and where.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{
        MatchCondition, MutatingWebhook, RuleWithOperations, ValidatingWebhook, WebhookClientConfig,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kinds::KindDef;
use object::ApiError;

use super::{
    conditions::{Conditions, Met},
    context::{self, Scene},
    matching::Criteria,
};

const TIMEOUT_SECONDS: i32 = 10;
const TIMEOUT_SECONDS_MAX: i32 = 30;

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Url(String),
    Service { namespace: String, name: String, path: String, port: i32 },
}

/// A webhook, ready to be asked.
#[derive(Debug)]
pub struct Webhook {
    pub name: String,
    pub target: Target,
    /// The certificate authorities that it is believed by; those of the public if there are none.
    pub bundle: Option<Bytes>,
    pub timeout: Duration,
    /// Whether a request goes on when the webhook cannot be asked.
    pub fails_open: bool,
    /// Whether it is asked again when others changed the object after it.
    pub reinvokes: bool,
    /// Whether asking it changes things elsewhere, even in a dry run.
    pub has_side_effects: bool,
    /// `v1`, or `v1beta1` for one that knows nothing newer.
    pub(super) review_version: &'static str,
    pub(super) criteria: Criteria,
    conditions: Conditions,
}

/// What both sorts of webhooks say.
struct Said<'w> {
    name: &'w str,
    client: &'w WebhookClientConfig,
    rules: &'w [RuleWithOperations],
    failure_policy: Option<&'w str>,
    match_policy: Option<&'w str>,
    reinvocation_policy: Option<&'w str>,
    side_effects: &'w str,
    timeout_seconds: Option<i32>,
    review_versions: &'w [String],
    selectors: [Option<&'w LabelSelector>; 2],
    conditions: &'w [MatchCondition],
}

impl From<&MutatingWebhook> for Webhook {
    fn from(webhook: &MutatingWebhook) -> Self {
        Self::new(&Said {
            name: &webhook.name,
            client: &webhook.client_config,
            rules: webhook.rules.as_deref().unwrap_or_default(),
            failure_policy: webhook.failure_policy.as_deref(),
            match_policy: webhook.match_policy.as_deref(),
            reinvocation_policy: webhook.reinvocation_policy.as_deref(),
            side_effects: &webhook.side_effects,
            timeout_seconds: webhook.timeout_seconds,
            review_versions: &webhook.admission_review_versions,
            selectors: [webhook.namespace_selector.as_ref(), webhook.object_selector.as_ref()],
            conditions: webhook.match_conditions.as_deref().unwrap_or_default(),
        })
    }
}

impl From<&ValidatingWebhook> for Webhook {
    fn from(webhook: &ValidatingWebhook) -> Self {
        Self::new(&Said {
            name: &webhook.name,
            client: &webhook.client_config,
            rules: webhook.rules.as_deref().unwrap_or_default(),
            failure_policy: webhook.failure_policy.as_deref(),
            match_policy: webhook.match_policy.as_deref(),
            reinvocation_policy: None,
            side_effects: &webhook.side_effects,
            timeout_seconds: webhook.timeout_seconds,
            review_versions: &webhook.admission_review_versions,
            selectors: [webhook.namespace_selector.as_ref(), webhook.object_selector.as_ref()],
            conditions: webhook.match_conditions.as_deref().unwrap_or_default(),
        })
    }
}

impl Webhook {
    fn new(said: &Said<'_>) -> Self {
        let seconds = said.timeout_seconds.unwrap_or(TIMEOUT_SECONDS);
        let seconds = seconds.clamp(1, TIMEOUT_SECONDS_MAX).unsigned_abs();
        let [namespaces, objects] = said.selectors;
        let knows_v1 = said.review_versions.iter().any(|version| version == "v1");
        Self {
            name: said.name.to_owned(),
            target: target(said.client),
            bundle: said
                .client
                .ca_bundle
                .as_ref()
                .and_then(|ByteString(pem)| (!pem.is_empty()).then(|| Bytes::copy_from_slice(pem))),
            timeout: Duration::from_secs(seconds.into()),
            fails_open: said.failure_policy == Some("Ignore"),
            reinvokes: said.reinvocation_policy == Some("IfNeeded"),
            has_side_effects: !matches!(said.side_effects, "None" | "NoneOnDryRun"),
            review_version: if knows_v1 { "v1" } else { "v1beta1" },
            criteria: Criteria::of_webhook(said.rules, said.match_policy, namespaces, objects),
            conditions: Conditions::new(said.conditions, &context::of_webhook()),
        }
    }

    /// The version of the kind in which the webhook is to be asked about a request; `None` if it is
    /// not.
    ///
    /// # Errors
    /// 403 when its conditions cannot be judged and it fails closed; 400 for a dry run that it
    /// cannot be part of.
    pub fn concerned<'a>(
        &self,
        scene: &Scene<'_, 'a>,
    ) -> Result<Option<&'a Arc<KindDef>>, ApiError> {
        let attempt = scene.attempt;
        let Some(def) = self.criteria.matched(attempt) else { return Ok(None) };
        if !self.conditions.is_empty() {
            match self.conditions.met(&scene.variables(def, None)?) {
                Met::Yes => {}
                Met::No => return Ok(None),
                Met::Failed(_) if self.fails_open => return Ok(None),
                Met::Failed(why) => {
                    return Err(ApiError::forbidden(&attempt.def.name, attempt.name, why));
                }
            }
        }
        if attempt.dry_run && self.has_side_effects {
            let why = format!("admission webhook {:?} does not support dry run", self.name);
            return Err(ApiError::bad_request(why));
        }
        Ok(Some(def))
    }
}

fn target(client: &WebhookClientConfig) -> Target {
    match (&client.url, &client.service) {
        (None, Some(service)) => Target::Service {
            namespace: service.namespace.clone(),
            name: service.name.clone(),
            path: service.path.clone().unwrap_or_default(),
            port: service.port.unwrap_or(443),
        },
        (url, _) => Target::Url(url.clone().unwrap_or_default()),
    }
}
