//! The pod security standards: what pods of a namespace may ask of their host, by the labels of the
//! namespace. One that says nothing enforces the operator's default, and only those who may do
//! everything change what a namespace says.
//!
//! The relaxations that Kubernetes grants to pods in user namespaces and to pods for Windows are
//! left out: nothing on a Docker host makes either true.

mod baseline;
mod controls;
mod level;
mod namespace;
mod restricted;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use kinds::{AnyObject, cast, pod::Pod};
use object::ApiError;

use super::{Notes, Request, namespace_of};
use crate::World;
use controls::Subject;
use level::Standard;

pub use level::Level;
pub(super) use namespace::{check as check_namespace, review as review_namespace};

/// Parts of a pod whose writes change nothing that its host sees.
const HARMLESS: &[&str] = &["binding", "eviction", "status"];

/// Where other kinds hold the pods that they make.
const TEMPLATES: &[(&str, &str)] = &[
    ("podtemplates", "/template"),
    ("replicationcontrollers", "/spec/template"),
    ("daemonsets.apps", "/spec/template"),
    ("deployments.apps", "/spec/template"),
    ("replicasets.apps", "/spec/template"),
    ("statefulsets.apps", "/spec/template"),
    ("jobs.batch", "/spec/template"),
    ("cronjobs.batch", "/spec/jobTemplate/spec/template"),
];

/// Refuses a pod that breaks what its namespace enforces; of one that breaks what it warns of, and
/// of the templates of workloads, the writer is warned.
pub(super) fn review(
    request: &Request<'_>,
    object: &dyn AnyObject,
    world: &World,
) -> Result<Notes, ApiError> {
    let policy = || namespace::policy(request, world, namespace_of(object));
    if let Some(pod) = cast::<Pod>(object) {
        let old = request.old.and_then(cast::<Pod>);
        if HARMLESS.contains(&request.subresource) || old.is_some_and(|old| !matters(pod, old)) {
            return Ok(Notes::default());
        }
        let Some(spec) = &pod.spec else { return Ok(Notes::default()) };
        let policy = policy();
        let annotations = pod.metadata.annotations.as_ref();
        if let Some(broken) = violations(&policy.enforce, annotations, spec) {
            let standard = &policy.enforce;
            let why = format!("violates PodSecurity \"{standard}\": {broken}");
            return Err(request.forbid(object, why));
        }
        return Ok(notes(&policy, annotations, spec));
    }
    if !request.is_main() {
        return Ok(Notes::default());
    }
    let Some((_, path)) = TEMPLATES.iter().find(|(kind, _)| *kind == &*request.def.name) else {
        return Ok(Notes::default());
    };
    let policy = policy();
    if policy.warn.level == Level::Privileged && policy.audit.level == Level::Privileged {
        return Ok(Notes::default());
    }
    let mut value = object.to_value();
    let template = value.pointer_mut(path).map(serde_json::Value::take);
    let template = template.and_then(|template| serde_json::from_value(template).ok());
    let Some(PodTemplateSpec { metadata, spec: Some(spec) }) = template else {
        return Ok(Notes::default());
    };
    let annotations = metadata.and_then(|metadata| metadata.annotations);
    Ok(notes(&policy, annotations.as_ref(), &spec))
}

/// What a namespace demands of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Policy {
    enforce: Standard,
    audit: Standard,
    warn: Standard,
}

fn notes(policy: &Policy, annotations: Option<&BTreeMap<String, String>>, spec: &PodSpec) -> Notes {
    let mut notes = Notes::default();
    let would = |standard: &Standard| {
        let broken = violations(standard, annotations, spec)?;
        Some(format!("would violate PodSecurity \"{standard}\": {broken}"))
    };
    notes.warnings.extend(would(&policy.warn));
    if let Some(broken) = would(&policy.audit) {
        notes.annotations.insert("pod-security.kubernetes.io/audit-violations".to_owned(), broken);
    }
    notes
}

/// What a pod breaks of a standard, in the words of a refusal.
fn violations(
    standard: &Standard,
    annotations: Option<&BTreeMap<String, String>>,
    spec: &PodSpec,
) -> Option<String> {
    let broken = controls::broken(standard, &Subject::new(annotations, spec));
    let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
    (!broken.is_empty()).then(|| broken.join(", "))
}

/// Whether an update changes what the standards look at: images, and containers that were added.
fn matters(new: &k8s_openapi::api::core::v1::Pod, old: &k8s_openapi::api::core::v1::Pod) -> bool {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return true };
    let lists = |spec: &PodSpec| {
        let inits = spec.init_containers.clone().unwrap_or_default();
        (inits, spec.containers.clone())
    };
    let differs = |new: &[Container], old: &[Container]| {
        new.len() != old.len() || new.iter().zip(old).any(|(new, old)| new.image != old.image)
    };
    let ((new_inits, new_containers), (old_inits, old_containers)) = (lists(new), lists(old));
    let old_ephemeral = old.ephemeral_containers.as_deref().unwrap_or_default();
    differs(&new_inits, &old_inits)
        || differs(&new_containers, &old_containers)
        || new.ephemeral_containers.iter().flatten().any(|one| {
            let before = old_ephemeral.iter().find(|other| other.name == one.name);
            before.is_none_or(|before| before.image != one.image)
        })
}

#[cfg(test)]
mod tests;
