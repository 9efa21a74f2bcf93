//! Tells where a Service leads in the older form: one Endpoints object of the Service's name.

use k8s_openapi::{
    api::core::v1::{
        EndpointAddress, EndpointPort, EndpointSubset, Endpoints, ObjectReference, Service,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::Key;
use serde_json::{Value, json};

use crate::{
    Action, Change, Controller, Entry, Plan, Round, World,
    backends::{self, Backend, Port},
    owners,
};

pub const CONTROLLER: Controller = Controller {
    name: "endpoint-controller",
    watches: &[backends::SERVICES, backends::PODS, backends::NODES, ENDPOINTS],
    keys_for,
    plan,
};

const ENDPOINTS: &str = "endpoints";
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const HEADLESS: &str = "service.kubernetes.io/headless";
/// More do not fit the old form; the slices have them all.
const ADDRESSES_MAX: usize = 1000;
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == ENDPOINTS {
        return vec![Key { kind: backends::SERVICES.into(), ..change.key.clone() }];
    }
    backends::services_for(change, world)
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(service) = entry.decode::<kinds::service::Service>() else { return Plan::default() };
    if entry.meta.is_deleting() || !backends::has_selector(&service) {
        return Plan::default();
    }
    let mut backends = backends::of_service(round.world, entry);
    // Of terminating pods the old form knows nothing.
    backends.retain(|backend| !backend.is_terminating() || backends::publishes_not_ready(&service));
    let is_over_capacity = backends.len() > ADDRESSES_MAX;
    backends.sort_by_key(|backend| !backend.is_ready(&service));
    backends.truncate(ADDRESSES_MAX);
    let subsets = subsets(&service, &backends);
    let mut annotations = json!({});
    if is_over_capacity {
        annotations[OVER_CAPACITY] = "truncated".into();
    }
    let key = Key { kind: ENDPOINTS.into(), ..entry.key.clone() };
    let labels = labels(entry, &service);
    let action = match round.world.entry(&key) {
        None => Some(create(entry, key, &subsets, labels, annotations)),
        Some(old) => update(old, &subsets, &labels, is_over_capacity),
    };
    Plan { actions: action.into_iter().collect(), ..Plan::default() }
}

fn labels(entry: &Entry, service: &Service) -> Value {
    let mut labels = entry.meta.labels.clone();
    labels.insert(MANAGED_BY.to_owned(), "endpoint-controller".to_owned());
    if backends::is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    json!(labels)
}

fn subsets(service: &Service, backends: &[Backend<'_>]) -> Vec<EndpointSubset> {
    backends::by_ports(service, backends)
        .into_iter()
        .map(|(ports, mut group)| {
            group.sort_by_key(|backend| backend.entry.key.clone());
            let addresses = |ready: bool| {
                let fitting = group.iter().filter(|backend| backend.is_ready(service) == ready);
                let all: Vec<EndpointAddress> =
                    fitting.map(|backend| address(service, backend)).collect();
                (!all.is_empty()).then_some(all)
            };
            EndpointSubset {
                addresses: addresses(true),
                not_ready_addresses: addresses(false),
                ports: (!ports.is_empty()).then(|| ports.into_iter().map(endpoint_port).collect()),
            }
        })
        .collect()
}

fn address(service: &Service, backend: &Backend<'_>) -> EndpointAddress {
    let key = &backend.entry.key;
    let service_name = service.metadata.name.as_deref();
    let dns_name = backend.pod.dns_name.as_ref();
    let hostname = dns_name.filter(|name| Some(&*name.subdomain) == service_name);
    EndpointAddress {
        hostname: hostname.map(|name| name.hostname.clone()),
        ip: backend.ip.to_owned(),
        node_name: Some(backend.pod.node.to_string()).filter(|node| !node.is_empty()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            name: Some(key.name.to_string()),
            namespace: Some(key.namespace.to_string()),
            uid: Some(backend.entry.meta.uid.to_string()),
            ..ObjectReference::default()
        }),
    }
}

fn endpoint_port(port: Port) -> EndpointPort {
    EndpointPort {
        app_protocol: port.app_protocol,
        name: Some(port.name).filter(|name| !name.is_empty()),
        port: port.port,
        protocol: Some(port.protocol),
    }
}

fn create(
    service: &Entry,
    key: Key,
    subsets: &[EndpointSubset],
    labels: Value,
    annotations: Value,
) -> Action {
    let endpoints = Endpoints {
        metadata: ObjectMeta {
            name: Some(key.name.to_string()),
            namespace: Some(key.namespace.to_string()),
            // So that it goes with its Service.
            owner_references: Some(vec![owners::controller_reference(service)]),
            ..ObjectMeta::default()
        },
        subsets: (!subsets.is_empty()).then(|| subsets.to_vec()),
    };
    let mut body = json!(endpoints);
    body["metadata"]["labels"] = labels;
    if annotations.as_object().is_some_and(|all| !all.is_empty()) {
        body["metadata"]["annotations"] = annotations;
    }
    Action::Create { key, body }
}

fn update(
    old: &Entry,
    subsets: &[EndpointSubset],
    labels: &Value,
    is_over_capacity: bool,
) -> Option<Action> {
    let object = old.decode::<kinds::endpoints::Endpoints>()?;
    let mut patch = json!({"metadata": {
        "uid": old.meta.uid, "resourceVersion": old.revision.to_string(),
    }});
    let mut differs = false;
    if object.subsets.unwrap_or_default() != subsets {
        differs = true;
        patch["subsets"] = if subsets.is_empty() { Value::Null } else { json!(subsets) };
    }
    if json!(old.meta.labels) != *labels {
        differs = true;
        let mut changed = labels.clone();
        for name in old.meta.labels.keys().filter(|name| labels.get(name.as_str()).is_none()) {
            changed[name] = Value::Null;
        }
        patch["metadata"]["labels"] = changed;
    }
    if old.meta.annotations.contains_key(OVER_CAPACITY) != is_over_capacity {
        differs = true;
        let value = if is_over_capacity { "truncated".into() } else { Value::Null };
        patch["metadata"]["annotations"] = json!({OVER_CAPACITY: value});
    }
    differs.then(|| Action::Patch { key: old.key.clone(), subresource: "", patch })
}

#[cfg(test)]
mod tests;
