//! The key file: the envelope key that seals secrets in the database. Without it they are lost, so
//! it belongs into every backup; every copy of a server needs the same.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, bail, ensure};
use rand::{TryRngCore, rngs::OsRng};

pub type Key = [u8; 32];

/// Reads the key, or makes it when the file is missing.
///
/// # Errors
/// When the file can not be read or made, or holds no key.
pub fn read_or_create(path: &Path) -> anyhow::Result<Key> {
    match fs::read(path) {
        Ok(content) => {
            warn_of_readers(path);
            parse(&content).with_context(|| format!("the key file {}", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => create(path),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// 32 bytes, or their 64 hexadecimal digits, as `openssl rand -hex 32` writes them.
fn parse(content: &[u8]) -> anyhow::Result<Key> {
    if let Ok(key) = Key::try_from(content) {
        return Ok(key);
    }
    let digits = content.trim_ascii();
    ensure!(
        digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit),
        "holds no key: it must be 32 bytes, or 64 hexadecimal digits"
    );
    let mut key = Key::default();
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).expect("digits are ASCII");
        *byte = u8::from_str_radix(pair, 16).expect("they are hexadecimal digits");
    }
    Ok(key)
}

/// Writes a new key beside its place, for its owner alone, and puts it there whole; what another
/// server has put there meanwhile wins.
fn create(path: &Path) -> anyhow::Result<Key> {
    let unwritable = || format!("cannot write the key file {}", path.display());
    let mut key = Key::default();
    OsRng.try_fill_bytes(&mut key).context("the system gives no random bytes")?;
    let Some(name) = path.file_name() else { bail!("{} is no file", path.display()) };
    let mut own = name.to_os_string();
    own.push(format!(".{:08x}", rand::random::<u32>()));
    let own = path.with_file_name(own);
    let write = || -> std::io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&own)?;
        file.write_all(&key)?;
        file.sync_all()?;
        match fs::hard_link(&own, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => sync_folder(path),
        }
    };
    let written = write();
    // It is gone already when it could not be made.
    drop(fs::remove_file(&own));
    written.with_context(unwritable)?;
    let content = fs::read(path).with_context(unwritable)?;
    parse(&content).with_context(unwritable)
}

/// A key that a crash could take back would take the secrets with it.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn warn_of_readers(path: &Path) {
    let mode = fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!("others may read the key file {path}; close it: chmod 600 {path}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let path =
            std::env::temp_dir().join(format!("longshore-key-{name}-{}", std::process::id()));
        drop(fs::remove_file(&path));
        path
    }

    #[test]
    fn a_key_is_made_once() {
        let path = scratch("once");
        let key = read_or_create(&path).unwrap();
        assert_ne!(key, Key::default());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_create(&path).unwrap(), key);
        fs::remove_file(&path).unwrap();
        assert_ne!(read_or_create(&path).unwrap(), key);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn servers_that_start_together_agree() {
        let path = scratch("race");
        let keys: Vec<Key> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_create(&path))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn digits_are_a_key_and_anything_else_is_none() {
        let path = scratch("digits");
        fs::write(&path, format!("{}\n", "0aF1".repeat(16))).unwrap();
        assert_eq!(read_or_create(&path).unwrap()[..4], [0x0a, 0xf1, 0x0a, 0xf1]);
        for bad in ["", "short", &"g".repeat(64)] {
            fs::write(&path, bad).unwrap();
            let error = format!("{:#}", read_or_create(&path).unwrap_err());
            assert!(error.contains("32 bytes"), "{error}");
        }
        fs::remove_file(&path).unwrap();
        let nowhere = read_or_create(Path::new("/nowhere/key")).unwrap_err().to_string();
        assert!(nowhere.contains("/nowhere/key"), "{nowhere}");
    }
}
