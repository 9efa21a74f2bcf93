//! Tells, in slices of at most a hundred, where a Service leads.

mod fill;
mod hints;

use std::sync::Arc;

use k8s_openapi::{
    api::{core::v1::Service, discovery::v1::EndpointSlice},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::Key;
use serde_json::{Value, json};

use crate::{Action, Change, Controller, Entry, Plan, Round, World, backends, names, owners};
use fill::Draft;

pub const CONTROLLER: Controller = Controller {
    name: "endpointslice-controller",
    watches: &[backends::SERVICES, backends::PODS, backends::NODES, SLICES],
    keys_for,
    plan,
};

const SLICES: &str = "endpointslices.discovery.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const HEADLESS: &str = "service.kubernetes.io/headless";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind != SLICES {
        return backends::services_for(change, world);
    }
    let service = |slice: &Arc<Entry>| {
        let name = slice.meta.labels.get(SERVICE_NAME)?;
        Some(Key::new(backends::SERVICES, &slice.key.namespace, name))
    };
    change.both().filter_map(service).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(service) = entry.decode::<kinds::service::Service>() else { return Plan::default() };
    if entry.meta.is_deleting() || !backends::has_selector(&service) {
        return Plan::default();
    }
    let backends = backends::of_service(round.world, entry);
    let own = own_slices(round.world, entry);
    let drafts = fill::fill(&service, &backends, &own);
    let labels = labels(entry, &service);
    let mut actions: Vec<Action> = Vec::new();
    let mut number = 0;
    for draft in &drafts {
        match draft.slice {
            Some(slice) => actions.extend(update(slice, draft, &labels)),
            None => actions.push(create(round.world, entry, draft, &labels, &mut number)),
        }
    }
    let is_kept = |slice: &Arc<Entry>| {
        drafts.iter().any(|draft| draft.slice.is_some_and(|kept| kept.key == slice.key))
    };
    actions.extend(own.iter().filter(|slice| !is_kept(slice)).map(|slice| Action::Delete {
        key: slice.key.clone(),
        uid: slice.meta.uid.clone(),
        propagation: None,
        grace_seconds: None,
    }));
    Plan { actions, ..Plan::default() }
}

/// The slices that this controller made for the Service.
fn own_slices<'w>(world: &'w World, service: &Entry) -> Vec<&'w Arc<Entry>> {
    world
        .labelled(SLICES, &service.key.namespace, SERVICE_NAME, &service.key.name)
        .filter(|slice| slice.meta.labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER))
        .filter(|slice| !slice.meta.is_deleting())
        .collect()
}

fn labels(entry: &Entry, service: &Service) -> Value {
    let mut labels = entry.meta.labels.clone();
    labels.insert(SERVICE_NAME.to_owned(), entry.key.name.to_string());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels.remove(HEADLESS);
    if backends::is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    json!(labels)
}

fn update(slice: &Entry, draft: &Draft<'_>, labels: &Value) -> Option<Action> {
    let old: EndpointSlice = slice.decode::<kinds::endpoint_slice::EndpointSlice>()?;
    let mut patch = json!({"metadata": {
        "uid": slice.meta.uid, "resourceVersion": slice.revision.to_string(),
    }});
    let same_endpoints = old.endpoints.unwrap_or_default() == draft.endpoints;
    if !same_endpoints {
        patch["endpoints"] = json!(draft.endpoints);
    }
    let same_labels = json!(slice.meta.labels) == *labels;
    if !same_labels {
        // In a merge patch null removes what is no longer there.
        let mut changed = labels.clone();
        for name in slice.meta.labels.keys().filter(|name| labels.get(name.as_str()).is_none()) {
            changed[name] = Value::Null;
        }
        patch["metadata"]["labels"] = changed;
    }
    (!same_endpoints || !same_labels).then(|| Action::Patch {
        key: slice.key.clone(),
        subresource: "",
        patch,
    })
}

fn create(
    world: &World,
    entry: &Entry,
    draft: &Draft<'_>,
    labels: &Value,
    number: &mut u32,
) -> Action {
    let key = loop {
        let parts = [&*entry.meta.uid, "slice", &number.to_string()];
        let name = names::generated(&entry.key.name, &parts);
        *number += 1;
        let key = Key::new(SLICES, &entry.key.namespace, &name);
        if world.entry(&key).is_none() {
            break key;
        }
    };
    let slice = EndpointSlice {
        address_type: "IPv4".to_owned(),
        endpoints: Some(draft.endpoints.clone()),
        metadata: ObjectMeta {
            name: Some(key.name.to_string()),
            generate_name: Some(format!("{}-", entry.key.name)),
            namespace: Some(key.namespace.to_string()),
            owner_references: Some(vec![owners::controller_reference(entry)]),
            ..ObjectMeta::default()
        },
        ports: Some(draft.ports.clone()),
    };
    let mut body = json!(slice);
    body["metadata"]["labels"] = labels.clone();
    Action::Create { key, body }
}

#[cfg(test)]
mod tests;
