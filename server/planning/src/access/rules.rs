//! One rule of a role: what it allows, and whether rules cover one another.

use std::fmt;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::{Deserialize, Serialize};

use super::Attributes;

const ALL: &str = "*";

/// A rule of a Role or ClusterRole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    pub verbs: Vec<String>,
}

impl From<&PolicyRule> for Rule {
    fn from(rule: &PolicyRule) -> Self {
        Self {
            api_groups: rule.api_groups.clone().unwrap_or_default(),
            resources: rule.resources.clone().unwrap_or_default(),
            non_resource_urls: rule.non_resource_urls.clone().unwrap_or_default(),
            resource_names: rule.resource_names.clone().unwrap_or_default(),
            verbs: rule.verbs.clone(),
        }
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == ALL || one == wanted)
}

impl Rule {
    pub fn allows(&self, wanted: &Attributes) -> bool {
        if !has(&self.verbs, &wanted.verb) {
            return false;
        }
        if wanted.is_path() {
            return self.non_resource_urls.iter().any(|url| url_matches(url, &wanted.path));
        }
        has(&self.api_groups, &wanted.group)
            && self.has_resource(&wanted.resource, &wanted.subresource)
            && (self.resource_names.is_empty() || self.resource_names.contains(&wanted.name))
    }

    fn has_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|one| match one.split_once('/') {
            None => one == ALL || (subresource.is_empty() && one == resource),
            Some((head, tail)) => {
                !subresource.is_empty() && (head == ALL || head == resource) && tail == subresource
            }
        })
    }

    /// The rule as single permissions: one verb on one resource or path.
    fn split(&self) -> Vec<Self> {
        let mut single = Vec::new();
        for verb in &self.verbs {
            for url in &self.non_resource_urls {
                single.push(Self {
                    non_resource_urls: vec![url.clone()],
                    verbs: vec![verb.clone()],
                    ..Self::default()
                });
            }
            for group in &self.api_groups {
                for resource in &self.resources {
                    let one = Self {
                        api_groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        verbs: vec![verb.clone()],
                        ..Self::default()
                    };
                    if self.resource_names.is_empty() {
                        single.push(one);
                        continue;
                    }
                    for name in &self.resource_names {
                        single.push(Self { resource_names: vec![name.clone()], ..one.clone() });
                    }
                }
            }
        }
        single
    }

    /// Whether this rule holds a single permission. What a rule holds by `*` or without names
    /// covers the narrower; the reverse never.
    fn covers(&self, one: &Self) -> bool {
        let within = |mine: &[String], theirs: &[String]| theirs.iter().all(|x| has(mine, x));
        if !within(&self.verbs, &one.verbs) {
            return false;
        }
        if let [url] = one.non_resource_urls.as_slice() {
            return self.non_resource_urls.iter().any(|mine| url_matches(mine, url));
        }
        let resource = |resource: &String| match resource.split_once('/') {
            Some((resource, subresource)) => self.has_resource(resource, subresource),
            None => self.has_resource(resource, ""),
        };
        within(&self.api_groups, &one.api_groups)
            && one.resources.iter().all(resource)
            && (self.resource_names.is_empty()
                || (!one.resource_names.is_empty()
                    && one.resource_names.iter().all(|n| self.resource_names.contains(n))))
    }
}

/// The permissions of `wanted` that `held` does not cover, in a stable order, compacted: those
/// that differ in their verb alone are told as one.
pub(super) fn not_covered(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let mut missing: Vec<Rule> = Vec::new();
    for one in wanted.iter().flat_map(Rule::split) {
        if held.iter().any(|rule| rule.covers(&one)) {
            continue;
        }
        let same = missing.iter_mut().find(|other| {
            Rule { verbs: Vec::new(), ..(*other).clone() }
                == Rule { verbs: Vec::new(), ..one.clone() }
        });
        match same {
            Some(same) => same.verbs.extend(one.verbs),
            None => missing.push(one),
        }
    }
    for rule in &mut missing {
        rule.verbs.sort();
        rule.verbs.dedup();
    }
    missing.sort();
    missing
}

/// `*`, the path itself, or a prefix that ends in `*`.
fn url_matches(url: &str, path: &str) -> bool {
    url == ALL
        || url == path
        || url.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
}

/// `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let told: Vec<String> = lists
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| format!("{name}:{}", quoted(list)))
            .collect();
        write!(f, "{{{}}}", told.join(", "))
    }
}

