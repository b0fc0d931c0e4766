//! Directories that are known to survive a crash.
//!
//! A file survives only if every directory above it does, and a directory only once *its* parent was made durable. Whoever
//! finds a directory there cannot tell whether that has happened: another call may have made it a moment ago, or a process
//! that was killed. So each directory is made durable once by this process, and remembered.

use std::collections::HashSet;

use super::calls::Errno;
use crate::driver::StoragePath;
use crate::sync::{Mutex, MutexGuard, lock};

/// How many directories are remembered before all are forgotten again. About 10 MiB of paths.
const REMEMBERED: usize = 1 << 16;

/// A directory is remembered only when all above it are: whoever knows one knows the whole way.
#[derive(Debug, Default)]
pub(super) struct DurableDirectories(Mutex<HashSet<StoragePath>>);

impl DurableDirectories {
    /// Makes sure that this directory stays in its parent, which `sync_parent` makes durable. `fresh`: it was made just now,
    /// so it was not durable.
    pub(super) fn ensure(
        &self,
        directory: &StoragePath,
        fresh: bool,
        sync_parent: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if fresh || !self.knows(directory) {
            sync_parent()?;
            self.remember(directory);
        }
        Ok(())
    }

    pub(super) fn knows(&self, directory: &StoragePath) -> bool {
        self.known().contains(directory)
    }

    fn remember(&self, directory: &StoragePath) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(directory.clone());
    }

    /// Forgets a directory that is gone, and all below it.
    pub(super) fn forget(&self, directory: &StoragePath) {
        self.known().retain(|known| {
            let below = known.as_str().strip_prefix(directory.as_str());
            !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    }

    fn known(&self) -> MutexGuard<'_, HashSet<StoragePath>> {
        lock(&self.0)
    }
}
