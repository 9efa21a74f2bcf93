//! What webhooks and policies of admission share.

use k8s_openapi::{
    api::admissionregistration::v1::{
        MatchCondition, MatchResources, NamedRuleWithOperations, ParamKind, ParamRef,
        RuleWithOperations, Variable, WebhookClientConfig,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use object::{FieldErrors, error::Problem, name};
use serde_json::Value;

use super::{
    check::{self, Once},
    selector, webhook,
};

const FAILURE_POLICIES: [&str; 2] = ["Fail", "Ignore"];
const MATCH_POLICIES: [&str; 2] = ["Equivalent", "Exact"];
const SIDE_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];
const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];
const ACTIONS: [&str; 2] = ["Allow", "Deny"];
const CONDITIONS_MAX: usize = 64;

/// What both sorts of webhooks say.
pub(crate) struct Webhook<'w> {
    pub name: &'w str,
    pub client: &'w WebhookClientConfig,
    pub rules: &'w [RuleWithOperations],
    pub failure_policy: Option<&'w str>,
    pub match_policy: Option<&'w str>,
    pub side_effects: &'w str,
    pub timeout_seconds: Option<i32>,
    pub review_versions: &'w [String],
    pub selectors: [&'w Option<LabelSelector>; 2],
    pub conditions: &'w [MatchCondition],
}

pub(crate) fn set_client_defaults(client: &mut WebhookClientConfig) {
    if let Some(service) = &mut client.service {
        service.port.get_or_insert(443);
    }
}

pub(crate) fn set_match_defaults(resources: &mut MatchResources) {
    check::default_text(&mut resources.match_policy, "Equivalent");
    resources.namespace_selector.get_or_insert_default();
    resources.object_selector.get_or_insert_default();
    let included = resources.resource_rules.iter_mut().flatten();
    for rule in included.chain(resources.exclude_resource_rules.iter_mut().flatten()) {
        check::default_text(&mut rule.scope, "*");
    }
}

pub(crate) fn validate_webhook(webhook: &Webhook<'_>, path: &str, errors: &mut FieldErrors) {
    let at = |field: &str| format!("{path}.{field}");
    if webhook.name.is_empty() {
        errors.required(at("name"), "");
    } else if let Err(why) = name::subdomain(webhook.name) {
        errors.invalid(at("name"), webhook.name, why);
    } else if webhook.name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        errors.invalid(at("name"), webhook.name, why);
    }
    for (index, rule) in webhook.rules.iter().enumerate() {
        Rule::from(rule).validate(&at(&format!("rules[{index}]")), errors);
    }
    check::maybe_one_of(webhook.failure_policy, &at("failurePolicy"), &FAILURE_POLICIES, errors);
    check::maybe_one_of(webhook.match_policy, &at("matchPolicy"), &MATCH_POLICIES, errors);
    if webhook.side_effects.is_empty() {
        errors.required(
            at("sideEffects"),
            format!("must specify one of {}", SIDE_EFFECTS.join(", ")),
        );
    } else if !SIDE_EFFECTS.contains(&webhook.side_effects) {
        errors.not_supported(at("sideEffects"), webhook.side_effects, &SIDE_EFFECTS);
    }
    if let Some(seconds) = webhook.timeout_seconds.filter(|seconds| !(1..=30).contains(seconds)) {
        let why = "the timeout value must be between 1 and 30 seconds";
        errors.invalid(at("timeoutSeconds"), seconds, why);
    }
    for (field, labels) in
        ["namespaceSelector", "objectSelector"].into_iter().zip(webhook.selectors)
    {
        if let Some(labels) = labels {
            selector::validate(labels, &at(field), errors);
        }
    }
    validate_client(webhook.client, &at("clientConfig"), errors);
    webhook::validate_review_versions(
        webhook.review_versions,
        &at("admissionReviewVersions"),
        &["v1", "v1beta1"],
        errors,
    );
    validate_conditions(webhook.conditions, &at("matchConditions"), errors);
}

fn validate_client(client: &WebhookClientConfig, path: &str, errors: &mut FieldErrors) {
    match (&client.url, &client.service) {
        (None, None) | (Some(_), Some(_)) => {
            errors.required(path, "exactly one of url or service is required");
        }
        (Some(url), None) => webhook::validate_url(url, &format!("{path}.url"), errors),
        (None, Some(service)) => webhook::validate_service(
            &service.name,
            &service.namespace,
            service.path.as_deref(),
            service.port.unwrap_or(443),
            &format!("{path}.service"),
            errors,
        ),
    }
}

