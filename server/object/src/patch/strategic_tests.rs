use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    patch::merge::tests as merge_tests,
    schema::{Definition, Field, Node, PatchStrategy, Types},
};

fn field(name: &str, node: Node, patch: PatchStrategy) -> Field {
    Field { name: name.into(), node, required: false, implied: false, patch, default: None }
}

fn list(items: Node) -> Node {
    Node::List { items: Box::new(items), kind: crate::schema::ListKind::Atomic }
}

fn merged_by(key: &str) -> PatchStrategy {
    let merge_key = (!key.is_empty()).then(|| key.into());
    PatchStrategy { merge: true, merge_key, ..PatchStrategy::default() }
}

/// `{items: [{name, list}], words: [..], plain: [..], whole: {..}}`.
fn types() -> Types {
    let replace = PatchStrategy { replace: true, ..PatchStrategy::default() };
    Types {
        roots: [("Root".into(), Node::Object(0))].into(),
        definitions: vec![
            Definition {
                name: "Root".into(),
                atomic: false,
                open: false,
                fields: vec![
                    field("items", list(Node::Object(1)), merged_by("name")),
                    field("plain", list(Node::Any), PatchStrategy::default()),
                    field("whole", Node::Object(1), replace),
                    field("words", list(Node::Any), merged_by("")),
                ],
            },
            Definition {
                name: "Item".into(),
                atomic: false,
                open: false,
                fields: vec![field("list", list(Node::Object(1)), merged_by("name"))],
            },
        ],
    }
}

fn patched(original: &Value, patch: Value) -> Result<Value, ApiError> {
    let types = types();
    let mut target = original.clone();
    apply(&mut target, patch, types.schema("Root").unwrap())?;
    Ok(target)
}

#[test]
fn obeys_every_directive() {
    for (original, patch, expected) in [
        // Objects merge, null deletes, unmatched nulls vanish.
        (
            json!({"a": {"b": 1}}),
            json!({"a": {"c": 2, "b": null}, "d": {"e": null}}),
            json!({"a": {"c": 2}, "d": {}}),
        ),
        (
            json!({"a": {"b": 1}}),
            json!({"a": {"$patch": "replace", "c": 2}}),
            json!({"a": {"c": 2}}),
        ),
        (json!({"a": {"b": 1}}), json!({"a": {"$patch": "delete"}}), json!({"a": {}})),
        (
            json!({"a": {"b": 1, "c": 2}}),
            json!({"a": {"$retainKeys": ["b", "d"], "d": 3}}),
            json!({"a": {"b": 1, "d": 3}}),
        ),
        (json!({"whole": {"b": 1}}), json!({"whole": {"c": 2}}), json!({"whole": {"c": 2}})),
        // Lists: replaced, merged by key, merged as sets.
        (json!({"plain": [1, 2]}), json!({"plain": [3]}), json!({"plain": [3]})),
        (
            json!({"items": [{"name": "a", "x": 1}, {"name": "b"}]}),
            json!({"items": [{"name": "a", "y": 2}, {"name": "c", "z": null}]}),
            json!({"items": [{"name": "a", "x": 1, "y": 2}, {"name": "c"}, {"name": "b"}]}),
        ),
        (
            json!({"items": [{"name": "a", "x": 1}, {"name": "b"}]}),
            json!({"items": [{"name": "a", "$patch": "delete"}]}),
            json!({"items": [{"name": "b"}]}),
        ),
        (
            json!({"items": [{"name": "a", "x": 1}, {"name": "b"}]}),
            json!({"items": [{"name": "c"}, {"$patch": "replace"}]}),
            json!({"items": [{"name": "c"}]}),
        ),
        (
            json!({"words": ["a", "b"]}),
            json!({"words": ["c", "a"]}),
            json!({"words": ["c", "a", "b"]}),
        ),
        (
            json!({"words": ["a", "b", "c"]}),
            json!({"$deleteFromPrimitiveList/words": ["b"]}),
            json!({"words": ["a", "c"]}),
        ),
        (
            json!({"words": ["a", "b", "c"]}),
            json!({"$deleteFromPrimitiveList/words": ["b"], "$setElementOrder/words": ["d", "c", "a"], "words": ["d"]}),
            json!({"words": ["d", "c", "a"]}),
        ),
        // Order: the patch's items in its order, the server's own in their old place.
        (
            json!({"items": [{"name": "a"}, {"name": "s"}, {"name": "b"}]}),
            json!({"$setElementOrder/items": [{"name": "b"}, {"name": "a"}]}),
            json!({"items": [{"name": "s"}, {"name": "b"}, {"name": "a"}]}),
        ),
        (
            json!({"items": [{"name": "a"}, {"name": "b"}]}),
            json!({"$setElementOrder/items": [{"name": "c"}, {"name": "a"}], "items": [{"name": "c", "x": 1}, {"name": "b", "$patch": "delete"}]}),
            json!({"items": [{"name": "c", "x": 1}, {"name": "a"}]}),
        ),
        (
            json!({}),
            json!({"$setElementOrder/items": [{"name": "b"}, {"name": "a"}], "items": [{"name": "b"}, {"name": "a", "$setElementOrder/list": []}]}),
            json!({"items": [{"name": "b"}, {"name": "a"}]}),
        ),
        // Lists within lists.
        (
            json!({"items": [{"name": "a", "list": [{"name": "x", "v": 1}]}]}),
            json!({"items": [{"name": "a", "list": [{"name": "y"}]}]}),
            json!({"items": [{"name": "a", "list": [{"name": "y"}, {"name": "x", "v": 1}]}]}),
        ),
        (
            json!({"items": null}),
            json!({"items": [{"name": "a"}]}),
            json!({"items": [{"name": "a"}]}),
        ),
        (json!({"items": [{"name": "a"}]}), json!({"items": null}), json!({})),
    ] {
        assert_eq!(patched(&original, patch.clone()).unwrap(), expected, "{original} + {patch}");
    }
}

#[test]
fn refuses_what_contradicts_itself() {
    let original = json!({"items": [{"name": "a"}], "a": {"b": 1}});
    for (patch, part) in [
        (json!({"a": {"$patch": "shuffle"}}), "unknown patch directive \"shuffle\""),
        (json!({"items": [{"x": 1}]}), "does not contain declared merge key: name"),
        (json!({"a": {"$retainKeys": ["b"], "c": 1}}), "which its $retainKeys list does not name"),
        (json!({"$setElementOrder/items": 1}), "$setElementOrder/items must be a list"),
        (
            json!({"$setElementOrder/items": [{"name": "b"}], "items": [{"name": "c"}]}),
            "does not match its $setElementOrder list",
        ),
        (json!({"words": [{"a": 1}]}), "cannot merge lists without merge key for words"),
    ] {
        let error = patched(&original, patch.clone()).unwrap_err();
        assert_eq!(error.code(), 400);
        assert!(error.message.contains(part), "{patch}: {error}");
    }
}

proptest! {
    #[test]
    fn untyped_patch_is_a_merge_patch_on_equal_types(
        original in merge_tests::object(merge_tests::value()),
        patch in merge_tests::object(merge_tests::value()),
    ) {
        let mut strategic = original.clone();
        apply(&mut strategic, patch.clone(), Schema::untyped()).unwrap();
        let again = {
            let mut again = strategic.clone();
            apply(&mut again, patch, Schema::untyped()).unwrap();
            again
        };
        prop_assert_eq!(again, strategic, "a patch without directives can be repeated");
    }
}
