//! MutatingWebhookConfiguration.

use k8s_openapi::api::admissionregistration::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{
        admission::{self, Webhook},
        cells, check,
    },
};

pub struct MutatingWebhookConfiguration;

impl Kind for MutatingWebhookConfiguration {
    type Object = v1::MutatingWebhookConfiguration;
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Webhooks", |configuration: &v1::MutatingWebhookConfiguration, _| {
            configuration.webhooks.as_ref().map_or(0, Vec::len).into()
        })
        .integer()
        .described("Webhooks indicates the number of webhooks registered in this configuration"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(configuration: &mut v1::MutatingWebhookConfiguration) {
        for webhook in configuration.webhooks.iter_mut().flatten() {
            check::default_text(&mut webhook.failure_policy, "Fail");
            check::default_text(&mut webhook.match_policy, "Equivalent");
            check::default_text(&mut webhook.reinvocation_policy, "Never");
            webhook.namespace_selector.get_or_insert_default();
            webhook.object_selector.get_or_insert_default();
            webhook.timeout_seconds.get_or_insert(10);
            admission::set_client_defaults(&mut webhook.client_config);
            for rule in webhook.rules.iter_mut().flatten() {
                check::default_text(&mut rule.scope, "*");
            }
        }
    }

    fn validate(configuration: &v1::MutatingWebhookConfiguration, errors: &mut FieldErrors) {
        let mut names = check::Once::default();
        for (index, webhook) in configuration.webhooks.iter().flatten().enumerate() {
            let path = format!("webhooks[{index}]");
            names.check(&webhook.name, &format!("{path}.name"), errors);
            let reinvocation = webhook.reinvocation_policy.as_deref();
            let at = format!("{path}.reinvocationPolicy");
            check::maybe_one_of(reinvocation, &at, &["IfNeeded", "Never"], errors);
            let webhook = Webhook {
                name: &webhook.name,
                client: &webhook.client_config,
                rules: webhook.rules.as_deref().unwrap_or_default(),
                failure_policy: webhook.failure_policy.as_deref(),
                match_policy: webhook.match_policy.as_deref(),
                side_effects: &webhook.side_effects,
                timeout_seconds: webhook.timeout_seconds,
                review_versions: &webhook.admission_review_versions,
                selectors: [&webhook.namespace_selector, &webhook.object_selector],
                conditions: webhook.match_conditions.as_deref().unwrap_or_default(),
            };
            admission::validate_webhook(&webhook, &path, errors);
        }
    }
}