/// Which requests are meant.
struct Rule<'r> {
    operations: &'r [String],
    groups: &'r [String],
    versions: &'r [String],
    resources: &'r [String],
    scope: Option<&'r str>,
}

impl<'r> From<&'r RuleWithOperations> for Rule<'r> {
    fn from(rule: &'r RuleWithOperations) -> Self {
        Self {
            operations: rule.operations.as_deref().unwrap_or_default(),
            groups: rule.api_groups.as_deref().unwrap_or_default(),
            versions: rule.api_versions.as_deref().unwrap_or_default(),
            resources: rule.resources.as_deref().unwrap_or_default(),
            scope: rule.scope.as_deref(),
        }
    }
}

impl<'r> From<&'r NamedRuleWithOperations> for Rule<'r> {
    fn from(rule: &'r NamedRuleWithOperations) -> Self {
        Self {
            operations: rule.operations.as_deref().unwrap_or_default(),
            groups: rule.api_groups.as_deref().unwrap_or_default(),
            versions: rule.api_versions.as_deref().unwrap_or_default(),
            resources: rule.resources.as_deref().unwrap_or_default(),
            scope: rule.scope.as_deref(),
        }
    }
}

impl Rule<'_> {
    fn validate(&self, path: &str, errors: &mut FieldErrors) {
        let at = |field: &str| format!("{path}.{field}");
        for (field, list, what) in [
            ("apiGroups", self.groups, "API groups"),
            ("apiVersions", self.versions, "API versions"),
            ("operations", self.operations, "operations"),
        ] {
            if list.is_empty() {
                errors.required(at(field), "");
            } else if list.len() > 1 && list.iter().any(|one| one == "*") {
                let why = format!("if '*' is present, must not specify other {what}");
                errors.invalid(at(field), check::shown(&list), why);
            }
        }
        for (index, version) in self.versions.iter().enumerate() {
            if version.is_empty() {
                errors.required(at(&format!("apiVersions[{index}]")), "");
            }
        }
        for (index, operation) in self.operations.iter().enumerate() {
            if !OPERATIONS.contains(&operation.as_str()) {
                let at = at(&format!("operations[{index}]"));
                errors.not_supported(at, operation.as_str(), &OPERATIONS);
            }
        }
        validate_resources(self.resources, &at("resources"), errors);
        check::maybe_one_of(self.scope, &at("scope"), &SCOPES, errors);
    }
}

fn validate_resources(resources: &[String], path: &str, errors: &mut FieldErrors) {
    if resources.is_empty() {
        errors.required(path, "");
    }
    let has = |wanted: &str| resources.iter().any(|one| one == wanted);
    for (index, resource) in resources.iter().enumerate() {
        let at = format!("{path}[{index}]");
        if resource.is_empty() {
            errors.required(&*at, "");
        }
        if has("*/*") && resource != "*/*" {
            errors.invalid(
                &*at,
                resource.as_str(),
                "if '*/*' is present, must not specify other resources",
            );
        }
        if let Some((whole, part)) = resource.split_once('/') {
            if whole != "*" && part != "*" && has(&format!("{whole}/*")) {
                let why = format!("if '{whole}/*' is present, must not specify {resource}");
                errors.invalid(&*at, resource.as_str(), why);
            }
            if part != "*" && whole != "*" && has(&format!("*/{part}")) {
                let why = format!("if '*/{part}' is present, must not specify {resource}");
                errors.invalid(&*at, resource.as_str(), why);
            }
        } else if resource != "*" && has("*") {
            let why = "if '*' is present, must not specify other resources without subresources";
            errors.invalid(at, resource.as_str(), why);
        }
    }
}

pub(crate) fn validate_conditions(
    conditions: &[MatchCondition],
    path: &str,
    errors: &mut FieldErrors,
) {
    if conditions.len() > CONDITIONS_MAX {
        let why = format!("{}: must have at most {CONDITIONS_MAX} items", conditions.len());
        errors.push(path, Problem::TooMany, why);
    }
    let mut names = Once::default();
    for (index, condition) in conditions.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if condition.expression.trim().is_empty() {
            errors.required(format!("{path}.expression"), "");
        }
        check::name(&condition.name, &format!("{path}.name"), name::qualified, errors);
        names.check(&condition.name, &format!("{path}.name"), errors);
    }
}