/// `["a" "b"]`.
pub(super) fn quoted(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|one| format!("{one:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(|word| word.replace("''", "")).collect()
    }

    fn rule(groups: &str, resources: &str, verbs: &str, names: &str) -> Rule {
        Rule {
            api_groups: list(groups),
            resources: list(resources),
            verbs: list(verbs),
            resource_names: list(names),
            non_resource_urls: Vec::new(),
        }
    }

    fn wanted(verb: &str, resource: &str, name: &str) -> Attributes {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            verb: verb.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn allows_what_is_listed() {
        for (rule, wanted, allowed) in [
            (rule("''", "pods", "get", ""), wanted("get", "pods", "a"), true),
            (rule("''", "pods", "get", ""), wanted("list", "pods", ""), false),
            (rule("apps", "pods", "get", ""), wanted("get", "pods", "a"), false),
            (rule("*", "*", "*", ""), wanted("delete", "pods/exec", "a"), true),
            (rule("''", "pods", "*", ""), wanted("get", "pods/log", "a"), false),
            (rule("''", "pods/log", "*", ""), wanted("get", "pods/log", "a"), true),
            (rule("''", "pods/log", "*", ""), wanted("get", "pods", "a"), false),
            (rule("''", "*/scale", "*", ""), wanted("get", "deployments/scale", "a"), true),
            (rule("''", "*/scale", "*", ""), wanted("get", "deployments", "a"), false),
            (rule("''", "pods", "get", "a b"), wanted("get", "pods", "b"), true),
            (rule("''", "pods", "get", "a b"), wanted("get", "pods", "c"), false),
            (rule("''", "pods", "list", "a"), wanted("list", "pods", ""), false),
        ] {
            assert_eq!(rule.allows(&wanted), allowed, "{rule} {wanted}");
        }
    }

    #[test]
    fn allows_paths() {
        for (url, path, allowed) in [
            ("/version", "/version", true),
            ("/version", "/version/", false),
            ("/api/*", "/api/v1", true),
            ("/api*", "/apis", true),
            ("/api/*", "/apis", false),
            ("*", "/anything", true),
        ] {
            let rule = Rule {
                non_resource_urls: vec![url.to_owned()],
                verbs: vec!["get".to_owned()],
                ..Rule::default()
            };
            assert_eq!(rule.allows(&Attributes::path("get", path)), allowed, "{url} {path}");
        }
    }

    #[test]
    fn tells_what_is_not_covered() {
        let held = [rule("''", "pods", "get list", ""), rule("apps", "*", "*", "")];
        let missing = not_covered(
            &held,
            &[
                rule("'' apps", "pods", "list watch get delete", ""),
                rule("''", "secrets", "get", "a"),
                rule("apps", "deployments/scale", "*", ""),
            ],
        );
        let told: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                r#"{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}"#,
                r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}"#,
            ]
        );
        assert!(
            !not_covered(&[rule("''", "pods", "get", "a")], &[rule("''", "pods", "get", "")])
                .is_empty()
        );
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let words = |all: &'static [&'static str]| {
            proptest::sample::subsequence(all, 1..=all.len())
                .prop_map(|picked| picked.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let names = proptest::sample::subsequence(&["a", "b"][..], 0..=2)
            .prop_map(|picked| picked.into_iter().map(str::to_owned).collect::<Vec<_>>());
        (
            words(&["", "apps", "*"]),
            words(&["pods", "pods/log", "*/log", "*"]),
            words(&["get", "list", "*"]),
            names,
        )
            .prop_map(|(api_groups, resources, verbs, resource_names)| Rule {
                api_groups,
                resources,
                verbs,
                resource_names,
                non_resource_urls: Vec::new(),
            })
    }

    proptest! {
        /// Covering is sound: whoever holds rules that cover others may do whatever those allow.
        #[test]
        fn covered_rules_allow_nothing_more(
            held in proptest::collection::vec(any_rule(), 0..3),
            wanted_rule in any_rule(),
            verb in proptest::sample::select(vec!["get", "list", "watch"]),
            group in proptest::sample::select(vec!["", "apps", "other"]),
            resource in proptest::sample::select(vec!["pods", "pods/log", "nodes", "nodes/log"]),
            name in proptest::sample::select(vec!["", "a", "b", "c"]),
        ) {
            let attributes = Attributes { group: group.into(), ..wanted(verb, resource, name) };
            if not_covered(&held, std::slice::from_ref(&wanted_rule)).is_empty() && wanted_rule.allows(&attributes) {
                prop_assert!(held.iter().any(|rule| rule.allows(&attributes)));
            }
            prop_assert!(not_covered(std::slice::from_ref(&wanted_rule), std::slice::from_ref(&wanted_rule)).is_empty());
        }
    }
}
