//! The data directory: created if missing, open in one process only.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::write_store::StoreError;

/// Name of the database file.
const DATABASE: &str = "turnstile.db";
/// Name of the lock file. It stays behind, empty; only the operating system's lock on it means anything.
const LOCK: &str = "turnstile.lock";

/// A data directory that this process has for itself, until dropped or until the process ends in whatever way.
#[derive(Debug)]
pub(super) struct DataDirectory {
    path: PathBuf,
    /// Held open: the operating system ends the lock with the process.
    lock: File,
}

impl DataDirectory {
    /// Creates the directory if it is missing, readable by this user only, and locks it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be created, or is open in another process (or a second time in this one).
    pub(super) fn lock(directory: &Path) -> Result<Self, StoreError> {
        create(directory).map_err(|error| unusable(directory, "create", error))?;
        let path = directory.canonicalize().map_err(|error| unusable(directory, "find", error))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(|error| unusable(&path, "write to", error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable {
                reason: format!(
                    "the data directory {} is in use by another turnstile process; stop it, or choose another directory",
                    path.display()
                ),
                source: None,
            }),
            Err(TryLockError::Error(error)) => Err(unusable(&path, "lock", error)),
        }
    }

    /// True if a database file is there.
    pub(super) fn holds_database(directory: &Path) -> bool {
        directory.join(DATABASE).is_file()
    }

    /// The database file's path.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it is not Unicode, which SQLite needs.
    pub(super) fn database(&self) -> Result<String, StoreError> {
        let path = self.path.join(DATABASE);
        path.to_str().map(ToOwned::to_owned).ok_or_else(|| StoreError::Unavailable {
            reason: format!("the path {} is not Unicode", path.display()),
            source: None,
        })
    }
}

impl Drop for DataDirectory {
    /// Not left to the closing of the file: a program that is being started shares it for a moment, and the lock with it.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(directory = %self.path.display(), %error, "the data directory stays locked until this process ends");
        }
    }
}

fn create(directory: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    // The database has the secret that tokens are made with.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn unusable(directory: &Path, verb: &str, error: std::io::Error) -> StoreError {
    StoreError::Unavailable {
        reason: format!("could not {verb} the data directory {}: {error}", directory.display()),
        source: Some(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_free_though_a_program_being_started_has_its_lock_file_open() {
        let directory = std::env::temp_dir().join(format!("turnstile-unit-{}", uuid::Uuid::new_v4()));
        let first = DataDirectory::lock(&directory).unwrap();
        let inherited = first.lock.try_clone().unwrap();
        drop(first);
        DataDirectory::lock(&directory).unwrap();
        drop(inherited);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
