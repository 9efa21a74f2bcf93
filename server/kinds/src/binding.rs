//! Binding: gives a pod its node, as a post to `pods/binding` does. Never kept.

use k8s_openapi::api::core::v1;

use crate::{Answered, Kind, Verb};

pub struct Binding;

impl Kind for Binding {
    type Object = v1::Binding;
    const VERBS: &'static [Verb] = &[Verb::Create];
    const ANSWERED: Option<Answered> =
        Some(Answered::Posted { kind: "pods", subresource: "binding" });
}
