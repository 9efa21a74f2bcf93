//! WhatIf: what would come of the apps if hosts were lost. Computed when somebody asks, never stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Field, Kind, Verb, column, field};

/// What is assumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WhatIfSpec {
    /// The hosts that are gone, all at the same time.
    pub lose: Vec<String>,
}

/// What the scheduler would do then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WhatIfStatus {
    /// How many apps would have no pod left.
    pub stopping: usize,
    /// How many apps would run on with fewer pods than before.
    pub degraded: usize,
    /// How many apps would be whole again elsewhere.
    pub moving: usize,
    /// Every app that has a pod on the hosts, by kind, namespace and name.
    pub apps: Vec<AppOutlook>,
}

/// What would come of one app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AppOutlook {
    /// The kind of the topmost controller, or `Pod`.
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// `Stops`, `Degraded` or `Moves`; `Unaffected` if what it loses belongs to its hosts alone.
    pub outcome: String,
    /// How many of its pods run now, and how many of them on other hosts.
    pub pods: usize,
    pub remaining: usize,
    /// Whether it is down until its pods have started elsewhere.
    pub interrupted: bool,
    /// What would come of each pod that it loses, or that has to give way.
    pub lost: Vec<PodOutlook>,
}

/// What would come of one pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodOutlook {
    pub name: String,
    /// `Moves`; or why it does not: `NoCapacity`, `LocalVolume`, `NotReplaced` (nobody makes it
    /// anew), `HostBound` (it belongs to its host, as a DaemonSet's).
    pub outcome: String,
    /// Where its successor goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whether it is not on a lost host, but gives way to a pod of a higher priority.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preempted: bool,
    /// What the scheduler says, in the words of its events.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

crate::parts::longshore::object! {
    /// What would come of the apps if hosts were lost.
    WhatIf, "whatif", WhatIfSpec, WhatIfStatus
}

impl Kind for WhatIf {
    type Object = Self;
    const VERBS: &'static [Verb] = &[Verb::Get, Verb::List];
    const COMPUTED: bool = true;
    const COLUMNS: &'static [Column<Self>] = &[
        column("Stopping", |one: &Self, _| count(one, |status| status.stopping).into()).integer(),
        column("Degraded", |one: &Self, _| count(one, |status| status.degraded).into()).integer(),
        column("Moving", |one: &Self, _| count(one, |status| status.moving).into()).integer(),
        column("Stops", |one: &Self, _| names(one, "Stops").into()),
        column("Loses", |one: &Self, _| names(one, "Degraded").into()).wide(),
    ];
    // Hosts that are lost together, separated by commas.
    const FIELDS: &'static [Field<Self>] = &[field("lose", |one: &Self| one.spec.lose.join(","))];
}

fn count(one: &WhatIf, of: fn(&WhatIfStatus) -> usize) -> i64 {
    one.status.as_ref().map_or(0, |status| i64::try_from(of(status)).unwrap_or(i64::MAX))
}

/// `shop/web,shop/db`
fn names(one: &WhatIf, outcome: &str) -> String {
    let apps = one.status.iter().flat_map(|status| &status.apps);
    let named: Vec<String> = apps
        .filter(|app| app.outcome == outcome)
        .map(|app| format!("{}/{}", app.namespace, app.name))
        .collect();
    if named.is_empty() { "<none>".to_owned() } else { named.join(",") }
}
