//! MutatingAdmissionPolicyBinding.

use k8s_openapi::api::admissionregistration::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{admission, cells},
};

pub struct MutatingAdmissionPolicyBinding;

impl Kind for MutatingAdmissionPolicyBinding {
    type Object = v1::MutatingAdmissionPolicyBinding;
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("PolicyName", |binding: &v1::MutatingAdmissionPolicyBinding, _| {
            cells::text(binding.spec.as_ref().and_then(|spec| spec.policy_name.as_deref()))
        })
        .described("PolicyName indicates the policy definition which the policy binding binded to"),
        column("ParamRef", |binding: &v1::MutatingAdmissionPolicyBinding, _| {
            let param = binding.spec.as_ref().and_then(|spec| spec.param_ref.as_ref());
            admission::param_ref_cell(param)
        })
        .described("ParamRef indicates the param resource which sets the configration param"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(binding: &mut v1::MutatingAdmissionPolicyBinding) {
        let spec = binding.spec.as_mut();
        if let Some(resources) = spec.and_then(|spec| spec.match_resources.as_mut()) {
            admission::set_match_defaults(resources);
        }
    }

    fn validate(binding: &v1::MutatingAdmissionPolicyBinding, errors: &mut FieldErrors) {
        let Some(spec) = &binding.spec else { return errors.required("spec", "") };
        let policy = spec.policy_name.as_deref().unwrap_or_default();
        let resources = spec.match_resources.as_ref();
        admission::validate_binding(policy, spec.param_ref.as_ref(), resources, errors);
    }
}
