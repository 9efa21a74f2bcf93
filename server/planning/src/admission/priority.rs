//! The priority of a pod, which its class decides and nobody else; and that there is one default.

use k8s_openapi::api::scheduling::v1;
use kinds::{AnyObject, cast, cast_mut, pod::Pod, priority_class::PriorityClass};
use object::ApiError;

use super::{Request, name_of};
use crate::World;

pub(super) const CLASSES: &str = "priorityclasses.scheduling.k8s.io";
const PREEMPT: &str = "PreemptLowerPriority";

fn classes(world: &World) -> impl Iterator<Item = v1::PriorityClass> {
    world.of_kind(CLASSES).filter_map(|entry| serde_json::from_slice(&entry.body).ok())
}

fn name(class: &v1::PriorityClass) -> &str {
    class.metadata.name.as_deref().unwrap_or_default()
}

/// Of several defaults, which a race may leave, the lowest.
fn default(world: &World) -> Option<v1::PriorityClass> {
    classes(world)
        .filter(|class| class.global_default == Some(true))
        .min_by_key(|class| class.value)
}

pub(super) fn resolve(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    if cast::<Pod>(object).is_none() || !request.is_main() {
        return Ok(());
    }
    if let Some(old) = request.old.and_then(cast::<Pod>) {
        restore(object, old);
        return Ok(());
    }
    let Some(spec) = cast::<Pod>(object).and_then(|pod| pod.spec.as_ref()) else { return Ok(()) };
    let named = spec.priority_class_name.as_deref().filter(|name| !name.is_empty());
    let class = match named {
        None => default(world),
        Some(wanted) => {
            let found = classes(world).find(|class| name(class) == wanted);
            let why = format!("no PriorityClass with name {wanted} was found");
            Some(found.ok_or_else(|| request.forbid(object, why))?)
        }
    };
    let value = class.as_ref().and_then(|class| class.value).unwrap_or(0);
    let policy = class.as_ref().and_then(|class| class.preemption_policy.clone());
    let policy = policy.unwrap_or_else(|| PREEMPT.to_owned());
    if let Some(sent) = spec.priority.filter(|sent| *sent != value) {
        let why = format!(
            "the integer value of priority ({sent}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        );
        return Err(request.forbid(object, why));
    }
    if let Some(sent) = spec.preemption_policy.as_ref().filter(|sent| **sent != policy) {
        let why = format!(
            "the string value of PreemptionPolicy ({sent}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        );
        return Err(request.forbid(object, why));
    }
    if let Some(spec) = cast_mut::<Pod>(object).and_then(|pod| pod.spec.as_mut()) {
        if let Some(class) = class {
            spec.priority_class_name = class.metadata.name;
        }
        spec.priority = Some(value);
        spec.preemption_policy = Some(policy);
    }
    Ok(())
}

/// A writer who knows nothing of priorities does not take them away.
fn restore(object: &mut dyn AnyObject, old: &k8s_openapi::api::core::v1::Pod) {
    let Some(new) = cast_mut::<Pod>(object).and_then(|pod| pod.spec.as_mut()) else { return };
    let Some(old) = &old.spec else { return };
    new.priority = new.priority.or(old.priority);
    if new.preemption_policy.is_none() {
        new.preemption_policy.clone_from(&old.preemption_policy);
    }
}

/// There is one default at most.
pub(super) fn check_default(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    let is_default =
        cast::<PriorityClass>(object).is_some_and(|class| class.global_default == Some(true));
    if !is_default {
        return Ok(());
    }
    match default(world) {
        Some(other) if request.is_create() || name(&other) != name_of(object) => {
            let other = name(&other);
            let why = format!(
                "PriorityClass {other} is already marked as default. Only one default can exist"
            );
            Err(request.forbid(object, why))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::admission::{admit, testing::Bench};

    fn bench() -> Bench {
        let class = |name: &str, value: i32, is_default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": is_default, "preemptionPolicy": if value > 50 { "Never" } else { PREEMPT }});
        Bench::new()
            .with("namespaces", json!({"metadata": {"name": "d"}}))
            .with(CLASSES, class("high", 100, false))
            .with(CLASSES, class("usual", 10, true))
    }

    fn admitted(bench: &Bench, spec: &Value) -> Result<Value, String> {
        let mut body =
            json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"containers": []}});
        for (field, value) in spec.as_object().unwrap() {
            body["spec"][field] = value.clone();
        }
        let mut pod = bench.object("pods", body);
        admit(&bench.request("pods"), &mut *pod, &bench.world).map_err(|error| error.message)?;
        let spec = pod.to_value()["spec"].clone();
        Ok(json!([spec["priorityClassName"], spec["priority"], spec["preemptionPolicy"]]))
    }

    #[test]
    fn the_class_decides() {
        let bench = bench();
        assert_eq!(admitted(&bench, &json!({})).unwrap(), json!(["usual", 10, PREEMPT]));
        let named = json!({"priorityClassName": "high"});
        assert_eq!(admitted(&bench, &named).unwrap(), json!(["high", 100, "Never"]));
        let same = json!({"priorityClassName": "high", "priority": 100});
        admitted(&bench, &same).unwrap();
        for (spec, why) in [
            (json!({"priorityClassName": "x"}), "no PriorityClass with name x was found"),
            (
                json!({"priority": 5}),
                "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 10 from the given PriorityClass name",
            ),
            (
                json!({"preemptionPolicy": "Never"}),
                "the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name",
            ),
        ] {
            assert_eq!(
                admitted(&bench, &spec).unwrap_err(),
                format!("pods \"a\" is forbidden: {why}")
            );
        }
        let none = Bench::new().with("namespaces", json!({"metadata": {"name": "d"}}));
        assert_eq!(admitted(&none, &json!({})).unwrap(), json!([null, 0, PREEMPT]));
    }

    #[test]
    fn an_update_restores_priorities_and_one_class_is_the_default() {
        let bench = bench();
        let pod = |priority: Value| {
            bench.object("pods", json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"containers": [], "priority": priority}}))
        };
        let (old, mut new) = (pod(json!(7)), pod(Value::Null));
        let update = Request { old: Some(&*old), ..bench.request("pods") };
        admit(&update, &mut *new, &bench.world).unwrap();
        assert_eq!(new.to_value()["spec"]["priority"], 7);
        let mut second = bench
            .object(CLASSES, json!({"metadata": {"name": "b"}, "value": 1, "globalDefault": true}));
        let error = admit(&bench.request(CLASSES), &mut *second, &bench.world).unwrap_err();
        assert!(error.message.ends_with(
            "PriorityClass usual is already marked as default. Only one default can exist"
        ));
    }
}
