use proptest::prelude::*;
use serde_json::json;

use super::*;

mod recorded;

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 127 {
        out.push((value % 128) as u8 | 0x80);
        value /= 128;
    }
    out.push(value as u8);
    out
}

/// A field with a length: its number and its bytes.
fn field(number: usize, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len()), bytes.to_vec()].concat()
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn envelope(api_version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), field(1, &type_meta), field(2, object)].concat()
}

fn decoded(api_version: &str, kind: &str, object: &[u8]) -> Value {
    let mut value = super::decode(&envelope(api_version, kind, object)).unwrap();
    let object = value.as_object_mut().unwrap();
    assert_eq!(object.remove("apiVersion").unwrap(), api_version);
    assert_eq!(object.remove("kind").unwrap(), kind);
    value
}

#[test]
fn decodes_maps_bytes_and_times() {
    let time = number(1, 10);
    let metadata = [
        field(1, b"a"),
        field(3, b""),
        field(8, &time),
        field(9, &[]),
        field(11, &[field(1, b"k"), field(2, b"v")].concat()),
        field(11, &field(1, b"empty")),
    ]
    .concat();
    let data = [field(1, b"x"), field(2, &[0xff, 0])].concat();
    let secret = [field(1, &metadata), field(2, &data), field(3, b"Opaque")].concat();
    assert_eq!(
        decoded("v1", "Secret", &secret),
        json!({
            "metadata": {
                "name": "a", "creationTimestamp": "1970-01-01T00:00:10Z",
                "labels": {"k": "v", "empty": ""},
            },
            "data": {"x": "/wA="}, "type": "Opaque",
        })
    );
    let micro = [number(1, 10), vec![2 << 3, 0xc0, 0x84, 0x3d]].concat();
    let lease = field(2, &field(3, &micro));
    assert_eq!(
        decoded("coordination.k8s.io/v1", "Lease", &lease)["spec"]["acquireTime"],
        "1970-01-01T00:00:10.001000Z"
    );
}

#[test]
fn keeps_zero_where_it_means_something() {
    // replicas is optional, minReadySeconds and paused are not.
    let spec = [number(1, 0), number(5, 0), number(7, 0)].concat();
    assert_eq!(
        decoded("apps/v1", "Deployment", &field(2, &spec)),
        json!({"spec": {"replicas": 0}})
    );
    let context = field(1, &[]);
    assert_eq!(
        decoded("v1", "Pod", &field(2, &[field(14, &context), field(2, &field(1, b""))].concat())),
        json!({"spec": {"securityContext": {"seLinuxOptions": {}}, "containers": [{"name": ""}]}}),
        "empty objects stay, and required names"
    );
}

#[test]
fn decodes_special_and_inlined_messages() {
    let quantity = field(1, b"500m");
    let limits = field(1, &[field(1, b"cpu"), field(2, &quantity)].concat());
    let port = [number(1, 1), number(2, 0), field(3, b"http")].concat();
    let probe = field(1, &field(2, &[field(1, b"/"), field(2, &port)].concat()));
    let container = [field(1, b"a"), field(8, &limits), field(10, &probe)].concat();
    let volume = [field(1, b"v"), field(2, &field(2, &[]))].concat();
    let spec = [field(1, &volume), field(2, &container)].concat();
    assert_eq!(
        decoded("v1", "Pod", &field(2, &spec)),
        json!({"spec": {
            "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [{
                "name": "a", "resources": {"limits": {"cpu": "500m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
            }],
        }})
    );
    let extra =
        [field(1, b"scopes"), field(2, &[field(1, b"a"), field(1, b"b")].concat())].concat();
    assert_eq!(
        decoded("authorization.k8s.io/v1", "SubjectAccessReview", &field(2, &field(5, &extra))),
        json!({"spec": {"extra": {"scopes": ["a", "b"]}}})
    );
    let managed = [field(1, b"m"), field(7, &field(1, br#"{"f:a":{}}"#))].concat();
    assert_eq!(
        decoded("v1", "ConfigMap", &field(1, &field(17, &managed))),
        json!({"metadata": {"managedFields": [{"manager": "m", "fieldsV1": {"f:a": {}}}]}})
    );
    assert_eq!(
        decoded("apps/v1", "DeleteOptions", &number(1, 0)),
        json!({"gracePeriodSeconds": 0})
    );
    assert_eq!(
        decoded(
            "apps/v1",
            "Deployment",
            &field(2, &[vec![1 << 3], vec![0xff; 9], vec![1]].concat())
        ),
        json!({"spec": {"replicas": -1}})
    );
    // A field of a newer version than ours is passed over.
    assert_eq!(decoded("v1", "Pod", &field(15, b"?")), json!({}));
}

#[test]
fn reads_what_kubectl_sends() {
    assert_eq!(
        super::decode(&recorded::deployment()).unwrap(),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app": "web"}},
                "strategy": {},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{
                        "name": "nginx", "image": "nginx:1", "resources": {},
                        "ports": [{"containerPort": 80}],
                    }]},
                },
            },
            "status": {},
        })
    );
}

