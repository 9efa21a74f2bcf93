//! What the names below the cluster's domain mean, as Kubernetes' specification of DNS-based service
//! discovery has it.

use std::net::Ipv4Addr;

use k8s_openapi::api::{
    core::v1::Service,
    discovery::v1::{Endpoint, EndpointSlice},
};
use object::Key;

use super::{SERVICES, table::Table, table::slices_of};
use crate::world::World;

/// The version of the specification, which clients may ask for.
const SCHEMA_VERSION: &str = "1.1.0";

/// The sorts of records that may exist here. All others do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    A,
    Srv,
    Ptr,
    Txt,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    A(Ipv4Addr),
    Srv { port: u16, target: String },
    Ptr(String),
    Txt(&'static str),
    Cname(String),
}

/// A record; names are in lower case and have no dot at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub name: String,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The name exists, with these records of the wanted sort, if any, and others of use with them.
    Known { records: Vec<Record>, others: Vec<Record> },
    /// Nothing has this name.
    Unknown,
    /// The name is not the cluster's: others have to be asked.
    Foreign,
}

impl Meaning {
    fn none() -> Self {
        Self::records(Vec::new())
    }

    fn records(records: Vec<Record>) -> Self {
        Self::Known { records, others: Vec::new() }
    }
}

/// What is known of the cluster when names are asked for.
#[derive(Clone, Copy)]
pub struct Names<'w> {
    pub world: &'w World,
    pub table: &'w Table,
    /// `cluster.local`.
    pub domain: &'w str,
}

impl Names<'_> {
    /// What a name means; the dot at its end may be missing, and case does not matter.
    pub fn resolve(&self, name: &str, sort: Sort) -> Meaning {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(address) = reverse_of(&name) {
            return self.named_by_address(&name, address, sort);
        }
        let Some(inside) = name.strip_suffix(self.domain) else { return Meaning::Foreign };
        if !(inside.is_empty() || inside.ends_with('.')) {
            return Meaning::Foreign;
        }
        let mut labels: Vec<&str> = inside.split('.').filter(|label| !label.is_empty()).collect();
        labels.reverse();
        match labels.as_slice() {
            [] | ["svc" | "pod"] => Meaning::none(),
            ["dns-version"] => {
                let record = Record { name, data: Data::Txt(SCHEMA_VERSION) };
                Meaning::records(if sort == Sort::Txt { vec![record] } else { Vec::new() })
            }
            ["svc", namespace] => {
                let mut services = self.world.in_namespace(SERVICES, namespace);
                services.next().map_or(Meaning::Unknown, |_| Meaning::none())
            }
            ["svc", namespace, service, rest @ ..] => {
                match ServiceNames::find(self, namespace, service) {
                    Some(service) => service.resolve(&name, rest, sort),
                    None => Meaning::Unknown,
                }
            }
            ["pod", _namespace] => Meaning::none(),
            ["pod", _namespace, pod] => pod_address(pod).map_or(Meaning::Unknown, |address| {
                Meaning::records(addresses(&name, &[address], sort))
            }),
            _ => Meaning::Unknown,
        }
    }

    fn named_by_address(&self, name: &str, address: Ipv4Addr, sort: Sort) -> Meaning {
        let Some(service) = self.table.service_at(address) else { return Meaning::Foreign };
        let target = format!("{}.{}.svc.{}", service.name, service.namespace, self.domain);
        let record = Record { name: name.to_owned(), data: Data::Ptr(target) };
        Meaning::records(if sort == Sort::Ptr { vec![record] } else { Vec::new() })
    }
}

/// One service, and the names below its own.
struct ServiceNames {
    service: Service,
    slices: Vec<EndpointSlice>,
    /// `web.default.svc.cluster.local`.
    name: String,
}

impl ServiceNames {
    fn find(names: &Names<'_>, namespace: &str, name: &str) -> Option<Self> {
        let key = Key::new(SERVICES, namespace, name);
        let service = serde_json::from_slice(&names.world.entry(&key)?.body).ok()?;
        let slices = slices_of(names.world, &key);
        Some(Self { service, slices, name: format!("{name}.{namespace}.svc.{}", names.domain) })
    }

