//! The official Python client against a server without hosts: typed, dynamic, watches, apply,
//! custom resources, leader election (tests/clients/python/objects.py).

use std::process::Command;

use tests::{ControlPlane, cluster::root, run};

#[test]
fn the_python_client_works_with_objects() {
    let plane = ControlPlane::start("python");
    let mut python = Command::new(root().join("target/tools/venv/bin/python"));
    python
        .arg(root().join("tests/clients/python/objects.py"))
        .arg("-v")
        .env("KUBECONFIG", plane.kubeconfig())
        .env("HOME", &plane.folder)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = run(&mut python, "");
    assert!(output.code == 0, "{}{}", output.stdout, output.stderr);
}
