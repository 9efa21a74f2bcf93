//! Service.

mod defaults;
mod validation;

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use object::FieldErrors;
use serde_json::Value;

use crate::{Column, Field, Kind, Proxied, Subresource, column, field, parts::cells};

pub struct Service;

impl Kind for Service {
    type Object = v1::Service;
    const SHORT_NAMES: &'static [&'static str] = &["svc"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::proxy(Proxied::Endpoints, "ServiceProxyOptions"),
        Subresource::part("status", |stored: &mut v1::Service, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const RETURNS_DELETED: bool = true;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Type", |service: &v1::Service, _| type_of(service).into()),
        column("Cluster-IP", |service: &v1::Service, _| {
            cells::or_none(spec(service, |spec| spec.cluster_ip.as_deref()))
        }),
        column("External-IP", external_ip),
        column("Port(s)", ports),
        cells::age(),
        column("Selector", |service: &v1::Service, _| {
            cells::labels(service.spec.as_ref().and_then(|spec| spec.selector.as_ref()))
        })
        .wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] = &[
        field("spec.clusterIP", |service: &v1::Service| {
            spec(service, |spec| spec.cluster_ip.as_deref()).unwrap_or_default().to_owned()
        }),
        field("spec.type", |service: &v1::Service| type_of(service).to_owned()),
    ];

    fn set_defaults(service: &mut v1::Service) {
        defaults::set(service.spec.get_or_insert_default());
    }

    fn prepare_create(service: &mut v1::Service) {
        service.status = Some(v1::ServiceStatus {
            load_balancer: Some(v1::LoadBalancerStatus::default()),
            conditions: None,
        });
    }

    fn validate(service: &v1::Service, errors: &mut FieldErrors) {
        if let Some(spec) = &service.spec {
            validation::validate(spec, errors);
        }
    }

    fn validate_update(new: &v1::Service, old: &v1::Service, errors: &mut FieldErrors) {
        if let (Some(new), Some(old)) = (&new.spec, &old.spec) {
            validation::validate_update(new, old, errors);
        }
    }

    /// A service's name is a DNS label: it becomes one of a DNS name.
    fn validate_name(name: &str) -> Result<(), String> {
        object::name::label(name)
    }
}

fn spec(service: &v1::Service, read: fn(&v1::ServiceSpec) -> Option<&str>) -> Option<&str> {
    service.spec.as_ref().and_then(read)
}

fn type_of(service: &v1::Service) -> &str {
    spec(service, |spec| spec.type_.as_deref()).unwrap_or_default()
}

fn external_ip(service: &v1::Service, _: Timestamp) -> Value {
    let Some(spec) = &service.spec else { return cells::NONE.into() };
    let ips = spec.external_ips.iter().flatten().cloned();
    match type_of(service) {
        "ExternalName" => cells::or_none(spec.external_name.as_deref()),
        "LoadBalancer" => {
            let status = service.status.as_ref().and_then(|s| s.load_balancer.as_ref());
            let ingress = status.and_then(|status| status.ingress.as_ref());
            let given = ingress.into_iter().flatten();
            let all: Vec<String> = given
                .filter_map(|one| one.ip.clone().or_else(|| one.hostname.clone()))
                .chain(ips)
                .collect();
            if all.is_empty() { "<pending>".into() } else { all.join(",").into() }
        }
        _ => cells::or_none(Some(&ips.collect::<Vec<_>>().join(","))),
    }
}

fn ports(service: &v1::Service, _: Timestamp) -> Value {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    let texts: Vec<String> = ports
        .into_iter()
        .flatten()
        .map(|port| {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            match port.node_port {
                Some(node_port) if node_port > 0 => format!("{}:{node_port}/{protocol}", port.port),
                _ => format!("{}/{protocol}", port.port),
            }
        })
        .collect();
    cells::or_none(Some(&texts.join(",")))
}
