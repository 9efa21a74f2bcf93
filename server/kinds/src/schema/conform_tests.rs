use super::*;
use crate::{find, schema::of};

fn deployment() -> Schema<'static> {
    of(find("deployments.apps").unwrap())
}

#[test]
fn finds_unknown_fields_and_drops_them() {
    let mut value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "creationTimestamp": null, "labels": {"any": "thing"}},
        "spec": {
            "foo": 1, "replicas": null,
            "template": {"spec": {"containers": [{"name": "a", "imagee": "b"}]}},
        },
        "stauts": {},
    });
    assert_eq!(
        conform(&mut value, deployment()).unwrap(),
        [
            "unknown field \"spec.foo\"",
            "unknown field \"spec.template.spec.containers[0].imagee\"",
            "unknown field \"stauts\"",
        ]
    );
    assert_eq!(
        value,
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"any": "thing"}},
            "spec": {"template": {"spec": {"containers": [{"name": "a"}]}}},
        })
    );
}

#[test]
fn words_wrong_types_as_go_does() {
    let pod = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
    for (mut value, message) in [
        (
            json!({"spec": {"replicas": "3"}}),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            json!({"spec": {"replicas": 1.5}}),
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            pod(json!({"containers": [{"env": [{"name": "a", "value": 1}]}]})),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            pod(json!({"containers": {"name": "a"}})),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            json!({"metadata": {"labels": {"a": true}}}),
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels.a of type string",
        ),
        (
            json!({"metadata": {"labels": "a"}}),
            "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            json!({"spec": []}),
            "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec",
        ),
        (json!([]), "json: cannot unmarshal array into Go value of type v1.Deployment"),
        (
            pod(json!({"containers": [{"resources": {"limits": {"cpu": "1 core"}}}]})),
            "spec.template.spec.containers[0].resources.limits.cpu: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            json!({"metadata": {"creationTimestamp": "now"}}),
            "metadata.creationTimestamp: parsing time \"now\" as \"2006-01-02T15:04:05Z07:00\" failed",
        ),
    ] {
        assert_eq!(conform(&mut value, deployment()).unwrap_err(), message);
    }
}

#[test]
fn writes_quantities_and_bytes_as_the_types_read_them() {
    let mut value = json!({"spec": {"containers": [{
        "name": "a",
        "resources": {"limits": {"cpu": 0.5, "memory": "1.5Gi", "x": null}},
        "livenessProbe": {"httpGet": {"port": "http"}},
        "readinessProbe": {"httpGet": {"port": 80}},
    }]}});
    assert!(conform(&mut value, of(find("pods").unwrap())).unwrap().is_empty());
    assert_eq!(
        value["spec"]["containers"][0]["resources"]["limits"],
        json!({"cpu": "500m", "memory": "1536Mi", "x": "0"})
    );
    let mut secret = json!({"data": {"a": "YQ==\n", "b": null}});
    conform(&mut secret, of(find("secrets").unwrap())).unwrap();
    assert_eq!(secret["data"], json!({"a": "YQ==", "b": ""}));
    let error = conform(&mut json!({"data": {"a": "?"}}), of(find("secrets").unwrap()));
    assert_eq!(error.unwrap_err(), "data.a: illegal base64 data");
}

#[test]
fn names_missing_fields() {
    let value = json!({"spec": {"template": {"spec": {"containers": [{"image": "a"}]}}}});
    let errors = missing(&value, deployment());
    assert_eq!(
        errors.to_string(),
        "[spec.selector: Required value, spec.template.spec.containers[0].name: Required value]"
    );
    let filled = json!({"spec": {"selector": {}, "template": {}}, "status": {"conditions": [{}]}});
    assert!(missing(&filled, deployment()).is_empty(), "a client does not fill the status");
}

/// What the typed objects print conforms to their types: the types know every field.
#[test]
fn typed_objects_conform() {
    for def in crate::all() {
        let object = def.codec.decode(br#"{"metadata":{"name":"a"},"spec":{},"data":{}}"#).unwrap();
        let mut value = object.to_value();
        let before = value.clone();
        assert_eq!(conform(&mut value, of(def)).unwrap(), [""; 0], "{}", def.name);
        assert_eq!(value, before, "{}", def.name);
    }
}
