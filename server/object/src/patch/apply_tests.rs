use serde_json::json;

use super::*;
use crate::schema::{Definition, Field, ListKind, Node, PatchStrategy, Scalar, Types};

fn field(name: &str, node: Node) -> Field {
    Field {
        name: name.into(),
        node,
        required: false,
        implied: ["metadata", "spec"].contains(&name),
        patch: PatchStrategy::default(),
        default: (name == "protocol").then(|| "\"TCP\"".into()),
    }
}

fn text() -> Node {
    Node::Scalar(Scalar::String)
}

fn list(items: Node, kind: ListKind) -> Node {
    Node::List { items: Box::new(items), kind }
}

fn by(keys: &[&str]) -> ListKind {
    ListKind::Map(keys.iter().map(|key| (*key).into()).collect())
}

/// A little Deployment.
fn types() -> Types {
    let map = |atomic| Node::Map { values: Box::new(text()), atomic };
    let definition = |fields: Vec<Field>| {
        let mut fields = fields;
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Definition { name: "".into(), fields, atomic: false, open: false }
    };
    Types {
        roots: [("Root".into(), Node::Object(0))].into(),
        definitions: vec![
            definition(vec![
                field("apiVersion", text()),
                field("kind", text()),
                field("metadata", Node::Object(1)),
                field("spec", Node::Object(2)),
            ]),
            definition(vec![
                field("name", text()),
                field("labels", map(false)),
                field("annotations", map(false)),
                field("finalizers", list(text(), ListKind::Set)),
                field("managedFields", list(Node::Any, ListKind::Atomic)),
            ]),
            definition(vec![
                field("replicas", Node::Scalar(Scalar::Int32)),
                field("paused", Node::Scalar(Scalar::Bool)),
                field("selector", map(true)),
                field("args", list(text(), ListKind::Atomic)),
                field("containers", list(Node::Object(3), by(&["name"]))),
                field("strategy", Node::Object(5)),
            ]),
            definition(vec![
                field("name", text()),
                field("image", text()),
                field("ports", list(Node::Object(4), by(&["port", "protocol"]))),
            ]),
            definition(vec![
                field("port", Node::Scalar(Scalar::Int32)),
                field("protocol", text()),
                field("name", text()),
            ]),
            definition(vec![field("type", text()), field("surge", text())]),
        ],
    }
}

/// Writes to one object, one after the other.
struct Story {
    types: Types,
    object: Option<Value>,
    second: i64,
}

impl Story {
    fn new() -> Self {
        Self { types: types(), object: None, second: 0 }
    }

    fn write<T>(
        &mut self,
        manager: &str,
        subresource: &str,
        act: impl FnOnce(Option<&Value>, Schema<'_>, &Write<'_>) -> T,
    ) -> T {
        self.second += 1;
        let now = Timestamp::from_second(self.second).unwrap();
        let write = Write { manager, api_version: "apps/v1", subresource, now };
        act(self.object.as_ref(), self.types.schema("Root").unwrap(), &write)
    }

    fn try_apply(&mut self, manager: &str, spec: Value, force: bool) -> Result<(), ApiError> {
        let config = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web"}, "spec": spec,
        });
        self.try_apply_whole(manager, &config, force)
    }

    fn try_apply_whole(
        &mut self,
        manager: &str,
        config: &Value,
        force: bool,
    ) -> Result<(), ApiError> {
        let object = self
            .write(manager, "", |live, schema, write| apply(live, config, schema, write, force))?;
        self.object = Some(object);
        Ok(())
    }

    fn apply(&mut self, manager: &str, spec: Value) {
        self.try_apply(manager, spec, false).unwrap();
    }

    fn update(&mut self, manager: &str, spec: Value) {
        let mut object = self.object.clone().unwrap_or_else(
            || json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}),
        );
        object["spec"] = spec;
        self.update_whole(manager, "", object);
    }

    fn update_whole(&mut self, manager: &str, subresource: &str, mut object: Value) {
        self.write(manager, subresource, |live, schema, write| {
            track(live.cloned(), &mut object, schema, write);
        });
        self.object = Some(object);
    }

    fn spec(&self) -> &Value {
        &self.object.as_ref().unwrap()["spec"]
    }

    /// `manager operation` and the fields of each entry.
    fn owners(&self) -> Vec<(String, Value)> {
        let entries = self.object.as_ref().unwrap()["metadata"]["managedFields"].as_array();
        let describe = |entry: &Value| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let subresource = text("subresource");
            let slash = if subresource.is_empty() { "" } else { "/" };
            let who = format!("{} {}{slash}{subresource}", text("manager"), text("operation"));
            (who, entry["fieldsV1"].clone())
        };
        entries.into_iter().flatten().map(describe).collect()
    }
}

