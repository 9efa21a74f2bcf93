//! SubjectAccessReview: asks whether somebody may do something. Answered at its creation, never kept.

use k8s_openapi::api::authorization::v1;
use object::FieldErrors;

use crate::{Answered, Kind, Verb, parts::review};

pub struct SubjectAccessReview;

impl Kind for SubjectAccessReview {
    type Object = v1::SubjectAccessReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::Access);

    fn validate(review: &v1::SubjectAccessReview, errors: &mut FieldErrors) {
        review::validate_subject(&review.spec, errors);
    }
}
