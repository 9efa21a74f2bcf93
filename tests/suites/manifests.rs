//! What people install: the kinds and fields of third parties' charts and install manifests
//! (tests/fixtures/manifests) are accepted from both sides, and a second time change nothing.

use std::{fs, time::Duration};

use tests::{ControlPlane, cluster::root, eventually};

#[test]
fn install_manifests_are_accepted() {
    let plane = ControlPlane::start("manifests");
    let folder = root().join("tests/fixtures/manifests");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut failed = Vec::new();
    for file in files {
        let manifest = fs::read_to_string(&file).unwrap();
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            install(&plane, &manifest);
        }));
        if tried.is_err() {
            failed.push(file);
        }
    }
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

fn install(plane: &ControlPlane, manifest: &str) {
    // The kind of a custom resource may come into being while the file is applied.
    eventually("everything is applied", Duration::from_secs(30), || {
        plane.kubectl_with("apply -f -", manifest).result()
    });
    let generations = || {
        let shown = "get -f - -o jsonpath={.items[*].metadata.generation}";
        plane.kubectl_with(shown, manifest).ok()
    };
    let before = generations();
    plane.kubectl_with("apply -f -", manifest).ok();
    assert_eq!(generations(), before, "a second time changes nothing");
    assert_eq!(plane.kubectl_with("diff -f -", manifest).ok(), "");
    let owned = "apply --server-side --force-conflicts -f -";
    plane.kubectl_with(owned, manifest).ok();
    let versions = || {
        let shown = "get -f - -o jsonpath={.items[*].metadata.managedFields[?(@.operation==\"Apply\")].time}";
        plane.kubectl_with(shown, manifest).ok()
    };
    let before = versions();
    plane.kubectl_with(owned, manifest).ok();
    assert_eq!(versions(), before, "applied again, nobody's fields change");
    // The namespace comes first, and with it much else may be gone already.
    plane.kubectl_with("delete -f - --wait=false --ignore-not-found", manifest).ok();
}
