//! NetworkPolicy.

use k8s_openapi::api::networking::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, column,
    parts::{cells, check},
};

mod validation;

pub struct NetworkPolicy;

impl Kind for NetworkPolicy {
    type Object = v1::NetworkPolicy;
    const SHORT_NAMES: &'static [&'static str] = &["netpol"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Pod-Selector", |policy: &v1::NetworkPolicy, _| {
            cells::maybe_selector(policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref()))
        }),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(policy: &mut v1::NetworkPolicy) {
        let spec = policy.spec.get_or_insert_default();
        spec.pod_selector.get_or_insert_default();
        if spec.policy_types.as_ref().is_none_or(Vec::is_empty) {
            let mut types = vec!["Ingress".to_owned()];
            if spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()) {
                types.push("Egress".to_owned());
            }
            spec.policy_types = Some(types);
        }
        let ingress = spec.ingress.iter_mut().flatten().filter_map(|rule| rule.ports.as_mut());
        let egress = spec.egress.iter_mut().flatten().filter_map(|rule| rule.ports.as_mut());
        for port in ingress.chain(egress).flatten() {
            check::default_text(&mut port.protocol, "TCP");
        }
    }

    fn validate(policy: &v1::NetworkPolicy, errors: &mut FieldErrors) {
        if let Some(spec) = &policy.spec {
            validation::validate(spec, errors);
        }
    }
}
