//! FlowSchemas and priority levels: defaults and validation.

use k8s_openapi::api::flowcontrol::v1::{
    FlowSchema, LimitedPriorityLevelConfiguration, NonResourcePolicyRule, PolicyRulesWithSubjects,
    PriorityLevelConfiguration, PriorityLevelConfigurationSpec, QueuingConfiguration,
    ResourcePolicyRule, Subject,
};
use object::{FieldErrors, name};

use super::check;

const VERBS: [&str; 10] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "post",
    "proxy",
    "update",
    "watch",
];
const METHODS: [&str; 2] = ["ByNamespace", "ByUser"];
const PRECEDENCE_MAX: i32 = 10_000;
const QUEUES_MAX: i32 = 10_000_000;

pub(crate) fn set_level_defaults(spec: &mut PriorityLevelConfigurationSpec) {
    match spec.type_.as_str() {
        "Exempt" => {
            let exempt = spec.exempt.get_or_insert_default();
            exempt.nominal_concurrency_shares.get_or_insert(0);
            exempt.lendable_percent.get_or_insert(0);
        }
        "Limited" => {
            let Some(limited) = &mut spec.limited else { return };
            limited.nominal_concurrency_shares.get_or_insert(30);
            limited.lendable_percent.get_or_insert(0);
            let Some(queuing) = &mut limited.limit_response.queuing else { return };
            for (field, value) in [
                (&mut queuing.queues, 64),
                (&mut queuing.hand_size, 8),
                (&mut queuing.queue_length_limit, 50),
            ] {
                if field.unwrap_or_default() == 0 {
                    *field = Some(value);
                }
            }
        }
        _ => {}
    }
}

pub(crate) fn validate_schema(schema: &FlowSchema, errors: &mut FieldErrors) {
    let spec = &schema.spec;
    let own = schema.metadata.name.as_deref().unwrap_or_default();
    let precedence = spec.matching_precedence.unwrap_or_default();
    if precedence <= 0 {
        errors.invalid("spec.matchingPrecedence", precedence, "must be a positive value");
    }
    if precedence > PRECEDENCE_MAX {
        let why = format!("must not be greater than {PRECEDENCE_MAX}");
        errors.invalid("spec.matchingPrecedence", precedence, why);
    }
    if precedence == 1 && own != "exempt" {
        errors.invalid(
            "spec.matchingPrecedence",
            precedence,
            "only the schema named 'exempt' may have matchingPrecedence 1",
        );
    }
    if let Some(method) = &spec.distinguisher_method
        && !METHODS.contains(&method.type_.as_str())
    {
        errors.not_supported("spec.distinguisherMethod", check::shown(method), &METHODS);
    }
    let level = &spec.priority_level_configuration.name;
    if level.is_empty() {
        errors.required("spec.priorityLevelConfiguration.name", "must reference a priority level");
    } else {
        check::name(level, "spec.priorityLevelConfiguration.name", name::subdomain, errors);
    }
    for (index, rule) in spec.rules.iter().flatten().enumerate() {
        validate_rule(rule, &format!("spec.rules[{index}]"), errors);
    }
}

fn validate_rule(rule: &PolicyRulesWithSubjects, path: &str, errors: &mut FieldErrors) {
    if rule.subjects.is_empty() {
        errors.required(format!("{path}.subjects"), "subjects must contain at least one value");
    }
    for (index, subject) in rule.subjects.iter().enumerate() {
        validate_subject(subject, &format!("{path}.subjects[{index}]"), errors);
    }
    let of_resources = rule.resource_rules.as_deref().unwrap_or_default();
    let of_paths = rule.non_resource_rules.as_deref().unwrap_or_default();
    if of_resources.is_empty() && of_paths.is_empty() {
        errors.required(
            path,
            "at least one of resourceRules and nonResourceRules has to be non-empty",
        );
    }
    for (index, rule) in of_resources.iter().enumerate() {
        validate_resource_rule(rule, &format!("{path}.resourceRules[{index}]"), errors);
    }
    for (index, rule) in of_paths.iter().enumerate() {
        validate_path_rule(rule, &format!("{path}.nonResourceRules[{index}]"), errors);
    }
}

