//! `status.typeChecking`: what a validating policy's expressions would say of the kinds that it is
//! about, were their fields known. Nothing is refused for it.

use std::sync::Arc;

use expression::{Program, Type};
use k8s_openapi::api::admissionregistration::v1::{
    ExpressionWarning, NamedRuleWithOperations, TypeChecking, ValidatingAdmissionPolicySpec,
    ValidatingAdmissionPolicyStatus,
};
use kinds::{
    AnyObject, KindDef, Registry, cast, cast_mut,
    validating_admission_policy::ValidatingAdmissionPolicy,
};
use object::ApiError;

use super::compile::of_validating;
use crate::{World, admission::Request};

/// As in Kubernetes.
const KINDS_MAX: usize = 10;

/// Notes the warnings in the status of a policy whose spec is written.
pub(crate) fn note(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    let Some(policy) = cast_mut::<ValidatingAdmissionPolicy>(object) else { return Ok(()) };
    if !request.subresource.is_empty() {
        return Ok(());
    }
    let old = request.old.and_then(cast::<ValidatingAdmissionPolicy>);
    if old.is_some_and(|old| old.spec == policy.spec && old.status.is_some()) {
        return Ok(());
    }
    // The change of the spec is counted after this.
    let generation = policy.metadata.generation.unwrap_or(1) + i64::from(old.is_some());
    let warnings = policy.spec.as_ref().map(warnings).unwrap_or_default();
    let expression_warnings = (!warnings.is_empty()).then_some(warnings);
    let status = policy.status.get_or_insert_with(ValidatingAdmissionPolicyStatus::default);
    status.observed_generation = Some(generation);
    status.type_checking = Some(TypeChecking { expression_warnings });
    Ok(())
}

fn warnings(spec: &ValidatingAdmissionPolicySpec) -> Vec<ExpressionWarning> {
    let rules = spec.match_constraints.iter().flat_map(|one| one.resource_rules.iter().flatten());
    let mut kinds: Vec<&Arc<KindDef>> = Vec::new();
    for def in rules.flat_map(kinds_of) {
        if kinds.len() < KINDS_MAX && !kinds.iter().any(|known| Arc::ptr_eq(known, def)) {
            kinds.push(def);
        }
    }
    let mut found: Vec<ExpressionWarning> = Vec::new();
    for def in kinds {
        let ty = Type::from_schema(kinds::schema::of(def));
        for expression in of_validating(spec, ty) {
            let checked = Program::compile(expression.source, &expression.environment);
            // What is wrong whatever the kind is was refused already.
            let Some(error) =
                checked.err().filter(|error| error.issues.iter().all(|i| i.at.is_some()))
            else {
                continue;
            };
            let group_version = &def.api_version;
            let text = format!("{group_version}, Kind={}: {}\n", def.kind, error.listing());
            match found.iter_mut().find(|known| known.field_ref == expression.path) {
                Some(known) => known.warning.push_str(&text),
                None => {
                    found.push(ExpressionWarning { field_ref: expression.path, warning: text });
                }
            }
        }
    }
    found
}

/// The kinds that a rule names one by one.
fn kinds_of(rule: &NamedRuleWithOperations) -> Vec<&'static Arc<KindDef>> {
    let mut kinds = Vec::new();
    for group in rule.api_groups.iter().flatten() {
        for version in rule.api_versions.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                kinds.extend(Registry::builtin().find_served(group, version, resource));
            }
        }
    }
    kinds
}
