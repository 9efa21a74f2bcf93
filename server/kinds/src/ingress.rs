//! Ingress.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1;
use object::FieldErrors;
use serde_json::Value;

use crate::{Column, Kind, Subresource, column, parts::cells};

mod validation;

pub struct Ingress;

impl Kind for Ingress {
    type Object = v1::Ingress;
    const SHORT_NAMES: &'static [&'static str] = &["ing"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::Ingress, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Class", |ingress: &v1::Ingress, _| {
            let class = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
            cells::or_none(class)
        })
        .described("The name of the IngressClass resource that should be used for additional configuration"),
        column("Hosts", hosts)
            .described("Hosts that incoming requests are matched against before the ingress rule"),
        column("Address", addresses)
            .described("Address is a list containing ingress points for the load-balancer"),
        column("Ports", |ingress: &v1::Ingress, _| {
            let tls = ingress.spec.as_ref().and_then(|spec| spec.tls.as_ref());
            if tls.is_some_and(|tls| !tls.is_empty()) { "80, 443" } else { "80" }.into()
        })
        .described("Ports of TLS configurations that open"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn prepare_create(ingress: &mut v1::Ingress) {
        ingress.status = Some(v1::IngressStatus {
            load_balancer: Some(v1::IngressLoadBalancerStatus::default()),
        });
    }

    fn validate(ingress: &v1::Ingress, errors: &mut FieldErrors) {
        validation::validate(ingress, errors);
    }
}

fn hosts(ingress: &v1::Ingress, _: Timestamp) -> Value {
    const SHOWN: usize = 3;
    let rules = ingress.spec.as_ref().and_then(|spec| spec.rules.as_deref()).unwrap_or_default();
    let mut hosts = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= hosts.len() == SHOWN;
        if let Some(host) = rule.host.as_deref().filter(|host| !more && !host.is_empty()) {
            hosts.push(host);
        }
    }
    match (hosts.is_empty(), more) {
        (true, _) => "*".into(),
        (false, false) => hosts.join(",").into(),
        (false, true) => format!("{} + {} more...", hosts.join(","), rules.len() - SHOWN).into(),
    }
}

fn addresses(ingress: &v1::Ingress, _: Timestamp) -> Value {
    let status = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let points = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    let named = points.iter().filter_map(|point| {
        let ip = point.ip.as_deref().filter(|ip| !ip.is_empty());
        ip.or(point.hostname.as_deref()).filter(|text| !text.is_empty())
    });
    named.collect::<Vec<_>>().join(",").into()
}
