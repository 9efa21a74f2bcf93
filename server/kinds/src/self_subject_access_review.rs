//! SelfSubjectAccessReview: asks whether the caller may do something. Answered at its creation, never kept.

use k8s_openapi::api::authorization::v1;

use crate::{Answered, Kind, Verb};

pub struct SelfSubjectAccessReview;

impl Kind for SelfSubjectAccessReview {
    type Object = v1::SelfSubjectAccessReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::SelfAccess);
}
