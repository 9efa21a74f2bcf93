//! Pods find the API by what is mounted into each container: a token of their service account, the
//! authority's certificate and their namespace. Account or pod may opt out, the pod's word counts.

use k8s_openapi::api::core::v1::{PodSpec, ServiceAccount, Volume, VolumeMount};
use serde_json::json;

use crate::names;

/// Where clients in pods look.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME: &str = "kube-api-access";
/// Kubernetes' own odd number: the API knows by it that nobody chose the duration.
const TOKEN_SECONDS: i64 = 3607;
const MODE: i32 = 0o644;

/// Whether a pod's containers get a token.
pub(super) fn is_wanted(spec: &PodSpec, account: Option<&ServiceAccount>) -> bool {
    let of_account = account.and_then(|account| account.automount_service_account_token);
    spec.automount_service_account_token.or(of_account).unwrap_or(true)
}

/// Mounts the token where a container has nothing else at its place. `pod` is the pod's name, from
/// which the volume's follows.
pub(super) fn mount(spec: &mut PodSpec, pod: &str) {
    let volumes = spec.volumes.get_or_insert_default();
    let is_ours = |name: &str| name.strip_prefix(VOLUME).is_some_and(|rest| rest.starts_with('-'));
    let present = volumes.iter().map(|volume| &volume.name).find(|name| is_ours(name)).cloned();
    let has_volume = present.is_some();
    let name = present.unwrap_or_else(|| names::generated(VOLUME, &[pod]));
    let mut is_mounted = false;
    let containers = spec.init_containers.iter_mut().flatten().chain(&mut spec.containers);
    for container in containers {
        let mounts = container.volume_mounts.get_or_insert_default();
        if mounts.iter().any(|mount| mount.mount_path == MOUNT_PATH) {
            continue;
        }
        is_mounted = true;
        mounts.push(VolumeMount {
            name: name.clone(),
            mount_path: MOUNT_PATH.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }
    if is_mounted && !has_volume {
        volumes.push(volume(name));
    }
    if volumes.is_empty() {
        spec.volumes = None;
    }
}

fn volume(name: String) -> Volume {
    let sources = json!({"defaultMode": MODE, "sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace",
            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]});
    let projected = serde_json::from_value(sources).expect("the literal above is a source");
    Volume { name, projected: Some(projected), ..Volume::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::MOUNT_PATH;
    use crate::admission::{admit, testing::Bench};

    /// The spec of a pod after admission, whose account says `of_account`.
    fn admitted(of_account: Value, spec: Value) -> Value {
        let account = json!({"metadata": {"name": "bot", "namespace": "d"},
            "automountServiceAccountToken": of_account});
        let bench = Bench::new()
            .with("namespaces", json!({"metadata": {"name": "d"}}))
            .with("serviceaccounts", account);
        let mut body = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": spec});
        body["spec"]["serviceAccountName"] = "bot".into();
        let mut pod = bench.object("pods", body);
        admit(&bench.request("pods"), &mut *pod, &bench.world).unwrap();
        pod.to_value()["spec"].clone()
    }

    fn containers() -> Value {
        json!([{"name": "c", "image": "i"}])
    }

    /// Conformance: [sig-auth] ServiceAccounts should allow opting out of API token automount
    #[test]
    fn service_accounts_allow_opting_out_of_api_token_automount() {
        for (of_account, of_pod, mounted) in [
            (json!(null), json!(null), true),
            (json!(null), json!(true), true),
            (json!(null), json!(false), false),
            (json!(true), json!(null), true),
            (json!(true), json!(true), true),
            (json!(true), json!(false), false),
            (json!(false), json!(null), false),
            (json!(false), json!(true), true),
            (json!(false), json!(false), false),
        ] {
            let spec = json!({"automountServiceAccountToken": of_pod, "containers": containers()});
            let spec = admitted(of_account.clone(), spec);
            let at = spec["containers"][0]["volumeMounts"][0]["mountPath"] == MOUNT_PATH;
            assert_eq!(at, mounted, "account {of_account}, pod {of_pod}");
            assert_eq!(spec["volumes"].is_array(), mounted, "account {of_account}, pod {of_pod}");
        }
    }

    #[test]
    fn every_container_finds_token_certificate_and_namespace() {
        let spec = json!({"containers": containers(), "initContainers": containers(),
            "volumes": [{"name": "own", "emptyDir": {}}]});
        let spec = admitted(json!(null), spec);
        let name = spec["volumes"][1]["name"].as_str().unwrap();
        assert!(name.starts_with("kube-api-access-"), "{name}");
        for kind in ["containers", "initContainers"] {
            let mount = json!({"name": name, "mountPath": MOUNT_PATH, "readOnly": true});
            assert_eq!(spec[kind][0]["volumeMounts"], json!([mount]));
        }
        let projected = &spec["volumes"][1]["projected"];
        assert_eq!(projected["defaultMode"], 420);
        assert_eq!(
            projected["sources"][0]["serviceAccountToken"],
            json!({"path": "token", "expirationSeconds": 3607})
        );
        assert_eq!(projected["sources"][1]["configMap"]["name"], "kube-root-ca.crt");
        assert_eq!(projected["sources"][2]["downwardAPI"]["items"][0]["path"], "namespace");
    }

    #[test]
    fn what_a_container_mounts_there_itself_stays() {
        let own = json!({"name": "own", "mountPath": MOUNT_PATH});
        let spec = json!({"volumes": [{"name": "own", "emptyDir": {}}],
            "containers": [{"name": "c", "image": "i", "volumeMounts": [own]}]});
        let spec = admitted(json!(null), spec);
        assert_eq!(spec["volumes"].as_array().unwrap().len(), 1);
        assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], "own");
    }
}
