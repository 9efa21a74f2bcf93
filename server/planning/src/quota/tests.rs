use serde_json::{Value, json};

use super::*;
use crate::{
    admission::{Claim, Request, claim, testing::Bench},
    world::World,
};

fn quota(hard: Value, used: Value, more: Value) -> Value {
    let mut quota = json!({"metadata": {"name": "q", "namespace": "d"}, "spec": {"hard": hard},
        "status": {"hard": hard, "used": used}});
    for (field, value) in more.as_object().unwrap() {
        quota["spec"][field] = value.clone();
    }
    quota
}

fn pod(spec: Value) -> Value {
    let mut pod = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": spec});
    if pod["spec"]["containers"].is_null() {
        pod["spec"]["containers"] = json!([{"name": "c", "image": "x"}]);
    }
    pod
}

fn asks(requests: Value, limits: Value) -> Value {
    json!({"containers": [{"name": "c", "image": "x", "resources": {"requests": requests, "limits": limits}}]})
}

/// What the status of the one quota is to say is used, if an object is charged.
fn charge(
    request: &Request<'_>,
    object: &mut dyn kinds::AnyObject,
    world: &World,
) -> Result<Option<Value>, String> {
    let claims = claim(request, object, world).map_err(|error| error.message)?;
    Ok(claims.into_iter().find_map(|claim| match claim {
        Claim::Replace { body, .. } => Some(body["status"]["used"].clone()),
        _ => None,
    }))
}

fn charged(bench: &Bench, kind: &str, body: Value) -> Result<Option<Value>, String> {
    charge(&bench.request(kind), &mut *bench.object(kind, body), &bench.world)
}

fn bench(quota: Value) -> Bench {
    Bench::new().with(QUOTAS, quota)
}

#[test]
fn what_is_written_is_charged() {
    let hard = json!({"pods": "2", "requests.cpu": "1", "limits.memory": "1Gi", "count/pods": "5", "services": "1"});
    let used = json!({"pods": "1", "requests.cpu": "500m", "limits.memory": "0", "count/pods": "3", "services": "0"});
    let bench = bench(quota(hard, used, json!({})));
    let body = pod(asks(json!({"cpu": "250m"}), json!({"memory": "512Mi"})));
    assert_eq!(
        charged(&bench, "pods", body).unwrap().unwrap(),
        json!({"pods": "2", "requests.cpu": "750m", "limits.memory": "512Mi", "count/pods": "4", "services": "0"})
    );
    let map = json!({"metadata": {"name": "a", "namespace": "d"}});
    assert_eq!(charged(&bench, "configmaps", map).unwrap(), None, "nothing limits it");
}

#[test]
fn refusals_are_worded_as_kubernetes_words_them() {
    let two = bench(quota(json!({"pods": "2"}), json!({"pods": "2"}), json!({})));
    assert_eq!(
        charged(&two, "pods", pod(json!({}))).unwrap_err(),
        "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"
    );
    let cpu = json!({"limits.cpu": "1", "requests.memory": "1Gi"});
    let cpu =
        bench(quota(cpu.clone(), json!({"limits.cpu": "0", "requests.memory": "0"}), json!({})));
    assert_eq!(
        charged(&cpu, "pods", pod(json!({}))).unwrap_err(),
        "pods \"a\" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.memory for: c"
    );
    let unknown = bench(quota(json!({"pods": "2"}), json!({}), json!({})));
    assert_eq!(
        charged(&unknown, "pods", pod(json!({}))).unwrap_err(),
        "pods \"a\" is forbidden: status unknown for quota: q, resources: pods"
    );
}

#[test]
fn scopes_choose_their_pods() {
    let scoped = |scopes: Value| quota(json!({"pods": "5"}), json!({"pods": "0"}), scopes);
    let burst = asks(json!({"cpu": "1"}), json!({}));
    let class = |name: &str| json!({"priorityClassName": name});
    let select = |operator: &str, values: Value| json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}});
    let far = json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "k", "namespaces": ["other"]}]}}});
    for (scopes, spec, counts) in [
        (json!({"scopes": ["BestEffort"]}), json!({}), true),
        (json!({"scopes": ["BestEffort"]}), burst.clone(), false),
        (json!({"scopes": ["NotBestEffort"]}), burst, true),
        (json!({"scopes": ["Terminating"]}), json!({"activeDeadlineSeconds": 5}), true),
        (json!({"scopes": ["Terminating"]}), json!({}), false),
        (json!({"scopes": ["NotTerminating", "BestEffort"]}), json!({}), true),
        (json!({"scopes": ["PriorityClass"]}), class("high"), true),
        (json!({"scopes": ["PriorityClass"]}), json!({}), false),
        (select("In", json!(["high"])), class("high"), true),
        (select("In", json!(["high"])), class("low"), false),
        (select("NotIn", json!(["high"])), class("low"), true),
        (select("DoesNotExist", json!(null)), json!({}), true),
        (json!({"scopes": ["CrossNamespacePodAffinity"]}), far, true),
        (json!({"scopes": ["CrossNamespacePodAffinity"]}), json!({}), false),
    ] {
        let bench = bench(scoped(scopes.clone()));
        let used = charged(&bench, "pods", pod(spec.clone())).unwrap();
        assert_eq!(used.is_some(), counts, "{scopes} {spec}");
    }
    let maps = quota(
        json!({"configmaps": "1"}),
        json!({"configmaps": "0"}),
        json!({"scopes": ["BestEffort"]}),
    );
    let map = json!({"metadata": {"name": "a", "namespace": "d"}});
    assert_eq!(charged(&bench(maps), "configmaps", map).unwrap(), None, "scopes are about pods");
}

