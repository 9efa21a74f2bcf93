//! What the declarations promise together.

use std::collections::BTreeSet;

use crate::*;

/// Short names and plurals are one space for kubectl.
#[test]
fn names_are_unique() {
    let mut seen = BTreeSet::new();
    for def in Registry::builtin().stored() {
        assert!(seen.insert(def.name.to_string()), "{} is there twice", def.name);
        for short in &def.short_names {
            assert!(seen.insert(short.to_string()), "{short} is there twice");
        }
    }
}

#[test]
fn what_is_not_kept_can_only_be_created() {
    for def in all() {
        assert_eq!(def.answered.is_some(), def.verbs == [Verb::Create], "{}", def.name);
        assert!(def.answered.is_none() || def.subresources.is_empty(), "{}", def.name);
    }
}

/// An empty object has all its cells: printing never fails on what is not there yet.
#[test]
fn prints_empty_objects() {
    for def in all() {
        let object = def.codec.decode(br#"{"metadata":{"name":"a"}}"#).unwrap();
        assert_eq!(object.cells(jiff::Timestamp::UNIX_EPOCH).len(), def.columns.len());
        let value = object.to_value();
        assert_eq!(value["kind"], *def.kind);
        assert_eq!(value["apiVersion"], *def.api_version);
    }
}

#[test]
fn status_writes_and_main_writes_keep_to_their_parts() {
    let def = find("deployments.apps").unwrap();
    let old = r#"{"metadata":{"name":"a"},"spec":{"replicas":1},"status":{"replicas":1}}"#;
    let new = r#"{"metadata":{"name":"a"},"spec":{"replicas":2},"status":{"replicas":2}}"#;
    for (subresource, spec, status) in [("", 2, 1), ("status", 1, 2)] {
        let old = def.codec.decode(old.as_bytes()).unwrap();
        let mut written = def.codec.decode(new.as_bytes()).unwrap();
        written.prepare_update(&*old, subresource);
        let value = written.to_value();
        assert_eq!(value["spec"]["replicas"], spec, "{subresource}");
        assert_eq!(value["status"]["replicas"], status, "{subresource}");
    }
}

/// What is stored was defaulted once and is defaulted again with every update: nothing may move.
#[test]
fn defaults_are_stable() {
    let pod = serde_json::json!({
        "serviceAccount": "bot", "hostNetwork": true,
        "volumes": [{"name": "v"}, {"name": "d", "downwardAPI": {"items": [{"path": "x", "resourceFieldRef": {"containerName": "a", "resource": "limits.cpu"}}]}}],
        "containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 80}],
            "resources": {"limits": {"cpu": "0.50", "memory": "2048Ki"}},
            "livenessProbe": {"grpc": {"port": 1}}, "lifecycle": {"preStop": {"httpGet": {"port": 80}}}}],
    });
    let spec = serde_json::json!({
        "template": {"spec": pod}, "selector": {"matchLabels": {"a": "b"}}, "type": "LoadBalancer",
        "sessionAffinity": "ClientIP", "ports": [{"port": 80}], "clusterIP": "10.43.0.9",
    });
    for def in all() {
        let spec = if &*def.name == "pods" { &pod } else { &spec };
        let body =
            serde_json::json!({"metadata": {"name": "a"}, "spec": spec, "stringData": {"a": "b"}});
        let Ok(mut object) = def.codec.decode_value(body) else { continue };
        object.set_defaults();
        let once = object.to_value();
        object.set_defaults();
        assert_eq!(object.to_value(), once, "{}", def.name);
        let again = def.codec.decode_value(once.clone()).unwrap();
        assert_eq!(again.to_value(), once, "{} reads as it was written", def.name);
    }
}
