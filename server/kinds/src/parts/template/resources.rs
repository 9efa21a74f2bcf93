//! Requests and limits, and the quality of service that follows from them.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{ContainerResizePolicy, PodSpec, ResourceRequirements},
    apimachinery::pkg::api::resource,
};
use object::{FieldErrors, quantity::Quantity};

use crate::parts::check;

const RESTARTS: [&str; 2] = ["NotRequired", "RestartContainer"];
const STANDARD: [&str; 3] = ["cpu", "ephemeral-storage", "memory"];
type List = BTreeMap<String, resource::Quantity>;

pub(super) fn validate(
    resources: Option<&ResourceRequirements>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let Some(resources) = resources else { return };
    let none = List::new();
    let limits = resources.limits.as_ref().unwrap_or(&none);
    let requests = resources.requests.as_ref().unwrap_or(&none);
    for (field, list) in [("limits", limits), ("requests", requests)] {
        for (name, quantity) in list {
            validate_one(name, &quantity.0, &format!("{path}.{field}[{name}]"), errors);
        }
    }
    for (name, request) in requests {
        let (Some(limit), Ok(asked)) = (limits.get(name), request.0.parse::<Quantity>()) else {
            continue;
        };
        let Ok(most) = limit.0.parse::<Quantity>() else { continue };
        if !is_standard(name) && asked != most {
            let why = format!("must be equal to {name} limit of {most}");
            errors.invalid(format!("{path}.requests"), request.0.as_str(), why);
        } else if asked > most {
            let why = format!("must be less than or equal to {name} limit of {most}");
            errors.invalid(format!("{path}.requests"), request.0.as_str(), why);
        }
    }
}

/// What happens to a container whose resources change.
pub(super) fn validate_policies(
    policies: Option<&[ContainerResizePolicy]>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let mut seen = check::Once::default();
    for (index, policy) in policies.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}[{index}]");
        check::one_of(Some(&policy.resource_name), &path, &["cpu", "memory"], errors);
        check::one_of(Some(&policy.restart_policy), &path, &RESTARTS, errors);
        seen.check(&policy.resource_name, &path, errors);
    }
}

fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name)
}

fn validate_one(name: &str, text: &str, path: &str, errors: &mut FieldErrors) {
    if let Err(why) = object::name::qualified(name) {
        errors.invalid(path, name, why);
    } else if !name.contains('/') && !is_standard(name) && !name.starts_with("hugepages-") {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
        errors.invalid(path, name, "must be a standard resource for containers");
    }
    match text.parse::<Quantity>() {
        Err(why) => errors.invalid(path, text, why.to_string()),
        Ok(quantity) if quantity.is_negative() => errors.invalid(path, text, check::NEGATIVE),
        Ok(quantity) if !is_standard(name) && quantity.milli_value() % 1000 != 0 => {
            errors.invalid(path, text, "must be an integer");
        }
        Ok(_) => {}
    }
}

/// `Guaranteed` when every container has equal requests and limits of CPU and memory, `BestEffort`
/// when none has any, else `Burstable`.
pub(crate) fn qos_class(spec: &PodSpec) -> &'static str {
    let mut any = false;
    let mut all = true;
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let resources = container.resources.as_ref();
        let limits = resources.and_then(|resources| resources.limits.as_ref());
        let requests = resources.and_then(|resources| resources.requests.as_ref());
        for name in ["cpu", "memory"] {
            let limit = amount(limits, name);
            let request = amount(requests, name).or(limit);
            any |= limit.is_some() || request.is_some();
            all &= limit.is_some() && request == limit;
        }
    }
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// A quantity above zero.
fn amount(list: Option<&List>, name: &str) -> Option<Quantity> {
    let quantity: Quantity = list?.get(name)?.0.parse().ok()?;
    (!quantity.is_zero()).then_some(quantity)
}
