//! What `pods/resize` does: the CPU and memory of containers change while they run.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, Pod, PodSpec, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use object::FieldErrors;

use crate::parts::{check, template};

const RESIZED: [&str; 2] = ["cpu", "memory"];
const ONLY: &str = "only cpu and memory resources are mutable";
type List = BTreeMap<String, Quantity>;

/// Takes the resources of the containers that both have.
pub(super) fn resize(stored: &mut Pod, written: &Pod) {
    let (Some(stored), Some(written)) = (&mut stored.spec, &written.spec) else { return };
    resize_all(&mut stored.containers, &written.containers);
    if let (Some(stored), Some(written)) = (&mut stored.init_containers, &written.init_containers) {
        resize_all(stored, written);
    }
}

fn resize_all(stored: &mut [Container], written: &[Container]) {
    for container in stored {
        let Some(other) = written.iter().find(|other| other.name == container.name) else {
            continue;
        };
        container.resources.clone_from(&other.resources);
        container.resize_policy.clone_from(&other.resize_policy);
    }
}

pub(super) fn validate(new: &Pod, old: &Pod, errors: &mut FieldErrors) {
    let (Some(new_spec), Some(old_spec)) = (&new.spec, &old.spec) else { return };
    if new_spec == old_spec {
        return;
    }
    let class = old.status.as_ref().and_then(|status| status.qos_class.as_deref());
    if class.unwrap_or_else(|| template::qos_class(old_spec)) != template::qos_class(new_spec) {
        errors.invalid(
            "spec",
            template::qos_class(new_spec),
            "Pod QOS Class may not change as a result of resizing",
        );
    }
    for (field, new, old) in [
        ("containers", new_spec.containers.as_slice(), old_spec.containers.as_slice()),
        ("initContainers", init(new_spec), init(old_spec)),
    ] {
        for (index, (new, old)) in new.iter().zip(old).enumerate() {
            let path = format!("spec.{field}[{index}].resources");
            let ends = field == "initContainers" && old.restart_policy.as_deref() != Some("Always");
            if ends && new.resources != old.resources {
                errors.forbidden(path, "resources for non-sidecar init containers are immutable");
            } else {
                validate_resources(new.resources.as_ref(), old.resources.as_ref(), &path, errors);
            }
        }
    }
}

fn init(spec: &PodSpec) -> &[Container] {
    spec.init_containers.as_deref().unwrap_or_default()
}

/// What was asked for may change; it may neither go nor may something else come.
fn validate_resources(
    new: Option<&ResourceRequirements>,
    old: Option<&ResourceRequirements>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let none = ResourceRequirements::default();
    let (new, old) = (new.unwrap_or(&none), old.unwrap_or(&none));
    let empty = List::new();
    for (field, new, old) in
        [("limits", &new.limits, &old.limits), ("requests", &new.requests, &old.requests)]
    {
        let (new, old) = (new.as_ref().unwrap_or(&empty), old.as_ref().unwrap_or(&empty));
        if RESIZED.into_iter().any(|name| old.contains_key(name) && !new.contains_key(name)) {
            errors.forbidden(
                format!("{path}.{field}"),
                format!("resource {field} cannot be removed"),
            );
        }
        let rest = |list: &List| {
            let mut list = list.clone();
            list.retain(|name, _| !RESIZED.contains(&name.as_str()));
            list
        };
        if rest(new) != rest(old) {
            errors.forbidden(format!("{path}.{field}"), ONLY);
        }
    }
    if new.claims != old.claims {
        errors.invalid(format!("{path}.claims"), check::shown(&new.claims), check::IMMUTABLE);
    }
}
