//! Writes a volume's files so that readers see either all of the old ones or all of the new ones.
//!
//! The files lie in a folder named after their content; `..data` links to it, and the names that a
//! container sees link through `..data`. A change makes a new folder and swaps that one link.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Permissions},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use nix::unistd::{Gid, chown};
use ring::digest::{Context, SHA256};

const DATA: &str = "..data";
const DATA_NEXT: &str = "..data_next";

/// A file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
}

/// Files by their path in the volume.
pub(super) type Payload = BTreeMap<String, File>;

/// Makes the volume show these files. Nothing happens when it does already.
pub(super) fn write(volume: &Path, payload: &Payload, group: Option<u32>) -> io::Result<()> {
    fs::create_dir_all(volume)?;
    let name = name_of(payload);
    let before = fs::read_link(volume.join(DATA)).ok();
    if before.as_deref() == Some(Path::new(&name)) {
        return Ok(());
    }
    let folder = volume.join(&name);
    // Half a folder may be left from an agent that ended while it wrote.
    remove(&folder)?;
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
    for (path, file) in payload {
        write_file(&folder, path, file, group)?;
    }
    let next = volume.join(DATA_NEXT);
    remove(&next)?;
    symlink(&name, &next)?;
    fs::rename(&next, volume.join(DATA))?;
    link_names(volume, payload)?;
    match before {
        Some(before) => remove(&volume.join(before)),
        None => Ok(()),
    }
}

fn name_of(payload: &Payload) -> String {
    let mut digest = Context::new(&SHA256);
    for (path, file) in payload {
        for part in [path.as_bytes(), &file.mode.to_le_bytes(), file.content.as_slice()] {
            digest.update(&part.len().to_le_bytes());
            digest.update(part);
        }
    }
    let hash = digest.finish();
    let short: String = hash.as_ref()[..10].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("..{short}")
}

fn write_file(folder: &Path, path: &str, file: &File, group: Option<u32>) -> io::Result<()> {
    let target = folder.join(path);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&target, &file.content)?;
    let mut mode = file.mode;
    if let Some(group) = group {
        chown(&target, None, Some(Gid::from_raw(group)))?;
        mode |= 0o040;
    }
    fs::set_permissions(&target, Permissions::from_mode(mode))
}

/// The first part of every path is a link through `..data`; links of files that are gone go.
fn link_names(volume: &Path, payload: &Payload) -> io::Result<()> {
    let first = |path: &String| path.split('/').next().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = payload.keys().map(first).collect();
    for name in &names {
        let target = Path::new(DATA).join(name);
        let link = volume.join(name);
        if fs::read_link(&link).ok().as_deref() != Some(target.as_path()) {
            remove(&link)?;
            symlink(&target, &link)?;
        }
    }
    for entry in fs::read_dir(volume)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !names.contains(&name) {
            remove(&volume.join(&name))?;
        }
    }
    Ok(())
}

/// Removes a file, link or folder that may not be there.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let file = |content: &str| File { content: content.into(), mode: 0o640 };
        files.iter().map(|(path, content)| ((*path).to_owned(), file(content))).collect()
    }

    fn shown(volume: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(volume)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != DATA)
            .collect();
        names.sort();
        names
    }

    #[test]
    fn swaps_whole_contents() {
        let root = std::env::temp_dir().join(format!("longshore-atomic-{}", std::process::id()));
        let volume = root.join("v");
        write(&volume, &payload(&[("a", "1"), ("d/b", "2")]), None).unwrap();
        assert_eq!(fs::read_to_string(volume.join("d/b")).unwrap(), "2");
        assert_eq!(fs::metadata(volume.join("a")).unwrap().permissions().mode() & 0o777, 0o640);
        let before = fs::read_link(volume.join(DATA)).unwrap();
        write(&volume, &payload(&[("a", "1"), ("d/b", "2")]), None).unwrap();
        assert_eq!(fs::read_link(volume.join(DATA)).unwrap(), before);
        // Half a folder of an earlier try is no obstacle.
        let next = payload(&[("a", "3"), ("c", "4")]);
        fs::create_dir_all(volume.join(name_of(&next)).join("a")).unwrap();
        write(&volume, &next, None).unwrap();
        assert_eq!(fs::read_to_string(volume.join("a")).unwrap(), "3");
        let names = shown(&volume);
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(names[1..], ["a", "c"]);
        fs::remove_dir_all(root).unwrap();
    }
}
