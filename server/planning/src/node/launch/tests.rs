use serde_json::{Value, json};

use super::*;

fn pod(spec: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web-0", "namespace": "d", "uid": "u"}, "spec": spec}))
    .unwrap()
}

fn launched(spec: Value, context: &LaunchContext) -> Result<ContainerLaunch, LaunchError> {
    let pod = pod(spec);
    container(&pod, Role::App, &pod.spec.as_ref().unwrap().containers[0], context)
}

#[test]
fn limits_become_the_runtimes_numbers() {
    let launch = launched(
        json!({"containers": [{"name": "c", "command": ["sh", "-c", "echo $(A)"], "resources": {
            "requests": {"cpu": "250m"}, "limits": {"cpu": "1500m", "memory": "64Mi"}}}]}),
        &LaunchContext { env: vec![("A".into(), "1".into())], ..LaunchContext::default() },
    )
    .unwrap();
    assert_eq!(
        (launch.nano_cpus, launch.cpu_shares, launch.memory_bytes),
        (1_500_000_000, 256, 64 << 20)
    );
    assert_eq!(launch.command.unwrap()[2], "echo 1");
    assert_eq!(launch.name, "ls-web-0_d_u_c_0");
    let plain = launched(json!({"containers": [{"name": "c"}]}), &LaunchContext::default());
    let plain = plain.unwrap();
    assert_eq!((plain.nano_cpus, plain.cpu_shares, plain.memory_bytes), (0, 2, 0));
}

#[test]
fn users_and_root() {
    let with = |own: Value, shared: Value, image_user: &str| {
        let context =
            LaunchContext { image_user: image_user.to_owned(), ..LaunchContext::default() };
        launched(
            json!({"securityContext": shared, "containers": [{"name": "c", "securityContext": own}]}),
            &context,
        )
        .map(|launch| launch.security)
    };
    let user = |own, shared, image| with(own, shared, image).unwrap().user;
    assert_eq!(user(json!({}), json!({}), "www"), None);
    assert_eq!(
        user(json!({"runAsUser": 5}), json!({"runAsUser": 6, "runAsGroup": 7}), ""),
        Some("5:7".into())
    );
    assert_eq!(user(json!({"runAsGroup": 7}), json!({}), "www:www"), Some("www:7".into()));
    let non_root = json!({"runAsNonRoot": true});
    for (image_user, fits) in
        [("", false), ("root", false), ("0:0", false), ("www", false), ("101", true)]
    {
        assert_eq!(with(non_root.clone(), json!({}), image_user).is_ok(), fits, "{image_user}");
    }
    let security = with(
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "Unconfined"}}),
        json!({"fsGroup": 9}),
        "",
    )
    .unwrap();
    assert!(security.no_new_privileges);
    assert_eq!(security.groups, ["9"]);
    assert_eq!(security.profiles, ["seccomp=unconfined"]);
}

#[test]
fn mounts_stay_inside_their_volumes() {
    let context = LaunchContext {
        volumes: [("v".to_owned(), VolumePath::Path("/data/v".into()))].into(),
        files: vec![MountPath::new("/own/hosts", "/etc/hosts")],
        env: vec![("P".into(), "a/b".into())],
        ..LaunchContext::default()
    };
    let with = |mount: Value| {
        launched(json!({"containers": [{"name": "c", "volumeMounts": [mount]}]}), &context)
    };
    let launch = with(json!({"name": "v", "mountPath": "/m", "subPathExpr": "$(P)"})).unwrap();
    assert_eq!((launch.mounts[0].sub_path.as_str(), launch.mounts.len()), ("a/b", 2));
    let own_hosts = with(json!({"name": "v", "mountPath": "/etc/hosts", "subPath": "h"})).unwrap();
    assert_eq!(own_hosts.mounts.len(), 1);
    for bad in [
        json!({"name": "v", "mountPath": "/m", "subPath": "../x"}),
        json!({"name": "v", "mountPath": "/m", "subPath": "/x"}),
        json!({"name": "no", "mountPath": "/m"}),
    ] {
        assert!(with(bad).is_err());
    }
}

#[test]
fn a_sandbox_carries_the_pods_identity() {
    let launch = sandbox(&pod(json!({"containers": []})), "one", 2, Some("10.42.0.5"), Vec::new());
    assert_eq!(launch.hostname, "web-0");
    assert_eq!(launch.labels[labels::POD_IP], "10.42.0.5");
    assert_eq!(launch.labels[labels::ATTEMPT], "2");
    assert!(!launch.labels.contains_key(labels::CONTAINER_NAME));
}
