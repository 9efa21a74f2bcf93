//! Images made on the spot: nothing is pulled.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::run;

/// Lays out a busybox root in `folder` and returns the path of its tar archive.
pub fn busybox_archive(folder: &Path) -> std::path::PathBuf {
    let archive = folder.join("busybox.tar");
    if archive.exists() {
        return archive;
    }
    let root = folder.join("busybox");
    for part in ["bin", "tmp", "www", "etc"] {
        fs::create_dir_all(root.join(part)).unwrap();
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("busybox-static is installed");
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    let applets: BTreeSet<String> = run(Command::new(busybox).arg("--list"), "")
        .ok()
        .lines()
        .filter(|applet| *applet != "busybox")
        .map(str::to_owned)
        .collect();
    for applet in applets {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n").unwrap();
    run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."), "").ok();
    archive
}
