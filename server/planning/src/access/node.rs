//! What the agent of a node may: its own node, the pods bound to it and what those refer to, and
//! the services that it routes.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use object::{Key, selector::FieldSelector};
use serde::Deserialize;

use super::{Attributes, Verdict};

const ACCOUNTS: &str = "serviceaccounts";

/// What a bound pod refers to: kind, namespace, name.
type Reference = (&'static str, Arc<str>, Arc<str>);

/// Which pods are bound to which node, and what they refer to.
#[derive(Clone, Default)]
pub(super) struct Nodes {
    /// By namespace and name.
    pods: OrdMap<(Arc<str>, Arc<str>), Arc<Bound>>,
    /// Node, reference, and the pod that makes it.
    reached: OrdSet<(Arc<str>, Reference, Arc<str>)>,
}

struct Bound {
    node: Arc<str>,
    refers_to: Vec<Reference>,
}

impl Nodes {
    pub(super) fn apply(&mut self, key: &Key, body: Option<&[u8]>) {
        let id = (key.namespace.clone(), key.name.clone());
        if let Some(old) = self.pods.remove(&id) {
            for reference in &old.refers_to {
                self.reached.remove(&(old.node.clone(), reference.clone(), key.name.clone()));
            }
        }
        let pod = body.and_then(|body| serde_json::from_slice::<PodParts>(body).ok());
        let Some(pod) = pod.filter(|pod| !pod.spec.node_name.is_empty()) else { return };
        let bound =
            Bound { refers_to: pod.spec.references(&key.namespace), node: pod.spec.node_name };
        for reference in &bound.refers_to {
            self.reached.insert((bound.node.clone(), reference.clone(), key.name.clone()));
        }
        self.pods.insert(id, Arc::new(bound));
    }

    pub(super) fn node_of(&self, namespace: &str, pod: &str) -> Option<&str> {
        self.pods.get(&(namespace.into(), pod.into())).map(|bound| &*bound.node)
    }

    pub(super) fn runs_as(&self, namespace: &str, pod: &str, account: &str) -> bool {
        let reference: Reference = (ACCOUNTS, namespace.into(), account.into());
        let bound = self.pods.get(&(namespace.into(), pod.into()));
        bound.is_some_and(|bound| bound.refers_to.contains(&reference))
    }

    fn reaches(&self, node: &str, kind: &'static str, namespace: &str, name: &str) -> bool {
        let reference: Reference = (kind, namespace.into(), name.into());
        let from = (Arc::from(node), reference.clone(), Arc::from(""));
        self.reached.range(from..).next().is_some_and(|(n, r, _)| **n == *node && *r == reference)
    }

    /// May the agent of `node` do that?
    pub(super) fn authorize(&self, node: &str, wanted: &Attributes) -> Verdict {
        let no_relation = || {
            Verdict::Denied(format!("no relationship found between node '{node}' and this object"))
        };
        let allowed = |yes: bool| if yes { Verdict::Allowed } else { no_relation() };
        let verb = wanted.verb.as_str();
        let reads = matches!(verb, "get" | "list" | "watch");
        let own = wanted.name == node;
        let referred = |kind| self.reaches(node, kind, &wanted.namespace, &wanted.name);
        let own_pod = || self.node_of(&wanted.namespace, &wanted.name) == Some(node);
        let resource = wanted.full_resource();
        match (wanted.group.as_str(), resource.as_str()) {
            ("", "nodes") if reads || verb == "create" => Verdict::Allowed,
            ("", "nodes") => allowed(own && matches!(verb, "update" | "patch")),
            ("", "nodes/status") => allowed(own && verb != "delete"),
            ("longshore.dev", "nodes/tunnel") => allowed(own),
            ("", "pods") if verb == "list" || verb == "watch" => {
                allowed(own_pod() || selects_node(&wanted.fields, node))
            }
            ("", "pods") => allowed(matches!(verb, "get" | "delete") && own_pod()),
            ("", "pods/status") => allowed(matches!(verb, "get" | "update" | "patch") && own_pod()),
            ("", "pods/eviction") => allowed(verb == "create" && own_pod()),
            ("", "configmaps") => allowed(reads && referred("configmaps")),
            ("", "secrets") => allowed(reads && referred("secrets")),
            ("", "serviceaccounts") => allowed(reads && referred(ACCOUNTS)),
            // Bound to a pod of the node: admission sees to that.
            ("", "serviceaccounts/token") => allowed(verb == "create" && referred(ACCOUNTS)),
            ("", "services") | ("discovery.k8s.io", "endpointslices") if reads => Verdict::Allowed,
            ("", "events") if matches!(verb, "create" | "update" | "patch" | "get") => {
                Verdict::Allowed
            }
            ("coordination.k8s.io", "leases") => allowed(
                wanted.namespace == "kube-node-lease"
                    && (verb == "create"
                        || (own && matches!(verb, "get" | "update" | "patch" | "delete"))),
            ),
            _ => Verdict::Denied(String::new()),
        }
    }
}

/// Whether a field selector asks for the pods of one node only.
fn selects_node(fields: &str, node: &str) -> bool {
    FieldSelector::parse(fields).is_ok_and(|selector| selector.exact("spec.nodeName") == Some(node))
}

/// The parts of a pod that refer to other objects, read without the rest.
#[derive(Deserialize)]
struct PodParts {
    #[serde(default)]
    spec: SpecParts,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpecParts {
    node_name: Arc<str>,
    service_account_name: Arc<str>,
    image_pull_secrets: Vec<Named>,
    volumes: Vec<VolumeParts>,
    containers: Vec<ContainerParts>,
    init_containers: Vec<ContainerParts>,
    ephemeral_containers: Vec<ContainerParts>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    /// Secrets' volumes have a word of their own for it.
    #[serde(alias = "secretName")]
    name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VolumeParts {
    secret: Option<Named>,
    config_map: Option<Named>,
    projected: Projected,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Projected {
    sources: Vec<Source>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    secret: Option<Named>,
    config_map: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerParts {
    env: Vec<Env>,
    env_from: Vec<EnvFrom>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Env {
    value_from: EnvSource,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvSource {
    secret_key_ref: Option<Named>,
    config_map_key_ref: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvFrom {
    secret_ref: Option<Named>,
    config_map_ref: Option<Named>,
}

impl SpecParts {
    fn references(&self, namespace: &Arc<str>) -> Vec<Reference> {
        let mut secrets: Vec<&Named> = self.image_pull_secrets.iter().collect();
        let mut maps: Vec<&Named> = Vec::new();
        for volume in &self.volumes {
            secrets.extend(&volume.secret);
            maps.extend(&volume.config_map);
            for source in &volume.projected.sources {
                secrets.extend(&source.secret);
                maps.extend(&source.config_map);
            }
        }
        let containers =
            self.containers.iter().chain(&self.init_containers).chain(&self.ephemeral_containers);
        for container in containers {
            for env in &container.env {
                secrets.extend(&env.value_from.secret_key_ref);
                maps.extend(&env.value_from.config_map_key_ref);
            }
            for from in &container.env_from {
                secrets.extend(&from.secret_ref);
                maps.extend(&from.config_map_ref);
            }
        }
        let named = |kind: &'static str, name: &Arc<str>| (kind, namespace.clone(), name.clone());
        let mut all: Vec<Reference> =
            secrets.iter().map(|one| named("secrets", &one.name)).collect();
        all.extend(maps.iter().map(|one| named("configmaps", &one.name)));
        all.push(named(ACCOUNTS, &self.service_account_name));
        all.retain(|(_, _, name)| !name.is_empty());
        all.sort();
        all.dedup();
        all
    }
}
