//! Roles and bindings, compiled: who holds which role where. Kept up change by change, so that a
//! request decodes nothing.

use std::{collections::BTreeMap, sync::Arc};

use imbl::{OrdMap, OrdSet};
use k8s_openapi::{
    api::rbac::v1::{
        ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use object::{Key, selector::LabelSelector};

use super::{
    Attributes, Rule, User,
    node::Nodes,
    user::{MASTERS, account_user},
};

/// Whether a request may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// Why not, when there is more to say than that nothing allows it.
    Denied(String),
}

/// A role by its namespace (empty for a ClusterRole) and name.
type RoleId = (Arc<str>, Arc<str>);

/// One subject of one binding. In order of subject and namespace, so that a request looks at its
/// user's own only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// `u:NAME` or `g:GROUP`.
    subject: Arc<str>,
    /// Where it holds; empty: everywhere.
    namespace: Arc<str>,
    binding: Arc<str>,
    role: RoleId,
}

#[derive(Clone, Debug, Default)]
struct Compiled {
    rules: Vec<Rule>,
    labels: BTreeMap<String, String>,
    /// The ClusterRoles with these labels lend their rules.
    gathers: Vec<LabelSelector>,
}

/// Everything that decides on access. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Access {
    roles: OrdMap<RoleId, Arc<Compiled>>,
    grants: OrdSet<Grant>,
    bound: OrdMap<Key, Arc<[Grant]>>,
    nodes: Nodes,
}

const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";
const PODS: &str = "pods";
const VOLUMES: &str = "persistentvolumes";

impl Access {
    /// The kinds whose changes it must hear of.
    pub const READS: &'static [&'static str] =
        &[ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS, PODS, VOLUMES];

    /// Takes a change in; kinds that it does not read change nothing. `None`: deleted.
    pub fn apply(&mut self, key: &Key, body: Option<&[u8]>) {
        match &*key.kind {
            ROLES => {
                let role = body.and_then(|body| serde_json::from_slice::<Role>(body).ok());
                self.set_role(key, role.map(|role| compile(role.metadata, role.rules, &[])));
            }
            CLUSTER_ROLES => {
                let role = body.and_then(|body| serde_json::from_slice::<ClusterRole>(body).ok());
                self.set_role(key, role.map(compile_cluster_role));
            }
            BINDINGS => {
                let binding =
                    body.and_then(|body| serde_json::from_slice::<RoleBinding>(body).ok());
                self.bind(key, binding.map(|binding| (binding.role_ref, binding.subjects)));
            }
            CLUSTER_BINDINGS => {
                let binding =
                    body.and_then(|body| serde_json::from_slice::<ClusterRoleBinding>(body).ok());
                self.bind(key, binding.map(|binding| (binding.role_ref, binding.subjects)));
            }
            PODS => self.nodes.apply_pod(key, body),
            VOLUMES => self.nodes.apply_volume(key, body),
            _ => {}
        }
    }

    fn set_role(&mut self, key: &Key, role: Option<Compiled>) {
        let id = (key.namespace.clone(), key.name.clone());
        match role {
            Some(role) => self.roles.insert(id, Arc::new(role)),
            None => self.roles.remove(&id),
        };
    }

    fn bind(&mut self, key: &Key, binding: Option<(RoleRef, Option<Vec<Subject>>)>) {
        for grant in self.bound.remove(key).iter().flat_map(|grants| grants.iter()) {
            self.grants.remove(grant);
        }
        let Some((role, subjects)) = binding else { return };
        let role = role_id(&role, &key.namespace);
        let grants: Arc<[Grant]> = subjects
            .iter()
            .flatten()
            .filter_map(|subject| {
                Some(Grant {
                    subject: subject_id(subject, &key.namespace)?,
                    namespace: key.namespace.clone(),
                    binding: key.name.clone(),
                    role: role.clone(),
                })
            })
            .collect();
        self.grants.extend(grants.iter().cloned());
        self.bound.insert(key.clone(), grants);
    }

    /// May this user do that?
    pub fn authorize(&self, user: &User, wanted: &Attributes) -> Verdict {
        if user.is_in(MASTERS) {
            return Verdict::Allowed;
        }
        let wanted = &wanted.clone().with_selected_name();
        let why = match user.node_name().map(|node| self.nodes.authorize(node, wanted)) {
            Some(Verdict::Allowed) => return Verdict::Allowed,
            Some(Verdict::Denied(why)) => why,
            None => String::new(),
        };
        if self.rules_of(user, &wanted.namespace).any(|rule| rule.allows(wanted)) {
            Verdict::Allowed
        } else {
            Verdict::Denied(why)
        }
    }

    /// The rules that a user holds in a namespace, those of the whole cluster included.
    pub fn rules_of(&self, user: &User, namespace: &str) -> impl Iterator<Item = &Rule> {
        let subjects = std::iter::once(format!("u:{}", user.name))
            .chain(user.groups.iter().map(|group| format!("g:{group}")));
        let namespace: Arc<str> = namespace.into();
        subjects
            .flat_map(move |subject| {
                let subject: Arc<str> = subject.into();
                let everywhere = self.grants_of(subject.clone(), "".into());
                let here =
                    (!namespace.is_empty()).then(|| self.grants_of(subject, namespace.clone()));
                everywhere.chain(here.into_iter().flatten())
            })
            .flat_map(|grant| self.rules_of_role(&grant.role))
    }

    fn grants_of(&self, subject: Arc<str>, namespace: Arc<str>) -> impl Iterator<Item = &Grant> {
        let none: Arc<str> = "".into();
        let from = Grant {
            subject: subject.clone(),
            namespace: namespace.clone(),
            binding: none.clone(),
            role: (none.clone(), none),
        };
        self.grants
            .range(from..)
            .take_while(move |grant| grant.subject == subject && grant.namespace == namespace)
    }

    /// A role's own rules or, for one that aggregates, those of the roles that it gathers, and that
    /// these gather. What stands in an aggregating role itself is what a controller wrote there for
    /// people: it may be behind.
    fn rules_of_role(&self, id: &RoleId) -> impl Iterator<Item = &Rule> {
        let mut found: Vec<(&RoleId, &Compiled)> = Vec::new();
        found.extend(self.roles.get_key_value(id).map(|(id, role)| (id, &**role)));
        let mut next = 0;
        while let Some((_, role)) = found.get(next).copied() {
            next += 1;
            if role.gathers.is_empty() {
                continue;
            }
            let cluster_roles = self.roles.iter().take_while(|((space, _), _)| space.is_empty());
            for (id, other) in cluster_roles {
                let gathered = role.gathers.iter().any(|s| s.matches(&other.labels));
                if gathered && !found.iter().any(|(seen, _)| *seen == id) {
                    found.push((id, other));
                }
            }
        }
        let own = found.into_iter().filter(|(_, role)| role.gathers.is_empty());
        own.flat_map(|(_, role)| &role.rules)
    }

    /// The rules of the role that a binding in `namespace` refers to; `None` if there is no such.
    pub(super) fn rules_behind(&self, role: &RoleRef, namespace: &str) -> Option<Vec<Rule>> {
        let id = role_id(role, &namespace.into());
        self.roles.get(&id)?;
        Some(self.rules_of_role(&id).cloned().collect())
    }

    /// The node that a pod is bound to.
    pub(crate) fn node_of(&self, namespace: &str, pod: &str) -> Option<&str> {
        self.nodes.node_of(namespace, pod)
    }

    /// Whether a bound pod runs as a service account of its namespace.
    pub(crate) fn runs_as(&self, namespace: &str, pod: &str, account: &str) -> bool {
        self.nodes.runs_as(namespace, pod, account)
    }
}

