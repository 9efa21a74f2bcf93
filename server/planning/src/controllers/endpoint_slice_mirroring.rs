//! Copies Endpoints that people keep for a Service without selector into slices, which is where
//! everything else looks.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        core::v1::{EndpointAddress, EndpointSubset, Service},
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::Key;
use serde_json::json;

use crate::{Action, Change, Controller, Entry, Plan, Round, World, backends, names, owners};

pub const CONTROLLER: Controller = Controller {
    name: "endpointslicemirroring-controller",
    watches: &[ENDPOINTS, backends::SERVICES, SLICES],
    keys_for,
    plan,
};

const ENDPOINTS: &str = "endpoints";
const SLICES: &str = "endpointslices.discovery.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// Of one subset; what is beyond stays out, as Kubernetes holds it.
const ADDRESSES_MAX: usize = 1000;

/// Endpoints, their Service and the slices made from them share a name.
fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    let key = |name: &str| Key::new(ENDPOINTS, &change.key.namespace, name);
    if &*change.key.kind != SLICES {
        return vec![key(&change.key.name)];
    }
    let is_ours = |entry: &&std::sync::Arc<Entry>| {
        entry.meta.labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER)
    };
    let name = |entry: &std::sync::Arc<Entry>| entry.meta.labels.get(SERVICE_NAME).cloned();
    change.both().filter(is_ours).filter_map(name).map(|name| key(&name)).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let world = round.world;
    let wanted = wanted(round).unwrap_or_default();
    let namespace = &round.key.namespace;
    let present = world
        .labelled(SLICES, namespace, SERVICE_NAME, &round.key.name)
        .filter(|slice| slice.meta.labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER))
        .filter(|slice| !slice.meta.is_deleting());
    let mut missing: BTreeMap<Key, EndpointSlice> = wanted;
    let mut actions = Vec::new();
    for slice in present {
        match missing.remove(&slice.key) {
            Some(wanted) => actions.extend(update(slice, &wanted)),
            None => actions.push(Action::Delete {
                key: slice.key.clone(),
                uid: slice.meta.uid.clone(),
                propagation: None,
                grace_seconds: None,
            }),
        }
    }
    let create = |(key, slice)| Action::Create { key, body: json!(slice) };
    actions.extend(missing.into_iter().map(create));
    Plan { actions, ..Plan::default() }
}

/// The slices that the Endpoints ask for; `None` if they are not to be mirrored.
fn wanted(round: &Round<'_>) -> Option<BTreeMap<Key, EndpointSlice>> {
    let entry = round.world.entry(round.key)?;
    let meta = &entry.meta;
    let is_skipped = meta.labels.get(SKIP).is_some_and(|value| value == "true");
    if is_skipped || meta.annotations.contains_key(LEADER) || meta.is_deleting() {
        return None;
    }
    let service = Key { kind: backends::SERVICES.into(), ..round.key.clone() };
    let service: Service = round.world.entry(&service)?.decode::<kinds::service::Service>()?;
    let names_pods = service
        .spec
        .as_ref()
        .is_some_and(|spec| spec.selector.as_ref().is_some_and(|selector| !selector.is_empty()));
    if names_pods {
        return None;
    }
    let subsets = entry.decode::<kinds::endpoints::Endpoints>()?.subsets.unwrap_or_default();
    let slices = subsets.iter().enumerate().flat_map(|(at, subset)| {
        ["IPv4", "IPv6"].into_iter().filter_map(move |family| slice(entry, at, subset, family))
    });
    Some(slices.collect())
}

