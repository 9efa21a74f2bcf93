//! Limit ranges: what containers get that do not say what they want, and between which bounds
//! containers, pods and claims must stay.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, LimitRange, LimitRangeItem, PodSpec, ResourceRequirements,
};
use kinds::{AnyObject, cast, cast_mut, persistent_volume_claim::PersistentVolumeClaim, pod::Pod};
use object::{ApiError, quantity::Quantity};

use super::{Notes, Request, namespace_of};
use crate::{
    World,
    amounts::{Amounts, Side},
};

pub(super) const LIMIT_RANGES: &str = "limitranges";
/// What says which values are the range's and not the user's.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

fn items(world: &World, namespace: &str) -> Vec<LimitRangeItem> {
    world
        .in_namespace(LIMIT_RANGES, namespace)
        .filter_map(|entry| serde_json::from_slice::<LimitRange>(&entry.body).ok()?.spec)
        .flat_map(|spec| spec.limits)
        .collect()
}

/// Gives containers what they do not ask for.
pub(super) fn set_defaults(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    if !request.is_create() || !request.is_main() {
        return Ok(());
    }
    let items = items(world, namespace_of(object));
    let Some(pod) = cast_mut::<Pod>(object) else { return Ok(()) };
    let Some(spec) = pod.spec.as_mut() else { return Ok(()) };
    let mut told = Vec::new();
    for item in items.iter().filter(|item| item.type_ == "Container") {
        for container in &mut spec.containers {
            fill(container, item, "container", &mut told);
        }
        for container in spec.init_containers.iter_mut().flatten() {
            fill(container, item, "init container", &mut told);
        }
    }
    if !told.is_empty() {
        let text = format!("LimitRanger plugin set: {}", told.join("; "));
        pod.metadata.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), text);
    }
    Ok(())
}

fn fill(container: &mut Container, item: &LimitRangeItem, word: &str, told: &mut Vec<String>) {
    let name = container.name.clone();
    let resources = container.resources.get_or_insert_default();
    let ResourceRequirements { requests, limits, .. } = resources;
    let sides = [(requests, &item.default_request, "request"), (limits, &item.default, "limit")];
    for (list, defaults, side) in sides {
        let mut set = Vec::new();
        for (resource, amount) in defaults.iter().flatten() {
            let list = list.get_or_insert_with(BTreeMap::new);
            if !list.contains_key(resource) {
                list.insert(resource.clone(), amount.clone());
                set.push(resource.as_str());
            }
        }
        if !set.is_empty() {
            told.push(format!("{} {side} for {word} {name}", set.join(", ")));
        }
    }
}

/// Refuses what is outside of the bounds, with all that is wrong.
pub(super) fn review(
    request: &Request<'_>,
    object: &dyn AnyObject,
    world: &World,
) -> Result<Notes, ApiError> {
    let is_resize = request.subresource == "resize";
    let mut broken = Vec::new();
    if let Some(pod) = cast::<Pod>(object) {
        if (request.is_create() && request.is_main()) || is_resize {
            for item in items(world, namespace_of(object)) {
                if let Some(spec) = &pod.spec {
                    check_pod(&item, spec, &mut broken);
                }
            }
        }
    } else if let Some(claim) = cast::<PersistentVolumeClaim>(object)
        && request.is_main()
    {
        let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
        let requests = Amounts::of(resources.and_then(|resources| resources.requests.as_ref()));
        let all = items(world, namespace_of(object));
        for item in all.iter().filter(|item| item.type_ == "PersistentVolumeClaim") {
            check_claim(item, &requests, &mut broken);
        }
    }
    match broken.as_slice() {
        [] => Ok(Notes::default()),
        [one] => Err(request.forbid(object, one)),
        many => Err(request.forbid(object, format!("[{}]", many.join(", ")))),
    }
}

