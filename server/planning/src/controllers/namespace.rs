//! Empties a namespace that is being deleted, then lets it go.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use object::Key;
use serde_json::json;

use crate::{Action, Change, Controller, Entry, Plan, Round, World, conditions};

pub const CONTROLLER: Controller =
    Controller { name: "namespace-controller", watches: &["*"], keys_for, plan };

pub(super) const NAMESPACES: &str = "namespaces";

const PODS: &str = "pods";

/// So many objects are deleted by one plan; the next one goes on.
const BURST_MAX: usize = 200;

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == NAMESPACES {
        return vec![change.key.clone()];
    }
    let namespace = Key::new(NAMESPACES, "", &change.key.namespace);
    let is_deleting = |entry: &Arc<Entry>| entry.meta.is_deleting();
    world.entry(&namespace).is_some_and(is_deleting).then_some(namespace).into_iter().collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    if !entry.meta.is_deleting() {
        return Plan::default();
    }
    let Some(namespace) = entry.decode::<kinds::namespace::Namespace>() else {
        return Plan::default();
    };
    let name = &entry.key.name;
    let content: Vec<&Arc<Entry>> = round
        .world
        .kinds()
        .stored()
        .filter(|def| def.is_namespaced())
        .flat_map(|def| round.world.in_namespace(&def.name, name))
        .collect();
    // What pods use is kept until they have ended.
    let has_pods = content.iter().any(|object| &*object.key.kind == PODS);
    let mut actions: Vec<Action> = content
        .iter()
        .filter(|object| !has_pods || &*object.key.kind == PODS)
        .filter(|object| !object.meta.is_deleting())
        .take(BURST_MAX)
        .map(|object| Action::Delete {
            key: object.key.clone(),
            uid: object.meta.uid.clone(),
            propagation: Some("Background"),
            grace_seconds: None,
        })
        .collect();
    if content.is_empty() {
        actions.extend(release(round, entry, &namespace));
    } else {
        actions.extend(status(round, entry, &namespace, &content));
    }
    Plan { actions, ..Plan::default() }
}

/// Nothing is seen in it; if there really is nothing, it may go.
fn release(round: &Round<'_>, entry: &Entry, namespace: &Namespace) -> Vec<Action> {
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.clone());
    let mut finalizers = finalizers.unwrap_or_default();
    let before = finalizers.len();
    finalizers.retain(|name| name != kinds::namespace::FINALIZER);
    if finalizers.len() == before {
        return Vec::new();
    }
    let kinds = round.world.kinds().stored();
    let kinds = kinds.filter(|def| def.is_namespaced() && def.verbs.contains(&kinds::Verb::List));
    let kinds = kinds.map(|def| def.name.clone()).collect();
    let mut body = json!(namespace);
    body["spec"]["finalizers"] = json!(finalizers);
    vec![
        Action::Empty { namespace: entry.key.name.clone(), kinds },
        Action::Update { key: entry.key.clone(), subresource: "finalize", body },
    ]
}

/// Tells what the deletion waits for.
fn status(
    round: &Round<'_>,
    entry: &Entry,
    namespace: &Namespace,
    content: &[&Arc<Entry>],
) -> Option<Action> {
    let waiting: Vec<&Arc<Entry>> =
        content.iter().copied().filter(|object| object.meta.is_deleting()).collect();
    if waiting.is_empty() {
        return None;
    }
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut finalizers: BTreeMap<&str, usize> = BTreeMap::new();
    for object in &waiting {
        let kind = &object.key.kind;
        *kinds.entry(format!("{}.{}", kind.plural(), kind.group())).or_insert(0) += 1;
        for finalizer in &object.meta.finalizers {
            *finalizers.entry(finalizer).or_insert(0) += 1;
        }
    }
    let remaining =
        join(kinds.iter().map(|(k, count)| format!("{k} has {count} resource instances")));
    let held =
        join(finalizers.iter().map(|(f, count)| format!("{f} in {count} resource instances")));
    let mut status = namespace.status.clone().unwrap_or_default();
    let before = status.clone();
    let conditions = status.conditions.get_or_insert_default();
    set(
        round,
        conditions,
        "NamespaceContentRemaining",
        "SomeResourcesRemain",
        Some(remaining).map(|text| format!("Some resources are remaining: {text}")),
    );
    set(
        round,
        conditions,
        "NamespaceFinalizersRemaining",
        "SomeFinalizersRemain",
        (!finalizers.is_empty())
            .then(|| format!("Some content in the namespace has finalizers remaining: {held}")),
    );
    if status == before {
        return None;
    }
    let body = json!(Namespace { status: Some(status), ..namespace.clone() });
    Some(Action::SetStatus { key: entry.key.clone(), body })
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

/// `None`: there is nothing of that sort.
fn set(
    round: &Round<'_>,
    conditions: &mut Vec<NamespaceCondition>,
    type_: &str,
    reason: &str,
    message: Option<String>,
) {
    let old = conditions.iter().position(|c| c.type_ == type_).map(|at| conditions.remove(at));
    let Some(message) = message else { return };
    let since = old.filter(|old| old.status == "True").and_then(|old| old.last_transition_time);
    conditions.push(NamespaceCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(since.unwrap_or_else(|| conditions::time(round.now))),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    fn lab() -> Lab {
        Lab::with([
            json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "d", "deletionTimestamp": "2026-01-01T00:00:00Z"},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Terminating"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "d"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "e"}}),
        ])
    }

    fn key() -> Key {
        Key::new(NAMESPACES, "", "d")
    }

    #[test]
    fn empties_it_then_lets_it_go() {
        let mut lab = lab();
        let plan = lab.plan(&CONTROLLER, &key());
        assert_eq!(plan.to_string(), "delete configmaps/d/a\n");
        lab.apply(&plan);
        assert_eq!(
            lab.plan(&CONTROLLER, &key()).to_string(),
            "only if empty d\nupdate namespaces/d/finalize\n"
        );
        assert!(lab.world.entry(&Key::new("configmaps", "e", "b")).is_some());
    }

    #[test]
    fn pods_go_before_what_they_use() {
        let mut lab = lab();
        lab.put(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "d"}, "spec": {"containers": []}}));
        assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "delete pods/d/p\n");
        lab.remove(&Key::new(PODS, "d", "p"));
        assert_eq!(lab.plan(&CONTROLLER, &key()).to_string(), "delete configmaps/d/a\n");
    }

    #[test]
    fn tells_what_it_waits_for() {
        let mut lab = lab();
        lab.edit(&Key::new("configmaps", "d", "a"), |map| {
            map["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            map["metadata"]["finalizers"] = json!(["example.com/held"]);
        });
        let plan = lab.plan(&CONTROLLER, &key());
        let shown = plan.to_string();
        assert!(shown.contains("configmaps. has 1 resource instances"), "{shown}");
        assert!(shown.contains("example.com/held in 1 resource instances"), "{shown}");
        lab.apply(&plan);
        assert!(lab.plan(&CONTROLLER, &key()).actions.is_empty());
    }

    #[test]
    fn what_happens_in_it_wakes_it_only_while_it_goes() {
        let mut lab = lab();
        let change = lab.remove(&Key::new("configmaps", "d", "a")).unwrap();
        assert_eq!(keys_for(&change, &lab.world), [key()]);
        let change = lab.remove(&Key::new("configmaps", "e", "b")).unwrap();
        assert!(keys_for(&change, &lab.world).is_empty());
    }
}
