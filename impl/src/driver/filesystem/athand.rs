//! What the system has at hand: questions whose answers are in its caches, asked in place.
//!
//! A server's small answers come from files that were read a moment ago. A hop to another thread takes several times as long as reading
//! such a file, and is needed only where a disk must be waited for. So the system is asked first whether it can tell without waiting;
//! what it cannot, or what is no plain answer, is asked in the ordinary way ([`disk`](super::disk)), on a thread that may wait.

use std::ffi::OsStr;

use bytes::Bytes;

use super::calls::{Calls, Errno, Status};
use super::disk::{Disk, from_root, not_found, stat_of};
use crate::driver::{DriverError, Kind, Stat, StoragePath};

/// None: ask in the ordinary way.
type AtHand<T> = Option<Result<T, DriverError>>;

impl<C: Calls> Disk<C> {
    pub(super) fn stat_at_hand(&self, path: &StoragePath) -> AtHand<Stat> {
        of_status(self.ask(path, |path| self.calls.status_at_hand(path))?)
    }

    /// The same of several paths.
    pub(super) fn stat_each_at_hand(&self, paths: &[StoragePath]) -> Option<Vec<AtHand<Stat>>> {
        let common = common_directory(paths)?;
        let directory = self.directory_at_hand(&common)?;
        let look = |path: &StoragePath| {
            let below = &path.as_str()[common.as_str().len() + 1..];
            told(path, self.calls.status_below_at_hand(&directory, below.as_ref()))
        };
        Some(paths.iter().map(|path| of_status(look(path)?)).collect())
    }

    /// Opens a directory that is there.
    pub(super) fn directory_at_hand(&self, path: &StoragePath) -> Option<C::Handle> {
        self.ask(path, |path| self.calls.directory_at_hand(path))?.ok()
    }

    /// Opens a file, and says how large it is.
    pub(super) fn open_at_hand(&self, path: &StoragePath) -> AtHand<(C::Handle, u64)> {
        let opened = self.ask(path, |path| {
            let file = self.calls.file_at_hand(path)?;
            let status = self.calls.status(&file)?;
            Ok((file, status))
        });
        match opened? {
            Ok((file, Status { kind: Kind::File, size, .. })) => Some(Ok((file, size))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// All bytes of a file that has at most `limit`.
    pub(super) fn read_at_hand(&self, path: &StoragePath, limit: u64) -> AtHand<Bytes> {
        match self.open_at_hand(path)? {
            Ok((_, size)) if size > limit => Some(Err(DriverError::TooLarge { path: path.clone(), size, limit })),
            Ok((file, size)) => self.chunk_at_hand(&file, 0, usize::try_from(size).ok()?).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Exactly so many bytes of an opened file.
    pub(super) fn chunk_at_hand(&self, file: &C::Handle, offset: u64, size: usize) -> Option<Bytes> {
        let mut chunk = self.rooms.room(size);
        let mut filled = 0;
        while filled < size {
            match self.calls.read_at_hand(file, &mut chunk.as_mut()[filled..], offset + filled as u64) {
                Ok(read) if read > 0 => filled += read,
                _ => return None,
            }
        }
        Some(chunk.into_bytes())
    }

    fn ask<T>(&self, path: &StoragePath, ask: impl FnOnce(&OsStr) -> Result<T, Errno>) -> AtHand<T> {
        if path.is_root() || self.unfinished.is_any() {
            return None;
        }
        told(path, ask(from_root(path)))
    }
}

/// What the system has told.
fn told<T>(path: &StoragePath, answer: Result<T, Errno>) -> AtHand<T> {
    match answer {
        Ok(answer) => Some(Ok(answer)),
        Err(Errno::NOENT) => Some(Err(not_found(path))),
        Err(_) => None,
    }
}

fn of_status(status: Result<Status, DriverError>) -> AtHand<Stat> {
    match status {
        Ok(status) => stat_of(status).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

/// The directory that all of these stand below, if it is not the root.
fn common_directory(paths: &[StoragePath]) -> Option<StoragePath> {
    let (first, rest) = paths.split_first()?;
    let mut common = first.parent()?;
    for path in rest {
        while !path.as_str().strip_prefix(common.as_str()).is_some_and(|below| below.starts_with('/')) {
            common = common.parent()?;
        }
    }
    Some(common).filter(|common| !common.is_root())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::System;
    use super::super::unfinished::Need;
    use super::*;

    #[test]
    fn what_is_at_hand_is_told_and_all_else_is_left_to_the_ordinary_way() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(System::new(root.path().to_owned(), false), false, None);
        let at = |path: &str| StoragePath::new(path).unwrap();
        disk.write(&at("/a/file"), "content".into()).unwrap();
        symlink("file", root.path().join("a/link")).unwrap();
        symlink("a", root.path().join("up")).unwrap();

        assert_eq!(disk.read_at_hand(&at("/a/file"), 7).unwrap().unwrap(), "content");
        assert!(matches!(disk.read_at_hand(&at("/a/file"), 6), Some(Err(DriverError::TooLarge { size: 7, .. }))));
        let (file, size) = disk.open_at_hand(&at("/a/file")).unwrap().unwrap();
        assert_eq!((disk.chunk_at_hand(&file, 3, 4).unwrap(), size), ("tent".into(), 7));
        assert!(disk.chunk_at_hand(&file, 3, 5).is_none(), "it has not so many");
        for path in ["/a/file", "/a"] {
            assert_eq!(disk.stat_at_hand(&at(path)).unwrap().unwrap(), disk.stat(&at(path)).unwrap());
        }
        // That nothing stands there is known once somebody has looked.
        assert!(disk.stat(&at("/a/none")).unwrap_err().is_not_found());
        assert!(disk.stat_at_hand(&at("/a/none")).unwrap().unwrap_err().is_not_found());

        for path in ["/a/link", "/up/file", "/a/file/below"] {
            assert!(disk.stat_at_hand(&at(path)).is_none(), "{path}");
            assert!(disk.read_at_hand(&at(path), 9).is_none(), "{path}");
        }
        assert!(disk.read_at_hand(&at("/a"), 9).is_none() && disk.stat_at_hand(&StoragePath::root()).is_none());
        // What could not be made durable is put right before anything is told.
        disk.unfinished.add(at("/a"), Need::Sync);
        assert!(disk.read_at_hand(&at("/a/file"), 7).is_none());
    }
}
