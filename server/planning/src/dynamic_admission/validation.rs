//! What validating policies say of a request.

use std::collections::BTreeMap;

use expression::{Value, Variables};
use object::{ApiError, Reason};
use serde_json::{Value as Json, json};

use super::{
    Definitions,
    conditions::{Compiled, Met, failure},
    context::Scene,
    params,
    policy::{Binding, Policy, Validation},
};
use crate::admission::Notes;

/// Longer messages that an expression gives are not used.
const MESSAGE_BYTES_MAX: usize = 5 * 1024;
/// Longer values of annotations are cut.
const ANNOTATION_BYTES_MAX: usize = 10 * 1024;
const FAILURES: &str = "validation.policy.admission.k8s.io/validation_failure";

/// A request does not hold what a policy asks for.
struct Failure {
    message: String,
    reason: Option<String>,
    /// Which of the validations it is.
    index: usize,
}

/// Asks all validating policies that are bound to the request.
///
/// # Errors
/// The first refusal.
pub fn validate(definitions: &Definitions, scene: &Scene<'_, '_>) -> Result<Notes, ApiError> {
    let mut gathered = Gathered::default();
    for policy in definitions.validating_policies() {
        for binding in definitions.validating_bindings(&policy.name) {
            gathered.ask(policy, binding, scene)?;
        }
    }
    gathered.finish()
}

#[derive(Default)]
struct Gathered {
    denial: Option<ApiError>,
    warnings: Vec<String>,
    audited: Vec<Json>,
    annotations: BTreeMap<String, Vec<String>>,
}

impl Gathered {
    fn finish(self) -> Result<Notes, ApiError> {
        if let Some(denial) = self.denial {
            return Err(denial);
        }
        let joined = |(key, values): (String, Vec<String>)| (key, values.join(", "));
        let mut annotations: BTreeMap<_, _> = self.annotations.into_iter().map(joined).collect();
        if !self.audited.is_empty() {
            annotations.insert(FAILURES.to_owned(), Json::Array(self.audited).to_string());
        }
        Ok(Notes { warnings: self.warnings, annotations })
    }

    fn ask(
        &mut self,
        policy: &Policy,
        binding: &Binding,
        scene: &Scene<'_, '_>,
    ) -> Result<(), ApiError> {
        let attempt = scene.attempt;
        let Some(def) = policy.criteria.matched(attempt) else { return Ok(()) };
        if binding.criteria.as_ref().is_some_and(|criteria| criteria.matched(attempt).is_none()) {
            return Ok(());
        }
        let kind = policy.param_kind.as_ref();
        let params = match params::resolve(attempt, kind, binding.param.as_ref()) {
            Ok(params) => params,
            Err(why) => {
                if !policy.fails_open {
                    self.fail(
                        policy,
                        binding,
                        scene,
                        &Failure { message: why, reason: None, index: 0 },
                    );
                }
                return Ok(());
            }
        };
        for param in params {
            let mut variables = scene.variables(def, param.as_ref())?;
            match policy.conditions.met(&variables) {
                Met::Yes => {}
                Met::No => continue,
                Met::Failed(_) if policy.fails_open => continue,
                Met::Failed(message) => {
                    self.fail(policy, binding, scene, &Failure { message, reason: None, index: 0 });
                    continue;
                }
            }
            let composed = policy.compose(&mut variables);
            for (index, validation) in policy.validations.iter().enumerate() {
                let judged = composed.clone().and_then(|()| validation.holds(&variables));
                let failure = match judged {
                    Ok(true) => continue,
                    Ok(false) => Failure {
                        message: validation.message(&variables),
                        reason: validation.reason.clone(),
                        index,
                    },
                    Err(_) if policy.fails_open => continue,
                    Err(message) => Failure { message, reason: None, index },
                };
                self.fail(policy, binding, scene, &failure);
            }
            self.annotate(policy, binding, scene, &variables);
        }
        Ok(())
    }

    fn annotate(
        &mut self,
        policy: &Policy,
        binding: &Binding,
        scene: &Scene<'_, '_>,
        variables: &Variables<'_>,
    ) {
        for (key, expression) in &policy.annotations {
            match evaluate(expression, variables) {
                Ok(Value::String(text)) => {
                    let end = text.floor_char_boundary(ANNOTATION_BYTES_MAX);
                    let text = text[..end].trim();
                    let values = self.annotations.entry(key.clone()).or_default();
                    if !text.is_empty() && !values.iter().any(|known| known == text) {
                        values.push(text.to_owned());
                    }
                }
                Ok(_) => {}
                Err(_) if policy.fails_open => {}
                Err(message) => {
                    self.fail(policy, binding, scene, &Failure { message, reason: None, index: 0 });
                }
            }
        }
    }

    /// Does what the binding says is to be done.
    fn fail(
        &mut self,
        policy: &Policy,
        binding: &Binding,
        scene: &Scene<'_, '_>,
        failure: &Failure,
    ) {
        let about =
            format!("ValidatingAdmissionPolicy '{}' with binding '{}'", policy.name, binding.name);
        let message = &failure.message;
        for action in &binding.actions {
            match action.as_str() {
                "Deny" => {
                    let denial = format!("{about} denied request: {message}");
                    self.denial
                        .get_or_insert_with(|| refusal(scene, &denial, failure.reason.as_deref()));
                }
                "Warn" => {
                    self.warnings.push(format!("Validation failed for {about}: {message}"));
                }
                _ => self.audited.push(json!({
                    "message": message, "policy": policy.name, "binding": binding.name,
                    "expressionIndex": failure.index.to_string(),
                    "validationActions": binding.actions,
                })),
            }
        }
    }
}

/// A refusal as Kubernetes words it, with the reason that the policy chose.
pub(super) fn refusal(scene: &Scene<'_, '_>, message: &str, reason: Option<&str>) -> ApiError {
    let attempt = scene.attempt;
    let forbidden = ApiError::forbidden(&attempt.def.name, attempt.name, message);
    let mut details = forbidden.details.unwrap_or_default();
    details["causes"] = json!([{"message": message}]);
    let reason = reason.and_then(Reason::from_name).unwrap_or(Reason::Invalid);
    ApiError { reason, message: forbidden.message, details: Some(details) }
}

fn evaluate(program: &Compiled, variables: &Variables<'_>) -> Result<Value, String> {
    let program = program.as_ref().map_err(String::clone)?;
    program.evaluate(variables).map_err(|error| failure(program, &error))
}

impl Validation {
    fn holds(&self, variables: &Variables<'_>) -> Result<bool, String> {
        let value = evaluate(&self.expression, variables)?;
        value.as_bool().ok_or_else(|| "the expression gives no bool".to_owned())
    }

    /// What its author has to say, by an expression or plainly.
    fn message(&self, variables: &Variables<'_>) -> String {
        let told = self.message_expression.as_ref().and_then(|program| {
            let value = evaluate(program, variables).ok()?;
            let text = value.as_str()?.trim().to_owned();
            let is_usable =
                !text.is_empty() && !text.contains('\n') && text.len() <= MESSAGE_BYTES_MAX;
            is_usable.then_some(text)
        });
        let plain = || self.message.as_deref().map(str::trim).filter(|text| !text.is_empty());
        told.or_else(|| plain().map(str::to_owned))
            .unwrap_or_else(|| format!("failed expression: {}", self.source))
    }
}
