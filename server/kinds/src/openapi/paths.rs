//! The paths at which a kind is served.

use serde_json::{Map, Value, json};

use super::{gvk, list_name, operations::Operation, parameters, path};
use crate::{KindDef, SubresourceDef, Verb, schema::definitions};

/// Adds all paths of a kind.
pub(super) fn add(paths: &mut Map<String, Value>, def: &KindDef) {
    let base = format!("/{}", path(&def.group, &def.version));
    let scope = if def.is_namespaced() { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{base}{scope}/{}", def.plural);
    let item = format!("{collection}/{{name}}");
    if def.is_namespaced() && def.verbs.contains(&Verb::List) {
        let list = operation(def, Verb::List, None, "ForAllNamespaces");
        let path = format!("{base}/{}", def.plural);
        paths.insert(path, path_item(vec![parameters::pretty()], vec![list]));
    }
    let of_collection = [Verb::List, Verb::Create, Verb::DeleteCollection];
    let of_item = [Verb::Get, Verb::Update, Verb::Patch, Verb::Delete];
    for (path, verbs, named) in
        [(collection, &of_collection[..], false), (item.clone(), &of_item, true)]
    {
        let operations: Vec<_> = verbs
            .iter()
            .filter(|verb| def.verbs.contains(verb))
            .map(|verb| operation(def, *verb, None, ""))
            .collect();
        if !operations.is_empty() {
            paths.insert(path, path_item(path_parameters(def, named), operations));
        }
    }
    for sub in &def.subresources {
        let operations =
            sub.verbs.iter().map(|verb| operation(def, *verb, Some(sub), "")).collect();
        let item_of_sub = path_item(path_parameters(def, true), operations);
        paths.insert(format!("{item}/{}", sub.name), item_of_sub);
    }
}

fn path_item(parameters: Vec<Value>, operations: Vec<(&'static str, Value)>) -> Value {
    let mut item = json!({"parameters": parameters});
    for (method, operation) in operations {
        item[method] = operation;
    }
    item
}

fn path_parameters(def: &KindDef, named: bool) -> Vec<Value> {
    let name = named.then(|| parameters::name(&def.kind));
    let namespace = def.is_namespaced().then(parameters::namespace);
    name.into_iter().chain(namespace).chain([parameters::pretty()]).collect()
}

/// The operation that a verb stands for, with its HTTP method.
fn operation(
    def: &KindDef,
    verb: Verb,
    sub: Option<&SubresourceDef>,
    suffix: &str,
) -> (&'static str, Value) {
    let (action, begin, does) = match verb {
        _ if sub.is_some_and(|sub| sub.connects || sub.proxies.is_some()) => {
            ("connect", "connect", "open a stream to")
        }
        Verb::Get => ("get", "read", "read the specified"),
        Verb::List | Verb::Watch => ("list", "list", "list or watch objects of kind"),
        Verb::Create => ("post", "create", "create a"),
        Verb::Update => ("put", "replace", "replace the specified"),
        Verb::Patch => ("patch", "patch", "partially update the specified"),
        Verb::Delete => ("delete", "delete", "delete a"),
        Verb::DeleteCollection => ("deletecollection", "deleteCollection", "delete collection of"),
    };
    let other = sub.and_then(|sub| sub.response_kind);
    let (group, version, kind) = other.unwrap_or((&*def.group, &*def.version, &*def.kind));
    let definition = other
        .and_then(|(group, version, kind)| {
            definitions::posted_name(group, version, kind).map(str::to_owned)
        })
        .unwrap_or_else(|| match verb {
            Verb::List => list_name(&def.definition),
            _ => def.definition.to_string(),
        });
    let sub_name = sub.map_or("", |sub| sub.name);
    let of_sub = if sub_name.is_empty() { String::new() } else { format!("{sub_name} of the ") };
    let tag = tag(def);
    let scope = if def.is_namespaced() && suffix.is_empty() { "Namespaced" } else { "" };
    let method_mark = if action == "connect" { capital(verb.name()) } else { String::new() };
    let operation = Operation {
        action,
        id: format!(
            "{begin}{method_mark}{}{scope}{}{}{suffix}",
            tag.split('_').map(capital).collect::<String>(),
            def.kind,
            capital(sub_name),
        ),
        description: format!("{does} {of_sub}{}", def.kind),
        tag: &tag,
        gvk: &gvk(group, version, kind),
        definition: &definition,
        is_strategic: def.custom.is_none(),
    };
    // A stream's POST opens it as its GET does; what is passed on keeps its method.
    let method = match verb {
        Verb::Create if action == "connect" => "post",
        Verb::Update if action == "connect" => "put",
        Verb::Patch if action == "connect" => "patch",
        Verb::Delete if action == "connect" => "delete",
        _ => operation.method(),
    };
    (method, operation.render())
}

/// `core_v1`, `apps_v1`, `rbacAuthorization_v1`: as Kubernetes' own clients name their modules.
fn tag(def: &KindDef) -> String {
    let group = if def.group.is_empty() { "core" } else { def.group.trim_end_matches(".k8s.io") };
    let mut parts = group.split('.');
    let first = parts.next().unwrap_or_default().to_owned();
    let group = parts.fold(first, |name, part| name + &capital(part));
    format!("{group}_{}", def.version)
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
