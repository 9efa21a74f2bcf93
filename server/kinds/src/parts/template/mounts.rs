//! Where a container sees its volumes: as folders, or as block devices.

use k8s_openapi::api::core::v1::{Container, VolumeMount};
use object::{FieldErrors, error::Problem};

use crate::parts::check::{self, Once};

const PROPAGATIONS: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
const RECURSIONS: [&str; 3] = ["Disabled", "Enabled", "IfPossible"];

pub(super) fn validate(
    container: &Container,
    path: &str,
    volumes: &Once<'_>,
    errors: &mut FieldErrors,
) {
    let context = container.security_context.as_ref();
    let privileged = context.is_some_and(|context| context.privileged == Some(true));
    let mut paths = Vec::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        validate_name(&mount.name, &path, volumes, errors);
        if mount.mount_path.is_empty() {
            errors.required(format!("{path}.mountPath"), "");
        } else if paths.contains(&mount.mount_path.as_str()) {
            let at = format!("{path}.mountPath");
            errors.invalid(at, mount.mount_path.as_str(), "must be unique");
        }
        paths.push(&mount.mount_path);
        validate_sub_paths(mount, &path, errors);
        validate_propagation(mount, privileged, &path, errors);
    }
    let mut devices: Vec<&str> = Vec::new();
    for (index, device) in container.volume_devices.iter().flatten().enumerate() {
        let path = format!("{path}.volumeDevices[{index}]");
        validate_name(&device.name, &path, volumes, errors);
        let at = format!("{path}.devicePath");
        let place = device.device_path.as_str();
        if place.is_empty() {
            errors.required(&*at, "");
        } else if devices.contains(&place) {
            errors.invalid(&*at, place, "must be unique");
        } else if paths.contains(&place) {
            errors.invalid(&*at, place, "must not already exist in volumeMounts");
        }
        check::no_backsteps(place, &at, errors);
        devices.push(place);
    }
}

fn validate_name(name: &str, path: &str, volumes: &Once<'_>, errors: &mut FieldErrors) {
    if name.is_empty() {
        errors.required(format!("{path}.name"), "");
    } else if !volumes.has(name) {
        errors.push(format!("{path}.name"), Problem::NotFound(name.into()), "");
    }
}

fn validate_sub_paths(mount: &VolumeMount, path: &str, errors: &mut FieldErrors) {
    for (field, sub_path) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
        if let Some(sub_path) = sub_path.as_deref().filter(|sub_path| !sub_path.is_empty()) {
            check::relative_path(sub_path, &format!("{path}.{field}"), errors);
        }
    }
    let expression = mount.sub_path_expr.as_deref().filter(|text| !text.is_empty());
    if let Some(expression) = expression.filter(|_| !check::is_blank(mount.sub_path.as_deref())) {
        errors.invalid(
            format!("{path}.subPathExpr"),
            expression,
            "subPathExpr and subPath are mutually exclusive",
        );
    }
}

fn validate_propagation(
    mount: &VolumeMount,
    privileged: bool,
    path: &str,
    errors: &mut FieldErrors,
) {
    let propagation = mount.mount_propagation.as_deref();
    let at = format!("{path}.mountPropagation");
    check::maybe_one_of(propagation, &at, &PROPAGATIONS, errors);
    if propagation == Some("Bidirectional") && !privileged {
        let why = "Bidirectional mount propagation is available only to privileged containers";
        errors.forbidden(at, why);
    }
    let recursion = mount.recursive_read_only.as_deref();
    let at = format!("{path}.recursiveReadOnly");
    check::maybe_one_of(recursion, &at, &RECURSIONS, errors);
    if matches!(recursion, Some("Enabled" | "IfPossible")) {
        if mount.read_only != Some(true) {
            errors.forbidden(&*at, "may only be specified when readOnly is true");
        }
        if !matches!(propagation, None | Some("" | "None")) {
            let why = "may only be specified when mountPropagation is None or not specified";
            errors.forbidden(at, why);
        }
    }
}
