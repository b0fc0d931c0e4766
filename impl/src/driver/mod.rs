//! Where bytes are kept: one small trait, one file per way of keeping them.
//!
//! A [`Driver`] is a tree of directories and files with just the operations a registry needs. What it promises is written at
//! the trait, and `tests/driver_suite/` holds every driver to it. Directories appear when something is written below them
//! and stay when it goes; only [`delete`](Driver::delete) removes them.

use std::fmt::{self, Debug};
use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

#[cfg(test)]
mod agreement;
mod clock;
mod filesystem;
mod memory;
mod path;
mod redirecting;

pub use clock::{Clock, ManualClock, SystemClock, seconds_since_epoch};
pub use filesystem::{Filesystem, FilesystemOptions, Offload, System, calls};
pub use memory::Memory;
pub use path::StoragePath;
pub use redirecting::Redirecting;

/// The bytes of a file, in chunks of at most [`MAX_CHUNK`] bytes, none of them empty.
pub type ContentStream = BoxStream<'static, Result<Bytes, DriverError>>;

/// The largest chunk of a [`ContentStream`], in bytes: 1 MiB.
pub const MAX_CHUNK: usize = 1 << 20;

/// The largest file that is ever read into memory whole, in bytes: 64 MiB. Far above any manifest that is taken; it keeps a
/// layer that an index names as a manifest from filling the memory.
pub const MAX_READ: u64 = 64 << 20;

/// A tree of directories and files.
///
/// **Atomic:** whoever reads a path while it is written, replaced, renamed or deleted sees all of the old or all of the new.
/// **Durable:** when [`write`](Self::write), [`rename`](Self::rename), [`delete`](Self::delete) or [`Appender::sync`] has
/// answered, no crash undoes it. **Concurrent:** any number of calls may run at once; of several writers of one path, one
/// wins whole. A call whose future is dropped may still take effect, whole, a moment later.
///
/// Every operation answers [`DriverError::NotFound`] where there is nothing *of the kind it wants*: a file is not found where a
/// directory stands, nor a directory where a file stands, nor anything below a file. A failure of the medium is
/// [`DriverError::Io`].
///
/// ```
/// # use proofhouse_registry::driver::{Driver, DriverError, Memory, StoragePath};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DriverError> {
/// let driver = Memory::default();
/// let path = StoragePath::new("/greetings/morning")?;
/// driver.write(&path, "good morning".into()).await?;
/// assert_eq!(driver.read(&path).await?, "good morning");
/// assert_eq!(driver.list(&StoragePath::new("/greetings")?).await?, ["morning"]);
/// # Ok(()) }
/// ```
#[async_trait]
pub trait Driver: Send + Sync + Debug + 'static {
    /// A short name, for messages.
    fn name(&self) -> &'static str;

    /// All bytes of a file, if there are at most `limit` of them. Else [`DriverError::TooLarge`], and nothing of it is read: what a
    /// file claims to hold is never believed with memory.
    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError>;

    /// All bytes of a file that has at most [`MAX_READ`].
    async fn read(&self, path: &StoragePath) -> Result<Bytes, DriverError> {
        self.read_at_most(path, MAX_READ).await
    }

    /// The bytes of a file from `offset` on, at most `length` of them, as they are when this answers.
    ///
    /// What lies beyond the end is cut: an `offset` at or beyond it gives an empty stream. The stream survives that the path is
    /// replaced, renamed or deleted.
    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError>;

    /// Puts a file there, in place of any that was there. Atomic and durable, its directories included.
    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError>;

    /// [`write`](Self::write) of several files, in steps: no file of a step is seen, nor is it there after a crash, without all of the
    /// steps before it. Within a step there is no order; directories may be there before any file. After an error, or if the future is
    /// dropped, some of it may be there.
    async fn write_steps(&self, steps: Vec<Vec<(StoragePath, Bytes)>>) -> Result<(), DriverError> {
        for (path, content) in steps.into_iter().flatten() {
            self.write(&path, content).await?;
        }
        Ok(())
    }

    /// Opens a file for appending; makes it, and its directories, if it is missing. Durable after [`Appender::sync`].
    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError>;

    /// What stands there: a file or a directory.
    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError>;

    /// The same of each of several paths, in their order. It costs less where they have a directory in common.
    async fn stat_each(&self, paths: &[StoragePath]) -> Vec<Result<Stat, DriverError>> {
        let mut stats = Vec::with_capacity(paths.len());
        for path in paths {
            stats.push(self.stat(path).await);
        }
        stats
    }

    /// The names of what stands in a directory, sorted by bytes.
    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError>;

    /// At most `limit` of the names that [`list`](Self::list) gives, from the first one after `after` on. That need not be among them;
    /// the empty text comes before all.
    async fn list_after(&self, path: &StoragePath, after: &str, limit: usize) -> Result<Vec<String>, DriverError> {
        Ok(page(&self.list(path).await?, after, limit))
    }

    /// Everything that stands in a directory, sorted by name: also what no other operation can reach. For whoever must not pass
    /// over anything.
    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError>;

    /// Moves a file, in place of any that was there. Makes the directories of `to`. Atomic and durable as to *where* the file is;
    /// its bytes are durable if they were before ([`Appender::sync`]). Its [`Stat::modified`] becomes now.
    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError>;

    /// Removes a file, or a directory with all that is in it. The root cannot be removed ([`DriverError::InvalidPath`]).
    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError>;

    /// [`delete`](Self::delete) of each of several paths, in no particular order. What is not there stays so. After an error some are
    /// removed, and those for good.
    async fn delete_each(&self, paths: &[StoragePath]) -> Result<(), DriverError> {
        for path in paths {
            match self.delete(path).await {
                Err(error) if !error.is_not_found() => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Makes sure that a file that is there stays there, whatever crash comes. What is visible need not be durable yet: another call may
    /// be about to make it so, or a process may have been killed before it could. Whoever acknowledges something because a file is
    /// there asks this first. Default: nothing is visible here before it is durable.
    async fn confirm(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.stat(path).await.map(drop)
    }

    /// Whether there is a storage at all, and it can be read. A root that is not there is an empty tree to every other operation.
    async fn ready(&self) -> Result<(), DriverError> {
        self.list(&StoragePath::root()).await.map(drop)
    }

    /// Where a client can fetch the file by itself, if the driver knows such a place. Does not ask whether the file exists.
    async fn redirect_url(&self, path: &StoragePath) -> Result<Option<String>, DriverError> {
        let _ = path;
        Ok(None)
    }
}

/// At most `limit` of these sorted names, from the first one after `after` on.
fn page(names: &[String], after: &str, limit: usize) -> Vec<String> {
    let start = names.partition_point(|name| name.as_str() <= after);
    names[start..].iter().take(limit).cloned().collect()
}

/// A file that is open for appending. It follows the file when that is renamed.
#[async_trait]
pub trait Appender: Send + Debug {
    /// How many bytes the file has, those of the last [`write`](Self::write) included.
    fn size(&self) -> u64;

    /// Appends the chunk. After an error nothing of it is there, as far as the medium still obeys.
    async fn write(&mut self, chunk: Bytes) -> Result<(), DriverError>;

    /// Appends pieces, one after the other. After an error [`size`](Self::size) says how many bytes are there.
    async fn write_pieces(&mut self, pieces: Vec<Bytes>) -> Result<(), DriverError> {
        for piece in pieces {
            self.write(piece).await?;
        }
        Ok(())
    }

    /// Makes everything appended so far durable, and the file's place too. After an error what was appended since the last time is
    /// not there any more, as far as the medium still obeys: a later sync could not tell whether it is durable.
    async fn sync(&mut self) -> Result<(), DriverError>;
}

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The size of a file in bytes; 0 for a directory.
    pub size: u64,
    /// When a file was last written, appended to or renamed, in whole seconds since 1970. For a directory: whatever the
    /// driver knows.
    pub modified: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name. What is not UTF-8 in it stands as U+FFFD, and no operation takes such a name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What can stand in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file with bytes.
    File,
    /// A directory.
    Directory,
    /// A symbolic link. None is ever followed.
    SymbolicLink,
    /// A pipe, a socket, a device.
    Special,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::SymbolicLink => "a symbolic link",
            Self::Special => "a pipe, socket or device",
        })
    }
}

