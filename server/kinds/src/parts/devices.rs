//! Devices: claims of them, and slices that offer them.

use k8s_openapi::api::resource::v1::{
    Device, DeviceRequest, DeviceSelector, DeviceTaint, DeviceToleration,
    OpaqueDeviceConfiguration, ResourceClaimSpec, ResourceSliceSpec,
};
use object::{FieldErrors, error::Problem, name};

use super::{
    check::{self, Once},
    storage, template,
};

const DEVICES_MAX: usize = 128;
const REQUESTS_MAX: usize = 32;
const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "None"];
const MODES: [&str; 2] = ["All", "ExactCount"];
const OPERATORS: [&str; 2] = ["Equal", "Exists"];

pub(crate) fn set_defaults(spec: &mut ResourceClaimSpec) {
    let requests = spec.devices.iter_mut().flat_map(|claim| claim.requests.iter_mut().flatten());
    for request in requests {
        if let Some(exactly) = &mut request.exactly {
            set_request_defaults(
                &mut exactly.allocation_mode,
                &mut exactly.count,
                exactly.tolerations.as_mut(),
            );
        }
        for one in request.first_available.iter_mut().flatten() {
            set_request_defaults(
                &mut one.allocation_mode,
                &mut one.count,
                one.tolerations.as_mut(),
            );
        }
    }
}

fn set_request_defaults(
    mode: &mut Option<String>,
    count: &mut Option<i64>,
    tolerations: Option<&mut Vec<DeviceToleration>>,
) {
    check::default_text(mode, "ExactCount");
    if mode.as_deref() == Some("ExactCount") && count.unwrap_or_default() == 0 {
        *count = Some(1);
    }
    for toleration in tolerations.into_iter().flatten() {
        check::default_text(&mut toleration.operator, "Equal");
    }
}

pub(crate) fn set_slice_defaults(spec: &mut ResourceSliceSpec) {
    let devices = spec.devices.iter_mut().flatten();
    for capacity in devices.flat_map(|device| device.capacity.iter_mut().flatten()) {
        check::canonicalize_one(&mut capacity.1.value);
    }
}

pub(crate) fn validate_selectors(
    selectors: Option<&[DeviceSelector]>,
    path: &str,
    errors: &mut FieldErrors,
) {
    for (index, selector) in selectors.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}[{index}].cel");
        match &selector.cel {
            None => errors.required(path, ""),
            Some(cel) if cel.expression.is_empty() => {
                errors.required(format!("{path}.expression"), "");
            }
            Some(_) => {}
        }
    }
}

pub(crate) fn validate_opaque(
    opaque: Option<&OpaqueDeviceConfiguration>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let path = format!("{path}.opaque");
    let Some(opaque) = opaque else { return errors.required(path, "") };
    storage::validate_driver(&opaque.driver, &format!("{path}.driver"), errors);
    if !opaque.parameters.0.is_object() {
        let shown = opaque.parameters.0.clone();
        errors.invalid(
            format!("{path}.parameters"),
            shown,
            "parameters must be a valid JSON object",
        );
    }
}

pub(crate) fn validate_claim(spec: &ResourceClaimSpec, path: &str, errors: &mut FieldErrors) {
    let Some(devices) = &spec.devices else { return };
    let path = format!("{path}.devices");
    let requests = devices.requests.as_deref().unwrap_or_default();
    if requests.len() > REQUESTS_MAX {
        let why = format!("{}: must have at most {REQUESTS_MAX} items", requests.len());
        errors.push(format!("{path}.requests"), Problem::TooMany, why);
    }
    let mut names = Once::default();
    for (index, request) in requests.iter().enumerate() {
        let path = format!("{path}.requests[{index}]");
        check::name(&request.name, &format!("{path}.name"), name::label, errors);
        names.check(&request.name, &format!("{path}.name"), errors);
        validate_request(request, &path, errors);
    }
    let known = |asked: &str| {
        let (whole, part) = asked.split_once('/').map_or((asked, None), |(w, p)| (w, Some(p)));
        requests.iter().any(|request| {
            let parts = request.first_available.iter().flatten();
            request.name == whole
                && part.is_none_or(|part| parts.clone().any(|one| one.name == part))
        })
    };
    let why = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
    for (index, config) in devices.config.iter().flatten().enumerate() {
        let path = format!("{path}.config[{index}]");
        for (at, asked) in config.requests.iter().flatten().enumerate() {
            if !known(asked) {
                errors.invalid(format!("{path}.requests[{at}]"), asked.as_str(), why);
            }
        }
        validate_opaque(config.opaque.as_ref(), &path, errors);
    }
    for (index, constraint) in devices.constraints.iter().flatten().enumerate() {
        let path = format!("{path}.constraints[{index}]");
        for (at, asked) in constraint.requests.iter().flatten().enumerate() {
            if !known(asked) {
                errors.invalid(format!("{path}.requests[{at}]"), asked.as_str(), why);
            }
        }
        if constraint.match_attribute.is_none() && constraint.distinct_attribute.is_none() {
            errors.required(format!("{path}.matchAttribute"), "");
        }
    }
}

