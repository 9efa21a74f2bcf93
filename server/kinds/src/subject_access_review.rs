//! SubjectAccessReview: asks whether somebody may do something. Answered at its creation, never kept.

use k8s_openapi::api::authorization::v1;

use crate::{Answered, Kind, Verb};

pub struct SubjectAccessReview;

impl Kind for SubjectAccessReview {
    type Object = v1::SubjectAccessReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::Access);
}
