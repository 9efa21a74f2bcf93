//! The official JavaScript client: objects, patches, informers and custom resources against a server
//! without hosts; log, commands and ports of a pod on a real engine (tests/clients/javascript).

use std::process::Command;

use tests::{ControlPlane, TestCluster, cluster::root, run};

/// Runs a script with `node`, by the environment of a tool for a cluster.
fn script(mut node: Command, name: &str) {
    let path = root().join("tests/clients/javascript").join(name);
    let output = run(node.arg("--test").arg(path), "");
    assert!(output.code == 0, "{name}: {}{}", output.stdout, output.stderr);
}

#[test]
fn the_javascript_client_works_with_objects() {
    let plane = ControlPlane::start("javascript");
    script(plane.tool("node"), "objects.mjs");
}

#[test]
fn the_javascript_client_works_with_pods() {
    let cluster = TestCluster::start("js");
    script(cluster.tool("node"), "pods.mjs");
}
