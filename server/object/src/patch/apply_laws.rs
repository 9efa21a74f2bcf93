//! What holds after any story of writes.

use proptest::prelude::*;

use super::*;

/// A small spec in the vocabulary of [`types`].
fn spec() -> impl Strategy<Value = Value> {
    let container = ("[xyz]", proptest::option::of("[12]"));
    let containers = proptest::collection::vec(container, 0..3);
    (proptest::option::of(0..3_i32), proptest::option::of("[ab]"), containers).prop_map(
        |(replicas, selector, containers)| {
            let mut spec = json!({});
            if let Some(replicas) = replicas {
                spec["replicas"] = replicas.into();
            }
            if let Some(value) = selector {
                spec["selector"] = json!({"k": value});
            }
            let mut list: Vec<Value> = Vec::new();
            for (name, image) in containers {
                if list.iter().all(|other| other["name"] != name.as_str()) {
                    list.push(json!({"name": name}));
                    if let Some(image) = image {
                        list.last_mut().unwrap()["image"] = image.into();
                    }
                }
            }
            if !list.is_empty() {
                spec["containers"] = list.into();
            }
            spec
        },
    )
}

proptest! {
    /// Whatever happened before: after a forced apply the object has what was applied, and
    /// applying it again changes nothing and needs no force.
    #[test]
    fn applying_holds_and_can_be_repeated(
        steps in proptest::collection::vec(("[abu]", spec()), 0..5),
        last in spec(),
    ) {
        let mut story = Story::new();
        for (manager, spec) in steps {
            if manager == "u" {
                story.update(&manager, spec);
            } else {
                story.try_apply(&manager, spec, true).unwrap();
            }
        }
        story.try_apply("a", last.clone(), true).unwrap();
        let after = story.object.clone().unwrap();
        if let Some(replicas) = last.get("replicas") {
            prop_assert_eq!(&after["spec"]["replicas"], replicas);
        }
        for container in last["containers"].as_array().into_iter().flatten() {
            let found = after["spec"]["containers"].as_array().unwrap().iter()
                .find(|other| other["name"] == container["name"]).unwrap();
            for (name, value) in container.as_object().unwrap() {
                prop_assert_eq!(&found[name], value);
            }
        }
        story.try_apply("a", last, false).unwrap();
        prop_assert_eq!(story.object.unwrap(), after);
    }

    /// A manager alone: applying makes the spec exactly what it applied last.
    #[test]
    fn one_manager_leaves_nothing_behind(first in spec(), second in spec()) {
        let mut story = Story::new();
        story.apply("a", first);
        story.apply("a", second.clone());
        let mut fresh = Story::new();
        fresh.apply("a", second);
        let spec = |story: &Story| story.object.as_ref().unwrap().get("spec").cloned();
        prop_assert_eq!(spec(&story), spec(&fresh));
    }
}
