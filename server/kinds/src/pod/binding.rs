//! What `pods/binding` does: a pod gets its node, once.

use k8s_openapi::{
    Resource,
    api::core::v1::{Binding, Pod, PodCondition},
};
use object::{ApiError, FieldErrors};
use serde_json::Value;

/// Gives a pod its node; refused when it has one or is going.
pub(super) fn bind(pod: &mut Pod, posted: &Value) -> Result<(), ApiError> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let binding: Binding = serde_json::from_value(posted.clone())
        .map_err(|error| ApiError::bad_request(format!("the binding does not decode: {error}")))?;
    let node = node_of(&binding)?;
    let refuse = |why: String| Err(ApiError::conflict("pods/binding", &name, why));
    if binding.metadata.uid.is_some() && binding.metadata.uid != pod.metadata.uid {
        return refuse(format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            binding.metadata.uid.unwrap_or_default(),
            pod.metadata.uid.clone().unwrap_or_default()
        ));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let spec = pod.spec.get_or_insert_default();
    if let Some(has) = spec.node_name.as_deref().filter(|has| !has.is_empty()) {
        return refuse(format!("pod {name} is already assigned to node {has:?}"));
    }
    if spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()) {
        return refuse(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    spec.node_name = Some(node);
    let conditions = pod.status.get_or_insert_default().conditions.get_or_insert_default();
    conditions.retain(|condition| condition.type_ != "PodScheduled");
    conditions.push(PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "True".to_owned(),
        last_transition_time: binding.metadata.creation_timestamp,
        ..Default::default()
    });
    Ok(())
}

fn node_of(binding: &Binding) -> Result<String, ApiError> {
    let mut errors = FieldErrors::default();
    let target = &binding.target;
    if let Some(kind) = target.kind.as_deref().filter(|kind| !matches!(*kind, "" | "Node")) {
        errors.not_supported("target.kind", kind, &["Node", "<empty>"]);
    }
    let name = target.name.clone().unwrap_or_default();
    if name.is_empty() {
        errors.required("target.name", "");
    }
    if errors.is_empty() {
        return Ok(name);
    }
    let about = binding.metadata.name.as_deref().unwrap_or_default();
    Err(ApiError::invalid(Binding::KIND, about, &errors))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn binds_once() {
        let mut pod: Pod = serde_json::from_value(
            json!({"metadata": {"name": "web", "uid": "u"}, "spec": {"containers": []}}),
        )
        .unwrap();
        let to = |node: &str| json!({"metadata": {"name": "web"}, "target": {"kind": "Node", "name": node}});
        let error = bind(&mut pod, &to("")).unwrap_err();
        assert_eq!(error.message, "Binding \"web\" is invalid: target.name: Required value");
        let mut other = to("one");
        other["metadata"]["uid"] = "v".into();
        assert!(bind(&mut pod, &other).unwrap_err().message.contains("UID in precondition: v"));
        bind(&mut pod, &to("one")).unwrap();
        assert_eq!(pod.spec.as_ref().unwrap().node_name.as_deref(), Some("one"));
        let conditions = pod.status.as_ref().unwrap().conditions.as_ref().unwrap();
        assert_eq!(conditions[0].type_, "PodScheduled");
        assert_eq!(
            bind(&mut pod, &to("two")).unwrap_err().message,
            "Operation cannot be fulfilled on pods/binding \"web\": pod web is already assigned to node \"one\""
        );
    }
}
