//! Answers to those who ask what somebody may do, and who they are.

use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReviewStatus, UserInfo},
    authorization::v1::{
        FieldSelectorAttributes, NonResourceAttributes, NonResourceRule, ResourceAttributes,
        ResourceRule, SubjectAccessReviewSpec, SubjectAccessReviewStatus, SubjectRulesReviewStatus,
    },
};
use kinds::{
    Answered, AnyObject, cast, local_subject_access_review::LocalSubjectAccessReview,
    self_subject_access_review::SelfSubjectAccessReview,
    self_subject_rules_review::SelfSubjectRulesReview, subject_access_review::SubjectAccessReview,
};
use serde::Serialize;
use serde_json::Value;

use super::{Access, Attributes, Rule, User, Verdict, user::MASTERS};

/// The `status` that answers a review; `None` for those that authentication answers.
pub fn review(
    answered: Answered,
    review: &dyn AnyObject,
    sender: &User,
    access: &Access,
) -> Option<Value> {
    match answered {
        Answered::SelfAccess => {
            let spec = &cast::<SelfSubjectAccessReview>(review)?.spec;
            let wanted =
                wanted(spec.resource_attributes.as_ref(), spec.non_resource_attributes.as_ref());
            status(&may(sender, &wanted, access))
        }
        Answered::Access => {
            status(&may_subject(&cast::<SubjectAccessReview>(review)?.spec, access))
        }
        Answered::LocalAccess => {
            status(&may_subject(&cast::<LocalSubjectAccessReview>(review)?.spec, access))
        }
        Answered::SelfRules => {
            let spec = &cast::<SelfSubjectRulesReview>(review)?.spec;
            let namespace = spec.namespace.as_deref().unwrap_or_default();
            status(&rules(sender, namespace, access))
        }
        Answered::SelfIdentity => {
            status(&SelfSubjectReviewStatus { user_info: Some(info(sender)) })
        }
        Answered::Token | Answered::Session | Answered::Posted { .. } => None,
    }
}

fn status(status: &impl Serialize) -> Option<Value> {
    serde_json::to_value(status).ok()
}

fn wanted(
    resource: Option<&ResourceAttributes>,
    path: Option<&NonResourceAttributes>,
) -> Attributes {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match (resource, path) {
        (Some(resource), _) => Attributes {
            verb: text(&resource.verb),
            group: text(&resource.group),
            resource: text(&resource.resource),
            subresource: text(&resource.subresource),
            namespace: text(&resource.namespace),
            name: text(&resource.name),
            fields: resource.field_selector.as_ref().map(fields).unwrap_or_default(),
            path: String::new(),
        },
        (None, Some(path)) => Attributes::path(&text(&path.verb), &text(&path.path)),
        (None, None) => Attributes::default(),
    }
}

/// A field selector as requests have it. What it can not say narrows nothing, which allows no more.
fn fields(selector: &FieldSelectorAttributes) -> String {
    if let Some(raw) = &selector.raw_selector {
        return raw.clone();
    }
    let requirements = selector.requirements.iter().flatten().filter_map(|one| {
        let [value] = one.values.as_deref()? else { return None };
        match one.operator.as_str() {
            "In" => Some(format!("{}={value}", one.key)),
            "NotIn" => Some(format!("{}!={value}", one.key)),
            _ => None,
        }
    });
    requirements.collect::<Vec<_>>().join(",")
}

fn may(user: &User, wanted: &Attributes, access: &Access) -> SubjectAccessReviewStatus {
    match access.authorize(user, wanted) {
        Verdict::Allowed => SubjectAccessReviewStatus { allowed: true, ..Default::default() },
        Verdict::Denied(why) => SubjectAccessReviewStatus {
            reason: (!why.is_empty()).then_some(why),
            ..Default::default()
        },
    }
}

fn may_subject(spec: &SubjectAccessReviewSpec, access: &Access) -> SubjectAccessReviewStatus {
    let user = User {
        name: spec.user.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default(),
    };
    let wanted = wanted(spec.resource_attributes.as_ref(), spec.non_resource_attributes.as_ref());
    may(&user, &wanted, access)
}