fn owner(who: &str, spec: Value) -> (String, Value) {
    (who.to_owned(), json!({"f:spec": spec}))
}

#[test]
fn shares_equal_values_and_keeps_what_others_own() {
    let mut story = Story::new();
    story.apply("a", json!({"replicas": 1, "paused": true}));
    story.apply("b", json!({"replicas": 1}));
    assert_eq!(
        story.owners(),
        [
            owner("a Apply", json!({"f:replicas": {}, "f:paused": {}})),
            owner("b Apply", json!({"f:replicas": {}})),
        ]
    );
    story.apply("a", json!({}));
    assert_eq!(*story.spec(), json!({"replicas": 1}), "b still applies replicas");
    // As in Kubernetes, the last owner takes the field along; an empty object is one itself.
    assert_eq!(story.owners()[0], owner("b Apply", json!({"f:replicas": {}})));
    story.try_apply_whole("b", &json!({"metadata": {"name": "web"}}), false).unwrap();
    assert_eq!(story.spec().get("replicas"), None);
}

#[test]
fn conflicts_name_owner_and_field() {
    let mut story = Story::new();
    story.update("kubectl-create", json!({"replicas": 1, "paused": true}));
    let error = story.try_apply("b", json!({"replicas": 2}), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-create\" using apps/v1: .spec.replicas"
    );
    assert_eq!((error.code(), error.reason), (409, crate::Reason::Conflict));
    assert_eq!(
        error.to_status()["details"]["causes"],
        json!([{
            "reason": "FieldManagerConflict", "field": ".spec.replicas",
            "message": "conflict with \"kubectl-create\" using apps/v1",
        }])
    );
    story.apply("c", json!({"paused": true}));
    let error = story.try_apply("b", json!({"replicas": 2, "paused": false}), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 3 conflicts: conflicts with \"c\":\n- .spec.paused\nconflicts with \"kubectl-create\" using apps/v1:\n- .spec.paused\n- .spec.replicas"
    );
    story.try_apply("b", json!({"replicas": 2}), true).unwrap();
    assert_eq!(story.spec()["replicas"], 2);
    assert_eq!(
        story.owners(),
        [
            owner("c Apply", json!({"f:paused": {}})),
            owner("b Apply", json!({"f:replicas": {}})),
            owner("kubectl-create Update", json!({"f:paused": {}})),
        ],
        "force takes the field over"
    );
}

#[test]
fn merges_and_prunes_lists_by_their_keys() {
    let mut story = Story::new();
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    story.apply("a", json!({"containers": [container("x", "1"), container("y", "1")]}));
    story.apply("b", json!({"containers": [{"name": "z", "ports": [{"port": 80}]}]}));
    assert_eq!(
        story.owners()[1],
        owner(
            "b Apply",
            json!({"f:containers": {"k:{\"name\":\"z\"}": {
                ".": {}, "f:name": {},
                "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}},
            }}})
        )
    );
    story.apply("a", json!({"containers": [container("y", "2")]}));
    assert_eq!(
        *story.spec(),
        json!({"containers": [
            {"name": "y", "image": "2"}, {"name": "z", "ports": [{"port": 80}]},
        ]}),
        "a no longer applies x; z is b's"
    );
    let error = story.try_apply(
        "b",
        json!({"containers": [container("z", "1"), container("z", "2")]}),
        false,
    );
    assert_eq!(
        error.unwrap_err().message,
        "failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.containers: duplicate entries for key [name=\"z\"]"
    );
    let error = story.try_apply("b", json!({"foo": 1}), false).unwrap_err();
    assert_eq!(
        error.message,
        "failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema"
    );
    let error = story.try_apply("b", json!({"containers": [{"image": "1"}]}), false).unwrap_err();
    assert!(error.message.contains("omits key field \"name\""), "{error}");
}

#[test]
fn atomic_values_are_owned_whole() {
    let mut story = Story::new();
    story.apply("a", json!({"selector": {"x": "1"}, "args": ["1"]}));
    assert_eq!(story.owners(), [owner("a Apply", json!({"f:selector": {}, "f:args": {}}))]);
    let error = story.try_apply("b", json!({"selector": {"y": "1"}}), false).unwrap_err();
    assert!(error.message.ends_with("conflict with \"a\": .spec.selector"), "{error}");
    story.apply("a", json!({"selector": {"y": "2"}}));
    assert_eq!(*story.spec(), json!({"selector": {"y": "2"}}));
}

