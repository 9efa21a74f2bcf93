//! ValidatingAdmissionPolicyBinding.

use k8s_openapi::api::admissionregistration::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{
        admission, cells,
        check::{self, Once},
    },
};

const ACTIONS: [&str; 3] = ["Audit", "Deny", "Warn"];

pub struct ValidatingAdmissionPolicyBinding;

impl Kind for ValidatingAdmissionPolicyBinding {
    type Object = v1::ValidatingAdmissionPolicyBinding;
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("PolicyName", |binding: &v1::ValidatingAdmissionPolicyBinding, _| {
            binding.spec.policy_name.as_str().into()
        })
        .described("PolicyName indicates the policy definition which the policy binding binded to"),
        column("ParamRef", |binding: &v1::ValidatingAdmissionPolicyBinding, _| {
            admission::param_ref_cell(binding.spec.param_ref.as_ref())
        })
        .described("ParamRef indicates the param resource which sets the configration param"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(binding: &mut v1::ValidatingAdmissionPolicyBinding) {
        if let Some(resources) = &mut binding.spec.match_resources {
            admission::set_match_defaults(resources);
        }
    }

    fn validate(binding: &v1::ValidatingAdmissionPolicyBinding, errors: &mut FieldErrors) {
        let spec = &binding.spec;
        admission::validate_binding(
            &spec.policy_name,
            spec.param_ref.as_ref(),
            spec.match_resources.as_ref(),
            errors,
        );
        let path = "spec.validationActions";
        if spec.validation_actions.is_empty() {
            errors.required(path, "at least one validation action is required");
        }
        let mut seen = Once::default();
        for (index, action) in spec.validation_actions.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if !ACTIONS.contains(&action.as_str()) {
                errors.not_supported(&*path, action.as_str(), &ACTIONS);
            }
            seen.check(action, &path, errors);
        }
        if seen.has("Deny") && seen.has("Warn") {
            errors.invalid(
                path,
                check::shown(&spec.validation_actions),
                "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
            );
        }
    }
}
