//! Pod.

mod binding;
mod destination;
mod resize;
mod table;
mod update;

use k8s_openapi::api::core::v1;
use object::{ApiError, FieldErrors};

use crate::{
    Column, Destination, Field, Kind, Post, Proxied, Subresource, Verb, field, parts::template,
};

pub struct Pod;

const OPEN: &[Verb] = &[Verb::Create, Verb::Get];

impl Kind for Pod {
    type Object = v1::Pod;
    const SHORT_NAMES: &'static [&'static str] = &["po"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::stream("attach", OPEN).with_kind("PodAttachOptions"),
        Subresource::posted("binding", ("", "v1", "Binding"), Post::Change(binding::bind)),
        Subresource::part("ephemeralcontainers", |stored: &mut v1::Pod, written| {
            let written = written.spec.as_ref().and_then(|spec| spec.ephemeral_containers.clone());
            stored.spec.get_or_insert_default().ephemeral_containers = written;
        })
        .guarded(),
        Subresource::posted("eviction", ("policy", "v1", "Eviction"), Post::Evict),
        Subresource::stream("exec", OPEN).with_kind("PodExecOptions"),
        Subresource::stream("log", &[Verb::Get]),
        Subresource::stream("portforward", OPEN).with_kind("PodPortForwardOptions"),
        Subresource::proxy(Proxied::Address, "PodProxyOptions"),
        Subresource::part("resize", resize::resize).guarded(),
        Subresource::part("status", |stored: &mut v1::Pod, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = table::COLUMNS;
    const FIELDS: &'static [Field<Self::Object>] = &[
        field("spec.nodeName", |pod: &v1::Pod| spec(pod, |spec| spec.node_name.clone())),
        field("spec.restartPolicy", |pod: &v1::Pod| spec(pod, |spec| spec.restart_policy.clone())),
        field("spec.serviceAccountName", |pod: &v1::Pod| {
            spec(pod, |spec| spec.service_account_name.clone())
        }),
        field("spec.schedulerName", |pod: &v1::Pod| spec(pod, |spec| spec.scheduler_name.clone())),
        field("spec.hostNetwork", |pod: &v1::Pod| {
            let host_network = pod.spec.as_ref().and_then(|spec| spec.host_network);
            host_network.unwrap_or_default().to_string()
        }),
        field("status.nominatedNodeName", |pod: &v1::Pod| {
            let status = pod.status.as_ref();
            status.and_then(|status| status.nominated_node_name.clone()).unwrap_or_default()
        }),
        field("status.phase", |pod: &v1::Pod| phase(pod).to_owned()),
        field("status.podIP", |pod: &v1::Pod| {
            pod.status.as_ref().and_then(|status| status.pod_ip.clone()).unwrap_or_default()
        }),
    ];
    const GENERATION: bool = true;
    const RETURNS_DELETED: bool = true;

    fn set_defaults(pod: &mut v1::Pod) {
        let spec = pod.spec.get_or_insert_default();
        template::set_defaults(spec);
        template::set_pod_defaults(spec);
    }

    fn prepare_create(pod: &mut v1::Pod) {
        let spec = pod.spec.get_or_insert_default();
        // They are added to a pod that runs.
        spec.ephemeral_containers = None;
        pod.status = Some(v1::PodStatus {
            phase: Some("Pending".to_owned()),
            qos_class: Some(template::qos_class(spec).to_owned()),
            conditions: gated_condition(spec).map(|gated| vec![gated]),
            ..Default::default()
        });
    }

    fn validate(pod: &v1::Pod, errors: &mut FieldErrors) {
        match &pod.spec {
            Some(spec) => template::validate(spec, "spec", errors),
            None => errors.required("spec", ""),
        }
    }

    fn validate_update(new: &v1::Pod, old: &v1::Pod, errors: &mut FieldErrors) {
        update::validate(new, old, errors);
    }

    fn validate_part(new: &v1::Pod, old: &v1::Pod, part: &str, errors: &mut FieldErrors) {
        match part {
            "ephemeralcontainers" => update::validate_ephemeral(new, old, errors),
            "resize" => resize::validate(new, old, errors),
            _ => update::validate(new, old, errors),
        }
    }

    fn destination(
        pod: &v1::Pod,
        subresource: &str,
        container: &str,
    ) -> Result<Destination, ApiError> {
        destination::destination(pod, subresource, container)
    }

    /// A pod that has no node, or has ended, has nothing to wait for.
    fn grace_seconds(pod: &v1::Pod, asked: Option<i64>) -> Option<i64> {
        let spec = pod.spec.as_ref();
        let unbound = spec.and_then(|spec| spec.node_name.as_deref()).is_none_or(str::is_empty);
        if unbound || has_ended(pod) {
            return Some(0);
        }
        let grace = asked.or_else(|| spec.and_then(|spec| spec.termination_grace_period_seconds));
        Some(match grace.unwrap_or(30) {
            ..0 => 1,
            seconds => seconds,
        })
    }
}

/// What is told of a pod that the scheduler must not look at yet.
fn gated_condition(spec: &v1::PodSpec) -> Option<v1::PodCondition> {
    let gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    gated.then(|| v1::PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some("SchedulingGated".to_owned()),
        message: Some("Scheduling is blocked due to non-empty scheduling gates".to_owned()),
        ..Default::default()
    })
}

fn spec(pod: &v1::Pod, read: fn(&v1::PodSpec) -> Option<String>) -> String {
    pod.spec.as_ref().and_then(read).unwrap_or_default()
}

/// The phase, empty before there is one.
pub fn phase(pod: &v1::Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Whether all its containers have ended for good.
pub fn has_ended(pod: &v1::Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}
