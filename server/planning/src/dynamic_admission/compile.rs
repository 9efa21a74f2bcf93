//! Looks at the expressions of a definition that is written: they must compile.

use expression::{Environment, Program, Type};
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingAdmissionPolicySpec, ValidatingAdmissionPolicySpec, Variable,
};
use kinds::{
    AnyObject, cast, mutating_admission_policy::MutatingAdmissionPolicy,
    mutating_webhook_configuration::MutatingWebhookConfiguration,
    validating_admission_policy::ValidatingAdmissionPolicy,
    validating_webhook_configuration::ValidatingWebhookConfiguration,
};
use object::{ApiError, FieldErrors};

use super::{
    context,
    policy::{applying, compile_variables, patching},
};
use crate::{
    World,
    admission::{Notes, Request},
};

/// An expression with the field where it stands and what it may name.
pub(super) struct Expression<'e> {
    pub(super) path: String,
    pub(super) source: &'e str,
    pub(super) environment: Environment,
}

/// Refuses a definition with an expression that does not compile.
pub(crate) fn review(
    request: &Request<'_>,
    object: &dyn AnyObject,
    _: &World,
) -> Result<Notes, ApiError> {
    let mut errors = FieldErrors::default();
    for expression in expressions(object) {
        if let Err(error) = Program::compile(expression.source, &expression.environment) {
            errors.invalid(expression.path, expression.source, error.to_string());
        }
    }
    if errors.is_empty() {
        return Ok(Notes::default());
    }
    let name = object.metadata().name.as_deref().unwrap_or_default();
    Err(ApiError::invalid(&request.def.group_kind(), name, &errors))
}

fn expressions(object: &dyn AnyObject) -> Vec<Expression<'_>> {
    if let Some(configuration) = cast::<MutatingWebhookConfiguration>(object) {
        let webhooks = configuration.webhooks.iter().flatten();
        return webhooks
            .enumerate()
            .flat_map(|(at, webhook)| of_webhook(at, webhook.match_conditions.as_deref()))
            .collect();
    }
    if let Some(configuration) = cast::<ValidatingWebhookConfiguration>(object) {
        let webhooks = configuration.webhooks.iter().flatten();
        return webhooks
            .enumerate()
            .flat_map(|(at, webhook)| of_webhook(at, webhook.match_conditions.as_deref()))
            .collect();
    }
    if let Some(spec) = cast::<ValidatingAdmissionPolicy>(object).and_then(|p| p.spec.as_ref()) {
        return of_validating(spec, Type::Dyn);
    }
    if let Some(spec) = cast::<MutatingAdmissionPolicy>(object).and_then(|p| p.spec.as_ref()) {
        return of_mutating(spec);
    }
    Vec::new()
}

fn of_webhook(at: usize, conditions: Option<&[MatchCondition]>) -> Vec<Expression<'_>> {
    let path = format!("webhooks[{at}].matchConditions");
    of_conditions(&path, conditions, &context::of_webhook())
}

fn of_conditions<'e>(
    path: &str,
    conditions: Option<&'e [MatchCondition]>,
    environment: &Environment,
) -> Vec<Expression<'e>> {
    let environment = environment.clone().returning(Type::Bool);
    let conditions = conditions.unwrap_or_default().iter().enumerate();
    conditions
        .map(|(at, condition)| Expression {
            path: format!("{path}[{at}].expression"),
            source: &condition.expression,
            environment: environment.clone(),
        })
        .collect()
}

/// The variables of a policy, each with the environment of those before it, and the environment of
/// all.
fn of_variables<'e>(
    variables: &'e [Variable],
    base: &Environment,
) -> (Vec<Expression<'e>>, Environment) {
    let found = variables.iter().enumerate().map(|(at, variable)| Expression {
        path: format!("spec.variables[{at}].expression"),
        source: &variable.expression,
        environment: compile_variables(&variables[..at], base).1,
    });
    (found.collect(), compile_variables(variables, base).1)
}

/// The expressions of a validating policy, were its objects of this type.
pub(super) fn of_validating(
    spec: &ValidatingAdmissionPolicySpec,
    object: Type,
) -> Vec<Expression<'_>> {
    let base = context::of_policy(object, spec.param_kind.is_some());
    let path = "spec.matchConditions";
    let mut found = of_conditions(path, spec.match_conditions.as_deref(), &base);
    let (variables, environment) =
        of_variables(spec.variables.as_deref().unwrap_or_default(), &base);
    found.extend(variables);
    let texts = environment.clone().returning(Type::String);
    for (at, validation) in spec.validations.iter().flatten().enumerate() {
        let path = format!("spec.validations[{at}]");
        found.push(Expression {
            path: format!("{path}.expression"),
            source: &validation.expression,
            environment: environment.clone().returning(Type::Bool),
        });
        found.extend(validation.message_expression.as_deref().map(|source| Expression {
            path: format!("{path}.messageExpression"),
            source,
            environment: texts.clone(),
        }));
    }
    for (at, annotation) in spec.audit_annotations.iter().flatten().enumerate() {
        found.push(Expression {
            path: format!("spec.auditAnnotations[{at}].valueExpression"),
            source: &annotation.value_expression,
            environment: texts.clone().returning(Type::Null),
        });
    }
    found
}

fn of_mutating(spec: &MutatingAdmissionPolicySpec) -> Vec<Expression<'_>> {
    let base = context::of_policy(Type::Dyn, spec.param_kind.is_some());
    let path = "spec.matchConditions";
    let mut found = of_conditions(path, spec.match_conditions.as_deref(), &base);
    let (variables, environment) =
        of_variables(spec.variables.as_deref().unwrap_or_default(), &base);
    found.extend(variables);
    for (at, mutation) in spec.mutations.iter().flatten().enumerate() {
        let path = format!("spec.mutations[{at}]");
        let apply = mutation.apply_configuration.as_ref().and_then(|m| m.expression.as_deref());
        found.extend(apply.map(|source| Expression {
            path: format!("{path}.applyConfiguration.expression"),
            source,
            environment: applying(&environment),
        }));
        let patch = mutation.json_patch.as_ref().and_then(|m| m.expression.as_deref());
        found.extend(patch.map(|source| Expression {
            path: format!("{path}.jsonPatch.expression"),
            source,
            environment: patching(&environment),
        }));
    }
    found
}
