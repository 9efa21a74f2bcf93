//! ValidatingAdmissionPolicy.

use k8s_openapi::api::admissionregistration::v1;
use object::{FieldErrors, name};

use crate::{
    Column, Kind, Subresource, column,
    parts::{
        admission, cells,
        check::{self, Once},
    },
};

const REASONS: [&str; 4] = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];

pub struct ValidatingAdmissionPolicy;

impl Kind for ValidatingAdmissionPolicy {
    type Object = v1::ValidatingAdmissionPolicy;
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::ValidatingAdmissionPolicy, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Validations", |policy: &v1::ValidatingAdmissionPolicy, _| {
            let validations = policy.spec.as_ref().and_then(|spec| spec.validations.as_ref());
            validations.map_or(0, Vec::len).into()
        })
        .integer()
        .described(
            "Validations indicates the number of validation rules defined in this configuration",
        ),
        column("ParamKind", |policy: &v1::ValidatingAdmissionPolicy, _| {
            let kind = policy.spec.as_ref().and_then(|spec| spec.param_kind.as_ref());
            admission::param_kind_cell(kind)
        })
        .described("ParamKind specifies the kind of resources used to parameterize this policy"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(policy: &mut v1::ValidatingAdmissionPolicy) {
        let spec = policy.spec.get_or_insert_default();
        check::default_text(&mut spec.failure_policy, "Fail");
        if let Some(constraints) = &mut spec.match_constraints {
            admission::set_match_defaults(constraints);
        }
    }

    fn prepare_create(policy: &mut v1::ValidatingAdmissionPolicy) {
        policy.status = Some(v1::ValidatingAdmissionPolicyStatus::default());
    }

    fn validate(policy: &v1::ValidatingAdmissionPolicy, errors: &mut FieldErrors) {
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
        validate_rules(spec, errors);
    }
}

fn validate_rules(spec: &v1::ValidatingAdmissionPolicySpec, errors: &mut FieldErrors) {
    let validations = spec.validations.as_deref().unwrap_or_default();
    let annotations = spec.audit_annotations.as_deref().unwrap_or_default();
    if validations.is_empty() && annotations.is_empty() {
        for field in ["validations", "auditAnnotations"] {
            errors.required(
                format!("spec.{field}"),
                "validations or auditAnnotations must be non-empty",
            );
        }
    }
    for (index, one) in validations.iter().enumerate() {
        let path = format!("spec.validations[{index}]");
        if one.expression.trim().is_empty() {
            errors.required(format!("{path}.expression"), "expression is not specified");
        }
        match one.message.as_deref() {
            Some(message) if message.trim().is_empty() => errors.invalid(
                format!("{path}.message"),
                message,
                "message must be non-empty if specified",
            ),
            Some(message) if message.trim().contains('\n') => {
                errors.invalid(
                    format!("{path}.message"),
                    message,
                    "message must not contain line breaks",
                );
            }
            None if one.expression.contains('\n') && one.message_expression.is_none() => {
                errors.required(
                    format!("{path}.message"),
                    "message must be specified if expression contains line breaks",
                );
            }
            _ => {}
        }
        if let Some(reason) = one.reason.as_deref().filter(|reason| !REASONS.contains(reason)) {
            errors.not_supported(format!("{path}.reason"), reason, &REASONS);
        }
    }
    let mut keys = Once::default();
    for (index, one) in annotations.iter().enumerate() {
        let path = format!("spec.auditAnnotations[{index}]");
        check::name(&one.key, &format!("{path}.key"), name::qualified, errors);
        keys.check(&one.key, &format!("{path}.key"), errors);
        if one.value_expression.trim().is_empty() {
            let why = "valueExpression is not specified";
            errors.required(format!("{path}.valueExpression"), why);
        }
    }
}