fn rules(user: &User, namespace: &str, access: &Access) -> SubjectRulesReviewStatus {
    let everything = [
        Rule {
            api_groups: vec!["*".to_owned()],
            resources: vec!["*".to_owned()],
            verbs: vec!["*".to_owned()],
            ..Rule::default()
        },
        Rule {
            non_resource_urls: vec!["*".to_owned()],
            verbs: vec!["*".to_owned()],
            ..Rule::default()
        },
    ];
    let mut status = SubjectRulesReviewStatus::default();
    let all = everything.iter().filter(|_| user.is_in(MASTERS));
    for rule in all.chain(access.rules_of(user, namespace)) {
        let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        if rule.non_resource_urls.is_empty() {
            status.resource_rules.push(ResourceRule {
                api_groups: some(&rule.api_groups),
                resource_names: some(&rule.resource_names),
                resources: some(&rule.resources),
                verbs: rule.verbs.clone(),
            });
        } else {
            status.non_resource_rules.push(NonResourceRule {
                non_resource_urls: some(&rule.non_resource_urls),
                verbs: rule.verbs.clone(),
            });
        }
    }
    if user.node_name().is_some() {
        status.incomplete = true;
        let why = "node authorizer does not support user rule resolution";
        status.evaluation_error = Some(why.to_owned());
    }
    status
}

fn info(user: &User) -> UserInfo {
    UserInfo {
        username: Some(user.name.clone()),
        uid: (!user.uid.is_empty()).then(|| user.uid.clone()),
        groups: Some(user.groups.clone()),
        extra: (!user.extra.is_empty()).then(|| user.extra.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access::bootstrap;

    fn answer(kind: &str, spec: &Value, sender: &User) -> Value {
        let mut access = Access::default();
        for (key, body) in bootstrap() {
            access.apply(&key, Some(body.to_string().as_bytes()));
        }
        let def = kinds::find(kind).unwrap();
        let object = def.codec.decode_value(json!({"metadata": {}, "spec": spec})).unwrap();
        review(def.answered.unwrap(), &*object, sender, &access).unwrap()
    }

    #[test]
    fn field_selectors_narrow_what_is_asked() {
        let pod = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"nodeName": "one"}});
        let mut access = Access::default();
        access.apply(&object::Key::new("pods", "d", "a"), Some(pod.to_string().as_bytes()));
        for (selector, allowed) in [
            (json!({"rawSelector": "spec.nodeName=one"}), true),
            (
                json!({"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["one"]}]}),
                true,
            ),
            (
                json!({"requirements": [{"key": "spec.nodeName", "operator": "NotIn", "values": ["one"]}]}),
                false,
            ),
            (
                json!({"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["one", "two"]}]}),
                false,
            ),
            (json!(null), false),
        ] {
            let spec = json!({"user": "system:node:one", "groups": ["system:nodes"],
                "resourceAttributes": {"verb": "list", "resource": "pods", "fieldSelector": selector}});
            let def = kinds::find("subjectaccessreviews.authorization.k8s.io").unwrap();
            let body = json!({"metadata": {}, "spec": spec});
            let asked = def.codec.decode_value(body).unwrap();
            let status = review(Answered::Access, &*asked, &User::anonymous(), &access).unwrap();
            assert_eq!(status["allowed"], allowed, "{selector}");
        }
    }

    #[test]
    fn answers_reviews() {
        let x = User::new("x", &[]).authenticated();
        let master = User::new("admin", &[MASTERS]);
        let pods = json!({"verb": "list", "resource": "pods", "namespace": "d"});
        let of_self = "selfsubjectaccessreviews.authorization.k8s.io";
        let spec = json!({"resourceAttributes": pods});
        assert_eq!(answer(of_self, &spec, &x)["allowed"], false);
        assert_eq!(answer(of_self, &spec, &master)["allowed"], true);
        let path = json!({"nonResourceAttributes": {"verb": "get", "path": "/apis"}});
        assert_eq!(answer(of_self, &path, &x)["allowed"], true);
        let other = json!({"user": "y", "groups": [MASTERS], "resourceAttributes": pods});
        let of_others = "subjectaccessreviews.authorization.k8s.io";
        assert_eq!(answer(of_others, &other, &x)["allowed"], true);
        let who = answer("selfsubjectreviews.authentication.k8s.io", &json!({}), &x);
        assert_eq!(who["userInfo"], json!({"username": "x", "groups": ["system:authenticated"]}));
        let listed =
            answer("selfsubjectrulesreviews.authorization.k8s.io", &json!({"namespace": "d"}), &x);
        assert_eq!(listed["incomplete"], false);
        assert!(
            listed["resourceRules"]
                .as_array()
                .unwrap()
                .iter()
                .any(|rule| rule["resources"][0] == "selfsubjectaccessreviews")
        );
        assert!(!listed["nonResourceRules"].as_array().unwrap().is_empty());
    }
}