fn check_pod(item: &LimitRangeItem, spec: &PodSpec, broken: &mut Vec<String>) {
    match item.type_.as_str() {
        "Container" => {
            for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
                let requests = Side::Requests.of_container(container);
                Bounded { item, requests, limits: Side::Limits.of_container(container) }
                    .check(broken);
            }
        }
        "Pod" => {
            // What one container leaves open is open for the pod.
            let said_by_all = |side: Side, name: &str| {
                let says = |one: &Container| side.of_container(one).get(name).is_some();
                let whole = spec.resources.as_ref();
                side.of(whole).get(name).is_some() || spec.containers.iter().all(says)
            };
            let of = |side: Side| side.of_pod(spec).only(|name| said_by_all(side, name));
            Bounded { item, requests: of(Side::Requests), limits: of(Side::Limits) }.check(broken);
        }
        _ => {}
    }
}

fn check_claim(item: &LimitRangeItem, requests: &Amounts, broken: &mut Vec<String>) {
    let kind = &item.type_;
    let bounds = [("minimum", &item.min), ("maximum", &item.max)];
    for (word, list) in bounds {
        for (name, bound) in Amounts::of(list.as_ref()).iter() {
            let start = format!("{word} {name} usage per {kind} is {bound}");
            match requests.get(name) {
                None => broken.push(format!("{start}.  No request is specified")),
                Some(asked)
                    if (word == "minimum" && asked < bound)
                        || (word == "maximum" && asked > bound) =>
                {
                    broken.push(format!("{start}, but request is {asked}"));
                }
                Some(_) => {}
            }
        }
    }
}

/// What a container or pod says, held against one item.
struct Bounded<'i> {
    item: &'i LimitRangeItem,
    requests: Amounts,
    limits: Amounts,
}

