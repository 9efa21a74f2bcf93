//! Accepts the names of a defined kind, lets it be served, and before its definition goes removes
//! the objects of the kind.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition as Definition, CustomResourceDefinitionCondition as Condition,
    CustomResourceDefinitionNames as Names,
};
use kinds::custom_resource_definition::{CLEANUP, CustomResourceDefinition as Kind, is_true};
use object::Key;
use serde_json::{Value, json};

use crate::{Action, Change, Controller, Entry, Plan, Round, World, conditions};

pub const CONTROLLER: Controller =
    Controller { name: "custom-resource-definition", watches: &["*"], keys_for, plan };

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// So many objects are deleted by one plan; the next one goes on.
const BURST_MAX: usize = 200;

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    if &*change.key.kind == DEFINITIONS {
        // Names that one gives up another may take.
        let waits = |entry: &&std::sync::Arc<Entry>| {
            entry.decode::<Kind>().is_some_and(|other| !is_true(&other, "NamesAccepted"))
        };
        let others = world.of_kind(DEFINITIONS).filter(|entry| entry.key != change.key);
        let others = others.filter(waits).map(|entry| entry.key.clone());
        return std::iter::once(change.key.clone()).chain(others).collect();
    }
    // A definition goes by the name under which the objects of its kind are stored.
    let definition = Key::new(DEFINITIONS, "", &change.key.kind);
    let waits = change.new.is_none()
        && world.entry(&definition).is_some_and(|entry| entry.meta.is_deleting());
    waits.then_some(definition).into_iter().collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(definition) = entry.decode::<Kind>() else { return Plan::default() };
    let actions = if entry.meta.is_deleting() {
        clean_up(round, entry, &definition)
    } else {
        accept(round, &definition).into_iter().collect()
    };
    Plan { actions, ..Plan::default() }
}

/// Deletes the objects, and when none is left lets the definition go.
fn clean_up(round: &Round<'_>, entry: &Entry, definition: &Definition) -> Vec<Action> {
    let held = definition.metadata.finalizers.iter().flatten();
    let left: Vec<&String> = held.clone().filter(|finalizer| *finalizer != CLEANUP).collect();
    if left.len() == held.count() {
        return Vec::new();
    }
    let objects: Vec<_> = round.world.of_kind(&entry.key.name).collect();
    if objects.is_empty() {
        return vec![
            Action::Empty { namespace: "".into(), kinds: vec![(&*entry.key.name).into()] },
            Action::Patch {
                key: entry.key.clone(),
                subresource: "",
                patch: json!({"metadata": {
                    "uid": entry.meta.uid,
                    "resourceVersion": entry.revision.to_string(),
                    "finalizers": if left.is_empty() { Value::Null } else { json!(left) },
                }}),
            },
        ];
    }
    let deletions = objects.iter().filter(|object| !object.meta.is_deleting()).take(BURST_MAX);
    let mut actions: Vec<Action> = deletions
        .map(|object| Action::Delete {
            key: object.key.clone(),
            uid: object.meta.uid.clone(),
            propagation: Some("Background"),
            grace_seconds: None,
        })
        .collect();
    let mut told = definition.clone();
    let waiting = Said {
        kind: "Terminating",
        holds: true,
        reason: "InstanceDeletionInProgress",
        message: "CustomResource deletion is in progress".to_owned(),
    };
    tell(round, &mut told, waiting);
    actions.extend(write(definition, told));
    actions
}

/// Says which names are accepted, and that the kind is served once all are.
fn accept(round: &Round<'_>, definition: &Definition) -> Option<Action> {
    let mut told = definition.clone();
    let wanted = &definition.spec.names;
    let (names, conflict) = accepted(round.world, definition);
    told.status.get_or_insert_default().accepted_names = Some(names.clone());
    let is_whole = names == *wanted;
    let said = match &conflict {
        Some((reason, message)) => {
            Said { kind: "NamesAccepted", holds: false, reason, message: message.clone() }
        }
        None => Said {
            kind: "NamesAccepted",
            holds: true,
            reason: "NoConflicts",
            message: "no conflicts found".to_owned(),
        },
    };
    tell(round, &mut told, said);
    // What was once served goes on under the names that it had.
    if is_whole && conflict.is_none() {
        tell(
            round,
            &mut told,
            Said {
                kind: "Established",
                holds: true,
                reason: "InitialNamesAccepted",
                message: "the initial names have been accepted".to_owned(),
            },
        );
    } else if !is_true(definition, "Established") {
        tell(
            round,
            &mut told,
            Said {
                kind: "Established",
                holds: false,
                reason: "NotAccepted",
                message: "not all names are accepted".to_owned(),
            },
        );
    }
    write(definition, told)
}