pub(crate) fn validate_policies(
    failure_policy: Option<&str>,
    kind: Option<&ParamKind>,
    constraints: Option<&MatchResources>,
    errors: &mut FieldErrors,
) {
    check::one_of(failure_policy, "spec.failurePolicy", &FAILURE_POLICIES, errors);
    if let Some(kind) = kind {
        for (field, text) in [("apiVersion", &kind.api_version), ("kind", &kind.kind)] {
            if check::is_blank(text.as_deref()) {
                errors.required(format!("spec.paramKind.{field}"), "");
            }
        }
    }
    let Some(constraints) = constraints else {
        return errors.required("spec.matchConstraints", "");
    };
    if constraints.resource_rules.as_ref().is_none_or(Vec::is_empty) {
        errors.required("spec.matchConstraints.resourceRules", "");
    }
    validate_match(constraints, "spec.matchConstraints", errors);
}

pub(crate) fn validate_match(resources: &MatchResources, path: &str, errors: &mut FieldErrors) {
    let at = |field: &str| format!("{path}.{field}");
    let policy = resources.match_policy.as_deref();
    check::one_of(policy, &at("matchPolicy"), &MATCH_POLICIES, errors);
    for (field, labels) in [
        ("namespaceSelector", &resources.namespace_selector),
        ("objectSelector", &resources.object_selector),
    ] {
        match labels {
            Some(labels) => selector::validate(labels, &at(field), errors),
            None => errors.required(at(field), ""),
        }
    }
    for (field, rules) in [
        ("resourceRules", &resources.resource_rules),
        ("excludeResourceRules", &resources.exclude_resource_rules),
    ] {
        for (index, rule) in rules.iter().flatten().enumerate() {
            let path = at(&format!("{field}[{index}]"));
            Rule::from(rule).validate(&path, errors);
            let mut names = Once::default();
            for (index, name) in rule.resource_names.iter().flatten().enumerate() {
                let path = format!("{path}.resourceNames[{index}]");
                names.check(name, &path, errors);
                if let Err(why) = name::path_segment(name) {
                    errors.invalid(path, name.as_str(), why);
                }
            }
        }
    }
}

pub(crate) fn validate_variables(variables: Option<&[Variable]>, errors: &mut FieldErrors) {
    let mut names = Once::default();
    for (index, variable) in variables.unwrap_or_default().iter().enumerate() {
        let path = format!("spec.variables[{index}]");
        if variable.name.is_empty() {
            errors.required(format!("{path}.name"), "name is not specified");
        } else if !is_identifier(&variable.name) {
            let why = "name is not a valid CEL identifier";
            errors.invalid(format!("{path}.name"), variable.name.as_str(), why);
        }
        if variable.expression.trim().is_empty() {
            errors.required(format!("{path}.expression"), "expression is not specified");
        }
        names.check(&variable.name, &format!("{path}.name"), errors);
    }
}

fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The name of a policy that a binding binds, and the parameter that it takes.
pub(crate) fn validate_binding(
    policy: &str,
    param: Option<&ParamRef>,
    resources: Option<&MatchResources>,
    errors: &mut FieldErrors,
) {
    check::name(policy, "spec.policyName", name::subdomain, errors);
    if let Some(resources) = resources {
        validate_match(resources, "spec.matchResources", errors);
    }
    let Some(param) = param else { return };
    let path = "spec.paramRef";
    match (param.name.as_deref().filter(|name| !name.is_empty()), &param.selector) {
        (Some(_), Some(_)) => {
            errors.forbidden(format!("{path}.name"), "name and selector are mutually exclusive");
        }
        (None, None) => errors.required(path, "one of name or selector must be specified"),
        (Some(name), None) => {
            check::name(name, &format!("{path}.name"), name::path_segment, errors);
        }
        (None, Some(labels)) => selector::validate(labels, &format!("{path}.selector"), errors),
    }
    let at = format!("{path}.parameterNotFoundAction");
    check::one_of(param.parameter_not_found_action.as_deref(), &at, &ACTIONS, errors);
}

/// `v1/ConfigMap`.
pub(crate) fn param_kind_cell(kind: Option<&ParamKind>) -> Value {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    kind.map_or("<unset>".into(), |kind| {
        format!("{}/{}", text(&kind.api_version), text(&kind.kind)).into()
    })
}

/// `namespace/name`, or the name alone.
pub(crate) fn param_ref_cell(param: Option<&ParamRef>) -> Value {
    let Some(param) = param else { return "<unset>".into() };
    let namespace = param.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    match (param.name.as_deref().filter(|name| !name.is_empty()), namespace) {
        (None, _) => "*".into(),
        (Some(name), None) => name.into(),
        (Some(name), Some(namespace)) => format!("{namespace}/{name}").into(),
    }
}
