//! Files that grow: what is appended is there whole or not at all, and durable after a sync.
//!
//! An append that fails is undone by cutting the file back, and so is one whose sync fails: a later sync could not tell whether those
//! bytes are durable. While a large file grows, the system is told now and then that it will be synced, so that the disk is at work
//! before the last byte has come, and the sync has little left to wait for.

use bytes::Bytes;

use super::calls::{Calls, Errno};
use super::disk::{Disk, acting};
use super::together::Since;
use super::unfinished::Need;
use crate::driver::{DriverError, StoragePath};

/// After how many bytes of a file the system is told that they will be synced.
const SYNC_AHEAD: u64 = 8 << 20;

impl<C: Calls> Disk<C> {
    /// Opens a file for appending, and says how large it is.
    pub(super) fn append(&self, path: &StoragePath) -> Result<(C::Handle, u64), DriverError> {
        let _shared = self.sharing_tree();
        self.put_right(path, "append")?;
        let directory = self.prepare(path, "append")?;
        let opened = || match self.calls.create(&directory, path.file_name()) {
            Ok(file) => self.date(&file).map(|()| (file, 0)),
            Err(Errno::EXIST) => {
                let file = self.calls.extend(&directory, path.file_name())?;
                let size = self.calls.status(&file)?.size;
                Ok((file, size))
            }
            Err(error) => Err(error),
        };
        opened().map_err(acting(path, "append"))
    }

    /// Appends all pieces or nothing, and says how large the file is then.
    pub(super) fn append_pieces(
        &self,
        path: &StoragePath,
        file: &C::Handle,
        pieces: &[Bytes],
    ) -> Result<u64, DriverError> {
        let append = || {
            let before = self.calls.status(file)?.size;
            let more: usize = pieces.iter().map(Bytes::len).sum();
            let dated = || if more == 0 { Ok(()) } else { self.date(file) };
            if let Err(error) = self.calls.write_pieces(file, pieces).and_then(|()| dated()) {
                if self.calls.cut(file, before).is_err() {
                    self.unfinished.add(path.clone(), Need::Cut(before));
                }
                return Err(error);
            }
            let size = before + more as u64;
            let (from, to) = (before - before % SYNC_AHEAD, size - size % SYNC_AHEAD);
            if self.fsync && from < to {
                self.calls.begin_sync(file, from, to - from);
            }
            Ok(size)
        };
        append().map_err(acting(path, "append"))
    }

    /// How many bytes an opened file has.
    pub(super) fn size(&self, path: &StoragePath, file: &C::Handle) -> Result<u64, DriverError> {
        self.calls.status(file).map(|status| status.size).map_err(acting(path, "stat"))
    }

    /// Makes appended bytes durable and, unless that is known already, the file's place. If the bytes cannot be made so, they go
    /// again, but for the first `durable`.
    pub(super) fn sync_appended(
        &self,
        path: &StoragePath,
        file: &C::Handle,
        placed: bool,
        durable: u64,
    ) -> Result<(), DriverError> {
        if !self.fsync {
            return Ok(());
        }
        let failed = acting(path, "sync");
        if let Err(error) = self.sync(file) {
            if self.calls.cut(file, durable).is_err() {
                self.unfinished.add(path.clone(), Need::Cut(durable));
            }
            return Err(failed(error));
        }
        if placed {
            return Ok(());
        }
        match self.directory_of(path, "sync") {
            Ok(directory) => self.sync_names(Since::EVER, &[&directory], &[path]).map_err(failed),
            // Renamed meanwhile, and the old directory deleted: the rename has made the new place durable.
            Err(DriverError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
