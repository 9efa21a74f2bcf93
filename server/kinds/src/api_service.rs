//! APIService: a group and version that is served here, or elsewhere.

use jiff::Timestamp;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1;
use object::{FieldErrors, name};
use serde_json::Value;

use crate::{Column, Kind, Subresource, column, parts::cells};

pub struct APIService;

impl Kind for APIService {
    type Object = v1::APIService;
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::APIService, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Service", |one: &v1::APIService, _| {
            let service = one.spec.as_ref().and_then(|spec| spec.service.as_ref());
            service.map_or("Local".into(), |service| {
                let part = |text: &Option<String>| text.clone().unwrap_or_default();
                format!("{}/{}", part(&service.namespace), part(&service.name)).into()
            })
        })
        .described("The reference to the service that hosts this API endpoint."),
        column("Available", available).described("Whether this service is available."),
        cells::age(),
    ];

    fn set_defaults(one: &mut v1::APIService) {
        let service = one.spec.as_mut().and_then(|spec| spec.service.as_mut());
        if let Some(service) = service {
            service.port.get_or_insert(443);
        }
    }

    fn prepare_create(one: &mut v1::APIService) {
        let local = one.spec.as_ref().is_some_and(|spec| spec.service.is_none());
        // What is served here is there.
        let conditions = local.then(|| {
            vec![v1::APIServiceCondition {
                type_: "Available".to_owned(),
                status: "True".to_owned(),
                reason: Some("Local".to_owned()),
                message: Some("Local APIServices are always available".to_owned()),
                last_transition_time: one.metadata.creation_timestamp.clone(),
            }]
        });
        one.status = Some(v1::APIServiceStatus { conditions });
    }

    fn validate(one: &v1::APIService, errors: &mut FieldErrors) {
        let own = one.metadata.name.as_deref().unwrap_or_default();
        let Some(spec) = &one.spec else { return errors.required("spec", "") };
        validate_name(own, spec, errors);
        for (field, value, greatest) in [
            ("groupPriorityMinimum", spec.group_priority_minimum, 20000),
            ("versionPriority", spec.version_priority, 1000),
        ] {
            if value <= 0 || value > greatest {
                let why = format!("must be positive and less than {greatest}");
                errors.invalid(format!("spec.{field}"), value, why);
            }
        }
        let insecure = spec.insecure_skip_tls_verify == Some(true);
        let Some(service) = &spec.service else {
            if spec.ca_bundle.as_ref().is_some_and(|bundle| !bundle.0.is_empty()) {
                let why = "local APIServices may not have a caBundle";
                errors.invalid("spec.caBundle", format!("{} bytes", bundle_length(spec)), why);
            }
            if insecure {
                errors.invalid(
                    "spec.insecureSkipTLSVerify",
                    true,
                    "local APIServices may not have insecureSkipTLSVerify",
                );
            }
            return;
        };
        for (field, text) in [("namespace", &service.namespace), ("name", &service.name)] {
            if text.as_deref().is_none_or(str::is_empty) {
                errors.required(format!("spec.service.{field}"), "");
            }
        }
        let port = service.port.unwrap_or(443);
        if !(1..=65535).contains(&port) {
            let why = "port is not valid: must be between 1 and 65535, inclusive";
            errors.invalid("spec.service.port", port, why);
        }
        if insecure && bundle_length(spec) > 0 {
            errors.invalid(
                "spec.insecureSkipTLSVerify",
                true,
                "may not be true if caBundle is present",
            );
        }
    }

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}

fn bundle_length(spec: &v1::APIServiceSpec) -> usize {
    spec.ca_bundle.as_ref().map_or(0, |bundle| bundle.0.len())
}

/// It is called by what it serves: `v1.apps`, `v1.`.
fn validate_name(own: &str, spec: &v1::APIServiceSpec, errors: &mut FieldErrors) {
    let group = spec.group.as_deref().unwrap_or_default();
    let version = spec.version.as_deref().unwrap_or_default();
    let expected = format!("{version}.{group}");
    if own != expected {
        errors.invalid(
            "metadata.name",
            own,
            format!("must be `spec.version+\".\"+spec.group`: {expected:?}"),
        );
    }
    if !group.is_empty()
        && let Err(why) = name::subdomain(group)
    {
        errors.invalid("spec.group", group, why);
    }
    if let Err(why) = name::label(version) {
        errors.invalid("spec.version", version, why);
    }
}

fn available(one: &v1::APIService, _: Timestamp) -> Value {
    let conditions = one.status.as_ref().and_then(|status| status.conditions.as_deref());
    let mut found = conditions.unwrap_or_default().iter().filter(|c| c.type_ == "Available");
    match found.next() {
        None => "Unknown".into(),
        Some(condition) if condition.status == "True" => "True".into(),
        Some(condition) => {
            let reason = condition.reason.as_deref().unwrap_or_default();
            format!("{} ({reason})", condition.status).into()
        }
    }
}
