//! What is served: aggregated (one document for all groups) and as separate lists. All of it reads
//! the registry of kinds.

use std::{collections::BTreeMap, sync::Arc};

use kinds::{KindDef, Registry, Scope, SubresourceDef, Verb};
use serde_json::{Value, json};

use crate::resolve::{Discovery, nowhere};
use object::ApiError;

/// A version of a group, and what is served in it.
type Version<'r> = (&'r str, Vec<&'r Arc<KindDef>>);

/// The groups in the order of the registry, each with its versions, the preferred one first.
fn groups(registry: &Registry) -> Vec<(&str, Vec<Version<'_>>)> {
    let mut groups: Vec<(&str, Vec<Version<'_>>)> = Vec::new();
    for def in registry.served() {
        let versions = match groups.iter().position(|(name, _)| def.group == *name) {
            Some(at) => &mut groups[at].1,
            None => &mut groups.push_mut((&*def.group, Vec::new())).1,
        };
        match versions.iter_mut().find(|(version, _)| def.version == *version) {
            Some((_, kinds)) => kinds.push(def),
            None => versions.push((&*def.version, vec![def])),
        }
    }
    for (_, versions) in &mut groups {
        versions.sort_by_key(|(version, _)| priority(version));
    }
    groups
}

/// `v2` before `v1` before `v1beta1` before `v1alpha1`, as Kubernetes prefers them.
fn priority(version: &str) -> (u8, std::cmp::Reverse<u32>, std::cmp::Reverse<u32>) {
    let digits = |text: &str| {
        text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
    };
    let major = digits(version.trim_start_matches('v'));
    let (level, minor) = match (version.split_once("beta"), version.split_once("alpha")) {
        (Some((_, minor)), _) => (1, digits(minor)),
        (_, Some((_, minor))) => (2, digits(minor)),
        _ => (0, 0),
    };
    (level, std::cmp::Reverse(major), std::cmp::Reverse(minor))
}

/// Every path that has an answer of its own.
pub(crate) fn paths(registry: &Registry) -> Vec<String> {
    const OWN: [&str; 12] = [
        "/.well-known/openid-configuration",
        "/api",
        "/apis",
        "/healthz",
        "/livez",
        "/livez/ping",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/openid/v1/jwks",
        "/readyz",
        "/version",
    ];
    let mut paths: Vec<String> = OWN.map(str::to_owned).to_vec();
    for (group, versions) in groups(registry) {
        let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
        paths.extend(versions.iter().map(|(version, _)| format!("{root}/{version}")));
        paths.push(root);
    }
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn verbs(verbs: &[Verb]) -> Value {
    let mut names: Vec<&str> = verbs.iter().map(|verb| verb.name()).collect();
    names.sort_unstable();
    names.into()
}

fn kind_of<'d>(def: &'d KindDef, sub: &SubresourceDef) -> (&'d str, &'d str, &'d str) {
    sub.response_kind.unwrap_or((&*def.group, &*def.version, &*def.kind))
}

/// `/api` (`core`) or `/apis` in one document, as `apidiscovery.k8s.io/VERSION`.
pub(crate) fn aggregated(registry: &Registry, core: bool, version: &str) -> Value {
    let items: Vec<Value> = groups(registry)
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|(version, kinds)| {
                    let resources: Vec<Value> =
                        kinds.into_iter().map(|def| resource(def)).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    })
}

fn resource(def: &KindDef) -> Value {
    let scope = if def.scope == Scope::Namespaced { "Namespaced" } else { "Cluster" };
    let mut resource = json!({
        "resource": def.plural, "scope": scope, "singularResource": def.singular,
        "responseKind": {"group": def.group, "version": def.version, "kind": def.kind},
        "verbs": verbs(def.verbs),
    });
    if !def.short_names.is_empty() {
        resource["shortNames"] = json!(def.short_names);
    }
    if !def.categories.is_empty() {
        resource["categories"] = json!(def.categories);
    }
    if !def.subresources.is_empty() {
        let subresources = def.subresources.iter().map(|sub| {
            let (group, version, kind) = kind_of(def, sub);
            json!({
                "subresource": sub.name, "verbs": verbs(sub.verbs),
                "responseKind": {"group": group, "version": version, "kind": kind},
            })
        });
        resource["subresources"] = subresources.collect();
    }
    resource
}