/// The names that nobody else has, with what stands against the first that somebody has.
fn accepted(world: &World, definition: &Definition) -> (Names, Option<(&'static str, String)>) {
    let wanted = &definition.spec.names;
    let status = definition.status.as_ref();
    let had = status.and_then(|status| status.accepted_names.clone()).unwrap_or_default();
    let taken = Taken::by_others(world, definition);
    let mut names = Names { categories: wanted.categories.clone(), ..had };
    let mut conflict = None;
    let mut refuse = |reason, name: &str| {
        conflict.get_or_insert((reason, format!("{name:?} is already in use")));
    };
    if taken.resources.contains(&wanted.plural) {
        refuse("PluralConflict", &wanted.plural);
    } else {
        names.plural.clone_from(&wanted.plural);
    }
    match wanted.singular.as_ref().filter(|name| taken.resources.contains(name)) {
        Some(name) => refuse("SingularConflict", name),
        None => names.singular.clone_from(&wanted.singular),
    }
    let short = wanted.short_names.iter().flatten().find(|name| taken.resources.contains(name));
    match short {
        Some(name) => refuse("ShortNamesConflict", name),
        None => names.short_names.clone_from(&wanted.short_names),
    }
    if taken.kinds.contains(&wanted.kind) {
        refuse("KindConflict", &wanted.kind);
    } else {
        names.kind.clone_from(&wanted.kind);
    }
    match wanted.list_kind.as_ref().filter(|name| taken.kinds.contains(name)) {
        Some(name) => refuse("ListKindConflict", name),
        None => names.list_kind.clone_from(&wanted.list_kind),
    }
    (names, conflict)
}

/// The names that other definitions of the same group hold.
#[derive(Default)]
struct Taken {
    resources: Vec<String>,
    kinds: Vec<String>,
}

impl Taken {
    fn by_others(world: &World, definition: &Definition) -> Self {
        let mut taken = Self::default();
        let others = world
            .of_kind(DEFINITIONS)
            .filter(|entry| Some(&*entry.key.name) != definition.metadata.name.as_deref())
            .filter_map(|entry| entry.decode::<Kind>())
            .filter(|other| other.spec.group == definition.spec.group);
        for names in others.filter_map(|other| other.status?.accepted_names) {
            let short_names = names.short_names.into_iter().flatten();
            taken.resources.push(names.plural);
            taken.resources.extend(names.singular.into_iter().chain(short_names));
            taken.kinds.push(names.kind);
            taken.kinds.extend(names.list_kind);
        }
        taken
    }
}

struct Said {
    kind: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

fn tell(round: &Round<'_>, definition: &mut Definition, said: Said) {
    let status = conditions::word(said.holds);
    let all = definition.status.get_or_insert_default().conditions.get_or_insert_default();
    let known = all.iter().position(|condition| condition.type_ == said.kind);
    let was = known.map(|at| all[at].clone());
    let same = was.as_ref().filter(|was| was.status == status);
    let now = || Some(conditions::time(round.now));
    let condition = Condition {
        type_: said.kind.to_owned(),
        status: status.to_owned(),
        reason: Some(said.reason.to_owned()),
        message: Some(said.message),
        last_transition_time: same.map_or_else(now, |was| was.last_transition_time.clone()),
        ..Condition::default()
    };
    match known {
        Some(at) => all[at] = condition,
        None => all.push(condition),
    }
}

fn write(definition: &Definition, told: Definition) -> Option<Action> {
    if told.status == definition.status {
        return None;
    }
    let name = definition.metadata.name.as_deref().unwrap_or_default();
    Some(Action::SetStatus { key: Key::new(DEFINITIONS, "", name), body: json!(told) })
}

#[cfg(test)]
mod tests;