fn validate_subject(subject: &Subject, path: &str, errors: &mut FieldErrors) {
    let parts = [
        ("Group", "group", subject.group.is_some()),
        ("ServiceAccount", "serviceAccount", subject.service_account.is_some()),
        ("User", "user", subject.user.is_some()),
    ];
    if !parts.iter().any(|(kind, ..)| *kind == subject.kind) {
        let kinds = ["Group", "ServiceAccount", "User"];
        errors.not_supported(format!("{path}.kind"), subject.kind.as_str(), &kinds);
        return;
    }
    for (kind, field, is_set) in parts {
        match (kind == subject.kind, is_set) {
            (true, false) => {
                let why = format!("{field} is required when subject kind is '{kind}'");
                errors.required(format!("{path}.{field}"), why);
            }
            (false, true) => {
                let why = format!("{field} is forbidden when subject kind is not '{kind}'");
                errors.forbidden(format!("{path}.{field}"), why);
            }
            _ => {}
        }
    }
    for (field, name) in [
        ("user", subject.user.as_ref().map(|user| &user.name)),
        ("group", subject.group.as_ref().map(|group| &group.name)),
        ("serviceAccount", subject.service_account.as_ref().map(|account| &account.name)),
        ("serviceAccount.namespace", subject.service_account.as_ref().map(|one| &one.namespace)),
    ] {
        if name.is_some_and(String::is_empty) {
            let field =
                if field.contains('.') { field.to_owned() } else { format!("{field}.name") };
            errors.required(format!("{path}.{field}"), "");
        }
    }
}

/// A list with `*` has nothing else.
fn validate_star(list: &[String], path: &str, what: &str, errors: &mut FieldErrors) {
    if list.is_empty() {
        errors.required(path, format!("{what} must contain at least one value"));
    } else if list.len() > 1 && list.iter().any(|one| one == "*") {
        let why = format!("if '*' is present, must not specify other {what}");
        errors.invalid(path, check::shown(&list), why);
    }
}

fn validate_verbs(verbs: &[String], path: &str, errors: &mut FieldErrors) {
    validate_star(verbs, path, "verbs", errors);
    for (index, verb) in verbs.iter().enumerate() {
        if verb != "*" && !VERBS.contains(&verb.as_str()) {
            errors.not_supported(format!("{path}[{index}]"), verb.as_str(), &VERBS);
        }
    }
}

fn validate_resource_rule(rule: &ResourcePolicyRule, path: &str, errors: &mut FieldErrors) {
    validate_verbs(&rule.verbs, &format!("{path}.verbs"), errors);
    validate_star(&rule.api_groups, &format!("{path}.apiGroups"), "api groups", errors);
    validate_star(&rule.resources, &format!("{path}.resources"), "resources", errors);
    let namespaces = rule.namespaces.as_deref().unwrap_or_default();
    if namespaces.is_empty() && rule.cluster_scope != Some(true) {
        errors.required(
            format!("{path}.namespaces"),
            "resource rules that are not cluster scoped must supply at least one namespace",
        );
    }
    if namespaces.len() > 1 && namespaces.iter().any(|one| one == "*") {
        errors.invalid(
            format!("{path}.namespaces"),
            check::shown(&namespaces),
            "if '*' is present, must not specify other namespaces",
        );
    }
    for (index, namespace) in namespaces.iter().enumerate().filter(|(_, one)| *one != "*") {
        if let Err(why) = name::label(namespace) {
            errors.invalid(format!("{path}.namespaces[{index}]"), namespace.as_str(), why);
        }
    }
}

fn validate_path_rule(rule: &NonResourcePolicyRule, path: &str, errors: &mut FieldErrors) {
    validate_verbs(&rule.verbs, &format!("{path}.verbs"), errors);
    let at = format!("{path}.nonResourceURLs");
    validate_star(&rule.non_resource_urls, &at, "non-resource URLs", errors);
    for (index, url) in rule.non_resource_urls.iter().enumerate() {
        let at = format!("{at}[{index}]");
        let stars = url.matches('*').count();
        if url == "*" {
        } else if url.is_empty() {
            errors.required(at, "");
        } else if !url.starts_with('/') {
            errors.invalid(at, url.as_str(), "must start with '/'");
        } else if url.contains(' ') {
            errors.invalid(at, url.as_str(), "must not contain white-space");
        } else if url.contains("//") {
            errors.invalid(at, url.as_str(), "must not contain double slash");
        } else if stars > 1 || (stars == 1 && !url.ends_with("/*")) {
            let why = "wildcard can only do suffix matching";
            errors.invalid(at, url.as_str(), why);
        }
    }
}

