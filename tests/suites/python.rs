//! The official Python client: typed, dynamic, watches, informers, apply, whole files, custom
//! resources, leader election against a server without hosts; streams on a real engine
//! (tests/clients/python).

use std::process::Command;

use tests::{ControlPlane, TestCluster, cluster::root, run};

fn script(mut python: Command, name: &str) {
    python.arg(root().join("tests/clients/python").join(name)).arg("-v");
    let output = run(python.env("PYTHONDONTWRITEBYTECODE", "1"), "");
    assert!(output.code == 0, "{name}: {}{}", output.stdout, output.stderr);
}

#[test]
fn the_python_client_works_with_objects() {
    let plane = ControlPlane::start("python");
    for name in ["objects.py", "installs.py", "informers.py"] {
        script(plane.tool("venv/bin/python"), name);
    }
}

#[test]
fn the_python_client_works_with_pods() {
    let cluster = TestCluster::start("pyth");
    script(cluster.tool("venv/bin/python"), "pods.py");
}
