//! What a pod waits for and claims: gates, devices, and the system that it was made for.

use k8s_openapi::api::core::v1::PodSpec;
use object::{FieldErrors, error::Problem, name};

use crate::parts::check::{self, Once};

const PREEMPTION: [&str; 2] = ["Never", "PreemptLowerPriority"];
const SYSTEMS: [&str; 2] = ["linux", "windows"];

pub(super) fn validate(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    let at = |field: &str| format!("{path}.{field}");
    let mut gates = Once::default();
    for (index, gate) in spec.scheduling_gates.iter().flatten().enumerate() {
        let path = at(&format!("schedulingGates[{index}]"));
        if let Err(why) = name::qualified(&gate.name) {
            errors.invalid(&*path, gate.name.as_str(), why);
        }
        gates.check(&gate.name, &path, errors);
    }
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let path = at(&format!("readinessGates[{index}].conditionType"));
        if let Err(why) = name::qualified(&gate.condition_type) {
            errors.invalid(path, gate.condition_type.as_str(), why);
        }
    }
    let policy = spec.preemption_policy.as_deref();
    check::maybe_one_of(policy, &at("preemptionPolicy"), &PREEMPTION, errors);
    if let Some(os) = &spec.os {
        check::one_of(Some(&os.name), &at("os.name"), &SYSTEMS, errors);
    }
    for (name, amount) in spec.overhead.iter().flatten() {
        check::nonnegative_quantity(amount, &at(&format!("overhead[{name}]")), errors);
    }
    validate_claims(spec, path, errors);
}

/// Devices are claimed by the pod, and used by its containers by the claim's name.
fn validate_claims(spec: &PodSpec, path: &str, errors: &mut FieldErrors) {
    let mut names = Once::default();
    for (index, claim) in spec.resource_claims.iter().flatten().enumerate() {
        let path = format!("{path}.resourceClaims[{index}]");
        check::name(&claim.name, &format!("{path}.name"), name::label, errors);
        names.check(&claim.name, &format!("{path}.name"), errors);
        match (&claim.resource_claim_name, &claim.resource_claim_template_name) {
            (None, None) => errors.required(
                path,
                "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            ),
            (Some(_), Some(_)) => errors.invalid(
                path,
                check::shown(claim),
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
            ),
            (Some(name), None) => {
                check::name(name, &format!("{path}.resourceClaimName"), name::subdomain, errors);
            }
            (None, Some(name)) => {
                let path = format!("{path}.resourceClaimTemplateName");
                check::name(name, &path, name::subdomain, errors);
            }
        }
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    for (field, list) in [("containers", spec.containers.as_slice()), ("initContainers", init)] {
        for (index, container) in list.iter().enumerate() {
            let used = container.resources.as_ref().and_then(|one| one.claims.as_deref());
            let mut seen = Once::default();
            for (at, claim) in used.unwrap_or_default().iter().enumerate() {
                let path = format!("{path}.{field}[{index}].resources.claims[{at}]");
                if claim.name.is_empty() {
                    errors.required(format!("{path}.name"), "");
                } else if !names.has(&claim.name) {
                    let problem = Problem::NotFound(claim.name.as_str().into());
                    errors.push(format!("{path}.name"), problem, "");
                }
                if claim.request.is_none() {
                    seen.check(&claim.name, &path, errors);
                }
            }
        }
    }
}
