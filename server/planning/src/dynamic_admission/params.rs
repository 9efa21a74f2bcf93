//! The objects that parameterize a policy.

use k8s_openapi::api::admissionregistration::v1::{ParamKind, ParamRef};
use object::{Key, selector::LabelSelector};
use serde_json::Value;

use super::{attempt::Attempt, matching::selector};

/// The parameters with each of which a policy is to be asked; one that takes none is asked once.
///
/// # Errors
/// Why the policy or its binding cannot be used, in Kubernetes' words.
pub(super) fn resolve(
    attempt: &Attempt<'_>,
    kind: Option<&ParamKind>,
    reference: Option<&ParamRef>,
) -> Result<Vec<Option<Value>>, String> {
    let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(vec![None]) };
    let (version, name) =
        (kind.api_version.as_deref().unwrap_or_default(), kind.kind.as_deref().unwrap_or_default());
    let def = attempt.registry.find_kind(version, name).ok_or_else(|| {
        format!(
            "failed to configure policy: failed to find resource referenced by paramKind: '{version}, Kind={name}'"
        )
    })?;
    let asked = reference.namespace.as_deref().unwrap_or_default();
    let namespace = match (def.is_namespaced(), asked) {
        (true, "") if attempt.namespace.is_empty() => {
            return Err(failed(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources",
            ));
        }
        (true, "") => attempt.namespace,
        (false, "") => "",
        (true, asked) => asked,
        (false, _) => {
            return Err(failed(
                "paramRef.namespace must not be provided for a cluster-scoped `paramKind`",
            ));
        }
    };
    let show = |body: &[u8]| {
        let mut value = def.from_hub(body).ok()?;
        value["apiVersion"] = (*def.api_version).into();
        value["kind"] = (*def.kind).into();
        Some(Some(value))
    };
    let found: Vec<Option<Value>> = match (&reference.selector, reference.name.as_deref()) {
        (Some(labels), _) => {
            let labels = selector(Some(labels));
            let all = attempt.objects.list(&def.name, namespace);
            all.iter().filter(|body| is_selected(&labels, body)).filter_map(|b| show(b)).collect()
        }
        (None, name) => {
            let key = Key::new(def.name.clone(), namespace, name.unwrap_or_default());
            attempt.objects.get(&key).and_then(|body| show(&body)).into_iter().collect()
        }
    };
    if found.is_empty() && reference.parameter_not_found_action.as_deref() != Some("Allow") {
        return Err(failed(
            "no params found for policy binding with `Deny` parameterNotFoundAction",
        ));
    }
    Ok(found)
}

fn failed(why: &str) -> String {
    format!("failed to configure binding: {why}")
}

fn is_selected(labels: &LabelSelector, body: &[u8]) -> bool {
    object::Meta::read(body).is_ok_and(|meta| labels.matches(&meta.labels))
}
