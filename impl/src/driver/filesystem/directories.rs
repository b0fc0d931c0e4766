//! Directories that are known to survive a crash.
//!
//! A file survives only if every directory above it does, and a directory only once *its* parent was made durable. Whoever
//! finds a directory there cannot tell whether that has happened: another call may have made it a moment ago, or a process
//! that was killed. So each directory is made durable once by this process, and remembered.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::sync::{Mutex, MutexGuard, lock};

/// How many directories are remembered before all are forgotten again. About 10 MiB of paths.
const REMEMBERED: usize = 1 << 16;

#[derive(Debug, Default)]
pub(super) struct DurableDirectories(Mutex<HashSet<PathBuf>>);

impl DurableDirectories {
    /// Makes sure that this directory stays in its parent. `fresh`: it was made just now, so it was not durable.
    pub(super) fn ensure(&self, directory: &Path, fresh: bool) -> io::Result<()> {
        if !fresh && self.knows(directory) {
            return Ok(());
        }
        if let Some(parent) = directory.parent() {
            sync_directory(parent)?;
        }
        self.remember(directory);
        Ok(())
    }

    pub(super) fn knows(&self, directory: &Path) -> bool {
        self.known().contains(directory)
    }

    pub(super) fn remember(&self, directory: &Path) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(directory.to_owned());
    }

    /// Forgets a directory that is gone, and all below it.
    pub(super) fn forget(&self, directory: &Path) {
        self.known().retain(|known| !known.starts_with(directory));
    }

    fn known(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        lock(&self.0)
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
