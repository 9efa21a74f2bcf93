//! Slices of a Service, as they come to be and change.

use proptest::prelude::*;

use super::*;
use crate::testing::Lab;

fn service(port: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "d", "uid": "service", "labels": {"team": "a"}},
        "spec": {"clusterIP": "10.43.0.7", "selector": {"app": "web"}, "ports": [port]}})
}

fn node(ready: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"},
        "status": {"conditions": [{"type": "Ready", "status": ready}]}})
}

fn pod(name: &str, ip: &str, ready: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "d", "labels": {"app": "web"}, "uid": name},
        "spec": {"nodeName": "one", "containers": [{"name": "c", "ports": [
            {"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": ip,
            "conditions": [{"type": "Ready", "status": ready}]}})
}

fn key() -> Key {
    Key::new(backends::SERVICES, "d", "web")
}

/// One line for each slice: ports, then endpoints with their conditions' first letters.
fn slices(lab: &Lab) -> Vec<String> {
    let mut shown: Vec<String> = lab
        .world
        .of_kind(SLICES)
        .map(|slice| {
            let slice = lab.value(&slice.key);
            let list = |name: &str| slice[name].as_array().cloned().unwrap_or_default();
            let ports: Vec<String> =
                list("ports").iter().map(|port| port["port"].to_string()).collect();
            let endpoints: Vec<String> = list("endpoints")
                .iter()
                .map(|endpoint| {
                    let held = |name: &str| endpoint["conditions"][name] == true;
                    let letters: String = ["ready", "serving", "terminating"]
                        .iter()
                        .filter(|name| held(name))
                        .map(|name| &name[..1])
                        .collect();
                    format!(" {}={letters}", endpoint["targetRef"]["name"].as_str().unwrap())
                })
                .collect();
            format!("{}:{}", ports.join(","), endpoints.concat())
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn endpoints_are_meant_for_what_is_near_where_the_service_wants_it() {
    let mut far = node("True");
    far["metadata"]["labels"] = json!({"topology.kubernetes.io/zone": "east"});
    let hints = |lab: &Lab| {
        let slice = lab.world.of_kind(SLICES).next().unwrap();
        let endpoints = lab.value(&slice.key)["endpoints"].clone();
        let shown = endpoints.as_array().unwrap().iter().map(|one| one["hints"].to_string());
        shown.collect::<Vec<_>>().join(" ")
    };
    let mut lab = Lab::with([
        far,
        service(json!({"port": 80, "targetPort": 8080})),
        pod("a", "10.42.0.1", "True"),
        pod("b", "10.42.0.2", "False"),
    ]);
    for (wanted, expected) in [
        (Value::Null, "null null"),
        ("PreferClose".into(), r#"{"forZones":[{"name":"east"}]} null"#),
        ("PreferSameZone".into(), r#"{"forZones":[{"name":"east"}]} null"#),
        (
            "PreferSameNode".into(),
            r#"{"forNodes":[{"name":"one"}],"forZones":[{"name":"east"}]} null"#,
        ),
    ] {
        lab.edit(&key(), |service| service["spec"]["trafficDistribution"] = wanted);
        lab.settle(&[CONTROLLER]);
        assert_eq!(hints(&lab), expected);
    }
    let node = Key::new(backends::NODES, "", "one");
    let change = lab.edit(&node, |node| node["metadata"]["labels"] = json!({})).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key(), key()], "for each of its pods");
}

#[test]
fn a_service_without_pods_has_one_empty_slice() {
    let mut lab = Lab::with([service(json!({"port": 80, "targetPort": 8080}))]);
    let plan = lab.plan(&CONTROLLER, &key());
    let Action::Create { body, .. } = &plan.actions[0] else { panic!("{plan}") };
    assert_eq!(
        body["metadata"]["labels"],
        json!({"team": "a", SERVICE_NAME: "web", MANAGED_BY: MANAGER})
    );
    assert_eq!(body["addressType"], "IPv4");
    lab.settle(&[CONTROLLER]);
    assert_eq!(slices(&lab), ["8080:"]);
}

#[test]
fn tells_which_pods_are_ready_serving_and_terminating() {
    let mut lab = Lab::with([service(json!({"port": 80, "targetPort": "http"})), node("True")]);
    lab.put(pod("a", "10.42.0.1", "True"));
    lab.put(pod("b", "10.42.0.2", "False"));
    let leaving = lab.put(pod("c", "10.42.0.3", "True"));
    lab.put(pod("d", "", "False"));
    let mut ended = pod("e", "10.42.0.5", "False");
    ended["status"]["phase"] = "Failed".into();
    lab.put(ended);
    lab.settle(&[CONTROLLER]);
    lab.edit(&leaving, |pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
    lab.settle(&[CONTROLLER]);
    assert_eq!(slices(&lab), ["8080: a=rs b= c=st"]);
}

#[test]
fn pods_of_a_silent_node_are_out_at_once() {
    let mut lab =
        Lab::with([service(json!({"port": 80})), node("True"), pod("a", "10.42.0.1", "True")]);
    lab.settle(&[CONTROLLER]);
    assert_eq!(slices(&lab), ["80: a=rs"]);
    let silent = Key::new(backends::NODES, "", "one");
    let change =
        lab.edit(&silent, |node| node["status"]["conditions"][0]["status"] = "Unknown".into());
    assert_eq!(keys_for(&change.unwrap(), &lab.world), [key()]);
    lab.settle(&[CONTROLLER]);
    assert_eq!(slices(&lab), ["80: a="]);
}

#[test]
fn pods_that_number_a_port_differently_stand_apart() {
    let mut lab = Lab::with([service(json!({"port": 80, "targetPort": "http"})), node("True")]);
    lab.put(pod("a", "10.42.0.1", "True"));
    let mut other = pod("b", "10.42.0.2", "True");
    other["spec"]["containers"][0]["ports"][0]["containerPort"] = 9090.into();
    lab.put(other);
    lab.settle(&[CONTROLLER]);
    assert_eq!(slices(&lab), ["8080: a=rs", "9090: b=rs"]);
}

#[test]
fn a_hundred_fit_into_a_slice_and_a_change_touches_one() {
    let mut lab = Lab::with([service(json!({"port": 80})), node("True")]);
    for at in 0..250 {
        lab.put(pod(&format!("p{at:03}"), &format!("10.42.0.{at}"), "True"));
    }
    lab.settle(&[CONTROLLER]);
    assert_eq!(lab.world.of_kind(SLICES).count(), 3);
    let one = Key::new(backends::PODS, "d", "p007");
    lab.remove(&one);
    assert_eq!(lab.plan(&CONTROLLER, &key()).actions.len(), 1);
}

#[test]
fn headless_and_selectorless_services() {
    let mut headless = service(json!({"port": 80}));
    headless["spec"]["clusterIP"] = "None".into();
    let mut found = pod("a", "10.42.0.1", "True");
    found["spec"]["hostname"] = "a-0".into();
    found["spec"]["subdomain"] = "web".into();
    let mut lab = Lab::with([headless, node("True"), found]);
    lab.settle(&[CONTROLLER]);
    let slice = lab.world.of_kind(SLICES).next().unwrap();
    assert!(slice.meta.labels.contains_key(HEADLESS));
    assert_eq!(lab.value(&slice.key)["endpoints"][0]["hostname"], "a-0");

    let mut bare = service(json!({"port": 80}));
    bare["spec"].as_object_mut().unwrap().remove("selector");
    let lab = Lab::with([bare]);
    assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
}

#[test]
fn pods_wake_the_services_that_select_them() {
    let mut lab = Lab::with([service(json!({"port": 80}))]);
    let pod = lab.put(pod("a", "10.42.0.1", "False"));
    let change = lab.edit(&pod, |pod| pod["status"]["message"] = "news".into()).unwrap();
    assert!(keys_for(&change, &lab.world).is_empty(), "nothing that endpoints tell");
    let change = lab.edit(&pod, |pod| pod["metadata"]["labels"]["app"] = "other".into()).unwrap();
    assert_eq!(keys_for(&change, &lab.world), [key()], "it leaves");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever pods there are: every one with an address stands in exactly one slice, no slice is
    /// too full, and a second round wants nothing.
    #[test]
    fn every_pod_stands_in_one_slice(
        rounds in proptest::collection::vec(proptest::collection::vec((0..300_u16, any::<bool>()), 0..150), 1..4),
    ) {
        let mut lab = Lab::with([service(json!({"port": 80})), node("True")]);
        for pods in rounds {
            for (at, is_there) in pods {
                let key = Key::new(backends::PODS, "d", &format!("p{at}"));
                if is_there {
                    lab.put(pod(&key.name, &format!("10.42.1.{at}"), "True"));
                } else {
                    lab.remove(&key);
                }
            }
            lab.settle(&[CONTROLLER]);
            let mut listed: Vec<String> = Vec::new();
            for slice in lab.world.of_kind(SLICES) {
                let slice = lab.value(&slice.key);
                let endpoints = slice["endpoints"].as_array().unwrap().clone();
                prop_assert!(endpoints.len() <= 100);
                listed.extend(endpoints.iter().map(|e| e["targetRef"]["name"].as_str().unwrap().to_owned()));
            }
            listed.sort();
            let pods: Vec<String> = lab.world.of_kind(backends::PODS).map(|pod| pod.key.name.to_string()).collect();
            prop_assert_eq!(listed, pods);
            prop_assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
        }
    }
}
