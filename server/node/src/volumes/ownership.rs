//! Who owns the files of a pod's volumes.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use k8s_openapi::api::core::v1::Pod;
use nix::unistd::{Gid, chown};

/// The group that a pod's volumes belong to.
pub(super) fn group(pod: &Pod) -> Option<u32> {
    let context = pod.spec.as_ref()?.security_context.as_ref()?;
    u32::try_from(context.fs_group?).ok()
}

/// A folder in which every container of the pod may write, whoever it runs as.
pub(super) fn make_shared(path: &Path, pod: &Pod) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    let mode = match group(pod) {
        Some(group) => {
            chown(path, None, Some(Gid::from_raw(group)))?;
            0o2777
        }
        None => 0o777,
    };
    fs::set_permissions(path, Permissions::from_mode(mode))
}
