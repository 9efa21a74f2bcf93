//! The ports that services have on every node: chosen or asked for, claimed as NodePort objects.

use std::ops::RangeInclusive;

use k8s_openapi::api::core::v1::Service;
use kinds::{AnyObject, cast, cast_mut, service};
use object::{ApiError, FieldErrors, Key};
use serde_json::{Value, json};

use super::{
    Claim, Request, choose, difference,
    service::{needs_node_ports, parent},
};
use crate::World;

pub(super) const CLAIMS: &str = "nodeports.longshore.dev";
/// Lower ports are left to those who ask for one, as long as there are others.
const STATIC_MIN: u64 = 16;
const STATIC_MAX: u64 = 128;

/// Gives each port of a service that needs one a port on every node.
pub(super) fn allocate(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<Vec<Claim>, ApiError> {
    let Some(service) = cast_mut::<service::Service>(object).filter(|_| request.is_main()) else {
        return Ok(Vec::new());
    };
    let before = request.old.map(held).unwrap_or_default();
    let mut errors = FieldErrors::default();
    if service.spec.as_ref().is_some_and(needs_node_ports) {
        let taken = |port: u16| world.entry(&key(port)).is_some();
        let range = &request.settings.node_ports;
        give_ports(service, &before, range, request.seed, taken, &mut errors);
    }
    if !errors.is_empty() {
        return Err(request.invalid(object, &errors));
    }
    let after = held(object);
    let Some(service) = cast::<service::Service>(object) else { return Ok(Vec::new()) };
    Ok(difference(before, after, |key| body(key, service)))
}

fn give_ports(
    service: &mut Service,
    before: &[Key],
    range: &RangeInclusive<u16>,
    seed: u64,
    taken: impl Fn(u16) -> bool,
    errors: &mut FieldErrors,
) {
    let ports = service.spec.get_or_insert_default().ports.get_or_insert_default();
    let mut own: Vec<(i32, i32)> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let Some(asked) = port.node_port.filter(|asked| *asked != 0) else { continue };
        own.push((port.port, asked));
        let number = u16::try_from(asked).ok();
        let why = match number {
            Some(number) if before.contains(&key(number)) => continue,
            Some(number) if range.contains(&number) && !taken(number) => continue,
            Some(number) if range.contains(&number) => {
                "provided port is already allocated".to_owned()
            }
            _ => format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                range.start(),
                range.end()
            ),
        };
        errors.invalid(format!("spec.ports[{index}].nodePort"), asked, why);
    }
    for (index, port) in ports.iter_mut().enumerate() {
        if port.node_port.is_some_and(|asked| asked != 0) {
            continue;
        }
        // One number serves a port of two protocols, as DNS has it.
        let shared = own.iter().find(|(number, _)| *number == port.port).map(|(_, given)| *given);
        let given = shared.or_else(|| {
            let is_free =
                |port: u16| !taken(port) && !own.iter().any(|(_, own)| *own == i32::from(port));
            choose_port(range, seed.wrapping_add(index as u64), is_free).map(i32::from)
        });
        match given {
            Some(given) => {
                own.push((port.port, given));
                port.node_port = Some(given);
            }
            None => errors.invalid(
                format!("spec.ports[{index}].nodePort"),
                0,
                "failed to allocate a nodePort: range is full",
            ),
        }
    }
}

fn choose_port(
    range: &RangeInclusive<u16>,
    seed: u64,
    is_free: impl Fn(u16) -> bool,
) -> Option<u16> {
    let count = range.clone().count() as u64;
    let left_out = (count / 32).clamp(STATIC_MIN, STATIC_MAX).min(count);
    let at = |index: u64| range.start().saturating_add(u16::try_from(index).unwrap_or(u16::MAX));
    choose(count - left_out, seed, |index| is_free(at(left_out + index)))
        .map(|index| at(left_out + index))
        .or_else(|| choose(left_out, seed, |index| is_free(at(index))).map(at))
}

fn key(port: u16) -> Key {
    Key::new(CLAIMS, "", &port.to_string())
}

fn body(key: &Key, service: &Service) -> Value {
    json!({
        "apiVersion": "longshore.dev/v1", "kind": "NodePort",
        "metadata": {"name": key.name},
        "spec": {"parentRef": parent(service)},
    })
}