#[test]
fn says_what_is_wrong() {
    for (body, part) in [
        (b"{}".to_vec(), "does not begin with"),
        (MAGIC.to_vec(), "no kind \"\" is known"),
        (envelope("v1", "Nothing", &[]), "no kind \"Nothing\" is known in version \"v1\""),
        (envelope("v1", "Pod", &[2 << 3 | 2, 9]), "ends too early"),
        (envelope("v1", "Pod", &[2 << 3 | 3]), "3 is no wire type"),
        (envelope("v1", "Pod", &number(2, 1)), "field spec has the wrong wire type"),
        (envelope("v1", "Pod", &field(1, &field(1, &[0xff]))), "a text is not UTF-8"),
        (
            [MAGIC.to_vec(), field(1, &field(2, b"Pod")), field(3, b"gzip")].concat(),
            "its encoding \"gzip\" is not supported",
        ),
    ] {
        let error = super::decode(&body).unwrap_err();
        assert_eq!(error.code(), 400);
        assert!(error.message.contains(part), "{error}");
    }
}

/// A schema, or whether there may be one; numbers with a point; any value.
#[test]
fn decodes_schemas() {
    let double = |number: u8, value: f64| {
        [vec![number << 3 | 1], value.to_bits().to_le_bytes().to_vec()].concat()
    };
    let text = field(5, b"string");
    let items = field(24, &field(1, &text));
    let rest = [number(1, 1), field(2, &text)].concat();
    let port = [double(9, 65535.0), double(11, 0.5)].concat();
    let named =
        |name: &[u8], schema: &[u8]| field(29, &[field(1, name), field(2, schema)].concat());
    let schema = [
        field(5, b"object"),
        field(8, &field(1, br#"{"a":1}"#)),
        [named(b"list", &items), named(b"port", &port)].concat(),
        [vec![0xf2, 1], varint(rest.len()), rest].concat(),
        [vec![0x8a, 2, 2], number(1, 0)].concat(),
    ]
    .concat();
    let version =
        [field(1, b"v1"), number(2, 1), number(3, 0), field(4, &field(1, &schema))].concat();
    let spec = field(2, &field(7, &version));
    assert_eq!(
        decoded("apiextensions.k8s.io/v1", "CustomResourceDefinition", &spec)["spec"]["versions"]
            [0],
        json!({"name": "v1", "served": true, "storage": false, "schema": {"openAPIV3Schema": {
            "type": "object", "default": {"a": 1},
            "properties": {
                "list": {"items": {"type": "string"}},
                "port": {"maximum": 65535, "minimum": 0.5},
            },
            "additionalProperties": {"type": "string"}, "additionalItems": false,
        }}})
    );
}

/// Few bytes can't make many values.
#[test]
fn bounds_what_it_makes() {
    let containers: Vec<u8> = [2 << 3 | 2, 0].repeat(500_000);
    let body = envelope("v1", "Pod", &field(2, &containers));
    assert!(super::decode(&body).unwrap_err().message.contains("too many values"));
}

/// Every built-in kind of Kubernetes can be sent as protobuf.
#[test]
fn knows_every_kind() {
    let sent = crate::all().iter().filter(|def| def.group != "longshore.dev" && !def.computed);
    for def in sent {
        let body = envelope(&def.api_version, &def.kind, &[]);
        assert_eq!(super::decode(&body).unwrap()["kind"], *def.kind, "{}", def.name);
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..4_usize) {
        let kind = ["Pod", "Secret", "Service", "DeleteOptions"][kind];
        if let Ok(value) = super::decode(&envelope("v1", kind, &bytes)) {
            prop_assert_eq!(&value["kind"], kind);
        }
        drop(super::decode(&bytes));
    }

    /// A recorded message, cut or damaged anywhere, is an error or an object.
    #[test]
    fn survives_damage(cut in 0..700_usize, at in 0..700_usize, byte in any::<u8>()) {
        let mut body = recorded::deployment();
        body.truncate(cut.max(20));
        let at = at % body.len();
        body[at] = byte;
        drop(super::decode(&body));
    }
}
