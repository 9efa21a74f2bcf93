//! What the labels of a namespace demand, who may change them, and what that means for the pods
//! that are there.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;
use kinds::AnyObject;
use object::{ApiError, FieldErrors, Key};

use super::{
    Policy,
    controls::{Subject, broken},
    level::{Level, Standard},
};
use crate::{
    World,
    access::{Attributes, Verdict},
    admission::{Notes, Request, name_of},
};

const NAMESPACES: &str = "namespaces";
const PREFIX: &str = "pod-security.kubernetes.io/";
/// So many pods are looked at when a namespace is closed.
const PODS_MAX: usize = 3000;

type Labels = BTreeMap<String, String>;

/// What a namespace demands; one that is not there demands what a silent one does.
pub(super) fn policy(request: &Request<'_>, world: &World, namespace: &str) -> Policy {
    let entry = world.entry(&Key::new(NAMESPACES, "", namespace));
    let silent = Labels::new();
    let labels = entry.map_or(&silent, |entry| &entry.meta.labels);
    read(labels, request.settings.pod_security).0
}

/// The policy, and what is wrong with the labels: a level that is none is the most closed one for
/// what is enforced, and the most open one for what is only told.
fn read(labels: &Labels, default: Level) -> (Policy, FieldErrors) {
    let mut errors = FieldErrors::default();
    let mut parse = |mode: &str, standard: &mut Standard, otherwise: Level| {
        let key = format!("{PREFIX}{mode}");
        if let Some(text) = labels.get(&key) {
            standard.level = text.parse().unwrap_or_else(|why: &str| {
                errors.invalid(format!("metadata.labels[{key}]"), text.as_str(), why);
                otherwise
            });
        }
        let key = format!("{key}-version");
        if let Some(text) = labels.get(&key) {
            match text.parse() {
                Ok(version) => standard.version = version,
                Err(why) => errors.invalid(format!("metadata.labels[{key}]"), text.as_str(), why),
            }
        }
    };
    let mut enforce = Standard::latest(default);
    parse("enforce", &mut enforce, Level::Restricted);
    let mut audit = Standard::latest(Level::Privileged);
    parse("audit", &mut audit, Level::Privileged);
    // What would be refused is warned of, unless the namespace says otherwise.
    let mut warn = enforce;
    parse("warn", &mut warn, Level::Privileged);
    (Policy { enforce, audit, warn }, errors)
}

/// Only those who may do everything change what a namespace demands of pods.
pub(in crate::admission) fn check(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    if &*request.def.name != NAMESPACES {
        return Ok(());
    }
    let (new, old) = (labels(Some(object)), labels(request.old));
    if new == old || may_do_everything(request) {
        return Ok(());
    }
    let names: BTreeSet<&String> = new
        .iter()
        .chain(&old)
        .map(|(key, _)| key)
        .filter(|key| new.get(*key) != old.get(*key))
        .collect();
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    let why = format!("only a cluster administrator may change the labels {}", names.join(", "));
    Err(request.forbid(object, why))
}

fn may_do_everything(request: &Request<'_>) -> bool {
    let all = || "*".to_owned();
    let wanted = Attributes { verb: all(), group: all(), resource: all(), ..Attributes::default() };
    request.access.authorize(request.user, &wanted) == Verdict::Allowed
}

/// The labels that speak of pod security.
fn labels(object: Option<&dyn AnyObject>) -> Labels {
    let labels = object.and_then(|object| object.metadata().labels.as_ref());
    let ours = labels.into_iter().flatten().filter(|(key, _)| key.starts_with(PREFIX));
    ours.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Refuses labels that say nothing, and warns of pods that break what is enforced from now on.
pub(in crate::admission) fn review(
    request: &Request<'_>,
    object: &dyn AnyObject,
    _: &World,
) -> Result<Notes, ApiError> {
    let mut notes = Notes::default();
    if &*request.def.name != NAMESPACES || !request.is_main() {
        return Ok(notes);
    }
    let default = request.settings.pod_security;
    let (new, errors) = read(&labels(Some(object)), default);
    let Some(old) = request.old else {
        return if errors.is_empty() { Ok(notes) } else { Err(request.invalid(object, &errors)) };
    };
    let (old, old_errors) = read(&labels(Some(old)), default);
    if !errors.is_empty() && errors.to_string() != old_errors.to_string() {
        return Err(request.invalid(object, &errors));
    }
    let (new, old) = (new.enforce, old.enforce);
    let is_relaxed = new.version == old.version && new.level <= old.level;
    if new == old || new.level == Level::Privileged || is_relaxed {
        return Ok(notes);
    }
    notes.warnings = warnings(request, name_of(object), &new);
    Ok(notes)
}

/// Of the pods that a namespace has, those that break a standard, counted by what they break.
fn warnings(request: &Request<'_>, namespace: &str, standard: &Standard) -> Vec<String> {
    let pods = request.objects.list("pods", namespace);
    let mut counts: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for body in pods.iter().take(PODS_MAX) {
        let Ok(Pod { metadata, spec: Some(spec), .. }) = serde_json::from_slice(body) else {
            continue;
        };
        let broken = broken(standard, &Subject::new(metadata.annotations.as_ref(), &spec));
        if broken.is_empty() {
            continue;
        }
        let reasons: Vec<&str> = broken.iter().map(|one| one.reason.as_str()).collect();
        let name = metadata.name.unwrap_or_default();
        counts.entry(reasons.join(", ")).or_insert_with(|| (name, 0)).1 += 1;
    }
    let mut warnings = Vec::new();
    if pods.len() > PODS_MAX {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {PODS_MAX} of {} existing pods",
            pods.len()
        ));
    }
    if !counts.is_empty() {
        warnings.push(format!(
            "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{standard}\""
        ));
    }
    let mut lines: Vec<String> = counts
        .into_iter()
        .map(|(reasons, (name, count))| match count {
            1 => format!("{name}: {reasons}"),
            2 => format!("{name} (and 1 other pod): {reasons}"),
            more => format!("{name} (and {} other pods): {reasons}", more - 1),
        })
        .collect();
    lines.sort();
    warnings.append(&mut lines);
    warnings
}
