//! TokenReview: asks whose token it is. Answered at its creation, never kept.

use k8s_openapi::api::authentication::v1;
use object::FieldErrors;

use crate::{Answered, Kind, Verb};

pub struct TokenReview;

impl Kind for TokenReview {
    type Object = v1::TokenReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::Token);

    fn validate(review: &v1::TokenReview, errors: &mut FieldErrors) {
        if review.spec.token.is_empty() {
            errors.required("spec.token", "");
        }
    }
}
