//! What the runtime class of a pod adds to it: overhead, and where it may run.

use k8s_openapi::api::{core::v1::Toleration, node::v1};
use kinds::{AnyObject, cast, cast_mut, pod::Pod};
use object::{ApiError, Key};

use super::Request;
use crate::{World, amounts::Amounts};

pub(super) const CLASSES: &str = "runtimeclasses.node.k8s.io";

pub(super) fn apply(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    if !request.is_create() || !request.is_main() {
        return Ok(());
    }
    let Some(spec) = cast::<Pod>(object).and_then(|pod| pod.spec.as_ref()) else { return Ok(()) };
    let overhead = spec.overhead.clone();
    let class = match spec.runtime_class_name.as_deref() {
        None => None,
        Some(name) => {
            let entry = world.entry(&Key::new(CLASSES, "", name));
            let class = entry.and_then(|entry| serde_json::from_slice(&entry.body).ok());
            let why = format!("pod rejected: RuntimeClass {name:?} not found");
            Some(class.ok_or_else(|| request.forbid(object, why))?)
        }
    };
    let fixed = class
        .as_ref()
        .and_then(|class: &v1::RuntimeClass| class.overhead.as_ref())
        .and_then(|overhead| overhead.pod_fixed.clone());
    match (&fixed, &overhead) {
        (None, Some(_)) => {
            let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
            return Err(request.forbid(object, why));
        }
        (Some(fixed), Some(sent)) if Amounts::of(Some(fixed)) != Amounts::of(Some(sent)) => {
            let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
            return Err(request.forbid(object, why));
        }
        _ => {}
    }
    let mut clash = None;
    if let Some(spec) = cast_mut::<Pod>(object).and_then(|pod| pod.spec.as_mut()) {
        if fixed.is_some() {
            spec.overhead = fixed;
        }
        let Some(scheduling) = class.and_then(|class| class.scheduling) else { return Ok(()) };
        for (key, value) in scheduling.node_selector.into_iter().flatten() {
            let selector = spec.node_selector.get_or_insert_default();
            match selector.get(&key) {
                Some(own) if *own != value => {
                    clash = Some(format!(
                        "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
                    ));
                }
                _ => drop(selector.insert(key, value)),
            }
        }
        let tolerations: Vec<Toleration> = scheduling.tolerations.into_iter().flatten().collect();
        let own = spec.tolerations.get_or_insert_default();
        for toleration in tolerations {
            if !own.contains(&toleration) {
                own.push(toleration);
            }
        }
    }
    clash.map_or(Ok(()), |why| Err(request.forbid(object, why)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::admission::{admit, testing::Bench};

    #[test]
    fn a_pod_takes_over_what_its_class_says() {
        let bench = Bench::new().with("namespaces", json!({"metadata": {"name": "d"}})).with(
            CLASSES,
            json!({"metadata": {"name": "heavy"}, "handler": "h", "overhead": {"podFixed": {"cpu": "100m"}},
                "scheduling": {"nodeSelector": {"kind": "big"}, "tolerations": [{"key": "big", "operator": "Exists"}]}}),
        );
        let admitted = |spec: Value| {
            let mut body = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": spec});
            body["spec"]["containers"] = json!([]);
            let mut pod = bench.object("pods", body);
            admit(&bench.request("pods"), &mut *pod, &bench.world)
                .map_err(|error| error.message)?;
            Ok::<Value, String>(pod.to_value()["spec"].clone())
        };
        let pod = admitted(json!({"runtimeClassName": "heavy"})).unwrap();
        assert_eq!(
            (&pod["overhead"]["cpu"], &pod["nodeSelector"]["kind"]),
            (&json!("100m"), &json!("big"))
        );
        assert!(pod["tolerations"].as_array().unwrap().iter().any(|one| one["key"] == "big"));
        for (spec, why) in [
            (json!({"runtimeClassName": "x"}), "pod rejected: RuntimeClass \"x\" not found"),
            (
                json!({"overhead": {"cpu": "1"}}),
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            ),
            (
                json!({"runtimeClassName": "heavy", "overhead": {"cpu": "1"}}),
                "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
            ),
            (
                json!({"runtimeClassName": "heavy", "nodeSelector": {"kind": "small"}}),
                "conflict: runtimeClass.scheduling.nodeSelector[kind] = big; pod.spec.nodeSelector[kind] = small",
            ),
        ] {
            assert_eq!(admitted(spec).unwrap_err(), format!("pods \"a\" is forbidden: {why}"));
        }
    }
}