    fn resolve(&self, name: &str, below: &[&str], sort: Sort) -> Meaning {
        let spec = self.service.spec.as_ref();
        if let Some(target) = spec.and_then(|spec| spec.external_name.as_deref())
            && below.is_empty()
        {
            let target = target.trim_end_matches('.').to_ascii_lowercase();
            let alias = Record { name: name.to_owned(), data: Data::Cname(target) };
            return Meaning::records(vec![alias]);
        }
        match below {
            [] => {
                let own = self.address().map_or_else(|| self.ready_addresses(), |a| vec![a]);
                Meaning::records(addresses(name, &own, sort))
            }
            ["_tcp" | "_udp" | "_sctp"] => Meaning::none(),
            [endpoint] => {
                let found: Vec<Ipv4Addr> = self
                    .ready()
                    .filter_map(|(_, endpoint)| Some((host_of(endpoint)?, address_of(endpoint)?)))
                    .filter(|(host, _)| host == endpoint)
                    .map(|(_, address)| address)
                    .collect();
                if found.is_empty() {
                    return Meaning::Unknown;
                }
                Meaning::records(addresses(name, &found, sort))
            }
            [protocol, port] => self.resolve_port(name, protocol, port, sort),
            _ => Meaning::Unknown,
        }
    }

    /// `_http._tcp`: where a named port is.
    fn resolve_port(&self, name: &str, protocol: &str, port: &str, sort: Sort) -> Meaning {
        let (Some(protocol), Some(port)) = (protocol.strip_prefix('_'), port.strip_prefix('_'))
        else {
            return Meaning::Unknown;
        };
        let is_same = |port_name: Option<&str>, port_protocol: Option<&str>| {
            port_name == Some(port) && port_protocol.unwrap_or("TCP").eq_ignore_ascii_case(protocol)
        };
        let mut targets: Vec<(u16, String, Ipv4Addr)> = Vec::new();
        if let Some(address) = self.address() {
            let ports = self.service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
            let same = ports.filter(|p| is_same(p.name.as_deref(), p.protocol.as_deref()));
            let numbers = same.filter_map(|port| u16::try_from(port.port).ok());
            targets.extend(numbers.map(|number| (number, self.name.clone(), address)));
        } else {
            for (slice, endpoint) in self.ready() {
                let ports = slice.ports.iter().flatten();
                let same = ports.filter(|p| is_same(p.name.as_deref(), p.protocol.as_deref()));
                let (Some(host), Some(address)) = (host_of(endpoint), address_of(endpoint)) else {
                    continue;
                };
                for number in same.filter_map(|p| p.port.and_then(|n| u16::try_from(n).ok())) {
                    targets.push((number, format!("{host}.{}", self.name), address));
                }
            }
        }
        if targets.is_empty() {
            return Meaning::Unknown;
        }
        if sort != Sort::Srv {
            return Meaning::none();
        }
        let record = |name: &str, data| Record { name: name.to_owned(), data };
        Meaning::Known {
            others: targets.iter().map(|(_, host, a)| record(host, Data::A(*a))).collect(),
            records: targets
                .into_iter()
                .map(|(port, target, _)| record(name, Data::Srv { port, target }))
                .collect(),
        }
    }

    /// The service's own address; a headless one has none.
    fn address(&self) -> Option<Ipv4Addr> {
        let spec = self.service.spec.as_ref()?;
        let all = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
        all.filter_map(|address| address.parse().ok()).next()
    }

    fn ready(&self) -> impl Iterator<Item = (&EndpointSlice, &Endpoint)> {
        let slices = self.slices.iter().filter(|slice| slice.address_type == "IPv4");
        slices
            .flat_map(|slice| slice.endpoints.iter().flatten().map(move |e| (slice, e)))
            .filter(|(_, e)| e.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true))
    }

    fn ready_addresses(&self) -> Vec<Ipv4Addr> {
        let mut all: Vec<_> = self.ready().filter_map(|(_, e)| address_of(e)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn address_of(endpoint: &Endpoint) -> Option<Ipv4Addr> {
    endpoint.addresses.first()?.parse().ok()
}

/// What an endpoint is called below its service: its host name, or its address with dashes.
fn host_of(endpoint: &Endpoint) -> Option<String> {
    match &endpoint.hostname {
        Some(hostname) if !hostname.is_empty() => Some(hostname.clone()),
        _ => Some(endpoint.addresses.first()?.replace('.', "-")),
    }
}

fn addresses(name: &str, all: &[Ipv4Addr], sort: Sort) -> Vec<Record> {
    let wanted = all.iter().filter(|_| sort == Sort::A);
    wanted.map(|address| Record { name: name.to_owned(), data: Data::A(*address) }).collect()
}

/// `10-42-0-5`.
fn pod_address(label: &str) -> Option<Ipv4Addr> {
    label.replace('-', ".").parse().ok()
}

/// `5.0.42.10.in-addr.arpa`.
fn reverse_of(name: &str) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = name.strip_suffix(".in-addr.arpa")?.parse().ok()?;
    let mut octets = address.octets();
    octets.reverse();
    Some(octets.into())
}

#[cfg(test)]
mod tests;
