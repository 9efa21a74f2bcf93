//! Pod.

use k8s_openapi::api::core::v1;

use crate::{Field, Kind, field};

pub struct Pod;

impl Kind for Pod {
    type Object = v1::Pod;
    const SHORT_NAMES: &'static [&'static str] = &["po"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const FIELDS: &'static [Field<Self::Object>] = &[field("spec.nodeName", |pod: &v1::Pod| {
        pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default()
    })];
}
