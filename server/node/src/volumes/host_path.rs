//! Paths of the host itself. The agent sees them through the first process' root.

use std::{
    fs, io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use super::Problem;

/// The host's root as a process sees it that shares its process ids.
const HOST_ROOT: &str = "/proc/1/root";

/// Checks what is at a path, and makes it where its type says so. Without a type a folder is made,
/// as Docker always did.
pub(super) fn check(path: &str, kind: &str) -> Result<(), Problem> {
    check_at(&seen(path), path, kind)
}

fn seen(path: &str) -> PathBuf {
    Path::new(HOST_ROOT).join(path.trim_start_matches('/'))
}

fn check_at(seen: &Path, path: &str, kind: &str) -> Result<(), Problem> {
    let found = match fs::metadata(seen) {
        Ok(found) => Some(found.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // A host that is a container itself may not show its root: the engine finds out.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (fits, what) = match (kind, found) {
        ("" | "DirectoryOrCreate", None) => return Ok(fs::create_dir_all(seen)?),
        ("FileOrCreate", None) => {
            fs::File::create(seen)?;
            return Ok(());
        }
        ("", Some(_)) => (true, ""),
        ("Directory" | "DirectoryOrCreate", found) => {
            (found.is_some_and(|f| f.is_dir()), "directory")
        }
        ("File" | "FileOrCreate", found) => (found.is_some_and(|f| f.is_file()), "file"),
        ("Socket", found) => (found.is_some_and(|f| f.is_socket()), "socket file"),
        ("CharDevice", found) => (found.is_some_and(|f| f.is_char_device()), "character device"),
        ("BlockDevice", found) => (found.is_some_and(|f| f.is_block_device()), "block device"),
        (other, _) => return Err(Problem::Other(format!("unknown hostPath type {other}"))),
    };
    if fits {
        return Ok(());
    }
    Err(Problem::Other(format!("hostPath type check failed: {path} is not a {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_types() {
        let root = std::env::temp_dir().join(format!("longshore-host-{}", std::process::id()));
        fs::create_dir_all(root.join("dir")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        let fits = |name: &str, kind: &str| check_at(&root.join(name), name, kind).is_ok();
        for (name, kind, want) in [
            ("dir", "Directory", true),
            ("dir", "File", false),
            ("file", "File", true),
            ("file", "", true),
            ("none", "Directory", false),
            ("none", "Socket", false),
            ("file", "Odd", false),
            ("new", "DirectoryOrCreate", true),
            ("new2", "FileOrCreate", true),
        ] {
            assert_eq!(fits(name, kind), want, "{name} {kind}");
        }
        assert!(root.join("new").is_dir() && root.join("new2").is_file());
        fs::remove_dir_all(root).unwrap();
    }
}
