//! SelfSubjectAccessReview: asks whether the caller may do something. Answered at its creation, never kept.

use k8s_openapi::api::authorization::v1;
use object::FieldErrors;

use crate::{Answered, Kind, Verb, parts::review};

pub struct SelfSubjectAccessReview;

impl Kind for SelfSubjectAccessReview {
    type Object = v1::SelfSubjectAccessReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::SelfAccess);

    fn validate(review: &v1::SelfSubjectAccessReview, errors: &mut FieldErrors) {
        let spec = &review.spec;
        review::validate_one(
            spec.resource_attributes.as_ref(),
            spec.non_resource_attributes.as_ref(),
            errors,
        );
    }
}
