//! The lock on a directory.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::{ControlError, DIRECTORY};

/// The file in [`DIRECTORY`] that is locked, with the name of who has it.
const FILE: &str = "lock";

/// Holds a directory until it is dropped or the process ends, however it ends.
#[derive(Debug)]
#[must_use = "the directory is free again when this goes"]
pub struct RootLock(File);

impl Drop for RootLock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is starting has the file, too, until it runs its own program.
        // If this fails, closing does it a little later.
        let _ = self.0.unlock();
    }
}

impl RootLock {
    /// Takes the directory, which must exist, for this process. `purpose` is what another one is told: a command's name.
    ///
    /// # Errors
    /// [`ControlError::InUse`] if another process has it; [`ControlError::Io`] if the lock cannot be made.
    pub fn take(root: &Path, purpose: &str) -> Result<Self, ControlError> {
        let directory = root.join(DIRECTORY);
        let path = directory.join(FILE);
        let unusable = |source: io::Error| ControlError::Io { path: path.clone(), source };
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
            _ => {}
        }
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut lock = Self::lock(open.map_err(unusable)?, root, &path)?;
        let mut name = || {
            lock.0.set_len(0)?;
            lock.0.rewind()?;
            writeln!(lock.0, "{purpose} (process {})", std::process::id())
        };
        name().map_err(unusable)?;
        Ok(lock)
    }

    /// Takes the directory for work that only reads. Where this process may write no lock, it takes one that is there already, and
    /// without one there is nothing to take: then this is `None`.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_to_read(root: &Path, purpose: &str) -> Result<Option<Self>, ControlError> {
        let refused = match Self::take(root, purpose) {
            Err(ControlError::Io { source, .. }) if may_not_write(&source) => source,
            taken => return taken.map(Some),
        };
        let path = root.join(DIRECTORY).join(FILE);
        match File::open(&path) {
            Ok(file) => Self::lock(file, root, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound || may_not_write(&error) => {
                tracing::debug!(error = %refused, "the directory is not locked");
                Ok(None)
            }
            Err(source) => Err(ControlError::Io { path, source }),
        }
    }

    /// Locks the opened file.
    fn lock(mut file: File, root: &Path, path: &Path) -> Result<Self, ControlError> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // It may be about to write its name.
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() }.to_owned();
                Err(ControlError::InUse { root: root.to_owned(), holder })
            }
            Err(TryLockError::Error(source)) => Err(ControlError::Io { path: path.to_owned(), source }),
        }
    }
}

/// Whether an error says that this process may not write here, or not even look.
fn may_not_write(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_directory_and_the_next_is_told_who() {
        let root = tempfile::tempdir().unwrap();
        let lock = RootLock::take(root.path(), "serve").unwrap();
        let error = RootLock::take(root.path(), "gc").unwrap_err();
        let told = format!("is in use by serve (process {})", std::process::id());
        assert!(error.to_string().contains(&told), "{error}");
        drop(lock);
        let lock = RootLock::take(root.path(), "gc").unwrap();
        assert!(RootLock::take(root.path(), "serve").unwrap_err().to_string().contains("by gc "));
        drop(lock);
    }

    #[test]
    fn the_directory_is_free_when_the_lock_goes_whoever_inherited_the_file() {
        let root = tempfile::tempdir().unwrap();
        let lock = RootLock::take(root.path(), "gc").unwrap();
        // As a child has it that another thread is just starting.
        let inherited = lock.0.try_clone().unwrap();
        drop(lock);
        let _lock = RootLock::take(root.path(), "fsck").unwrap();
        drop(inherited);
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let error = RootLock::take(&root.path().join("none"), "gc").unwrap_err();
        assert!(error.to_string().contains("none/.proofhouse/lock"), "{error}");
    }
}
