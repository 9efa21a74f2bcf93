//! The addresses of services: chosen or asked for, claimed as IPAddress objects.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Service;
use kinds::{AnyObject, cast, cast_mut, service};
use object::{ApiError, FieldErrors, Key};
use serde_json::{Value, json};

use super::{
    Claim, Request, choose, difference,
    service::{needs_ip, parent},
};
use crate::World;

pub(super) const CLAIMS: &str = "ipaddresses.networking.k8s.io";
const HEADLESS: &str = "None";
/// Lower addresses are left to those who ask for one, as long as there are others.
const STATIC_MIN: u64 = 16;
const STATIC_MAX: u64 = 256;

/// The range that addresses come from, without its first and last one.
struct Range {
    first: u32,
    count: u64,
}

impl Range {
    fn new((base, prefix): (Ipv4Addr, u8)) -> Self {
        let size = 1_u64 << 32_u8.saturating_sub(prefix);
        let mask = u32::try_from(u64::from(u32::MAX) + 1 - size).unwrap_or_default();
        Self { first: (u32::from(base) & mask).saturating_add(1), count: size.saturating_sub(2) }
    }

    fn at(&self, index: u64) -> Ipv4Addr {
        Ipv4Addr::from(self.first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    fn contains(&self, address: Ipv4Addr) -> bool {
        let index = u64::from(u32::from(address)).checked_sub(u64::from(self.first));
        index.is_some_and(|index| index < self.count)
    }

    fn choose(&self, seed: u64, is_free: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
        let left_out = (self.count / 16).clamp(STATIC_MIN, STATIC_MAX).min(self.count);
        let upper = choose(self.count - left_out, seed, |index| is_free(self.at(left_out + index)));
        let index = match upper {
            Some(index) => left_out + index,
            None => choose(left_out, seed, |index| is_free(self.at(index)))?,
        };
        Some(self.at(index))
    }
}

/// Gives a service an address, unless it has one, asks for one or wants none.
pub(super) fn allocate(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<Vec<Claim>, ApiError> {
    if cast::<service::Service>(object).is_none() || !request.is_main() {
        return Ok(Vec::new());
    }
    let before = request.old.map(held).unwrap_or_default();
    let range = Range::new(request.settings.service_range);
    let taken = |address: Ipv4Addr| world.entry(&key(&address.to_string())).is_some();
    let mut errors = FieldErrors::default();
    let service = cast_mut::<service::Service>(object).expect("it was one above");
    let spec = service.spec.get_or_insert_default();
    match spec.cluster_ip.as_deref().unwrap_or_default() {
        HEADLESS => {}
        _ if !needs_ip(spec) => {}
        "" => match range.choose(request.seed, |address| !taken(address)) {
            Some(address) => spec.cluster_ip = Some(address.to_string()),
            None => {
                errors.invalid("spec.clusterIPs", json!([]), "failed to allocate IP: range is full")
            }
        },
        asked if before.contains(&key(asked)) => {}
        asked => {
            if let Err(why) = check_asked(asked, request.settings.service_range, &range, taken) {
                errors.invalid(
                    "spec.clusterIPs",
                    json!([asked]),
                    format!("failed to allocate IP {asked}: {why}"),
                );
            }
        }
    }
    spec.cluster_ips = spec.cluster_ip.clone().filter(|ip| !ip.is_empty()).map(|ip| vec![ip]);
    if !errors.is_empty() {
        return Err(request.invalid(object, &errors));
    }
    let after = held(object);
    let Some(service) = cast::<service::Service>(object) else { return Ok(Vec::new()) };
    Ok(difference(before, after, |key| body(key, service)))
}

fn check_asked(
    asked: &str,
    (base, prefix): (Ipv4Addr, u8),
    range: &Range,
    taken: impl Fn(Ipv4Addr) -> bool,
) -> Result<(), String> {
    match asked.parse::<Ipv4Addr>() {
        Ok(address) if range.contains(address) && !taken(address) => Ok(()),
        Ok(address) if range.contains(address) => {
            Err("provided IP is already allocated".to_owned())
        }
        _ => Err(format!(
            "the provided IP ({asked}) is not in the valid range. The range of valid IPs is {base}/{prefix}"
        )),
    }
}

fn key(address: &str) -> Key {
    Key::new(CLAIMS, "", address)
}

fn body(key: &Key, service: &Service) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IPAddress",
        "metadata": {"name": key.name, "labels": {
            "ipaddress.kubernetes.io/ip-family": "IPv4",
            "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        }},
        "spec": {"parentRef": parent(service)},
    })
}

/// The claim of the address that a service has.
pub(super) fn held(object: &dyn AnyObject) -> Vec<Key> {
    let spec = cast::<service::Service>(object).and_then(|service| service.spec.as_ref());
    let Some(spec) = spec.filter(|spec| needs_ip(spec)) else { return Vec::new() };
    let address = spec.cluster_ip.as_deref().filter(|ip| !matches!(*ip, "" | HEADLESS));
    address.map(key).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admission::{admit, claim, held as all_held, testing::Bench};

    fn service(spec: Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "d"}, "spec": spec})
    }

    fn bench() -> Bench {
        Bench::new().with("namespaces", json!({"metadata": {"name": "d"}}))
    }

    #[test]
    fn gives_an_address_once() {
        let bench = bench();
        let mut created = bench.object("services", service(json!({"ports": [{"port": 80}]})));
        let claims = claim(&bench.request("services"), &mut *created, &bench.world).unwrap();
        let given = created.to_value()["spec"]["clusterIP"].as_str().unwrap().to_owned();
        assert!(given.starts_with("10.43."), "{given}");
        assert_eq!(created.to_value()["spec"]["clusterIPs"], json!([given]));
        let [Claim::Take { key: taken, body }] = claims.as_slice() else { panic!("{claims:?}") };
        assert_eq!(*taken, key(&given));
        assert_eq!(body["spec"]["parentRef"]["name"], "web");
        assert_eq!(all_held(&*created), [key(&given)]);

        let update = Request { old: Some(&*created), ..bench.request("services") };
        let mut same = bench.object("services", service(json!({"ports": [{"port": 81}]})));
        admit(&update, &mut *same, &bench.world).unwrap();
        assert_eq!(same.to_value()["spec"]["clusterIP"], given.as_str());
        assert_eq!(claim(&update, &mut *same, &bench.world).unwrap(), []);

        let external = json!({"type": "ExternalName", "externalName": "a.b", "clusterIP": given});
        let mut external = bench.object("services", service(external));
        admit(&update, &mut *external, &bench.world).unwrap();
        let claims = claim(&update, &mut *external, &bench.world).unwrap();
        assert_eq!(claims, [Claim::Release { key: key(&given) }]);
        assert!(external.to_value()["spec"].get("clusterIP").is_none());
    }

    #[test]
    fn refuses_what_is_taken_or_outside() {
        let claimed = json!({"metadata": {"name": "10.43.0.9"}, "spec": {"parentRef": {"resource": "services", "name": "x"}}});
        let bench = bench().with(CLAIMS, claimed);
        let ask = |ip: &str| {
            let mut object = bench.object("services", service(json!({"clusterIP": ip})));
            claim(&bench.request("services"), &mut *object, &bench.world)
        };
        assert_eq!(ask("10.43.0.10").unwrap().len(), 1);
        assert_eq!(ask("None").unwrap(), []);
        for (ip, why) in [
            ("10.43.0.9", "provided IP is already allocated"),
            (
                "10.44.0.9",
                "the provided IP (10.44.0.9) is not in the valid range. The range of valid IPs is 10.43.0.0/16",
            ),
        ] {
            assert_eq!(
                ask(ip).unwrap_err().message,
                format!(
                    "Service \"web\" is invalid: spec.clusterIPs: Invalid value: [\"{ip}\"]: failed to allocate IP {ip}: {why}"
                )
            );
        }
    }

    proptest! {
        #[test]
        fn choices_are_free_and_within(prefix in 16..=30_u8, seed: u64, taken in proptest::collection::btree_set(0..20_u64, 0..20)) {
            let range = Range::new((Ipv4Addr::new(10, 43, 7, 9), prefix));
            let is_free = |address: Ipv4Addr| !(0..range.count).any(|i| taken.contains(&i) && range.at(i) == address);
            match range.choose(seed, is_free) {
                Some(address) => prop_assert!(range.contains(address) && is_free(address)),
                None => prop_assert!((0..range.count).all(|i| taken.contains(&i))),
            }
        }
    }
}