fn role_id(role: &RoleRef, namespace: &Arc<str>) -> RoleId {
    let namespace = if role.kind == "Role" { namespace.clone() } else { "".into() };
    (namespace, role.name.as_str().into())
}

/// A service account counts as its user; one without a namespace is of the binding's.
fn subject_id(subject: &Subject, namespace: &str) -> Option<Arc<str>> {
    let name = &subject.name;
    match subject.kind.as_str() {
        "User" => Some(format!("u:{name}").into()),
        "Group" => Some(format!("g:{name}").into()),
        "ServiceAccount" => {
            let own = subject.namespace.as_deref().filter(|own| !own.is_empty());
            let namespace = own.unwrap_or(namespace);
            (!namespace.is_empty()).then(|| format!("u:{}", account_user(namespace, name)).into())
        }
        _ => None,
    }
}

fn compile(
    metadata: ObjectMeta,
    rules: Option<Vec<PolicyRule>>,
    gathers: &[LabelSelector],
) -> Compiled {
    Compiled {
        rules: rules.iter().flatten().map(Rule::from).collect(),
        labels: metadata.labels.unwrap_or_default(),
        gathers: gathers.to_vec(),
    }
}

fn compile_cluster_role(role: ClusterRole) -> Compiled {
    let selectors = role.aggregation_rule.and_then(|rule| rule.cluster_role_selectors);
    let gathers: Vec<LabelSelector> = selectors
        .iter()
        .flatten()
        .filter_map(|selector| LabelSelector::from_json(&serde_json::to_value(selector).ok()?).ok())
        .collect();
    compile(role.metadata, role.rules, &gathers)
}

#[cfg(test)]
mod tests;
