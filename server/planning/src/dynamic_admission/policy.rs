//! A policy, compiled, and what binds it to requests.

use expression::{Environment, Type, Variables};
use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ParamKind, ParamRef,
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Variable,
};

use super::{
    conditions::{Compiled, Conditions, compile},
    context,
    matching::Criteria,
};

/// The name under which expressions find a policy's variables.
const VARIABLES: &str = "variables";

/// A policy, ready to be asked.
#[derive(Debug)]
pub struct Policy {
    pub name: String,
    /// Whether it is asked again when others changed the object after it.
    pub reinvokes: bool,
    pub(super) fails_open: bool,
    pub(super) criteria: Criteria,
    pub(super) conditions: Conditions,
    pub(super) param_kind: Option<ParamKind>,
    pub(super) variables: Vec<(String, Compiled)>,
    pub(super) validations: Vec<Validation>,
    pub(super) annotations: Vec<(String, Compiled)>,
    pub(super) mutations: Vec<Mutation>,
}

#[derive(Debug)]
pub(super) struct Validation {
    pub(super) source: String,
    pub(super) expression: Compiled,
    pub(super) message: Option<String>,
    pub(super) message_expression: Option<Compiled>,
    pub(super) reason: Option<String>,
}

#[derive(Debug)]
pub(super) enum Mutation {
    Apply(Compiled),
    Patch(Compiled),
}

#[derive(Debug)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) policy: String,
    pub(super) criteria: Option<Criteria>,
    pub(super) param: Option<ParamRef>,
    /// Of a validating policy.
    pub(super) actions: Vec<String>,
}

/// Compiles variables one after the other, each of which may name those before it; gives them with
/// the environment in which all of them are declared.
pub(super) fn compile_variables(
    variables: &[Variable],
    base: &Environment,
) -> (Vec<(String, Compiled)>, Environment) {
    let mut compiled = Vec::new();
    let mut fields: Vec<(String, Type)> = Vec::new();
    let mut environment = declare(base, &fields);
    for variable in variables {
        let program = compile(&variable.expression, &environment);
        let ty = program.as_ref().map_or(Type::Dyn, |program| program.result().clone());
        fields.push((variable.name.clone(), ty));
        environment = declare(base, &fields);
        compiled.push((variable.name.clone(), program));
    }
    (compiled, environment)
}

fn declare(base: &Environment, fields: &[(String, Type)]) -> Environment {
    let variables = Type::object("kubernetes.variables", fields.iter().cloned());
    base.clone().with(VARIABLES, variables)
}

fn criteria(resources: Option<&MatchResources>) -> Criteria {
    Criteria::of_resources(resources.unwrap_or(&MatchResources::default()))
}

impl Policy {
    pub(super) fn validating(policy: &ValidatingAdmissionPolicy) -> Self {
        let spec = policy.spec.clone().unwrap_or_default();
        let base = context::of_policy(Type::Dyn, spec.param_kind.is_some());
        let conditions = spec.match_conditions.as_deref().unwrap_or_default();
        let declared = spec.variables.as_deref().unwrap_or_default();
        let (variables, environment) = compile_variables(declared, &base);
        let texts = environment.clone().returning(Type::String);
        let notes = texts.clone().returning(Type::Null);
        let truths = environment.returning(Type::Bool);
        let validations = spec.validations.iter().flatten().map(|one| Validation {
            source: one.expression.trim().to_owned(),
            expression: compile(&one.expression, &truths),
            message: one.message.clone(),
            message_expression: one.message_expression.as_deref().map(|text| compile(text, &texts)),
            reason: one.reason.clone(),
        });
        let annotations = spec.audit_annotations.iter().flatten().map(|one| {
            let key =
                format!("{}/{}", policy.metadata.name.as_deref().unwrap_or_default(), one.key);
            (key, compile(&one.value_expression, &notes))
        });
        Self {
            name: policy.metadata.name.clone().unwrap_or_default(),
            reinvokes: false,
            fails_open: spec.failure_policy.as_deref() == Some("Ignore"),
            criteria: criteria(spec.match_constraints.as_ref()),
            conditions: Conditions::new(conditions, &base),
            variables,
            validations: validations.collect(),
            annotations: annotations.collect(),
            mutations: Vec::new(),
            param_kind: spec.param_kind,
        }
    }

    pub(super) fn mutating(policy: &MutatingAdmissionPolicy) -> Self {
        let spec = policy.spec.clone().unwrap_or_default();
        let base = context::of_policy(Type::Dyn, spec.param_kind.is_some());
        let conditions = spec.match_conditions.as_deref().unwrap_or_default();
        let declared = spec.variables.as_deref().unwrap_or_default();
        let (variables, environment) = compile_variables(declared, &base);
        let mutations = spec.mutations.iter().flatten().map(|mutation| {
            let apply = mutation.apply_configuration.as_ref().and_then(|m| m.expression.as_deref());
            let patch = mutation.json_patch.as_ref().and_then(|m| m.expression.as_deref());
            match (apply, patch) {
                (Some(source), _) => Mutation::Apply(compile(source, &applying(&environment))),
                (None, source) => {
                    Mutation::Patch(compile(source.unwrap_or_default(), &patching(&environment)))
                }
            }
        });
        Self {
            name: policy.metadata.name.clone().unwrap_or_default(),
            reinvokes: spec.reinvocation_policy.as_deref() == Some("IfNeeded"),
            fails_open: spec.failure_policy.as_deref() == Some("Ignore"),
            criteria: criteria(spec.match_constraints.as_ref()),
            conditions: Conditions::new(conditions, &base),
            variables,
            validations: Vec::new(),
            annotations: Vec::new(),
            mutations: mutations.collect(),
            param_kind: spec.param_kind,
        }
    }

    /// Declares the policy's variables, which are evaluated when they are named.
    pub(super) fn compose<'p>(&'p self, variables: &mut Variables<'p>) -> Result<(), String> {
        for (name, program) in &self.variables {
            variables.compose(name, program.as_ref().map_err(String::clone)?);
        }
        Ok(())
    }
}

/// An environment for what gives an object to apply.
pub(super) fn applying(environment: &Environment) -> Environment {
    environment.clone().making_objects().returning(Type::made("Object"))
}

/// An environment for what gives a JSON patch.
pub(super) fn patching(environment: &Environment) -> Environment {
    environment.clone().making_objects().returning(Type::list(Type::made("JSONPatch")))
}

impl Binding {
    pub(super) fn validating(binding: &ValidatingAdmissionPolicyBinding) -> Self {
        let spec = &binding.spec;
        Self {
            name: binding.metadata.name.clone().unwrap_or_default(),
            policy: spec.policy_name.clone(),
            criteria: spec.match_resources.as_ref().map(Criteria::of_resources),
            param: spec.param_ref.clone(),
            actions: spec.validation_actions.clone(),
        }
    }

    pub(super) fn mutating(binding: &MutatingAdmissionPolicyBinding) -> Self {
        let spec = binding.spec.clone().unwrap_or_default();
        Self {
            name: binding.metadata.name.clone().unwrap_or_default(),
            policy: spec.policy_name.unwrap_or_default(),
            criteria: spec.match_resources.as_ref().map(Criteria::of_resources),
            param: spec.param_ref,
            actions: Vec::new(),
        }
    }
}