/// The claims of the node ports that a service has.
pub(super) fn held(object: &dyn AnyObject) -> Vec<Key> {
    let spec = cast::<service::Service>(object).and_then(|service| service.spec.as_ref());
    let ports = spec.filter(|spec| needs_node_ports(spec)).and_then(|spec| spec.ports.as_ref());
    let numbers =
        ports.into_iter().flatten().filter_map(|port| u16::try_from(port.node_port?).ok());
    let mut keys: Vec<Key> = numbers.filter(|number| *number != 0).map(key).collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admission::{admit, claim, testing::Bench};

    fn service(bench: &Bench, type_: &str, ports: Value) -> Box<dyn AnyObject> {
        let spec = json!({"type": type_, "clusterIP": "None", "ports": ports});
        bench.object(
            "services",
            json!({"metadata": {"name": "web", "namespace": "d"}, "spec": spec}),
        )
    }

    fn node_ports(object: &dyn AnyObject) -> Vec<i64> {
        let value = object.to_value();
        let ports = value["spec"]["ports"].as_array().unwrap();
        ports.iter().map(|port| port["nodePort"].as_i64().unwrap_or_default()).collect()
    }

    #[test]
    fn gives_ports_and_takes_them_back() {
        let bench = Bench::new().with("namespaces", json!({"metadata": {"name": "d"}}));
        let dns = json!([{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}, {"name": "c", "port": 80}]);
        let mut created = service(&bench, "NodePort", dns.clone());
        let claims = claim(&bench.request("services"), &mut *created, &bench.world).unwrap();
        let given = node_ports(&*created);
        assert_eq!(given[0], given[1]);
        assert_ne!(given[0], given[2]);
        assert_eq!(claims.len(), 2);

        let update = Request { old: Some(&*created), ..bench.request("services") };
        let mut same = service(&bench, "NodePort", dns.clone());
        admit(&update, &mut *same, &bench.world).unwrap();
        assert_eq!(claim(&update, &mut *same, &bench.world).unwrap(), []);
        assert_eq!(node_ports(&*same), given);

        let mut plain = bench.object("services", created.to_value());
        cast_mut::<service::Service>(&mut *plain).unwrap().spec.as_mut().unwrap().type_ =
            Some("ClusterIP".into());
        admit(&update, &mut *plain, &bench.world).unwrap();
        let released = claim(&update, &mut *plain, &bench.world).unwrap();
        assert!(released.iter().all(|claim| matches!(claim, Claim::Release { .. })));
        assert_eq!((released.len(), node_ports(&*plain)), (2, vec![0, 0, 0]));
        assert_eq!(plain.to_value()["spec"].get("externalTrafficPolicy"), None);
    }

    #[test]
    fn refuses_what_is_taken_or_outside() {
        let bench = Bench::new().with(CLAIMS, json!({"metadata": {"name": "30080"}}));
        let ask = |port: i32| {
            let mut object = service(&bench, "NodePort", json!([{"port": 80, "nodePort": port}]));
            claim(&bench.request("services"), &mut *object, &bench.world).map_err(|e| e.message)
        };
        assert_eq!(ask(30081).unwrap().len(), 1);
        for (port, why) in [
            (30080, "provided port is already allocated"),
            (
                80,
                "provided port is not in the valid range. The range of valid ports is 30000-32767",
            ),
        ] {
            assert_eq!(
                ask(port).unwrap_err(),
                format!(
                    "Service \"web\" is invalid: spec.ports[0].nodePort: Invalid value: {port}: {why}"
                )
            );
        }
    }

    proptest! {
        #[test]
        fn choices_are_free_and_within(start in 1..60000_u16, count in 1..300_u16, seed: u64, taken in proptest::collection::btree_set(0..300_u16, 0..300)) {
            let range = start..=start + count - 1;
            let is_free = |port: u16| !taken.contains(&(port - start));
            match choose_port(&range, seed, is_free) {
                Some(port) => prop_assert!(range.contains(&port) && is_free(port)),
                None => prop_assert!(range.into_iter().all(|port| !is_free(port))),
            }
        }
    }
}
