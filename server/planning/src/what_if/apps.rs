//! What becomes of pods, by the app that they belong to.

use std::collections::BTreeMap;

use kinds::what_if::{AppOutlook, WhatIfStatus};

use super::Fates;
use crate::{Entry, World, owners};

/// Kind, namespace, name.
type App = (String, String, String);

/// Longer chains of owners are not followed.
const OWNERS_MAX: usize = 8;

pub(super) fn gather(world: &World, mut fates: Fates) -> WhatIfStatus {
    let mut apps: BTreeMap<App, AppOutlook> = BTreeMap::new();
    for pod in world.of_kind("pods").filter(|pod| runs(pod)) {
        let app = app_of(world, pod);
        let (kind, namespace, name) = app.clone();
        let outlook = apps.entry(app).or_insert_with(|| AppOutlook {
            kind,
            namespace,
            name,
            ..AppOutlook::default()
        });
        outlook.pods += 1;
        match fates.remove(&pod.key) {
            Some(fate) => outlook.lost.push(fate),
            None => outlook.remaining += 1,
        }
    }
    let mut apps: Vec<AppOutlook> = apps.into_values().filter(|app| !app.lost.is_empty()).collect();
    apps.iter_mut().for_each(judge);
    let count = |outcome: &str| apps.iter().filter(|app| app.outcome == outcome).count();
    WhatIfStatus {
        stopping: count("Stops"),
        degraded: count("Degraded"),
        moving: count("Moves"),
        apps,
    }
}

fn runs(pod: &Entry) -> bool {
    let has_place = |pod: &crate::world::PodSummary| !pod.node.is_empty() && !pod.is_finished();
    !pod.meta.is_deleting() && pod.pod().is_some_and(has_place)
}

/// The topmost controller of a pod, or the pod itself.
fn app_of(world: &World, pod: &Entry) -> App {
    let namespace = &pod.key.namespace;
    let mut top = ("Pod".to_owned(), pod.key.name.to_string());
    let mut owner = pod.meta.controller().cloned();
    for _ in 0..OWNERS_MAX {
        let Some(one) = owner else { break };
        top = (one.kind.clone(), one.name.to_string());
        let entry = owners::owner_key(&one, namespace).and_then(|key| world.entry(&key));
        owner = entry.and_then(|entry| entry.meta.controller().cloned());
    }
    (top.0, namespace.to_string(), top.1)
}

fn judge(app: &mut AppOutlook) {
    let count = |outcome: &str| app.lost.iter().filter(|pod| pod.outcome == outcome).count();
    let (moved, bound) = (count("Moves"), count("HostBound"));
    app.interrupted = app.remaining == 0 && moved > 0;
    let outcome = if bound == app.lost.len() {
        "Unaffected"
    } else if app.remaining + moved == 0 {
        "Stops"
    } else if moved + bound < app.lost.len() {
        "Degraded"
    } else {
        "Moves"
    };
    app.outcome = outcome.to_owned();
}
