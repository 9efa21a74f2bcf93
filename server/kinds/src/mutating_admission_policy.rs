//! MutatingAdmissionPolicy.

use k8s_openapi::api::admissionregistration::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{admission, cells, check},
};

const PATCH_TYPES: [&str; 2] = ["ApplyConfiguration", "JSONPatch"];
const REINVOCATIONS: [&str; 2] = ["IfNeeded", "Never"];

pub struct MutatingAdmissionPolicy;

impl Kind for MutatingAdmissionPolicy {
    type Object = v1::MutatingAdmissionPolicy;
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Mutations", |policy: &v1::MutatingAdmissionPolicy, _| {
            let mutations = policy.spec.as_ref().and_then(|spec| spec.mutations.as_ref());
            mutations.map_or(0, Vec::len).into()
        })
        .integer()
        .described(
            "Mutation indicates the number of mutations rules defined in this configuration",
        ),
        column("ParamKind", |policy: &v1::MutatingAdmissionPolicy, _| {
            let kind = policy.spec.as_ref().and_then(|spec| spec.param_kind.as_ref());
            admission::param_kind_cell(kind)
        })
        .described("ParamKind specifies the kind of resources used to parameterize this policy"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(policy: &mut v1::MutatingAdmissionPolicy) {
        let spec = policy.spec.get_or_insert_default();
        check::default_text(&mut spec.failure_policy, "Fail");
        check::default_text(&mut spec.reinvocation_policy, "Never");
        if let Some(constraints) = &mut spec.match_constraints {
            admission::set_match_defaults(constraints);
        }
    }

    fn validate(policy: &v1::MutatingAdmissionPolicy, errors: &mut FieldErrors) {
        let Some(spec) = &policy.spec else { return errors.required("spec", "") };
        admission::validate_policies(
            spec.failure_policy.as_deref(),
            spec.param_kind.as_ref(),
            spec.match_constraints.as_ref(),
            errors,
        );
        let conditions = spec.match_conditions.as_deref().unwrap_or_default();
        admission::validate_conditions(conditions, "spec.matchConditions", errors);
        admission::validate_variables(spec.variables.as_deref(), errors);
        let reinvocation = spec.reinvocation_policy.as_deref();
        check::one_of(reinvocation, "spec.reinvocationPolicy", &REINVOCATIONS, errors);
        let mutations = spec.mutations.as_deref().unwrap_or_default();
        if mutations.is_empty() {
            errors.required("spec.mutations", "mutations must contain at least one item");
        }
        for (index, mutation) in mutations.iter().enumerate() {
            validate_mutation(mutation, &format!("spec.mutations[{index}]"), errors);
        }
    }
}

fn validate_mutation(mutation: &v1::Mutation, path: &str, errors: &mut FieldErrors) {
    check::one_of(Some(&mutation.patch_type), &format!("{path}.patchType"), &PATCH_TYPES, errors);
    let apply = mutation.apply_configuration.as_ref().map(|one| one.expression.as_deref());
    let patch = mutation.json_patch.as_ref().map(|one| one.expression.as_deref());
    for (type_, field, part) in
        [("ApplyConfiguration", "applyConfiguration", apply), ("JSONPatch", "jsonPatch", patch)]
    {
        let path = format!("{path}.{field}");
        match (mutation.patch_type == type_, part) {
            (true, None) => {
                errors.required(path, format!("must be specified when patchType is {type_}"));
            }
            (true, Some(expression)) if expression.unwrap_or_default().trim().is_empty() => {
                errors.required(format!("{path}.expression"), "expression is not specified");
            }
            (false, Some(_)) => {
                let why = format!("must not be specified when patchType is not {type_}");
                errors.invalid(path, "", why);
            }
            _ => {}
        }
    }
}
