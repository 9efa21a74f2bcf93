//! kubectl as people type it, against a real server and a real host.

use std::time::Duration;

use tests::{TestCluster, eventually};

const WEB: &str = include_str!("../fixtures/web.yaml");

#[test]
fn kubectl_works_as_people_type_it() {
    let cluster = TestCluster::start("kubectl");
    look_around(&cluster);
    deploy(&cluster);
    read(&cluster);
    change(&cluster);
    roll(&cluster);
    reach_into_containers(&cluster);
    configure(&cluster);
    refuse(&cluster);
    delete(&cluster);
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

fn look_around(cluster: &TestCluster) {
    contains(&cluster.kubectl("version").ok(), &["Server Version"]);
    let resources = cluster.kubectl("api-resources").ok();
    contains(&resources, &["deployments", "deploy", "configmaps", "hosts", "longshore.dev/v1"]);
    contains(&cluster.kubectl("auth whoami").ok(), &["admin", "system:masters"]);
    contains(&cluster.kubectl("auth can-i create deployments").ok(), &["yes"]);
    contains(&cluster.kubectl("get nodes -o wide").ok(), &["Ready", "10.99.0.1", "docker://"]);
    let explained = cluster.kubectl("explain deployment.spec.strategy.rollingUpdate").ok();
    contains(&explained, &["maxSurge", "maxUnavailable"]);
    contains(&cluster.kubectl("explain pod --recursive").ok(), &["livenessProbe", "hostAliases"]);
    contains(&cluster.kubectl("get namespaces").ok(), &["default", "kube-system", "Active"]);
}

fn deploy(cluster: &TestCluster) {
    contains(
        &cluster.kubectl_with("apply -f -", WEB).ok(),
        &["deployment.apps/web created", "service/web created"],
    );
    cluster.kubectl("rollout status deployment/web --timeout=90s").ok();
    cluster.kubectl("wait --for=condition=Available deployment/web --timeout=10s").ok();
    contains(&cluster.kubectl_with("apply -f -", WEB).ok(), &["deployment.apps/web unchanged"]);
    let server_side = cluster.kubectl_with("apply --server-side --force-conflicts -f -", WEB).ok();
    contains(&server_side, &["deployment.apps/web serverside-applied"]);
    assert_eq!(cluster.kubectl_with("diff -f -", WEB).ok(), "");
}

fn read(cluster: &TestCluster) {
    let pods = cluster.kubectl("get pods -l app=web").ok();
    assert_eq!(pods.matches("1/1").count(), 3, "{pods}");
    contains(&pods, &["NAME", "READY", "STATUS", "RESTARTS", "AGE", "Running"]);
    contains(&cluster.kubectl("get pods -A -o wide").ok(), &["NAMESPACE", "10.42.", "NODE"]);
    contains(
        &cluster.kubectl("get all").ok(),
        &["pod/web-", "service/web", "deployment.apps/web", "replicaset.apps/web-"],
    );
    contains(
        &cluster.kubectl("get deployment web -o yaml").ok(),
        &["apiVersion: apps/v1", "resourceVersion:", "uid:"],
    );
    contains(&cluster.kubectl("get deployment web -o json").ok(), &["\"kind\": \"Deployment\""]);
    contains(
        &cluster.kubectl("describe deployment web").ok(),
        &["RollingUpdateStrategy:", "3 available", "ScalingReplicaSet"],
    );
    contains(
        &cluster.kubectl("describe pods -l app=web").ok(),
        &["Scheduled", "Container ID:  docker://", "Ready:          True"],
    );
    contains(&cluster.kubectl("describe node").ok(), &["Allocatable:", "Non-terminated Pods:"]);
    contains(&cluster.kubectl("describe service web").ok(), &["NodePort:", "Endpoints:", ":8080"]);
    contains(&cluster.kubectl("get endpointslices").ok(), &["web-"]);
    contains(&cluster.kubectl("get events").ok(), &["Scheduled", "Started"]);
    contains(&cluster.kubectl("events").ok(), &["Scheduled"]);
    let rows = cluster.kubectl("get pods --sort-by=.metadata.name --no-headers -o name").ok();
    assert_eq!(rows.lines().count(), 3);
}

fn change(cluster: &TestCluster) {
    cluster.kubectl("label deployment web team=blue").ok();
    cluster.kubectl("annotate deployment web note=hello").ok();
    contains(&cluster.kubectl("get deployment web --show-labels").ok(), &["team=blue"]);
    cluster.kubectl("label deployment web team-").ok();
    cluster.kubectl(r#"patch deployment web -p {"spec":{"minReadySeconds":0}}"#).ok();
    cluster
        .kubectl(r#"patch deployment web --type=merge -p {"metadata":{"labels":{"x":"y"}}}"#)
        .ok();
    cluster
        .kubectl(
            r#"patch deployment web --type=json -p [{"op":"remove","path":"/metadata/labels/x"}]"#,
        )
        .ok();
    let mut edit = cluster.tool("kubectl");
    edit.env("EDITOR", "sed -i s/hello/goodbye/").args(["edit", "deployment", "web"]);
    contains(&tests::run(&mut edit, "").ok(), &["deployment.apps/web edited"]);
    contains(
        &cluster.kubectl("get deployment web -o jsonpath={.metadata.annotations.note}").ok(),
        &["goodbye"],
    );
    cluster.kubectl("scale deployment web --replicas=4").ok();
    cluster
        .kubectl("wait --for=jsonpath={.status.readyReplicas}=4 deployment/web --timeout=60s")
        .ok();
    cluster.kubectl("scale deployment web --current-replicas=4 --replicas=3").ok();
    cluster.kubectl("rollout status deployment/web --timeout=60s").ok();
}

fn roll(cluster: &TestCluster) {
    for image in ["localhost/busybox:2", "busybox:1"] {
        cluster.engines[0]
            .docker("POST", "/images/busybox:1/tag?repo=localhost/busybox&tag=2")
            .ok();
        cluster.kubectl(&format!("set image deployment/web httpd={image}")).ok();
        cluster.kubectl("rollout status deployment/web --timeout=90s").ok();
    }
    cluster.kubectl("rollout undo deployment/web").ok();
    cluster.kubectl("rollout status deployment/web --timeout=90s").ok();
    let image = "get deployment web -o jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(cluster.kubectl(image).ok(), "localhost/busybox:2");
    contains(&cluster.kubectl("rollout history deployment/web").ok(), &["REVISION", "3", "4"]);
    contains(
        &cluster.kubectl("rollout history deployment/web --revision=4").ok(),
        &["localhost/busybox:2"],
    );
    cluster.kubectl("rollout pause deployment/web").ok();
    cluster.kubectl("set image deployment/web httpd=busybox:1").ok();
    cluster.kubectl("rollout resume deployment/web").ok();
    cluster.kubectl("rollout restart deployment/web").ok();
    cluster.kubectl("rollout status deployment/web --timeout=90s").ok();
    assert_eq!(cluster.kubectl(image).ok(), "busybox:1");
}

/// Conformance: [sig-cli] Kubectl logs logs should be able to retrieve and filter logs [Conformance]
fn reach_into_containers(cluster: &TestCluster) {
    let run = "run talker --image=busybox:1 --restart=Never --command -- sh -c";
    let mut kubectl = cluster.tool("kubectl");
    kubectl.args(run.split(' ')).arg("for i in 1 2 3; do echo line $i; done; sleep 600");
    tests::run(&mut kubectl, "").ok();
    cluster.kubectl("wait --for=condition=Ready pod/talker --timeout=30s").ok();
    eventually("the log is there", Duration::from_secs(10), || {
        let log = cluster.kubectl("logs talker").ok();
        if log == "line 1\nline 2\nline 3\n" { Ok(()) } else { Err(log) }
    });
    assert_eq!(cluster.kubectl("logs talker --tail=1").ok(), "line 3\n");
    assert_eq!(cluster.kubectl("logs talker --limit-bytes=1").ok(), "l");
    let stamped = cluster.kubectl("logs talker --tail=1 --timestamps").ok();
    let (stamp, line) = stamped.split_once(' ').expect("a time, then the line");
    assert!(stamp.contains('T') && line == "line 3\n", "{stamped}");
    assert_eq!(cluster.kubectl("logs talker --since=24h").ok().lines().count(), 3);
    cluster.kubectl("logs deploy/web --timestamps").ok();
    assert_eq!(cluster.kubectl("exec talker -- echo hello").ok(), "hello\n");
    assert_eq!(cluster.kubectl_with("exec -i talker -- cat", "from here").ok(), "from here");
    let mut exit = cluster.tool("kubectl");
    exit.args(["exec", "talker", "--", "sh", "-c", "exit 7"]);
    assert_eq!(tests::run(&mut exit, "").code, 7);
    assert_eq!(cluster.kubectl("exec talker -- hostname").ok(), "talker\n");
    let ip = cluster.kubectl("get pod talker -o jsonpath={.status.podIP}").ok();
    contains(&cluster.kubectl("exec talker -- ip addr").ok(), &[&ip]);
    let service = cluster.kubectl("get service web -o jsonpath={.spec.clusterIP}").ok();
    contains(
        &cluster.kubectl(&format!("exec talker -- wget -qO- http://{service}/")).ok(),
        &["web-"],
    );
    let mut follow = cluster.tool("kubectl");
    follow.args(["logs", "-f", "talker", "--pod-running-timeout=5s", "--limit-bytes=7"]);
    assert_eq!(tests::run(&mut follow, "").ok(), "line 1\n");
    cluster.kubectl("delete pod talker --grace-period=1").ok();
}

/// Two containers that share a pod, with what they read from a ConfigMap, a Secret and fields.
const CONFIGURED: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green, file.txt: content}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {token: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: configured, labels: {app: configured}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: one
      image: busybox:1
      command: [sh, -c, "mkdir -p /www; echo $COLOUR $TOKEN $NAME $LITERAL > /www/index.html; exec httpd -f -p 9000 -h /www"]
      env:
        - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
        - {name: TOKEN, valueFrom: {secretKeyRef: {name: keys, key: token}}}
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: LITERAL, value: "$(NAME)-x"}
      resources: {limits: {cpu: 500m, memory: 32Mi}}
      volumeMounts: [{name: settings, mountPath: /settings}]
    - name: two
      image: busybox:1
      command: [sleep, "3600"]
  volumes:
    - {name: settings, configMap: {name: settings}}
"#;

fn configure(cluster: &TestCluster) {
    cluster.kubectl_with("apply -f -", CONFIGURED).ok();
    cluster.kubectl("wait --for=condition=Ready pod/configured --timeout=30s").ok();
    let shared = "exec configured -c two -- wget -qO- http://127.0.0.1:9000/";
    eventually("containers of a pod share localhost", Duration::from_secs(10), || {
        let page = cluster.kubectl(shared).result()?;
        if page == "green s3cret configured configured-x\n" { Ok(()) } else { Err(page) }
    });
    assert_eq!(cluster.kubectl("exec configured -c one -- cat /settings/file.txt").ok(), "content");
    cluster.kubectl("delete pod configured").ok();
}

/// Bad input gets one clear answer that names the field.
fn refuse(cluster: &TestCluster) {
    let refused = |manifest: &str, parts: &[&str]| {
        contains(&cluster.kubectl_with("apply -f -", manifest).fails(), parts);
    };
    refused(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatas: {a: b}\n",
        &["unknown field \"datas\""],
    );
    refused(
        "apiVersion: v1\nkind: Nothing\nmetadata: {name: x}\n",
        &["no matches for kind \"Nothing\""],
    );
    refused(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_b}\n",
        &["metadata.name", "Invalid value: \"A_b\""],
    );
    refused("apiVersion: v1\nkind: [", &["error"]);
    refused(&WEB.replace("replicas: 3", "replicas: three"), &["replicas"]);
    refused(
        &WEB.replace("matchLabels: {app: web}", "matchLabels: {app: other}")
            .replace("name: web\n", "name: web2\n"),
        &["`selector` does not match template `labels`"],
    );
    refused(
        "apiVersion: v1\nkind: Service\nmetadata: {name: taken}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}\n",
        &["spec.ports[0].nodePort", "provided port is already allocated"],
    );
    contains(
        &cluster.kubectl("get pods nope").fails(),
        &["Error from server (NotFound): pods \"nope\" not found"],
    );
    cluster.kubectl("run lost --image=nowhere.invalid/none:1 --restart=Never").ok();
    eventually("a missing image is told", Duration::from_secs(30), || {
        let pods = cluster.kubectl("get pod lost").ok();
        if pods.contains("ErrImagePull") || pods.contains("ImagePullBackOff") {
            Ok(())
        } else {
            Err(pods)
        }
    });
    contains(&cluster.kubectl("describe pod lost").ok(), &["Failed to pull image"]);
    cluster.kubectl("delete pod lost --grace-period=0 --force").ok();
}

fn delete(cluster: &TestCluster) {
    cluster.kubectl_with("delete -f - --timeout=60s", WEB).ok();
    eventually("the pods of a deleted deployment go", Duration::from_secs(60), || {
        let pods = cluster.kubectl("get pods -o name").ok();
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    });
    cluster.kubectl("create namespace brief").ok();
    cluster.kubectl("create configmap x --from-literal=a=b -n brief").ok();
    cluster.kubectl("delete namespace brief --timeout=30s").ok();
    cluster.kubectl("get configmap x -n brief").fails();
}
