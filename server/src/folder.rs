//! The data folder: what lies where, made with the right permissions, used by one process at a time.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

/// An open data folder. It stays locked as long as this lives.
pub struct DataFolder {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataFolder {
    /// Makes the folder when it is missing, and locks it.
    ///
    /// # Errors
    /// When it can not be made or written, or another process uses it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let unwritable =
            || format!("cannot write to {}; give a folder of yours with --data", path.display());
        fs::create_dir_all(path).with_context(unwritable)?;
        let path = path.canonicalize().with_context(unwritable)?;
        // Postgres runs as a user of its own and must reach its folder inside.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).with_context(unwritable)?;
        let file = File::create(path.join("lock")).with_context(unwritable)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err((_, Errno::EWOULDBLOCK)) => bail!(
                "{} is in use by another longshore; stop it first, or give another --data",
                path.display()
            ),
            Err((_, error)) => Err(error).with_context(unwritable),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }

    pub fn admin_password(&self) -> PathBuf {
        self.path.join("admin-password")
    }

    pub fn ca(&self) -> PathBuf {
        self.path.join("ca.pem")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user() {
        let path = std::env::temp_dir().join(format!("longshore-folder-{}", std::process::id()));
        let first = DataFolder::open(&path).unwrap();
        let refused = DataFolder::open(&path).err().unwrap().to_string();
        assert!(refused.contains("is in use"), "{refused}");
        drop(first);
        DataFolder::open(&path).unwrap();
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_path_that_can_not_be_a_folder_is_refused() {
        let refused = DataFolder::open(Path::new("/proc/nothing/here")).err().unwrap().to_string();
        assert!(refused.contains("--data"), "{refused}");
    }
}
