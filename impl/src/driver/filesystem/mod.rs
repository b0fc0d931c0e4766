//! Everything in a directory of the machine.
//!
//! A file is written to a temporary name beside its place (`.tmp-…`, never listed), made durable and moved into its place; then
//! its directory is made durable. A directory that is deleted is first moved aside, so that it goes at once; what a crash
//! leaves of it is cleared away by a later deletion. What happens on the disk is in [`disk`]; here is how it is called from
//! async code: on tokio's blocking threads, or in place; and in place in any case if nobody must wait ([`athand`]).

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;

use self::calls::Calls;
use self::disk::Disk;
pub use self::system::System;
use super::{Appender, Clock, ContentStream, Driver, DriverError, Entry, MAX_CHUNK, Stat, StoragePath, page};
use crate::sync::{Arc, AtomicBool, KeyedLocks, Ordering, try_blocking, yield_now};

mod appending;
mod athand;
mod beneath;
pub mod calls;
mod delete;
mod disk;
mod durable;
mod listings;
mod rooms;
mod system;
mod together;
mod unfinished;
mod writing;

/// How many bytes are read at once. Small enough for many clients, large enough that the hop to another thread does not show.
const READ_CHUNK: usize = 512 << 10;
const _: () = assert!(READ_CHUNK <= MAX_CHUNK);

/// After how many chunks that were at hand others have a turn: some milliseconds. Each turn wakes another thread of the server, which then
/// finds nothing to do if nobody waited.
const CHUNKS_IN_TURN: usize = 8;

/// How calls into the operating system are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offload {
    /// On tokio's pool of blocking threads, so a tokio runtime is needed; but for reading what the system has at hand, which is done in
    /// place. For servers.
    #[default]
    Pool,
    /// In place. For who has nothing else to do meanwhile: a hop to another thread costs more than most calls.
    Inline,
}

impl Offload {
    /// Runs a job that may block. In the pool it runs to its end even if the future is dropped.
    async fn run<T: Send + 'static>(
        self,
        path: &StoragePath,
        operation: &'static str,
        job: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
    ) -> Result<T, DriverError> {
        match self {
            Self::Inline => job(),
            Self::Pool => try_blocking(job).await.unwrap_or_else(|cancelled| {
                Err(DriverError::Io { path: path.clone(), operation, source: io::Error::other(cancelled) })
            }),
        }
    }
}

/// How a [`Filesystem`] works.
#[derive(Clone, Debug)]
pub struct FilesystemOptions {
    /// Whether what was acknowledged survives a crash of the machine, and not only of the process. On by default.
    pub fsync: bool,
    /// How calls into the operating system are made.
    pub offload: Offload,
    /// Whether the directory is opened once and kept open. For whoever has it alone: another that is put in its place, or mounted
    /// there, is not seen. Off by default; though with `fsync` it is kept open as well once something was changed, to be told of what could
    /// not be written.
    pub root_held: bool,
    /// Dates files by this clock. None, the default: the filesystem dates them.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Default for FilesystemOptions {
    fn default() -> Self {
        Self { fsync: true, offload: Offload::Pool, root_held: false, clock: None }
    }
}

/// Keeps everything in a directory. A clone is the same driver.
///
/// **Symbolic links** below the root are never followed: whatever is behind one is refused
/// ([`DriverError::SymbolicLink`]), though [`list`](Driver::list) names it. Directories are opened so that nobody can put a link
/// in between a look and an act. The root may be a link itself.
///
/// **Names** that are not UTF-8 are not listed, but for [`entries`](Driver::entries). Temporary files of a process that was killed stay invisible until their
/// directory is deleted.
///
/// **Several processes** may use one root, as long as only one of them deletes.
#[derive(Debug)]
pub struct Filesystem<C: Calls = System> {
    disk: Arc<Disk<C>>,
    offload: Offload,
    // Lets one job at a time append to a file. A client that goes away drops its future while its chunk is still on the way to
    // the disk; whoever opens the file next must find that chunk whole or not at all. So the job itself holds the lock.
    turns: Arc<KeyedLocks<StoragePath>>,
}

impl<C: Calls> Clone for Filesystem<C> {
    fn clone(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), offload: self.offload, turns: Arc::clone(&self.turns) }
    }
}

impl Filesystem {
    /// Keeps everything below `root`, which is made by the first write if it is missing. Touches nothing yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, options: FilesystemOptions) -> Self {
        let root = root.into();
        // Absolute, so that a change of the working directory changes nothing.
        let root = std::path::absolute(&root).unwrap_or(root);
        Self::over(System::new(root, options.root_held), options)
    }
}