/// Why a driver could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Nothing of the wanted kind stands there.
    #[error("{path}: not found")]
    NotFound {
        /// What was asked for.
        path: StoragePath,
    },
    /// This text is no path, or not one that this operation can work on.
    #[error("`{path}` is not a path that can be used here")]
    InvalidPath {
        /// The text as it was given.
        path: String,
    },
    /// A symbolic link stands at the path or at one of its directories. None is ever followed.
    #[error("{path}: there is a symbolic link on the way; replace it by what it points to")]
    SymbolicLink {
        /// What was asked for.
        path: StoragePath,
    },
    /// The file has more bytes than the caller takes.
    #[error("{path}: it has {size} bytes, and at most {limit} are read")]
    TooLarge {
        /// What was asked for.
        path: StoragePath,
        /// How many bytes it claims to have.
        size: u64,
        /// How many would have been taken.
        limit: u64,
    },
    /// The medium failed, or something of another kind is in the way.
    #[error("{path}: could not {operation}: {source}")]
    Io {
        /// What was asked for.
        path: StoragePath,
        /// What was being done, as a verb: `write`, `rename`.
        operation: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl DriverError {
    /// What was asked for, if it was a path.
    #[must_use]
    pub const fn path(&self) -> Option<&StoragePath> {
        match self {
            Self::NotFound { path }
            | Self::SymbolicLink { path }
            | Self::TooLarge { path, .. }
            | Self::Io { path, .. } => Some(path),
            Self::InvalidPath { .. } => None,
        }
    }

    /// Whether nothing stood there: the one error that callers often expect.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