#[test]
fn updates_are_tracked_as_kubernetes_tracks_them() {
    let mut story = Story::new();
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"a": "b"}, "finalizers": ["f"]},
        "spec": {
            "replicas": 1, "strategy": {"type": "x"},
            "containers": [{"name": "x", "image": "1"}],
        },
    });
    story.update_whole("m", "", object.clone());
    assert_eq!(
        story.owners(),
        [(
            "m Update".to_owned(),
            json!({
                "f:metadata": {
                    "f:labels": {".": {}, "f:a": {}}, "f:finalizers": {".": {}, "v:\"f\"": {}},
                },
                "f:spec": {
                    "f:replicas": {},
                    "f:strategy": {".": {}, "f:type": {}},
                    "f:containers": {
                        ".": {}, "k:{\"name\":\"x\"}": {".": {}, "f:name": {}, "f:image": {}},
                    },
                },
            })
        )]
    );
    object["spec"]["replicas"] = 2.into();
    object["metadata"]["labels"] = json!({});
    story.update_whole("n", "scale", object);
    assert_eq!(story.owners()[1].0, "n Update/scale");
    assert_eq!(story.owners()[1].1["f:spec"], json!({"f:replicas": {}}));
    assert_eq!(story.owners()[0].1["f:spec"].get("f:replicas"), None);
    assert_eq!(story.owners()[0].1["f:metadata"].get("f:labels"), Some(&json!({})));
    let times: Vec<_> = story.object.as_ref().unwrap()["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["time"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(times, ["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"]);
}

#[test]
fn a_write_that_changes_nothing_leaves_all_as_it_was() {
    let mut story = Story::new();
    story.apply("a", json!({"replicas": 1}));
    let before = story.object.clone();
    story.apply("a", json!({"replicas": 1}));
    assert_eq!(story.object, before);
    story.update("b", json!({"replicas": 1}));
    assert_eq!(story.object, before);
}

#[test]
fn owners_can_be_kept_sent_or_forgotten() {
    let mut story = Story::new();
    story.apply("a", json!({"replicas": 1}));
    let stored = story.object.clone().unwrap();
    let mut without = stored.clone();
    without["metadata"].as_object_mut().unwrap().remove("managedFields");
    story.update_whole("b", "", without.clone());
    assert_eq!(story.owners()[0].0, "a Apply", "a client that does not know the field keeps it");
    let mut reset = without.clone();
    reset["metadata"]["managedFields"] = json!([{}]);
    story.update_whole("b", "", reset);
    assert_eq!(story.object.as_ref().unwrap(), &without);
    story.update("b", json!({"replicas": 2}));
    assert!(story.owners().is_empty(), "what is not tracked stays so until it is applied to");
    story.apply("c", json!({"paused": true}));
    assert_eq!(
        story.owners().iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(),
        ["c Apply", "before-first-apply Update"]
    );
}

/// `kubectl apply` by the client, then `kubectl apply --server-side`.
#[test]
fn kubectl_takes_over_what_it_applied_as_a_client() {
    let config = |replicas: i32| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "annotations": {"note": "1 < 2"}},
            "spec": {"replicas": replicas},
        })
    };
    let mut object = config(1);
    object["metadata"]["annotations"][LAST_APPLIED] = config(1).to_string().into();
    let mut story = Story::new();
    story.update_whole("kubectl-client-side-apply", "", object);
    story.try_apply_whole("other", &config(2), false).unwrap_err();
    story.try_apply_whole("kubectl", &config(2), false).unwrap();
    assert_eq!(story.spec()["replicas"], 2);
    let kept = last_applied(story.object.as_ref().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(kept).unwrap(), config(2));
    assert!(kept.contains(r"1 \u003c 2"), "kubectl itself writes it so: {kept}");
    // What somebody else changed since is not kubectl's to take.
    story.update("hpa", json!({"replicas": 5}));
    let error = story.try_apply_whole("kubectl", &config(3), false).unwrap_err();
    assert!(error.message.contains("conflict with \"hpa\" using apps/v1"), "{error}");
}

#[test]
fn status_and_the_rest_are_written_apart() {
    let config = json!({"kind": "Deployment", "metadata": {}, "spec": {}, "status": {}});
    let names = |subresource, has_status| {
        let part = writable_part(config.clone(), subresource, has_status);
        part.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("", true), "kind metadata spec");
    assert_eq!(names("", false), "kind metadata spec status");
    assert_eq!(names("status", true), "kind metadata status");
}

#[test]
fn old_updaters_are_put_together() {
    let mut story = Story::new();
    for at in 0..14 {
        let mut object =
            story.object.clone().unwrap_or_else(|| json!({"metadata": {"labels": {}}}));
        object["metadata"]["labels"][format!("l{at}")] = "x".into();
        story.update_whole(&format!("m{at}"), "", object);
    }
    let owners = story.owners();
    assert_eq!(owners.len(), 10);
    assert_eq!(owners[0].0, "ancient-changes Update");
    let labels = owners[0].1["f:metadata"]["f:labels"].as_object().unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), [".", "f:l0", "f:l1", "f:l2", "f:l3", "f:l4"]);
}

#[path = "apply_laws.rs"]
mod laws;
