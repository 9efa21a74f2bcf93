//! ComponentStatus, which Kubernetes keeps for old clients: nothing is ever stored, the API looks
//! when somebody asks. `/livez` and `/readyz` tell more.

use k8s_openapi::api::core::v1;

use crate::{Column, Kind, Verb, column, parts::cells};

pub struct ComponentStatus;

impl Kind for ComponentStatus {
    type Object = v1::ComponentStatus;
    const SHORT_NAMES: &'static [&'static str] = &["cs"];
    const VERBS: &'static [Verb] = &[Verb::Get, Verb::List];
    const COMPUTED: bool = true;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Status", |component, _| {
            match healthy(component).map(|condition| condition.status.as_str()) {
                Some("True") => "Healthy".into(),
                Some("False") => "Unhealthy".into(),
                _ => "Unknown".into(),
            }
        }),
        column("Message", |component, _| {
            cells::text(healthy(component).and_then(|condition| condition.message.as_deref()))
        }),
        column("Error", |component, _| {
            cells::text(healthy(component).and_then(|condition| condition.error.as_deref()))
        }),
    ];
}

fn healthy(component: &v1::ComponentStatus) -> Option<&v1::ComponentCondition> {
    component.conditions.iter().flatten().find(|condition| condition.type_ == "Healthy")
}