pub(crate) fn validate_level(level: &PriorityLevelConfiguration, errors: &mut FieldErrors) {
    let spec = &level.spec;
    let own = level.metadata.name.as_deref().unwrap_or_default();
    if (own == "exempt") != (spec.type_ == "Exempt") && matches!(&*spec.type_, "Exempt" | "Limited")
    {
        errors.invalid(
            "spec.type",
            spec.type_.as_str(),
            "type must be 'Exempt' if and only if name is 'exempt'",
        );
    }
    match (spec.type_.as_str(), &spec.limited, &spec.exempt) {
        ("Exempt", Some(_), _) => {
            errors.forbidden("spec.limited", "must be nil if the type is not Limited");
        }
        ("Limited", _, Some(_)) => {
            errors.forbidden("spec.exempt", "must be nil if the type is Limited");
        }
        ("Limited", None, _) => {
            errors.required("spec.limited", "must not be empty when type is Limited");
        }
        ("Limited", Some(limited), _) => validate_limited(limited, errors),
        ("Exempt", ..) => {}
        (other, ..) => errors.not_supported("spec.type", other, &["Exempt", "Limited"]),
    }
    if let Some(exempt) = &spec.exempt {
        let shares = exempt.nominal_concurrency_shares;
        if let Some(shares) = shares.filter(|shares| *shares < 0) {
            let path = "spec.exempt.nominalConcurrencyShares";
            errors.invalid(path, shares, "must be a non-negative integer");
        }
        validate_percent(exempt.lendable_percent, "spec.exempt.lendablePercent", errors);
    }
}

fn validate_percent(percent: Option<i32>, path: &str, errors: &mut FieldErrors) {
    if let Some(percent) = percent.filter(|percent| !(0..=100).contains(percent)) {
        errors.invalid(path, percent, "must be between 0 and 100, inclusive");
    }
}

fn validate_limited(limited: &LimitedPriorityLevelConfiguration, errors: &mut FieldErrors) {
    let path = "spec.limited";
    if let Some(shares) = limited.nominal_concurrency_shares.filter(|shares| *shares < 0) {
        let path = format!("{path}.nominalConcurrencyShares");
        errors.invalid(path, shares, "must be a non-negative integer");
    }
    validate_percent(limited.lendable_percent, &format!("{path}.lendablePercent"), errors);
    let at = format!("{path}.borrowingLimitPercent");
    if let Some(percent) = limited.borrowing_limit_percent.filter(|percent| *percent < 0) {
        errors.invalid(at, percent, "if specified, must be a non-negative integer");
    }
    let path = "spec.limited.limitResponse";
    match (limited.limit_response.type_.as_str(), &limited.limit_response.queuing) {
        ("Reject", Some(_)) => errors.forbidden(
            format!("{path}.queuing"),
            "must be nil if limited.limitResponse.type is not Limited",
        ),
        ("Queue", None) => errors.required(
            format!("{path}.queuing"),
            "must not be empty if limited.limitResponse.type is Limited",
        ),
        ("Queue", Some(queuing)) => {
            validate_queuing(queuing, &format!("{path}.queuing"), errors);
        }
        ("Reject", None) => {}
        (other, _) => {
            errors.not_supported(format!("{path}.type"), other, &["Queue", "Reject"]);
        }
    }
}

fn validate_queuing(queuing: &QueuingConfiguration, path: &str, errors: &mut FieldErrors) {
    let queues = queuing.queues.unwrap_or_default();
    let hand = queuing.hand_size.unwrap_or_default();
    let length = queuing.queue_length_limit.unwrap_or_default();
    let at = |field: &str| format!("{path}.{field}");
    for (field, value) in [("queueLengthLimit", length), ("queues", queues), ("handSize", hand)] {
        if value <= 0 {
            errors.invalid(at(field), value, "must be positive");
        }
    }
    if queues > QUEUES_MAX {
        errors.invalid(at("queues"), queues, format!("must not be greater than {QUEUES_MAX}"));
    }
    if hand > queues {
        let why = format!("should not be greater than queues ({queues})");
        errors.invalid(at("handSize"), hand, why);
    } else if hand > 0 && f64::from(queues).log2() * f64::from(hand) > 60.0 {
        errors.invalid(
            at("handSize"),
            hand,
            "required entropy bits of deckSize and handSize should not be greater than 60",
        );
    }
}
