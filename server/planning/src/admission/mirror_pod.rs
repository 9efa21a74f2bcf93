//! A pod that a node runs by itself is shown by a pod that the node creates: owned by that node and
//! referring to nothing, so that a node gains no rights by it.

use k8s_openapi::{api::core::v1, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kinds::node::Node;

use crate::{World, access::references};

/// Why a node may not create this pod, which it means for itself.
pub(super) fn check(own: &str, pod: &v1::Pod, world: &World) -> Result<(), String> {
    check_owner(own, pod, world)?;
    let spec = pod.spec.as_ref();
    let account = spec.and_then(|spec| spec.service_account_name.as_deref()).unwrap_or_default();
    let referred =
        serde_json::to_vec(pod).map(|body| references(&body, "", "")).unwrap_or_default();
    let refers_to = |kind: &str| referred.iter().any(|(referred, _, _)| *referred == kind);
    let volumes = spec.and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    let sources = volumes.iter().filter_map(|volume| volume.projected.as_ref()?.sources.as_ref());
    let what = if !account.is_empty() {
        "a service account"
    } else if refers_to("secrets") {
        "secrets"
    } else if refers_to("configmaps") {
        "configmaps"
    } else if sources.flatten().any(|source| source.cluster_trust_bundle.is_some()) {
        "clustertrustbundles"
    } else if refers_to("persistentvolumeclaims") {
        "persistentvolumeclaims"
    } else {
        return Ok(());
    };
    Err(format!("node {own:?} can not create pods that reference {what}"))
}

fn check_owner(own: &str, pod: &v1::Pod, world: &World) -> Result<(), String> {
    let refuse = |what: &str| Err(format!("node {own:?} can only create pods with {what}"));
    let owner: &OwnerReference = match pod.metadata.owner_references.as_deref() {
        None | Some([]) => return refuse("an owner reference set to itself"),
        Some([owner]) => owner,
        Some(_) => return refuse("a single owner reference set to itself"),
    };
    if owner.api_version != "v1" || owner.kind != "Node" || owner.name != own {
        return refuse("an owner reference set to itself");
    }
    if owner.controller != Some(true) {
        return refuse("a controller owner reference set to itself");
    }
    if owner.block_owner_deletion == Some(true) {
        return Err(format!("node {own:?} must not set blockOwnerDeletion on an owner reference"));
    }
    let node = world.get::<Node>("", own).ok_or_else(|| format!("node {own:?} not found"))?;
    let uid = node.metadata.uid.unwrap_or_default();
    if owner.uid != uid {
        return Err(format!("node {own} UID mismatch: expected {} got {uid}", owner.uid));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{
        access::User,
        admission::{Request, admit, testing::Bench},
    };

    fn owner() -> Value {
        json!({"apiVersion": "v1", "kind": "Node", "name": "one", "uid": "n", "controller": true})
    }

    fn pod(owners: &Value, spec: Value) -> Value {
        let mut pod = json!({"metadata": {"name": "a-one", "namespace": "d",
            "annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": owners},
            "spec": spec});
        pod["spec"]["nodeName"] = "one".into();
        pod["spec"]["containers"] = json!([{"name": "c", "image": "i"}]);
        pod
    }

    #[test]
    fn mirror_pods_gain_their_node_nothing() {
        let bench = Bench::new()
            .with("namespaces", json!({"metadata": {"name": "d"}}))
            .with("nodes", json!({"metadata": {"name": "one", "uid": "n"}}));
        let agent = User::node("one");
        let create = |body: Value| {
            let request = Request { user: &agent, ..bench.request("pods") };
            let mut pod = bench.object("pods", body);
            admit(&request, &mut *pod, &bench.world)?;
            Ok(pod.to_value())
        };
        let plain = create(pod(&json!([owner()]), json!({})))
            .unwrap_or_else(|e: object::ApiError| panic!("{e}"));
        assert!(plain["spec"]["volumes"].is_null(), "a node gets no token by it: {plain}");
        let with = |field: &str, value: Value| {
            let mut owner = owner();
            owner[field] = value;
            json!([owner])
        };
        let volume = |source: Value| {
            let mut volume = json!({"name": "v"});
            volume.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
            json!({"volumes": [volume]})
        };
        let owned = json!([owner()]);
        for (body, why) in [
            (pod(&json!([]), json!({})), "with an owner reference set to itself"),
            (pod(&json!([owner(), owner()]), json!({})), "a single owner reference"),
            (pod(&with("name", "two".into()), json!({})), "an owner reference set to itself"),
            (pod(&with("controller", false.into()), json!({})), "a controller owner reference"),
            (pod(&with("blockOwnerDeletion", true.into()), json!({})), "blockOwnerDeletion"),
            (pod(&with("uid", "m".into()), json!({})), "UID mismatch"),
            (pod(&owned, json!({"serviceAccountName": "bot"})), "reference a service account"),
            (pod(&owned, volume(json!({"secret": {"secretName": "s"}}))), "reference secrets"),
            (pod(&owned, volume(json!({"configMap": {"name": "m"}}))), "reference configmaps"),
            (
                pod(&owned, volume(json!({"persistentVolumeClaim": {"claimName": "c"}}))),
                "reference persistentvolumeclaims",
            ),
        ] {
            let error = create(body).unwrap_err();
            assert!(error.message.contains(why), "{error}");
        }
        let mut own = pod(&owned, json!({}));
        own["metadata"]["annotations"] = json!({});
        assert!(create(own).unwrap_err().message.contains("can only create mirror pods"));
    }
}
