//! What only reads: discovery, `get` in every shape, `describe`, `explain`, `wait`, events.

use std::time::Duration;

use tests::{ControlPlane, Desk, eventually};

pub(super) fn all(plane: &ControlPlane) {
    let desk = Desk::new(plane, "read");
    discovers(&desk);
    tells_versions(&desk);
    lists_api_versions(&desk);
    tells_the_cluster(&desk);
    explains(&desk);
    let manifest = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: 'busybox:1'}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{port: 80}]}
";
    desk.apply(manifest);
    eventually("three pods are made", Duration::from_secs(20), || {
        let pods = desk.run("get pods -o name").ok();
        if pods.lines().count() == 3 { Ok(()) } else { Err(pods) }
    });
    prints(&desk);
    selects(&desk);
    watches(&desk);
    describes(&desk);
    waits(&desk);
    own_services(plane);
}

fn discovers(desk: &Desk<'_>) {
    desk.shows("api-resources", &["deployments", "deploy", "apps/v1", "configmaps", "cm"]);
    desk.shows(
        "api-resources --namespaced=false -o name",
        &["namespaces", "nodes", "clusterroles.rbac"],
    );
    desk.shows(
        "api-resources --verbs=list,get --api-group=apps -o wide",
        &["replicasets", "create,delete,"],
    );
    desk.shows("api-resources --categories=all", &["deployments"]);
    desk.refuses("get nonsense", &["the server doesn't have a resource type \"nonsense\""]);
}

/// Conformance: [sig-cli] Kubectl client Kubectl version should check is all data is printed [Conformance]
fn tells_versions(desk: &Desk<'_>) {
    desk.shows("version", &["Client Version", "Server Version"]);
    desk.shows("version -o json", &["gitVersion", "goVersion", "platform", "buildDate", "major"]);
}

/// Conformance: [sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions [Conformance]
fn lists_api_versions(desk: &Desk<'_>) {
    let versions = desk.run("api-versions").ok();
    assert!(versions.lines().any(|line| line == "v1"), "{versions}");
}

/// Conformance: [sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info [Conformance]
fn tells_the_cluster(desk: &Desk<'_>) {
    desk.shows("cluster-info", &["Kubernetes control plane", "is running at"]);
    desk.shows("cluster-info dump --namespaces=read -o json", &["\"kind\": \"EventList\""]);
    desk.shows("get --raw /livez?verbose", &["livez check passed"]);
    desk.shows("get --raw /readyz", &["ok"]);
    desk.shows("get --raw /version", &["gitVersion"]);
}

fn explains(desk: &Desk<'_>) {
    desk.shows(
        "explain pod.spec.containers.resources",
        &["limits", "requests", "FIELD: resources"],
    );
    desk.shows("explain deployment.spec.strategy --recursive", &["rollingUpdate", "maxSurge"]);
    desk.shows("explain deploy --api-version=apps/v1 --output=plaintext-openapiv2", &["KIND:"]);
    desk.refuses("explain pod.spec.nonsense", &["field \"nonsense\" does not exist"]);
    // Every kind that discovery names has a schema.
    let listed = desk.run("api-resources --no-headers --verbs=get").ok();
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, version) = (words[0], words[words.len() - 3]);
        desk.shows(
            &format!("explain {name} --api-version={version}"),
            &["KIND:", "VERSION:", "apiVersion"],
        );
    }
}

fn prints(desk: &Desk<'_>) {
    desk.shows("get deployment web -o yaml", &["apiVersion: apps/v1", "uid:"]);
    desk.shows("get deployment web -o json", &["\"kind\": \"Deployment\""]);
    desk.shows("get deployment,service -o name", &["deployment.apps/web", "service/web"]);
    desk.shows(
        "get all",
        &["pod/web-", "service/web", "deployment.apps/web", "replicaset.apps/web-"],
    );
    desk.shows("get deployment web -o wide", &["CONTAINERS", "IMAGES", "SELECTOR", "busybox:1"]);
    desk.shows(
        "get pods -o jsonpath='{range .items[*]}{.metadata.labels.app},{end}'",
        &["web,web,web,"],
    );
    desk.shows(
        "get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image",
        &["NAME", "busybox:1"],
    );
    desk.shows("get deployment web -o go-template='{{.metadata.name}}!'", &["web!"]);
    desk.shows("get deployment web -o kyaml", &["kind: \"Deployment\""]);
    desk.shows("get pods -A --show-labels", &["NAMESPACE", "app=web"]);
    desk.shows("get pods -L app --show-kind", &["APP", "pod/web-"]);
    desk.shows("get pods --sort-by=.metadata.creationTimestamp", &["web-"]);
    let chunked = desk.run("get pods --chunk-size=1 -o name").ok();
    assert_eq!(chunked, desk.run("get pods --chunk-size=0 -o name").ok());
    assert_eq!(desk.run("get pods --no-headers --chunk-size=2").ok().lines().count(), 3);
    desk.shows("get deployment web --subresource=status", &["web"]);
    desk.shows("get deployments.v1.apps web --output-watch-events=false", &["web"]);
    desk.shows("get pods --ignore-not-found nope", &[]);
    desk.shows(
        "get deployment web --show-managed-fields -o yaml",
        &["managedFields", "kubectl-client-side-apply"],
    );
    desk.refuses("get pods nope", &["Error from server (NotFound): pods \"nope\" not found"]);
    let file =
        desk.file("web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n");
    desk.shows(&format!("get -f {file}"), &["web"]);
}