/// The documents that clients without aggregated discovery read one by one.
pub(crate) fn separate(registry: &Registry, asked: &Discovery) -> Result<Value, ApiError> {
    match asked {
        Discovery::Core => Ok(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        })),
        Discovery::Groups => {
            let groups: Vec<Value> = groups(registry)
                .into_iter()
                .filter(|(group, _)| !group.is_empty())
                .map(|(group, versions)| describe_group(group, &versions))
                .collect();
            Ok(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        Discovery::Group(name) => {
            let (group, versions) = groups(registry)
                .into_iter()
                .find(|(group, _)| group == name)
                .ok_or_else(nowhere)?;
            let mut described = describe_group(group, &versions);
            described["kind"] = "APIGroup".into();
            described["apiVersion"] = "v1".into();
            Ok(described)
        }
        Discovery::Kinds { group, version } => {
            if !registry.serves(group, version) {
                return Err(nowhere());
            }
            Ok(list_kinds(registry, group, version))
        }
    }
}

fn describe_group(group: &str, versions: &[Version<'_>]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|(version, _)| {
            json!({"groupVersion": format!("{group}/{version}"), "version": version})
        })
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions[0]})
}

/// `APIResourceList`: kinds in order, each followed by its subresources.
fn list_kinds(registry: &Registry, group: &str, version: &str) -> Value {
    let mut listed: BTreeMap<String, Value> = BTreeMap::new();
    for def in registry.served().filter(|def| def.group == group && def.version == version) {
        let namespaced = def.is_namespaced();
        let mut entry = json!({
            "name": def.plural, "singularName": def.singular, "namespaced": namespaced,
            "kind": def.kind, "verbs": verbs(def.verbs),
        });
        if !def.short_names.is_empty() {
            entry["shortNames"] = json!(def.short_names);
        }
        if !def.categories.is_empty() {
            entry["categories"] = json!(def.categories);
        }
        listed.insert(def.plural.to_string(), entry);
        for sub in &def.subresources {
            let name = format!("{}/{}", def.plural, sub.name);
            let (sub_group, sub_version, kind) = kind_of(def, sub);
            let mut entry = json!({
                "name": name, "singularName": "", "namespaced": namespaced, "kind": kind,
                "verbs": verbs(sub.verbs),
            });
            if (sub_group, sub_version) != (group, version) {
                entry["group"] = sub_group.into();
                entry["version"] = sub_version.into();
            }
            listed.insert(name, entry);
        }
    }
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let resources: Vec<Value> = listed.into_values().collect();
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": resources,
    })
}

/// `/version`: the Kubernetes whose API this is, and our own.
pub(crate) fn version() -> Value {
    let own = env!("CARGO_PKG_VERSION");
    json!({
        "major": "1", "minor": "37", "gitVersion": format!("v1.37.0+longshore.{own}"),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "", "goVersion": "",
        "compiler": "rustc", "platform": "linux/amd64",
        "emulationMajor": "1", "emulationMinor": "37",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "37",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_stable_and_newer_versions() {
        let mut versions = vec!["v1alpha1", "v1", "v2beta1", "v2", "v1beta2", "v1beta1"];
        versions.sort_by_key(|version| priority(version));
        assert_eq!(versions, ["v2", "v1", "v2beta1", "v1beta2", "v1beta1", "v1alpha1"]);
    }

    #[test]
    fn both_forms_name_every_kind() {
        let aggregated = [true, false].map(|core| aggregated(Registry::builtin(), core, "v2"));
        for def in kinds::all() {
            let document = &aggregated[usize::from(!def.group.is_empty())];
            let listed = list_kinds(Registry::builtin(), &def.group, &def.version);
            assert!(document.to_string().contains(&format!("\"resource\":\"{}\"", def.plural)));
            assert!(listed.to_string().contains(&format!("\"name\":\"{}\"", def.plural)));
        }
    }
}
