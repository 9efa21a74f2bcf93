//! SelfSubjectReview: asks who the caller is. Answered at its creation, never kept.

use k8s_openapi::api::authentication::v1;

use crate::{Answered, Kind, Verb};

pub struct SelfSubjectReview;

impl Kind for SelfSubjectReview {
    type Object = v1::SelfSubjectReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::SelfIdentity);
}
