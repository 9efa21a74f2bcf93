//! Which pods a rule about other pods means: by namespace and label, or those of one owner.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use k8s_openapi::{
    api::core::v1::{PodAffinityTerm, TopologySpreadConstraint},
    apimachinery::pkg::apis::meta::v1 as meta,
};
use object::selector::{LabelSelector, Operator, Requirement};

use crate::Entry;

/// Pods that match all of these.
pub(super) struct Term {
    pub(super) scopes: Vec<Scope>,
    /// Counts the pods that are meant.
    pub(super) tally: u32,
    pub(super) carriers: Vec<Carrier>,
}

pub(super) enum Scope {
    Owner(Arc<str>),
    Pods { namespaces: Namespaces, selector: LabelSelector },
}

#[derive(Default)]
pub(super) struct Namespaces {
    names: BTreeSet<String>,
    /// And those with these labels.
    selector: Option<LabelSelector>,
}

/// Counts the pods that say something of the pods that are meant, within domains.
pub(super) struct Carrier {
    pub(super) topology: u32,
    pub(super) sort: Sort,
    pub(super) tally: u32,
    pub(super) users: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// They do not bear them.
    Anti,
    /// They would rather be with them, or without.
    Liking,
}

/// By what others know a pod.
pub(super) struct Identity {
    pub(super) namespace: Arc<str>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) owner: Option<Arc<str>>,
    /// The terms that mean it.
    pub(super) terms: Vec<u32>,
    /// How many such pods stand where.
    pub(super) by_node: BTreeMap<u32, i32>,
}

pub(super) type NamespaceLabels = BTreeMap<Arc<str>, BTreeMap<String, String>>;

impl Scope {
    /// What a term of pod affinity or anti-affinity means.
    pub(super) fn of_affinity(term: &PodAffinityTerm, pod: &Entry) -> Self {
        let mut names: BTreeSet<String> = term.namespaces.iter().flatten().cloned().collect();
        let selector = term.namespace_selector.as_ref().map(selector);
        if names.is_empty() && selector.is_none() {
            names.insert(pod.key.namespace.to_string());
        }
        let mut wanted =
            term.label_selector.as_ref().map_or_else(LabelSelector::nothing, self::selector);
        narrow(&mut wanted, term.match_label_keys.as_deref(), pod, Operator::In);
        narrow(&mut wanted, term.mismatch_label_keys.as_deref(), pod, Operator::NotIn);
        Self::Pods { namespaces: Namespaces { names, selector }, selector: wanted }
    }

    /// What a spread constraint counts.
    pub(super) fn of_spread(constraint: &TopologySpreadConstraint, pod: &Entry) -> Self {
        let selector = constraint.label_selector.as_ref();
        let mut wanted = selector.map_or_else(LabelSelector::nothing, self::selector);
        narrow(&mut wanted, constraint.match_label_keys.as_deref(), pod, Operator::In);
        let names = BTreeSet::from([pod.key.namespace.to_string()]);
        Self::Pods { namespaces: Namespaces { names, selector: None }, selector: wanted }
    }

    pub(super) fn means(&self, identity: &Identity, namespaces: &NamespaceLabels) -> bool {
        match self {
            Self::Owner(owner) => identity.owner.as_ref() == Some(owner),
            Self::Pods { namespaces: wanted, selector } => {
                let is_in = wanted.names.contains(&*identity.namespace)
                    || wanted.selector.as_ref().is_some_and(|selector| {
                        let none = BTreeMap::new();
                        selector.matches(namespaces.get(&identity.namespace).unwrap_or(&none))
                    });
                is_in && selector.matches(&identity.labels)
            }
        }
    }

    /// The namespaces that it is confined to; `None` if labels of namespaces decide.
    pub(super) fn namespaces(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Pods { namespaces, .. } if namespaces.selector.is_none() => {
                Some(&namespaces.names)
            }
            _ => None,
        }
    }

    /// All that it says, as text.
    pub(super) fn write(&self, text: &mut String) {
        let nothing = |selector: &LabelSelector| {
            selector.requirements().is_empty() && !selector.is_everything()
        };
        match self {
            Self::Owner(owner) => write!(text, "owner {owner}"),
            Self::Pods { namespaces, selector } => {
                for name in &namespaces.names {
                    write!(text, "{name} ").expect("a text takes all");
                }
                if let Some(selector) = &namespaces.selector {
                    write!(text, "in {} {selector}", nothing(selector)).expect("a text takes all");
                }
                write!(text, ": {} {selector}", nothing(selector))
            }
        }
        .expect("a text takes all");
    }
}

impl Term {
    pub(super) fn means(&self, identity: &Identity, namespaces: &NamespaceLabels) -> bool {
        self.scopes.iter().all(|scope| scope.means(identity, namespaces))
    }
}

fn selector(selector: &meta::LabelSelector) -> LabelSelector {
    let read = serde_json::to_value(selector).ok();
    // One that can not be read, which the API refuses, selects nothing.
    read.and_then(|value| LabelSelector::from_json(&value).ok())
        .unwrap_or_else(LabelSelector::nothing)
}

/// Adds that some labels have, or have not, the pod's own values.
fn narrow(selector: &mut LabelSelector, keys: Option<&[String]>, pod: &Entry, operator: Operator) {
    let is_nothing = selector.requirements().is_empty() && !selector.is_everything();
    let own = keys.into_iter().flatten().filter_map(|key| {
        let value = pod.meta.labels.get(key)?;
        Requirement::new(key, operator, [value.clone()]).ok()
    });
    let more: Vec<Requirement> = own.collect();
    if !more.is_empty() && !is_nothing {
        let all = selector.requirements().iter().cloned().chain(more);
        *selector = LabelSelector::new(all.collect());
    }
}