impl Bounded<'_> {
    fn check(&self, broken: &mut Vec<String>) {
        let item = self.item;
        for (name, bound) in Amounts::of(item.min.as_ref()).iter() {
            broken.extend(self.below(name, bound));
        }
        for (name, bound) in Amounts::of(item.max.as_ref()).iter() {
            broken.extend(self.above(name, bound));
        }
        for (name, ratio) in Amounts::of(item.max_limit_request_ratio.as_ref()).iter() {
            broken.extend(self.beyond_ratio(name, ratio));
        }
    }

    fn below(&self, name: &str, bound: Quantity) -> Option<String> {
        let start = format!("minimum {name} usage per {} is {bound}", self.item.type_);
        match (self.requests.get(name), self.limits.get(name)) {
            (None, _) => Some(format!("{start}.  No request is specified")),
            (Some(request), _) if request < bound => {
                Some(format!("{start}, but request is {request}"))
            }
            (_, Some(limit)) if limit < bound => Some(format!("{start}, but limit is {limit}")),
            _ => None,
        }
    }

    fn above(&self, name: &str, bound: Quantity) -> Option<String> {
        let start = format!("maximum {name} usage per {} is {bound}", self.item.type_);
        match (self.limits.get(name), self.requests.get(name)) {
            (None, _) => Some(format!("{start}.  No limit is specified")),
            (Some(limit), _) if limit > bound => Some(format!("{start}, but limit is {limit}")),
            (_, Some(request)) if request > bound => {
                Some(format!("{start}, but request is {request}"))
            }
            _ => None,
        }
    }

    fn beyond_ratio(&self, name: &str, max: Quantity) -> Option<String> {
        let start = format!("{name} max limit to request ratio per {} is {max}", self.item.type_);
        let said = |amounts: &Amounts| amounts.get(name).filter(|amount| !amount.is_zero());
        let Some(request) = said(&self.requests) else {
            return Some(format!("{start}, but no request is specified or request is 0"));
        };
        let Some(limit) = said(&self.limits) else {
            return Some(format!("{start}, but no limit is specified or limit is 0"));
        };
        let ratio = limit.as_f64() / request.as_f64();
        (ratio > max.as_f64()).then(|| format!("{start}, but provided ratio is {ratio:.6}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::admission::{admit, review, testing::Bench};

    fn bench(limits: Value) -> Bench {
        let bench = Bench::new().with("namespaces", json!({"metadata": {"name": "d"}}));
        let range =
            json!({"metadata": {"name": "l", "namespace": "d"}, "spec": {"limits": limits}});
        let range = bench.object(LIMIT_RANGES, range).to_value();
        bench.with(LIMIT_RANGES, range)
    }

    fn judge(bench: &Bench, kind: &str, spec: Value) -> Result<Value, String> {
        let body = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": spec});
        let mut object = bench.object(kind, body);
        let request = bench.request(kind);
        admit(&request, &mut *object, &bench.world)
            .and_then(|()| review(&request, &*object, &bench.world))
            .map(|_| object.to_value())
            .map_err(|error| error.message)
    }

    fn containers(all: &[Value]) -> Value {
        let all: Vec<Value> = all
            .iter()
            .enumerate()
            .map(|(n, resources)| json!({"name": format!("c{n}"), "image": "x", "resources": resources}))
            .collect();
        json!({"containers": all})
    }

    #[test]
    fn silent_containers_get_defaults_and_the_pod_says_so() {
        let bench = bench(json!([{"type": "Container",
            "default": {"cpu": "500m", "memory": "500Mi"}, "defaultRequest": {"cpu": "100m"}}]));
        let pod = judge(&bench, "pods", containers(&[json!({"limits": {"cpu": "1"}})])).unwrap();
        let resources = &pod["spec"]["containers"][0]["resources"];
        assert_eq!(resources["limits"], json!({"cpu": "1", "memory": "500Mi"}));
        assert_eq!(resources["requests"]["cpu"], "1", "what is limited is asked for");
        let told = pod["metadata"]["annotations"][ANNOTATION].as_str().unwrap();
        assert!(told.starts_with("LimitRanger plugin set: "), "{told}");
        assert!(told.contains("memory limit for container c0"), "{told}");
    }

    #[test]
    fn what_is_outside_of_the_bounds_is_refused() {
        let ask = |request: &str, limit: &str| json!({"requests": {"cpu": request}, "limits": {"cpu": limit}});
        let table = [
            (
                json!([{"type": "Container", "min": {"cpu": "100m"}}]),
                ask("50m", "1"),
                "minimum cpu usage per Container is 100m, but request is 50m",
            ),
            (
                json!([{"type": "Container", "max": {"cpu": "500m"}}]),
                ask("100m", "1"),
                "maximum cpu usage per Container is 500m, but limit is 1",
            ),
            (
                json!([{"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}]),
                ask("100m", "500m"),
                "cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000",
            ),
            (
                json!([{"type": "Pod", "max": {"cpu": "1", "memory": "1Gi"}}]),
                ask("1", "2"),
                "[maximum cpu usage per Pod is 1, but limit is 2, maximum memory usage per Pod is 1Gi.  No limit is specified]",
            ),
        ];
        for (limits, resources, expected) in table {
            let error = judge(&bench(limits), "pods", containers(&[resources])).unwrap_err();
            assert_eq!(error, format!("pods \"a\" is forbidden: {expected}"));
        }
        let pod = bench(json!([{"type": "Pod", "max": {"cpu": "2"}}]));
        judge(&pod, "pods", containers(&[ask("1", "1"), ask("1", "1")])).unwrap();
        judge(&pod, "pods", containers(&[ask("1", "1"), ask("2", "2")])).unwrap_err();
    }

    #[test]
    fn claims_have_bounds_too() {
        let bench = bench(
            json!([{"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "5Gi"}}]),
        );
        let claim = |size: &str| json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}});
        judge(&bench, "persistentvolumeclaims", claim("2Gi")).unwrap();
        assert_eq!(
            judge(&bench, "persistentvolumeclaims", claim("500Mi")).unwrap_err(),
            "persistentvolumeclaims \"a\" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi"
        );
        assert!(judge(&bench, "persistentvolumeclaims", claim("6Gi")).is_err());
    }
}
