//! The data folder: made, and locked against a second server.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use super::EmbeddedError;

/// Makes the data folder, for its owner alone.
pub(super) fn make(data: &Path) -> Result<(), EmbeddedError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(|source| refuse(data, source))
}

/// Takes the folder's lock, which the kernel gives back however the server ends.
pub(super) fn lock(data: &Path) -> Result<File, EmbeddedError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(data.join("postgres.lock"))
        .map_err(|source| refuse(data, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(refuse(data, source)),
    }
}

pub(super) fn refuse(data: &Path, source: io::Error) -> EmbeddedError {
    EmbeddedError::Folder { folder: data.to_owned(), source }
}
