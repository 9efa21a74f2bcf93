//! The folder of the unix socket. It is short, as a socket's path holds 107 bytes, and lies outside
//! the data folder, whose parents the user of Postgres may not enter.

use std::{
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, chown},
    path::{Path, PathBuf},
    process,
};

use nix::unistd::geteuid;

use super::owner::Owner;

const PREFIX: &str = "longshore-postgres-";
const TRIES_MAX: u32 = 100;

/// A folder that only its owner may enter; removed when dropped.
#[derive(Debug)]
pub(super) struct SocketFolder(PathBuf);

impl SocketFolder {
    pub(super) fn make(owner: Option<Owner>) -> io::Result<Self> {
        let mut parents = vec![env::temp_dir(), PathBuf::from("/tmp")];
        if geteuid().is_root() {
            parents.insert(0, PathBuf::from("/run"));
        } else if let Some(own) = env::var_os("XDG_RUNTIME_DIR") {
            parents.insert(0, PathBuf::from(own));
        }
        let mut refused = io::Error::other("every path is too long");
        for parent in parents.iter().filter(|parent| is_short(parent)) {
            match Self::make_in(parent, owner) {
                Ok(folder) => return Ok(folder),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Another user can't have put the folder there before us: it must be new.
    fn make_in(parent: &Path, owner: Option<Owner>) -> io::Result<Self> {
        for number in 0..TRIES_MAX {
            let path = parent.join(format!("{PREFIX}{}-{number}", process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            let folder = Self(path);
            if let Some(owner) = owner {
                chown(&folder.0, Some(owner.uid), Some(owner.gid))?;
            }
            return Ok(folder);
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes a folder that some run of ours made; any other is left alone.
pub(super) fn remove(path: &Path) {
    let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    if ours && let Err(error) = fs::remove_dir_all(path) {
        tracing::debug!(%error, path = %path.display(), "a socket's folder stays");
    }
}

fn is_short(parent: &Path) -> bool {
    const SUN_PATH_MAX: usize = 107;
    const REST: usize = PREFIX.len() + "/4294967295-99/.s.PGSQL.5432".len();
    parent.is_absolute() && parent.as_os_str().len() + REST <= SUN_PATH_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_removed_with_its_content() {
        let folder = SocketFolder::make(None).unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join(".s.PGSQL.5432"), "").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn long_parents_are_passed_over() {
        assert!(is_short(Path::new("/tmp")));
        assert!(!is_short(Path::new(&format!("/{}", "x".repeat(90)))));
    }
}