impl<C: Calls> Filesystem<C> {
    /// Keeps everything where these calls lead.
    #[must_use]
    pub fn over(calls: C, options: FilesystemOptions) -> Self {
        Self {
            disk: Arc::new(Disk::new(calls, options.fsync, options.clock)),
            offload: options.offload,
            turns: Arc::default(),
        }
    }

    /// Who is asked what is at hand, before a hop to another thread. In place nothing is saved by asking twice.
    fn asked_first(&self) -> Option<&Disk<C>> {
        (self.offload == Offload::Pool).then_some(&*self.disk)
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        path: &StoragePath,
        operation: &'static str,
        job: impl FnOnce(&Disk<C>, &StoragePath) -> Result<T, DriverError> + Send + 'static,
    ) -> Result<T, DriverError> {
        let (disk, owned) = (Arc::clone(&self.disk), path.clone());
        self.offload.run(path, operation, move || job(&disk, &owned)).await
    }
}

#[async_trait]
impl<C: Calls> Driver for Filesystem<C> {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        match self.asked_first().and_then(|disk| disk.read_at_hand(path, limit)) {
            Some(read) => read,
            None => self.on_disk(path, "read", move |disk, path| disk.read(path, limit)).await,
        }
    }

    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError> {
        let (file, size) = match self.asked_first().and_then(|disk| disk.open_at_hand(path)) {
            Some(opened) => opened?,
            None => self.on_disk(path, "open", Disk::open).await?,
        };
        let left = size.saturating_sub(offset).min(length.unwrap_or(u64::MAX));
        let reading = Reading { disk: Arc::clone(&self.disk), file, offset, left, in_turn: 0, path: path.clone() };
        let offload = self.offload;
        Ok(stream::try_unfold(reading, move |reading| async move {
            if reading.left == 0 {
                return Ok(None);
            }
            reading.chunk(offload).await.map(Some)
        })
        .boxed())
    }

    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        self.on_disk(path, "write", move |disk, path| disk.write(path, content)).await
    }

    async fn write_steps(&self, steps: Vec<Vec<(StoragePath, Bytes)>>) -> Result<(), DriverError> {
        let Some((first, _)) = steps.iter().flatten().next() else { return Ok(()) };
        let (first, waiting) = (first.clone(), Waiting::default());
        let is_wanted = Arc::clone(&waiting.0);
        self.on_disk(&first, "write", move |disk, _| disk.write_steps(&steps, &is_wanted)).await
    }

    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        let turn = self.turns.lock(path.clone()).await;
        let opened = self.on_disk(path, "append", move |disk, path| {
            let opened = disk.append(path);
            drop(turn);
            opened
        });
        let (file, size) = opened.await?;
        Ok(Box::new(FileAppender {
            of: self.clone(),
            path: path.clone(),
            file: Arc::new(file),
            size,
            durable: size,
            placed: false,
        }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        match self.asked_first().and_then(|disk| disk.stat_at_hand(path)) {
            Some(stat) => stat,
            None => self.on_disk(path, "stat", Disk::stat).await,
        }
    }

    async fn stat_each(&self, paths: &[StoragePath]) -> Vec<Result<Stat, DriverError>> {
        let known = self.asked_first().and_then(|disk| disk.stat_each_at_hand(paths)).unwrap_or_default();
        let mut known = known.into_iter();
        let mut stats = Vec::with_capacity(paths.len());
        for path in paths {
            stats.push(match known.next().flatten() {
                Some(stat) => stat,
                None => self.on_disk(path, "stat", Disk::stat).await,
            });
        }
        stats
    }

    async fn list_after(&self, path: &StoragePath, after: &str, limit: usize) -> Result<Vec<String>, DriverError> {
        let names = match self.asked_first().and_then(|disk| disk.names_at_hand(path)) {
            Some(names) => names,
            None => self.on_disk(path, "list", Disk::names).await?,
        };
        Ok(page(&names, after, limit))
    }

    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        self.on_disk(path, "list", Disk::list).await
    }

    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        self.on_disk(path, "list", Disk::entries).await
    }

    async fn ready(&self) -> Result<(), DriverError> {
        self.on_disk(&StoragePath::root(), "open", Disk::ready).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        let to = to.clone();
        self.on_disk(from, "rename", move |disk, from| disk.rename(from, &to)).await
    }

    async fn confirm(&self, path: &StoragePath) -> Result<(), DriverError> {
        if self.disk.is_confirmed(path) {
            return Ok(());
        }
        self.on_disk(path, "sync", Disk::confirm).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.on_disk(path, "delete", Disk::delete).await
    }

    async fn delete_each(&self, paths: &[StoragePath]) -> Result<(), DriverError> {
        let Some(first) = paths.first() else { return Ok(()) };
        // Whoever waits for it keeps others out of the way of what is deleted, and no longer if that future is dropped.
        let waiting = Waiting::default();
        let (owned, is_wanted) = (paths.to_vec(), Arc::clone(&waiting.0));
        self.on_disk(first, "delete", move |disk, _| disk.delete_each(&owned, &is_wanted).map(drop)).await
    }
}