fn selects(desk: &Desk<'_>) {
    for (selector, count) in [
        ("-l app=web", 3),
        ("-l app!=web", 0),
        ("-l 'app in (web, other)'", 3),
        ("-l 'app notin (web)'", 0),
        ("-l '!app'", 0),
        ("-l app", 3),
        ("--field-selector=status.phase=Pending", 3),
        ("--field-selector=status.phase!=Pending", 0),
        ("--field-selector=spec.nodeName=none,status.phase=Pending", 0),
        ("--field-selector=metadata.namespace=read", 3),
    ] {
        let found = desk.run(&format!("get pods {selector} -o name")).ok();
        assert_eq!(found.lines().count(), count, "{selector}: {found}");
    }
    desk.refuses("get pods --field-selector=spec.nonsense=x", &["field label not supported"]);
    desk.refuses("get pods -l 'a=b=c'", &["found '=', expected: ',' or 'end of string'"]);
}

fn watches(desk: &Desk<'_>) {
    let seen = desk.run("get deployment web -w --request-timeout=1s --output-watch-events");
    assert!(seen.stdout.contains("ADDED") && seen.stdout.contains("web"), "{seen:?}");
    let seen = desk.run("get pods -w --watch-only --request-timeout=1s");
    assert!(!seen.stdout.contains("web-"), "{seen:?}");
}

/// Conformance: [sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods [Conformance]
fn describes(desk: &Desk<'_>) {
    desk.shows(
        "describe deployment web",
        &["RollingUpdateStrategy", "3 desired", "ScalingReplicaSet"],
    );
    desk.shows("describe replicaset", &["Controlled By:  Deployment/web", "SuccessfulCreate"]);
    desk.shows("describe pods -l app=web", &["Controlled By:", "ReplicaSet/web-"]);
    // Of several objects, kubectl asks for no events.
    let pods = desk.run("get pods -o name").ok();
    let one = pods.lines().next().expect("there are three pods");
    desk.shows(&format!("describe {one}"), &["FailedScheduling"]);
    desk.shows("describe service web", &["Selector:", "app=web", "Endpoints:"]);
    desk.shows("describe namespace read", &["Status:", "Active"]);
    desk.shows("describe serviceaccount default", &["Name:", "default"]);
    desk.shows("describe configmap kube-root-ca.crt", &["ca.crt:", "BEGIN CERTIFICATE"]);
    desk.shows("describe endpointslices", &["AddressType:"]);
    desk.shows("describe clusterrole view", &["PolicyRule:"]);
    desk.refuses("describe pod nope", &["pods \"nope\" not found"]);
    desk.shows("events --for=deployment/web", &["ScalingReplicaSet"]);
    desk.shows("events --types=Warning", &["FailedScheduling"]);
    desk.shows(
        "get events --field-selector=involvedObject.kind=Deployment",
        &["ScalingReplicaSet"],
    );
    desk.shows("get events --sort-by=.lastTimestamp", &["SuccessfulCreate"]);
}

fn waits(desk: &Desk<'_>) {
    desk.shows("wait --for=create deployment/web --timeout=5s", &["condition met"]);
    desk.shows(
        "wait --for=jsonpath={.status.replicas}=3 deployment/web --timeout=20s",
        &["condition met"],
    );
    desk.shows(
        "wait --for=condition=PodScheduled=False pods --all --timeout=20s",
        &["condition met"],
    );
    desk.refuses("wait --for=condition=Available deployment/web --timeout=1s", &["timed out"]);
    desk.refuses("wait --for=delete deployment/web --timeout=1s", &["timed out"]);
    desk.run("create configmap brief").ok();
    desk.run("delete configmap brief").ok();
    desk.run("wait --for=delete configmap/brief --timeout=5s").ok();
}

/// Conformance: [sig-network] API Server should provide secure master service [Conformance]
/// Conformance: [sig-network] Services should find a service from listing all namespaces [Conformance]
fn own_services(plane: &ControlPlane) {
    let ports = plane.kubectl(
        "get service kubernetes -n default -o jsonpath={.spec.ports[*].name}:{.spec.ports[*].port}",
    );
    assert_eq!(ports.ok(), "https:443");
    let all = plane.kubectl("get services -A").ok();
    assert!(
        all.lines().any(|line| line.starts_with("default") && line.contains("kubernetes")),
        "{all}"
    );
}
