//! Installs the dashboard's browser libraries by the lock file, when they are not there.

use std::{path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=package-lock.json");
    println!("cargo:rerun-if-changed=templates");
    println!("cargo:rerun-if-changed=static");
    if Path::new("node_modules/idiomorph/dist/idiomorph-ext.min.js").exists() {
        return;
    }
    let installed = Command::new("npm").args(["ci", "--silent"]).status();
    assert!(
        installed.is_ok_and(|status| status.success()),
        "`npm ci` in web/ failed; install npm and try again"
    );
}