fn validate_request(request: &DeviceRequest, path: &str, errors: &mut FieldErrors) {
    let choices = request.first_available.as_deref().unwrap_or_default();
    match (&request.exactly, choices.is_empty()) {
        (None, true) => {
            errors.required(path, "exactly one of `exactly` or `firstAvailable` is required")
        }
        (Some(_), false) => errors.invalid(
            path,
            "",
            "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
        ),
        (Some(exactly), true) => validate_parts(
            &exactly.device_class_name,
            exactly.selectors.as_deref(),
            exactly.allocation_mode.as_deref(),
            exactly.count,
            exactly.tolerations.as_deref(),
            &format!("{path}.exactly"),
            errors,
        ),
        (None, false) => {
            let mut names = Once::default();
            for (index, one) in choices.iter().enumerate() {
                let path = format!("{path}.firstAvailable[{index}]");
                check::name(&one.name, &format!("{path}.name"), name::label, errors);
                names.check(&one.name, &format!("{path}.name"), errors);
                validate_parts(
                    &one.device_class_name,
                    one.selectors.as_deref(),
                    one.allocation_mode.as_deref(),
                    one.count,
                    one.tolerations.as_deref(),
                    &path,
                    errors,
                );
            }
        }
    }
}

fn validate_parts(
    class: &str,
    selectors: Option<&[DeviceSelector]>,
    mode: Option<&str>,
    count: Option<i64>,
    tolerations: Option<&[DeviceToleration]>,
    path: &str,
    errors: &mut FieldErrors,
) {
    let at = |field: &str| format!("{path}.{field}");
    check::name(class, &at("deviceClassName"), name::subdomain, errors);
    validate_selectors(selectors, &at("selectors"), errors);
    match (mode.unwrap_or_default(), count.unwrap_or_default()) {
        ("All", count) if count != 0 => {
            let why = "must not be specified when allocationMode is 'All'";
            errors.invalid(at("count"), count, why);
        }
        ("ExactCount", count) if count <= 0 => {
            errors.invalid(at("count"), count, "must be greater than zero");
        }
        ("All" | "ExactCount", _) => {}
        (other, _) => errors.not_supported(at("allocationMode"), other, &MODES),
    }
    for (index, toleration) in tolerations.unwrap_or_default().iter().enumerate() {
        let path = at(&format!("tolerations[{index}]"));
        let operator = toleration.operator.as_deref();
        check::one_of(operator, &format!("{path}.operator"), &OPERATORS, errors);
        let effect = toleration.effect.as_deref();
        check::maybe_one_of(effect, &format!("{path}.effect"), &EFFECTS, errors);
    }
}

pub(crate) fn validate_slice(spec: &ResourceSliceSpec, errors: &mut FieldErrors) {
    storage::validate_driver(&spec.driver, "spec.driver", errors);
    validate_pool(spec, errors);
    let places = [
        spec.node_name.is_some(),
        spec.node_selector.is_some(),
        spec.all_nodes == Some(true),
        spec.per_device_node_selection == Some(true),
    ];
    match places.into_iter().filter(|is_set| *is_set).count() {
        0 => errors.required("spec", "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"),
        1 => {}
        _ => errors.invalid("spec", "", "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"),
    }
    if let Some(node) = &spec.node_name {
        check::name(node, "spec.nodeName", name::subdomain, errors);
    }
    if let Some(selector) = &spec.node_selector {
        template::validate_node_selector(selector, "spec.nodeSelector", errors);
    }
    let devices = spec.devices.as_deref().unwrap_or_default();
    if devices.len() > DEVICES_MAX {
        let why = format!("{}: must have at most {DEVICES_MAX} items", devices.len());
        errors.push("spec.devices", Problem::TooMany, why);
    }
    let mut names = Once::default();
    for (index, device) in devices.iter().enumerate() {
        let path = format!("spec.devices[{index}]");
        names.check(&device.name, &format!("{path}.name"), errors);
        validate_device(device, &path, errors);
    }
}

fn validate_pool(spec: &ResourceSliceSpec, errors: &mut FieldErrors) {
    let pool = &spec.pool;
    let path = "spec.pool";
    if pool.name.is_empty() {
        errors.required(format!("{path}.name"), "");
    }
    for part in pool.name.split('/').filter(|_| !pool.name.is_empty()) {
        if let Err(why) = name::subdomain(part) {
            errors.invalid(format!("{path}.name"), part, why);
        }
    }
    if pool.resource_slice_count <= 0 {
        let at = format!("{path}.resourceSliceCount");
        errors.invalid(at, pool.resource_slice_count, "must be greater than zero");
    }
    check::nonnegative(Some(pool.generation), &format!("{path}.generation"), errors);
}

fn validate_device(device: &Device, path: &str, errors: &mut FieldErrors) {
    check::name(&device.name, &format!("{path}.name"), name::label, errors);
    for (key, attribute) in device.attributes.iter().flatten() {
        let path = format!("{path}.attributes[{key}]");
        let values = [
            attribute.bool.is_some(),
            attribute.bools.is_some(),
            attribute.int.is_some(),
            attribute.ints.is_some(),
            attribute.string.is_some(),
            attribute.strings.is_some(),
            attribute.version.is_some(),
            attribute.versions.is_some(),
        ];
        match values.into_iter().filter(|is_set| *is_set).count() {
            0 => errors.required(path, "exactly one value must be specified"),
            1 => {}
            _ => {
                let shown = check::shown(attribute);
                errors.invalid(path, shown, "exactly one value must be specified");
            }
        }
    }
    for (key, capacity) in device.capacity.iter().flatten() {
        check::quantity(&capacity.value, &format!("{path}.capacity[{key}].value"), errors);
    }
    for (index, taint) in device.taints.iter().flatten().enumerate() {
        validate_taint(taint, &format!("{path}.taints[{index}]"), errors);
    }
}

pub(crate) fn validate_taint(taint: &DeviceTaint, path: &str, errors: &mut FieldErrors) {
    check::name(&taint.key, &format!("{path}.key"), name::qualified, errors);
    let value = taint.value.as_deref().unwrap_or_default();
    if let Err(why) = name::label_value(value) {
        errors.invalid(format!("{path}.value"), value, why);
    }
    check::one_of(Some(&taint.effect), &format!("{path}.effect"), &EFFECTS, errors);
}
