use serde_json::{Value, json};

use crate::{
    access::User,
    admission::{Notes, Request, admit, review, testing::Bench},
};

fn bench(labels: Value) -> Bench {
    Bench::new().with("namespaces", json!({"metadata": {"name": "d", "labels": labels}}))
}

fn pod(spec: Value) -> Value {
    json!({"metadata": {"name": "a", "namespace": "d"}, "spec": spec})
}

fn judge(bench: &Bench, kind: &str, body: Value) -> Result<Notes, String> {
    let object = bench.object(kind, body);
    review(&bench.request(kind), &*object, &bench.world).map_err(|error| error.message)
}

fn container(name: &str, security: Value) -> Value {
    json!({"name": name, "image": "x", "securityContext": security})
}

#[test]
fn a_silent_namespace_enforces_baseline() {
    let bench = bench(json!({}));
    let plain = json!([{"name": "a", "image": "x"}]);
    let table = [
        (
            json!({"containers": plain, "volumes": [{"name": "x", "hostPath": {"path": "/var/run/docker.sock"}}]}),
            "hostPath volumes (volume \"x\")",
        ),
        (
            json!({"containers": plain, "hostNetwork": true, "hostPID": true}),
            "host namespaces (hostNetwork=true, hostPID=true)",
        ),
        (
            json!({"containers": [container("a", json!({"privileged": true}))],
            "volumes": [{"name": "x", "hostPath": {"path": "/"}}]}),
            "hostPath volumes (volume \"x\"), privileged (container \"a\" must not set securityContext.privileged=true)",
        ),
        (
            json!({"containers": plain, "initContainers": [container("i", json!({"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}}))]}),
            "non-default capabilities (container \"i\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add)",
        ),
        (
            json!({"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]}),
            "hostPort (container \"a\" uses hostPort 80)",
        ),
        (
            json!({"containers": [{"name": "a", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1, "host": "10.0.0.1"}}}]}),
            "probe or lifecycle host (container \"a\" uses probe or lifecycle host \"10.0.0.1\")",
        ),
        (
            json!({"containers": [container("a", json!({"procMount": "Unmasked"}))]}),
            "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")",
        ),
        (
            json!({"containers": plain, "securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
            "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
        ),
        (
            json!({"containers": plain, "securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
            "forbidden sysctls (kernel.msgmax)",
        ),
        (
            json!({"containers": plain, "securityContext": {"seLinuxOptions": {"type": "spc_t", "user": "u"}}}),
            "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"spc_t\"; user may not be set)",
        ),
        (
            json!({"containers": [container("a", json!({"appArmorProfile": {"type": "Unconfined"}}))]}),
            "forbidden AppArmor profile (container \"a\" must not set AppArmor profile type to \"Unconfined\")",
        ),
        (
            json!({"containers": plain, "securityContext": {"windowsOptions": {"hostProcess": true}}}),
            "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
        ),
    ];
    for (spec, broken) in table {
        let expected =
            format!("pods \"a\" is forbidden: violates PodSecurity \"baseline:latest\": {broken}");
        assert_eq!(judge(&bench, "pods", pod(spec)).unwrap_err(), expected);
    }
    let fine = json!({"containers": [container("a", json!({"runAsUser": 0}))],
        "volumes": [{"name": "x", "emptyDir": {}}]});
    assert_eq!(judge(&bench, "pods", pod(fine)).unwrap(), Notes::default());
}

#[test]
fn restricted_demands_more() {
    let bench = bench(json!({"pod-security.kubernetes.io/enforce": "restricted"}));
    let plain = json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}],
        "volumes": [{"name": "x", "nfs": {"server": "s", "path": "/"}}]});
    assert_eq!(
        judge(&bench, "pods", pod(plain)).unwrap_err(),
        "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": \
         allowPrivilegeEscalation != false (containers \"a\", \"b\" must set securityContext.allowPrivilegeEscalation=false), \
         unrestricted capabilities (containers \"a\", \"b\" must set securityContext.capabilities.drop=[\"ALL\"]), \
         restricted volume types (volume \"x\" uses restricted volume type \"nfs\"), \
         runAsNonRoot != true (pod or containers \"a\", \"b\" must set securityContext.runAsNonRoot=true), \
         seccompProfile (pod or containers \"a\", \"b\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
    );
    let closed = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}});
    let good = json!({"containers": [container("a", closed.clone())],
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}});
    judge(&bench, "pods", pod(good)).unwrap();
    let root = json!({"containers": [container("a", closed)],
        "securityContext": {"runAsNonRoot": true, "runAsUser": 0, "seccompProfile": {"type": "Localhost"}}});
    let error = judge(&bench, "pods", pod(root)).unwrap_err();
    assert!(error.ends_with("runAsUser=0 (pod must not set runAsUser=0)"), "{error}");
}

#[test]
fn versions_decide_which_rules_count() {
    let spec = json!({"containers": [{"name": "a", "image": "x"}],
        "securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}});
    for (version, allowed) in [("v1.31", false), ("v1.32", true), ("latest", true)] {
        let labels = json!({"pod-security.kubernetes.io/enforce": "baseline",
            "pod-security.kubernetes.io/enforce-version": version});
        assert_eq!(judge(&bench(labels), "pods", pod(spec.clone())).is_ok(), allowed, "{version}");
    }
}

#[test]
fn templates_are_warned_of_and_pods_audited() {
    let bench = bench(json!({"pod-security.kubernetes.io/audit": "restricted"}));
    let template = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {
        "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
        "spec": {"hostPID": true, "containers": [{"name": "a", "image": "x"}]}}}});
    let notes = judge(&bench, "deployments.apps", template).unwrap();
    assert_eq!(
        notes.warnings,
        ["would violate PodSecurity \"baseline:latest\": host namespaces (hostPID=true)"]
    );
    let audited = &notes.annotations["pod-security.kubernetes.io/audit-violations"];
    assert!(
        audited.starts_with("would violate PodSecurity \"restricted:latest\": host namespaces")
    );
}

#[test]
fn an_update_that_changes_no_image_is_let_through() {
    let bench = bench(json!({}));
    let body = |image: &str, label: &str| {
        let mut pod = pod(json!({"hostPID": true, "containers": [{"name": "a", "image": image}]}));
        pod["metadata"]["labels"] = json!({"l": label});
        bench.object("pods", pod)
    };
    let old = body("x", "1");
    let request = Request { old: Some(&*old), ..bench.request("pods") };
    review(&request, &*body("x", "2"), &bench.world).unwrap();
    assert!(review(&request, &*body("y", "1"), &bench.world).is_err());
    let status = Request { subresource: "status", ..request };
    review(&status, &*body("y", "1"), &bench.world).unwrap();
}

#[test]
fn only_who_may_do_everything_opens_a_namespace() {
    let mut bench = bench(json!({}));
    let namespace = |labels: Value| {
        bench.object("namespaces", json!({"metadata": {"name": "d", "labels": labels}}))
    };
    let old = namespace(json!({"team": "a"}));
    let open = namespace(json!({"pod-security.kubernetes.io/enforce": "privileged"}));
    let other = namespace(json!({"team": "b"}));
    let write = |bench: &Bench, mut new: Box<dyn kinds::AnyObject>| {
        let request = Request { old: Some(&*old), ..bench.request("namespaces") };
        admit(&request, &mut *new, &bench.world).map_err(|error| error.message)
    };
    write(&bench, open.clone_box()).unwrap();
    bench.user = User::new("dev", &[]);
    write(&bench, other).unwrap();
    assert_eq!(
        write(&bench, open).unwrap_err(),
        "namespaces \"d\" is forbidden: only a cluster administrator may change the labels pod-security.kubernetes.io/enforce"
    );
}

#[test]
fn labels_that_say_nothing_are_refused() {
    let bench = bench(json!({}));
    let labels = json!({"pod-security.kubernetes.io/enforce": "open", "pod-security.kubernetes.io/warn-version": "v1.01"});
    let error = judge(&bench, "namespaces", json!({"metadata": {"name": "e", "labels": labels}}));
    assert_eq!(
        error.unwrap_err(),
        "Namespace \"e\" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"open\": must be one of privileged, baseline, restricted, \
         metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"v1.01\": must be \"latest\" or \"v1.x\"]"
    );
}

#[test]
fn pods_that_are_there_are_warned_of() {
    let spec = json!({"hostPID": true, "containers": [{"name": "a", "image": "x"}]});
    let mut bench = bench(json!({"pod-security.kubernetes.io/enforce": "privileged"}));
    for name in ["b", "a", "c"] {
        let mut pod = pod(spec.clone());
        pod["metadata"]["name"] = name.into();
        bench.objects.push(("pods", pod));
    }
    let namespace = |level: &str| {
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        bench.object("namespaces", json!({"metadata": {"name": "d", "labels": labels}}))
    };
    let (old, new) = (namespace("privileged"), namespace("baseline"));
    let request = Request { old: Some(&*old), ..bench.request("namespaces") };
    assert_eq!(
        review(&request, &*new, &bench.world).unwrap().warnings,
        [
            "existing pods in namespace \"d\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "b (and 2 other pods): host namespaces"
        ]
    );
}
