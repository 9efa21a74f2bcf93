//! SelfSubjectRulesReview: asks what the caller may do in a namespace. Answered at its creation, never kept.

use k8s_openapi::api::authorization::v1;

use crate::{Answered, Kind, Verb};

pub struct SelfSubjectRulesReview;

impl Kind for SelfSubjectRulesReview {
    type Object = v1::SelfSubjectRulesReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::SelfRules);
}