#[test]
fn services_claims_and_extended_resources_count() {
    let service = |spec: Value| json!({"metadata": {"name": "a", "namespace": "d"}, "spec": spec});
    let claim = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {
        "storageClassName": "fast", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}});
    let gpu = asks(json!({"nvidia.com/gpu": "2"}), json!({"nvidia.com/gpu": "2"}));
    let huge = asks(
        json!({"hugepages-2Mi": "4Mi", "cpu": "1"}),
        json!({"hugepages-2Mi": "4Mi", "cpu": "1"}),
    );
    for (kind, resource, body, used) in [
        (
            "services",
            "services.nodeports",
            service(json!({"type": "NodePort", "ports": [{"port": 1}, {"port": 2, "name": "b"}]})),
            "2",
        ),
        (
            "services",
            "services.loadbalancers",
            service(json!({"type": "LoadBalancer", "ports": [{"port": 1}]})),
            "1",
        ),
        ("persistentvolumeclaims", "requests.storage", claim.clone(), "2Gi"),
        (
            "persistentvolumeclaims",
            "fast.storageclass.storage.k8s.io/requests.storage",
            claim.clone(),
            "2Gi",
        ),
        (
            "persistentvolumeclaims",
            "fast.storageclass.storage.k8s.io/persistentvolumeclaims",
            claim,
            "1",
        ),
        ("pods", "requests.nvidia.com/gpu", pod(gpu), "2"),
        ("pods", "hugepages-2Mi", pod(huge.clone()), "4Mi"),
        ("pods", "requests.hugepages-2Mi", pod(huge), "4Mi"),
        ("secrets", "secrets", json!({"metadata": {"name": "a", "namespace": "d"}}), "1"),
        (
            "deployments.apps",
            "count/deployments.apps",
            json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {}}),
            "1",
        ),
    ] {
        let bench = bench(quota(json!({resource: "10Gi"}), json!({resource: "0"}), json!({})));
        let charged = charged(&bench, kind, body).unwrap().unwrap();
        assert_eq!(charged[resource], used, "{resource}");
    }
}

#[test]
fn an_update_is_charged_what_it_adds() {
    let bench = bench(quota(
        json!({"requests.storage": "5Gi"}),
        json!({"requests.storage": "2Gi"}),
        json!({}),
    ));
    let kind = "persistentvolumeclaims";
    let claim = |size: &str| {
        bench.object(kind, json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"resources": {"requests": {"storage": size}}}}))
    };
    let old = claim("2Gi");
    let update = Request { old: Some(&*old), ..bench.request(kind) };
    let grow = |size: &str| charge(&update, &mut *claim(size), &bench.world);
    let used = grow("4Gi").unwrap().unwrap();
    assert_eq!(used["requests.storage"], "4Gi");
    assert_eq!(grow("1Gi").unwrap(), None, "what is given back is counted later");
    let error = grow("6Gi").unwrap_err();
    assert!(error.ends_with("exceeded quota: q, requested: requests.storage=4Gi, used: requests.storage=2Gi, limited: requests.storage=5Gi"), "{error}");
}

#[test]
fn usage_is_what_lives() {
    let mut world = World::default();
    let mut put = |revision: u64, name: &str, more: Value| {
        let mut pod = pod(asks(json!({"cpu": "1"}), json!({})));
        pod["metadata"]["name"] = name.into();
        for (field, value) in more.as_object().unwrap() {
            let part =
                if field == "status" { &mut pod["status"] } else { &mut pod["metadata"][field] };
            *part = value.clone();
        }
        world.apply(object::Key::new("pods", "d", name), revision, Some(pod.to_string().into()));
    };
    put(1, "runs", json!({}));
    put(2, "done", json!({"status": {"phase": "Succeeded"}}));
    put(
        3,
        "stuck",
        json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}),
    );
    let hard = json!({"pods": "5", "requests.cpu": "5", "count/pods": "5", "secrets": "5"});
    let body = quota(hard, json!({}), json!({})).to_string();
    let quota = Quota::read(body.as_bytes()).unwrap();
    let used = |now: &str| quota.usage(&world, now.parse().unwrap()).to_string();
    assert_eq!(used("2026-01-01T00:00:20Z"), "count/pods=3,pods=2,requests.cpu=2,secrets=0");
    assert_eq!(used("2026-01-01T00:00:31Z"), "count/pods=3,pods=1,requests.cpu=1,secrets=0");
}
