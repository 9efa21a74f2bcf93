//! Placement: what each node says to a pod that waits for one. Computed when somebody asks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Kind, Verb, column};

/// There is nothing to ask for but the pod's name, which is the placement's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacementSpec {}

/// What the scheduler finds at this moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlacementStatus {
    /// By name.
    pub nodes: Vec<NodeOpinion>,
}

/// What one node says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeOpinion {
    pub node: String,
    pub fits: bool,
    /// The filter that refused, as Kubernetes names it: `NodeResourcesFit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

crate::parts::longshore::object! {
    /// What each node says to a pod that waits for one.
    Placement, "placements", PlacementSpec, PlacementStatus; NamespaceResourceScope
}

impl Kind for Placement {
    type Object = Self;
    const VERBS: &'static [Verb] = &[Verb::Get, Verb::List];
    const COMPUTED: bool = true;
    const COLUMNS: &'static [Column<Self>] = &[
        column("Fitting", |one: &Self, _| fitting(one).into()),
        column("Refusals", |one: &Self, _| refusals(one).into()),
    ];
}

fn nodes(one: &Placement) -> &[NodeOpinion] {
    one.status.as_ref().map(|status| status.nodes.as_slice()).unwrap_or_default()
}

fn fitting(one: &Placement) -> String {
    format!("{}/{}", nodes(one).iter().filter(|node| node.fits).count(), nodes(one).len())
}

/// `a: Insufficient cpu; b: node(s) were unschedulable`
fn refusals(one: &Placement) -> String {
    let refusing = nodes(one).iter().filter(|node| !node.fits);
    let said: Vec<String> =
        refusing.map(|node| format!("{}: {}", node.node, node.reasons.join(", "))).collect();
    if said.is_empty() { "<none>".to_owned() } else { said.join("; ") }
}
