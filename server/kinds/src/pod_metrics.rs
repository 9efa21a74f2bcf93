//! PodMetrics: what a pod's containers use of CPU and memory. Computed from what agents tell, never stored.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::{
    api::resource::Quantity,
    apis::meta::v1::{ObjectMeta, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Kind, Verb, column};

/// What one container uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerMetrics {
    pub name: String,
    /// CPU and memory, by name.
    pub usage: BTreeMap<String, Quantity>,
}

/// What a pod's containers used over the last moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodMetrics {
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
    #[serde(default)]
    pub containers: Vec<ContainerMetrics>,
}

fn api_version() -> String {
    <PodMetrics as k8s_openapi::Resource>::API_VERSION.to_owned()
}

fn kind() -> String {
    <PodMetrics as k8s_openapi::Resource>::KIND.to_owned()
}

fn never() -> Time {
    Time(jiff::Timestamp::UNIX_EPOCH)
}

impl k8s_openapi::Resource for PodMetrics {
    const API_VERSION: &'static str = "metrics.k8s.io/v1beta1";
    const GROUP: &'static str = "metrics.k8s.io";
    const KIND: &'static str = "PodMetrics";
    const VERSION: &'static str = "v1beta1";
    const URL_PATH_SEGMENT: &'static str = "pods";
    type Scope = k8s_openapi::NamespaceResourceScope;
}

impl k8s_openapi::Metadata for PodMetrics {
    type Ty = ObjectMeta;
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Kind for PodMetrics {
    type Object = Self;
    const VERBS: &'static [Verb] = &[Verb::Get, Verb::List];
    const COMPUTED: bool = true;
    const COLUMNS: &'static [Column<Self>] = &[
        column("CPU", |metrics: &Self, _| sum(metrics, "cpu").into()),
        column("Memory", |metrics: &Self, _| sum(metrics, "memory").into()),
        column("Window", |metrics: &Self, _| metrics.window.as_str().into()),
    ];
}

/// What all containers use together.
fn sum(metrics: &PodMetrics, resource: &str) -> String {
    let amounts = metrics.containers.iter().filter_map(|one| one.usage.get(resource));
    let sum: object::quantity::Quantity =
        amounts.filter_map(|amount| amount.0.parse::<object::quantity::Quantity>().ok()).sum();
    sum.to_string()
}
