//! The kind that the operator serves, and how it comes into being.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, CustomResource, CustomResourceExt, KubeSchema,
    api::{Patch, PatchParams},
    runtime::wait::{await_condition, conditions},
};
use serde::{Deserialize, Serialize};

/// Under this name the operator writes.
pub const MANAGER: &str = "site-operator";

/// A page, and how many serve it.
#[derive(CustomResource, KubeSchema, Deserialize, Serialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sites.example.com",
    version = "v1",
    kind = "Site",
    namespaced,
    derive = "PartialEq",
    status = "SiteStatus",
    shortname = "st",
    category = "all",
    selectable = ".spec.page",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Page", type_ = "string", json_path = ".spec.page"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    validation = Rule::new("self.metadata.name.size() <= 30").message("the name is too long")
)]
#[serde(rename_all = "camelCase")]
pub struct SiteSpec {
    /// What is served.
    #[x_kube(validation = Rule::new("self != ''").message("a page is needed"))]
    pub page: String,
    /// How many serve it.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 10))]
    pub replicas: i32,
    /// A site that was made for one owner stays with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("the owner stays"))]
    pub owner: Option<String>,
}

/// How far the operator has come.
#[derive(Deserialize, Serialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SiteStatus {
    #[serde(default)]
    pub replicas: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

fn one() -> i32 {
    1
}

impl Site {
    pub fn selector(&self) -> String {
        format!("site={}", self.metadata.name.as_deref().unwrap_or_default())
    }

    /// Whether the operator says of this very spec that it is served.
    pub fn is_ready(&self) -> bool {
        let conditions = self.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|condition| {
            condition.type_ == "Ready"
                && condition.status == "True"
                && condition.observed_generation == self.metadata.generation
        })
    }
}

/// Applies the definition and waits until the kind is served.
///
/// # Errors
/// What the API says, or that it takes too long.
pub async fn define(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply(MANAGER).force();
    definitions.patch(Site::crd_name(), &params, &Patch::Apply(Site::crd())).await?;
    let established =
        await_condition(definitions, Site::crd_name(), conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(20), established)
        .await
        .context("the kind is not established in time")??;
    Ok(())
}
