//! NodeMetrics: what a node uses of CPU and memory. Computed from what agents tell, never stored.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::{
    api::resource::Quantity,
    apis::meta::v1::{ObjectMeta, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Kind, Verb, column};

/// What a node used over the last moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeMetrics {
    #[serde(default = "api_version")]
    pub api_version: String,
    #[serde(default = "kind")]
    pub kind: String,
    pub metadata: ObjectMeta,
    /// When it was looked at last.
    #[serde(default = "never")]
    pub timestamp: Time,
    /// Over which time CPU was measured: `10s`.
    #[serde(default)]
    pub window: String,
    /// CPU and memory, by name.
    #[serde(default)]
    pub usage: BTreeMap<String, Quantity>,
}

fn api_version() -> String {
    <NodeMetrics as k8s_openapi::Resource>::API_VERSION.to_owned()
}

fn kind() -> String {
    <NodeMetrics as k8s_openapi::Resource>::KIND.to_owned()
}

fn never() -> Time {
    Time(jiff::Timestamp::UNIX_EPOCH)
}

impl k8s_openapi::Resource for NodeMetrics {
    const API_VERSION: &'static str = "metrics.k8s.io/v1beta1";
    const GROUP: &'static str = "metrics.k8s.io";
    const KIND: &'static str = "NodeMetrics";
    const VERSION: &'static str = "v1beta1";
    const URL_PATH_SEGMENT: &'static str = "nodes";
    type Scope = k8s_openapi::ClusterResourceScope;
}

impl k8s_openapi::Metadata for NodeMetrics {
    type Ty = ObjectMeta;
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Kind for NodeMetrics {
    type Object = Self;
    const VERBS: &'static [Verb] = &[Verb::Get, Verb::List];
    const COMPUTED: bool = true;
    const COLUMNS: &'static [Column<Self>] = &[
        column("CPU", |metrics: &Self, _| shown(&metrics.usage, "cpu").into()),
        column("Memory", |metrics: &Self, _| shown(&metrics.usage, "memory").into()),
        column("Window", |metrics: &Self, _| metrics.window.as_str().into()),
    ];
}

fn shown(usage: &BTreeMap<String, Quantity>, resource: &str) -> String {
    usage.get(resource).map(|quantity| quantity.0.clone()).unwrap_or_default()
}
