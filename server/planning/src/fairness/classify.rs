//! Which flow of which level a request belongs to.

use std::sync::Arc;

use k8s_openapi::api::flowcontrol::v1::{
    FlowSchema, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, Subject,
};
use sha2::{Digest, Sha256};

use super::{Config, Level};
use crate::access::{Attributes, User};

/// What a request is to the server.
#[derive(Clone, Debug)]
pub struct Class {
    pub level: Arc<Level>,
    pub schema_uid: String,
    /// Of one flow: schema and distinguisher.
    flow: (String, String),
}

impl Config {
    /// The first schema that matches decides; where none does, nothing is limited.
    pub fn classify(&self, user: &User, wanted: &Attributes) -> Option<Class> {
        let (schema, level) = self.schemas.iter().find(|(schema, _)| {
            schema.spec.rules.iter().flatten().any(|rule| matches(rule, user, wanted))
        })?;
        let meta = &schema.metadata;
        let method = schema.spec.distinguisher_method.as_ref().map(|method| method.type_.as_str());
        let distinguisher = match method {
            Some("ByUser") => user.name.clone(),
            Some("ByNamespace") => wanted.namespace.clone(),
            _ => String::new(),
        };
        Some(Class {
            level: level.clone(),
            schema_uid: meta.uid.clone().unwrap_or_default(),
            flow: (name(schema).to_owned(), distinguisher),
        })
    }
}

fn name(schema: &FlowSchema) -> &str {
    schema.metadata.name.as_deref().unwrap_or_default()
}

impl Class {
    /// Different for different flows, and the same on every server.
    pub(super) fn hash(&self) -> u64 {
        let text = [self.flow.0.as_bytes(), self.flow.1.as_bytes()].join(&0);
        let digest = Sha256::digest(&text);
        let bytes = digest.first_chunk::<8>().expect("a digest has 32 bytes");
        u64::from_be_bytes(*bytes)
    }
}

fn matches(rule: &PolicyRulesWithSubjects, user: &User, wanted: &Attributes) -> bool {
    if !rule.subjects.iter().any(|subject| is_meant(subject, user)) {
        return false;
    }
    if wanted.is_path() {
        return rule.non_resource_rules.iter().flatten().any(|rule| allows_path(rule, wanted));
    }
    rule.resource_rules.iter().flatten().any(|rule| allows(rule, wanted))
}

fn is_meant(subject: &Subject, user: &User) -> bool {
    let is = |wanted: &str, has: &str| wanted == "*" || wanted == has;
    match (&subject.user, &subject.group, &subject.service_account) {
        (Some(wanted), _, _) if subject.kind == "User" => is(&wanted.name, &user.name),
        (_, Some(wanted), _) if subject.kind == "Group" => {
            wanted.name == "*" || user.is_in(&wanted.name)
        }
        (_, _, Some(wanted)) if subject.kind == "ServiceAccount" => {
            user.account().is_some_and(|(namespace, name)| {
                wanted.namespace == namespace && is(&wanted.name, name)
            })
        }
        _ => false,
    }
}

fn any(list: &[String], text: &str) -> bool {
    list.iter().any(|one| one == "*" || one == text)
}

fn allows(rule: &ResourcePolicyRule, wanted: &Attributes) -> bool {
    let has_resource = || match wanted.subresource.as_str() {
        "" => any(&rule.resources, &wanted.resource),
        sub => any(&rule.resources, &format!("{}/{sub}", wanted.resource)),
    };
    let in_scope = || match wanted.namespace.as_str() {
        "" => rule.cluster_scope == Some(true),
        namespace => rule.namespaces.as_ref().is_some_and(|list| any(list, namespace)),
    };
    any(&rule.verbs, &wanted.verb)
        && any(&rule.api_groups, &wanted.group)
        && has_resource()
        && in_scope()
}

fn allows_path(rule: &NonResourcePolicyRule, wanted: &Attributes) -> bool {
    let is_path = |pattern: &String| match pattern.strip_suffix("/*") {
        Some(start) => wanted.path.strip_prefix(start).is_some_and(|rest| rest.starts_with('/')),
        None => pattern == "*" || *pattern == wanted.path,
    };
    any(&rule.verbs, &wanted.verb) && rule.non_resource_urls.iter().any(is_path)
}
