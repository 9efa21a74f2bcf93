use super::*;
use crate::testing::Lab;

fn definition(plural: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    })
}

fn key(plural: &str) -> Key {
    Key::new(DEFINITIONS, "", &format!("{plural}.example.com"))
}

fn reason(lab: &Lab, plural: &str, kind: &str) -> String {
    let read = lab.world.entry(&key(plural)).unwrap().decode::<Kind>().unwrap();
    let conditions = read.status.unwrap().conditions.unwrap();
    let found = conditions.iter().find(|condition| condition.type_ == kind).unwrap();
    format!("{} {}", found.status, found.reason.as_deref().unwrap_or_default())
}

#[test]
fn serves_a_kind_whose_names_are_free() {
    let mut lab = Lab::with([definition("widgets", "Widget")]);
    assert!(lab.world.kinds().find("widgets.example.com").is_none());
    lab.settle(&[CONTROLLER]);
    assert_eq!(reason(&lab, "widgets", "NamesAccepted"), "True NoConflicts");
    assert_eq!(reason(&lab, "widgets", "Established"), "True InitialNamesAccepted");
    assert!(lab.world.kinds().find("widgets.example.com").is_some());
    assert!(lab.plan(&CONTROLLER, &key("widgets")).actions.is_empty());
}

#[test]
fn a_kind_waits_for_names_that_another_has() {
    let mut lab = Lab::with([definition("widgets", "Widget"), definition("gadgets", "Widget")]);
    lab.settle(&[CONTROLLER]);
    let (first, second) = ("gadgets", "widgets");
    assert_eq!(reason(&lab, first, "Established"), "True InitialNamesAccepted");
    assert_eq!(reason(&lab, second, "NamesAccepted"), "False SingularConflict");
    assert_eq!(reason(&lab, second, "Established"), "False NotAccepted");
    lab.remove(&key(first));
    lab.settle(&[CONTROLLER]);
    assert_eq!(reason(&lab, second, "Established"), "True InitialNamesAccepted");
}

#[test]
fn a_definition_goes_after_its_objects() {
    let mut lab = Lab::with([definition("widgets", "Widget")]);
    lab.settle(&[CONTROLLER]);
    lab.put(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", "namespace": "d"}}));
    lab.edit(&key("widgets"), |definition| {
        definition["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        definition["metadata"]["finalizers"] = json!([CLEANUP]);
    });
    let plan = lab.plan(&CONTROLLER, &key("widgets"));
    let shown = plan.to_string();
    assert!(shown.starts_with("delete widgets.example.com/d/a\n"), "{shown}");
    lab.apply(&plan);
    assert_eq!(reason(&lab, "widgets", "Terminating"), "True InstanceDeletionInProgress");
    let shown = lab.plan(&CONTROLLER, &key("widgets")).to_string();
    assert!(
        shown.starts_with("only if empty widgets.example.com\npatch customresourcedefinitions"),
        "{shown}"
    );
}
