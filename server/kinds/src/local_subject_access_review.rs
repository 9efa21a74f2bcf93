//! LocalSubjectAccessReview: asks the same within one namespace. Answered at its creation, never kept.

use k8s_openapi::api::authorization::v1;
use object::FieldErrors;

use crate::{
    Answered, Kind, Verb,
    parts::{check, review},
};

pub struct LocalSubjectAccessReview;

impl Kind for LocalSubjectAccessReview {
    type Object = v1::LocalSubjectAccessReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::LocalAccess);

    fn validate(review: &v1::LocalSubjectAccessReview, errors: &mut FieldErrors) {
        review::validate_subject(&review.spec, errors);
        if let Some(path) = &review.spec.non_resource_attributes {
            let why = "disallowed on this kind of request";
            errors.invalid("spec.nonResourceAttributes", check::shown(path), why);
        }
        let asked = review.spec.resource_attributes.as_ref();
        let asked = asked.and_then(|asked| asked.namespace.as_deref()).unwrap_or_default();
        if asked != review.metadata.namespace.as_deref().unwrap_or_default() {
            let why = "must match metadata.namespace";
            errors.invalid("spec.resourceAttributes.namespace", asked, why);
        }
    }
}