/// Says when nobody waits any more.
struct Waiting(Arc<AtomicBool>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A file that is being streamed.
struct Reading<C: Calls> {
    disk: Arc<Disk<C>>,
    file: C::Handle,
    offset: u64,
    left: u64,
    // How many chunks were at hand since others had a turn.
    in_turn: usize,
    path: StoragePath,
}

impl<C: Calls> Reading<C> {
    /// The next chunk.
    async fn chunk(self, offload: Offload) -> Result<(Bytes, Self), DriverError> {
        let mut reading = self;
        if offload == Offload::Pool {
            // What is at hand is never waited for, and somebody who hashes all of a large file would let nobody else have a turn.
            if reading.in_turn == CHUNKS_IN_TURN {
                reading.in_turn = 0;
                yield_now().await;
            }
            reading = match reading.next_at_hand() {
                Ok(read) => return Ok(read),
                Err(reading) => reading,
            };
        }
        reading.in_turn = 0;
        let path = reading.path.clone();
        offload.run(&path, "read", move || reading.next()).await
    }

    fn next(self) -> Result<(Bytes, Self), DriverError> {
        let chunk = self.disk.chunk(&self.path, &self.file, self.offset, self.size())?;
        Ok(self.after(chunk))
    }

    /// The next chunk, if the system has it at hand.
    fn next_at_hand(mut self) -> Result<(Bytes, Self), Self> {
        match self.disk.chunk_at_hand(&self.file, self.offset, self.size()) {
            Some(chunk) => {
                self.in_turn += 1;
                Ok(self.after(chunk))
            }
            None => Err(self),
        }
    }

    /// How many bytes the next chunk has.
    fn size(&self) -> usize {
        usize::try_from(self.left).map_or(READ_CHUNK, |left| left.min(READ_CHUNK))
    }

    fn after(mut self, chunk: Bytes) -> (Bytes, Self) {
        self.offset += chunk.len() as u64;
        self.left -= chunk.len() as u64;
        (chunk, self)
    }
}

#[derive(Debug)]
struct FileAppender<C: Calls> {
    of: Filesystem<C>,
    path: StoragePath,
    file: Arc<C::Handle>,
    size: u64,
    // How many bytes a sync that fails leaves.
    durable: u64,
    // Whether the file's place in its directory is known to be durable.
    placed: bool,
}

#[async_trait]
impl<C: Calls> Appender for FileAppender<C> {
    fn size(&self) -> u64 {
        self.size
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), DriverError> {
        self.write_pieces(vec![chunk]).await
    }

    async fn write_pieces(&mut self, pieces: Vec<Bytes>) -> Result<(), DriverError> {
        let turn = self.of.turns.lock(self.path.clone()).await;
        let file = Arc::clone(&self.file);
        let written = self.of.on_disk(&self.path, "append", move |disk, path| {
            let size = disk.append_pieces(path, &file, &pieces);
            drop(turn);
            size.map(|size| (size, pieces))
        });
        // They are freed where the next ones are received: what another thread frees is not there for those.
        let (size, pieces) = written.await?;
        drop(pieces);
        self.size = size;
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), DriverError> {
        let (file, placed, durable) = (Arc::clone(&self.file), self.placed, self.durable);
        let synced = self
            .of
            .on_disk(&self.path, "sync", move |disk, path| disk.sync_appended(path, &file, placed, durable))
            .await;
        match synced {
            Ok(()) => (self.durable, self.placed) = (self.size, true),
            // What could not be made durable is there no more.
            Err(_) => {
                let file = Arc::clone(&self.file);
                let size = self.of.on_disk(&self.path, "stat", move |disk, path| disk.size(path, &file)).await;
                self.size = size.unwrap_or(durable);
            }
        }
        synced
    }
}
