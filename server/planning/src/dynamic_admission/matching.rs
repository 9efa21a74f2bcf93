//! Which requests a webhook, a policy or a binding is about.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    api::admissionregistration::v1::{MatchResources, NamedRuleWithOperations, RuleWithOperations},
    apimachinery::pkg::apis::meta::v1 as meta,
};
use kinds::KindDef;
use object::selector::LabelSelector;
use serde_json::Value;

use super::attempt::{Attempt, NAMESPACES};

/// No definition can keep people from mending the definitions.
const EXEMPT_GROUP: &str = "admissionregistration.k8s.io";

type Labels = BTreeMap<String, String>;

/// Some requests.
#[derive(Clone, Debug, Default)]
struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    scope: Option<String>,
    /// Empty for all names.
    names: Vec<String>,
}

impl From<&RuleWithOperations> for Rule {
    fn from(rule: &RuleWithOperations) -> Self {
        let rule = rule.clone();
        Self {
            operations: rule.operations.unwrap_or_default(),
            groups: rule.api_groups.unwrap_or_default(),
            versions: rule.api_versions.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            scope: rule.scope,
            names: Vec::new(),
        }
    }
}

impl From<&NamedRuleWithOperations> for Rule {
    fn from(rule: &NamedRuleWithOperations) -> Self {
        let rule = rule.clone();
        Self {
            operations: rule.operations.unwrap_or_default(),
            groups: rule.api_groups.unwrap_or_default(),
            versions: rule.api_versions.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            scope: rule.scope,
            names: rule.resource_names.unwrap_or_default(),
        }
    }
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|one| one == "*" || one == word)
}

impl Rule {
    /// Whether the rule is about the request, were its kind asked for in this version.
    fn covers(&self, attempt: &Attempt<'_>, def: &KindDef) -> bool {
        let scope = match self.scope.as_deref() {
            Some("Namespaced") => def.is_namespaced(),
            Some("Cluster") => !def.is_namespaced(),
            _ => true,
        };
        scope
            && has(&self.operations, attempt.operation.name())
            && has(&self.groups, &def.group)
            && has(&self.versions, &def.version)
            && (self.names.is_empty() || self.names.iter().any(|name| name == attempt.name))
            && self.resources.iter().any(|resource| {
                let (whole, part) = resource.split_once('/').unwrap_or((resource, ""));
                (whole == "*" || whole == def.plural)
                    && (part == attempt.subresource || part == "*")
            })
    }

    /// The version of the kind in which the rule is about the request.
    fn matched<'a>(&self, attempt: &Attempt<'a>, is_exact: bool) -> Option<&'a Arc<KindDef>> {
        if self.covers(attempt, attempt.def) {
            return Some(attempt.def);
        }
        if is_exact {
            return None;
        }
        attempt.versions().find(|def| self.covers(attempt, def))
    }
}

/// Which requests a definition is about.
#[derive(Debug)]
pub(super) struct Criteria {
    /// `None`: all.
    rules: Option<Vec<Rule>>,
    excluded: Vec<Rule>,
    is_exact: bool,
    namespaces: LabelSelector,
    objects: LabelSelector,
}

impl Criteria {
    pub(super) fn of_webhook(
        rules: &[RuleWithOperations],
        match_policy: Option<&str>,
        namespaces: Option<&meta::LabelSelector>,
        objects: Option<&meta::LabelSelector>,
    ) -> Self {
        Self {
            rules: Some(rules.iter().map(Rule::from).collect()),
            excluded: Vec::new(),
            is_exact: match_policy == Some("Exact"),
            namespaces: selector(namespaces),
            objects: selector(objects),
        }
    }

    pub(super) fn of_resources(resources: &MatchResources) -> Self {
        let rules = resources.resource_rules.as_ref();
        let excluded = resources.exclude_resource_rules.iter().flatten();
        Self {
            rules: rules.map(|rules| rules.iter().map(Rule::from).collect()),
            excluded: excluded.map(Rule::from).collect(),
            is_exact: resources.match_policy.as_deref() == Some("Exact"),
            namespaces: selector(resources.namespace_selector.as_ref()),
            objects: selector(resources.object_selector.as_ref()),
        }
    }

    /// Whether the rules alone are about the request, whatever its object is.
    pub(super) fn covers(&self, attempt: &Attempt<'_>) -> bool {
        attempt.def.group != EXEMPT_GROUP
            && self.rules.as_ref().is_none_or(|rules| {
                rules.iter().any(|rule| rule.matched(attempt, self.is_exact).is_some())
            })
    }

    /// The version of the kind in which the definition wants to see the request; `None` if it is
    /// not about it.
    pub(super) fn matched<'a>(&self, attempt: &Attempt<'a>) -> Option<&'a Arc<KindDef>> {
        if attempt.def.group == EXEMPT_GROUP {
            return None;
        }
        let def = match &self.rules {
            Some(rules) => rules.iter().find_map(|rule| rule.matched(attempt, self.is_exact))?,
            None => attempt.def,
        };
        let is_excluded =
            self.excluded.iter().any(|rule| rule.matched(attempt, self.is_exact).is_some());
        let is_selected = !is_excluded
            && self.is_in_selected_namespace(attempt)
            && self.is_selected_object(attempt);
        is_selected.then_some(def)
    }

    fn is_in_selected_namespace(&self, attempt: &Attempt<'_>) -> bool {
        let is_homeless = attempt.namespace.is_empty() && !attempt.is_of(NAMESPACES);
        if self.namespaces.is_everything() || is_homeless {
            return true;
        }
        let namespace = attempt.namespace_object();
        self.namespaces.matches(&labels(namespace.as_ref()).unwrap_or_default())
    }

    /// Whether the labels of the object, before or after, are selected.
    fn is_selected_object(&self, attempt: &Attempt<'_>) -> bool {
        if self.objects.is_everything() {
            return true;
        }
        let both = [&attempt.object, &attempt.old];
        both.into_iter().any(|object| {
            labels(object.as_ref()).is_some_and(|labels| self.objects.matches(&labels))
        })
    }
}

/// The labels of an object; `None` for what has no metadata.
fn labels(object: Option<&Value>) -> Option<Labels> {
    let metadata = object?.get("metadata")?;
    let labels = metadata["labels"].as_object().into_iter().flatten();
    let texts =
        labels.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    Some(texts.collect())
}

/// A selector as it is stored, which was validated; one that cannot be read selects nothing.
pub(super) fn selector(selector: Option<&meta::LabelSelector>) -> LabelSelector {
    let Some(selector) = selector else { return LabelSelector::everything() };
    let json = serde_json::to_value(selector).unwrap_or_default();
    LabelSelector::from_json(&json).unwrap_or_else(|_| LabelSelector::nothing())
}
