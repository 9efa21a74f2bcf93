//! Node.

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use object::{FieldErrors, name};
use serde_json::Value;

use crate::{
    Column, Field, Kind, Proxied, Subresource, column, field,
    parts::{cells, check},
};

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const ROLE_LABEL: &str = "kubernetes.io/role";

pub struct Node;

impl Kind for Node {
    type Object = v1::Node;
    const SHORT_NAMES: &'static [&'static str] = &["no"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::proxy(Proxied::Agent, "NodeProxyOptions"),
        Subresource::part("status", |stored: &mut v1::Node, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Status", status).described("The status of the node"),
        column("Roles", roles).described("The roles of the node"),
        cells::age(),
        column("Version", |node: &v1::Node, _| info(node, |info| &info.kubelet_version))
            .described("Kubelet Version reported by the node."),
        column("Internal-IP", |node: &v1::Node, _| address(node, "InternalIP")).wide(),
        column("External-IP", |node: &v1::Node, _| address(node, "ExternalIP")).wide(),
        column("OS-Image", |node: &v1::Node, _| known(info(node, |info| &info.os_image))).wide(),
        column("Kernel-Version", |node: &v1::Node, _| {
            known(info(node, |info| &info.kernel_version))
        })
        .wide(),
        column("Container-Runtime", |node: &v1::Node, _| {
            known(info(node, |info| &info.container_runtime_version))
        })
        .wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("spec.unschedulable", |node: &v1::Node| is_unschedulable(node).to_string())];

    fn set_defaults(node: &mut v1::Node) {
        if let Some(status) = &mut node.status
            && status.allocatable.is_none()
        {
            status.allocatable.clone_from(&status.capacity);
        }
    }

    fn validate(node: &v1::Node, errors: &mut FieldErrors) {
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
        let mut seen = Vec::new();
        for (index, taint) in taints.unwrap_or_default().iter().enumerate() {
            let path = format!("spec.taints[{index}]");
            check::name(&taint.key, &format!("{path}.key"), name::qualified, errors);
            let value = taint.value.as_deref().unwrap_or_default();
            if let Err(why) = name::label_value(value) {
                errors.invalid(format!("{path}.value"), value, why);
            }
            check::one_of(Some(&taint.effect), &format!("{path}.effect"), &EFFECTS, errors);
            let id = (&taint.key, &taint.effect);
            if seen.contains(&id) {
                errors.duplicate(path, check::shown(taint));
            }
            seen.push(id);
        }
    }

    fn validate_update(new: &v1::Node, old: &v1::Node, errors: &mut FieldErrors) {
        let range = |node: &v1::Node| {
            node.spec.as_ref().and_then(|spec| spec.pod_cidr.clone()).unwrap_or_default()
        };
        if !range(old).is_empty() && range(new) != range(old) {
            errors.forbidden(
                "spec.podCIDRs",
                "node updates may not change podCIDR except from \"\" to valid",
            );
        }
        let provider = |node: &v1::Node| {
            node.spec.as_ref().and_then(|spec| spec.provider_id.clone()).unwrap_or_default()
        };
        if !provider(old).is_empty() && provider(new) != provider(old) {
            errors.forbidden(
                "spec.providerID",
                "node updates may not change providerID except from \"\" to valid",
            );
        }
    }
}

fn is_unschedulable(node: &v1::Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default()
}

fn status(node: &v1::Node, _: Timestamp) -> Value {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
    let mut text = match ready.map(|condition| condition.status.as_str()) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if is_unschedulable(node) {
        text.push_str(",SchedulingDisabled");
    }
    text.into()
}

fn roles(node: &v1::Node, _: Timestamp) -> Value {
    let labels = node.metadata.labels.iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) => Some(role),
            None if key == ROLE_LABEL => Some(value.as_str()),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    cells::or_none(Some(&roles.join(",")))
}

fn info(node: &v1::Node, read: fn(&v1::NodeSystemInfo) -> &String) -> Value {
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    info.map(read).cloned().unwrap_or_default().into()
}

fn known(text: Value) -> Value {
    if text == "" { "<unknown>".into() } else { text }
}

fn address(node: &v1::Node, type_: &str) -> Value {
    let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    let found = addresses.into_iter().flatten().find(|address| address.type_ == type_);
    cells::or_none(found.map(|found| found.address.as_str()))
}
