//! LocalSubjectAccessReview: asks the same within one namespace. Answered at its creation, never kept.

use k8s_openapi::api::authorization::v1;

use crate::{Answered, Kind, Verb};

pub struct LocalSubjectAccessReview;

impl Kind for LocalSubjectAccessReview {
    type Object = v1::LocalSubjectAccessReview;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> = Some(Answered::LocalAccess);
}