fn slice(
    entry: &Entry,
    at: usize,
    subset: &EndpointSubset,
    family: &'static str,
) -> Option<(Key, EndpointSlice)> {
    let fits = |address: &&EndpointAddress| address.ip.contains(':') == (family == "IPv6");
    let endpoints = |addresses: Option<&Vec<EndpointAddress>>, ready: bool| -> Vec<Endpoint> {
        let fitting = addresses.into_iter().flatten().filter(fits);
        fitting.map(|address| endpoint(address, ready)).collect()
    };
    let mut all = endpoints(subset.addresses.as_ref(), true);
    all.extend(endpoints(subset.not_ready_addresses.as_ref(), false));
    all.truncate(ADDRESSES_MAX);
    if all.is_empty() {
        return None;
    }
    let name = names::generated(&entry.key.name, &[&entry.meta.uid, family, &at.to_string()]);
    let key = Key::new(SLICES, &entry.key.namespace, &name);
    let mut labels = entry.meta.labels.clone();
    labels.insert(SERVICE_NAME.to_owned(), entry.key.name.to_string());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let ports = subset.ports.iter().flatten().map(|port| EndpointPort {
        app_protocol: port.app_protocol.clone(),
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
    });
    let slice = EndpointSlice {
        address_type: family.to_owned(),
        endpoints: Some(all),
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(entry.key.namespace.to_string()),
            labels: Some(labels),
            owner_references: Some(vec![owners::controller_reference(entry)]),
            ..ObjectMeta::default()
        },
        ports: Some(ports.collect()),
    };
    Some((key, slice))
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Endpoint {
    let conditions =
        EndpointConditions { ready: Some(ready), serving: Some(ready), terminating: Some(false) };
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(conditions),
        hostname: address.hostname.clone(),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn update(present: &Entry, wanted: &EndpointSlice) -> Option<Action> {
    let old: EndpointSlice = present.decode::<kinds::endpoint_slice::EndpointSlice>()?;
    if old.endpoints == wanted.endpoints && old.ports == wanted.ports {
        return None;
    }
    let patch = json!({
        "metadata": {"uid": present.meta.uid, "resourceVersion": present.revision.to_string()},
        "endpoints": wanted.endpoints,
        "ports": wanted.ports,
    });
    Some(Action::Patch { key: present.key.clone(), subresource: "", patch })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::Lab;

    fn service(spec: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "d"},
            "spec": spec})
    }

    fn endpoints(ip: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "db", "namespace": "d"},
            "subsets": [{"addresses": [{"ip": ip}], "notReadyAddresses": [{"ip": "fd00::1"}],
                "ports": [{"port": 5432}]}]})
    }

    fn shown(lab: &Lab) -> Vec<String> {
        let slices = lab.world.of_kind(SLICES).map(|slice| {
            let slice = lab.value(&slice.key);
            let endpoint = &slice["endpoints"][0];
            format!(
                "{} {} {} ready={}",
                slice["addressType"].as_str().unwrap(),
                endpoint["addresses"][0].as_str().unwrap(),
                slice["ports"][0]["port"],
                endpoint["conditions"]["ready"]
            )
        });
        let mut all: Vec<String> = slices.collect();
        all.sort();
        all
    }

    #[test]
    fn mirrors_what_people_keep() {
        let mut lab = Lab::with([service(json!({"ports": [{"port": 5432}]}))]);
        let key = lab.put(endpoints("192.0.2.1"));
        lab.settle(&[CONTROLLER]);
        assert_eq!(
            shown(&lab),
            ["IPv4 192.0.2.1 5432 ready=true", "IPv6 fd00::1 5432 ready=false"]
        );
        lab.edit(&key, |object| {
            object["subsets"] =
                json!([{"addresses": [{"ip": "192.0.2.2"}], "ports": [{"port": 1}]}]);
        });
        lab.settle(&[CONTROLLER]);
        assert_eq!(shown(&lab), ["IPv4 192.0.2.2 1 ready=true"]);
        lab.edit(&key, |object| object["metadata"]["labels"] = json!({SKIP: "true"}));
        lab.settle(&[CONTROLLER]);
        assert!(shown(&lab).is_empty());
    }

    #[test]
    fn a_service_that_names_its_pods_is_not_mirrored() {
        let mut lab = Lab::with([service(json!({"selector": {"app": "db"}}))]);
        let key = lab.put(endpoints("192.0.2.1"));
        assert!(lab.plan(&CONTROLLER, &key).actions.is_empty());
    }
}
