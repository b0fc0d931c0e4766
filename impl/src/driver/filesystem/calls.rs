//! The calls into the operating system that the driver makes, and nothing above them.
//!
//! `Disk` (`disk.rs`) decides what is called in which order, and when something is made durable; here is what can be
//! called. [`System`](super::System) does it. A test may do something else: forget what was not synced, or fail. So the order
//! that is tested is the one that runs.

use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
pub use rustix::io::Errno;

use crate::driver::Kind;
use crate::sync::LazyLock;

/// What is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A directory, to be read and synced.
    Directory,
    /// A file, to be read. What turns out to be something else may be opened as well, and must not make anybody wait.
    File,
}

/// What is known of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub kind: Kind,
    /// Of a file: its size in bytes.
    pub size: u64,
    /// When it was last modified, in whole seconds since 1970. Anything before that is 0.
    pub modified: u64,
}

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: OsString,
    /// What it is, if the directory says it.
    pub kind: Option<Kind>,
}

/// What a directory looked like at a time: if it looks the same later, nothing was added to it nor removed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which directory it is, and when it was last changed.
    pub of: [i64; 6],
    /// Whether that was so long ago that no change can come any more with the same date.
    pub is_settled: bool,
}

/// Calls into the operating system, below one root directory. Names have no `/` in them, paths have `/` between names and no `.`
/// nor `..`.
///
/// Errors are those of the system: `NOENT` and `NOTDIR` where there is no such thing, `LOOP` exactly if a symbolic link is in the
/// way, `EXIST` where something must not be there and is.
#[allow(clippy::missing_errors_doc, reason = "said above, once for all")]
pub trait Calls: Send + Sync + Debug + 'static {
    /// Something that is open, until it is dropped.
    type Handle: Send + Sync + Debug + 'static;

    /// Opens the root. It may be a symbolic link.
    fn root(&self) -> Result<Self::Handle, Errno>;

    /// Makes the root, with everything above it that is missing.
    fn make_root(&self) -> Result<(), Errno>;

    /// Makes durable what stands above the root, as far as this process may.
    fn sync_above_root(&self) -> Result<(), Errno>;

    /// Makes everything durable that any process has done on the filesystem of the root.
    fn sync_everything(&self, root: &Self::Handle) -> Result<(), Errno>;

    /// Makes everything durable that [`is_reached`](Self::is_reached). An error tells that something that was written since the last call
    /// may not be durable; also where nobody can know. Default: nobody can.
    fn sync_together(&self, root: &Self::Handle) -> Result<(), Errno> {
        let _ = root;
        Err(Errno::NOSYS)
    }

    /// Whether [`sync_together`](Self::sync_together) reaches this. Another filesystem may be mounted somewhere below the root. Default: it
    /// does.
    fn is_reached(&self, handle: &Self::Handle) -> bool {
        let _ = handle;
        true
    }

    /// A time that never goes back, since whenever. Default: that of this process.
    fn now(&self) -> Duration {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGINNING.elapsed()
    }

    /// Opens what stands at a path below a directory, following no symbolic link; the directory itself, if the path is empty.
    fn open(&self, directory: &Self::Handle, path: &OsStr, opening: Opening) -> Result<Self::Handle, Errno>;

    /// Makes a file, and opens it for appending. Nothing may stand there.
    fn create(&self, directory: &Self::Handle, name: &str) -> Result<Self::Handle, Errno>;

    /// Opens a file for appending.
    fn extend(&self, directory: &Self::Handle, name: &str) -> Result<Self::Handle, Errno>;

    /// Makes a directory. Nothing may stand there.
    fn make_directory(&self, directory: &Self::Handle, name: &str) -> Result<(), Errno>;

    /// Looks at what is open.
    fn status(&self, handle: &Self::Handle) -> Result<Status, Errno>;

    /// Looks at what stands in a directory. A symbolic link is not followed.
    fn status_at(&self, directory: &Self::Handle, name: &OsStr) -> Result<Status, Errno>;

    /// Everything in a directory, but for `.` and `..`, in any order.
    fn entries(&self, directory: &Self::Handle) -> Result<Vec<Listed>, Errno>;

    /// What a directory looks like now. Default: nobody knows.
    fn version(&self, directory: &Self::Handle) -> Result<Option<Version>, Errno> {
        let _ = directory;
        Ok(None)
    }

    /// Reads from an offset on; 0 bytes at the end. Perhaps fewer than there is room for.
    fn read(&self, file: &Self::Handle, room: &mut [u8], offset: u64) -> Result<usize, Errno>;

    /// Appends bytes, perhaps not all of them; says how many.
    fn write(&self, file: &Self::Handle, bytes: &[u8]) -> Result<usize, Errno>;

    /// Cuts a file to a size.
    fn cut(&self, file: &Self::Handle, size: u64) -> Result<(), Errno>;

    /// Dates a file.
    fn date(&self, file: &Self::Handle, time: SystemTime) -> Result<(), Errno>;

    /// Dates what stands in a directory; without a time, as of now.
    fn date_at(&self, directory: &Self::Handle, name: &str, time: Option<SystemTime>) -> Result<(), Errno>;

    /// Makes durable: a file's bytes, or which names stand in a directory and for what.
    fn sync(&self, handle: &Self::Handle) -> Result<(), Errno>;

    /// Moves something, in place of what was there: a file that of a file, a directory that of an empty directory.
    fn rename(&self, from: &Self::Handle, old: &str, to: &Self::Handle, new: &str) -> Result<(), Errno>;

    /// Removes what is no directory.
    fn unlink(&self, directory: &Self::Handle, name: &OsStr) -> Result<(), Errno>;

    /// Removes a directory with nothing in it.
    fn remove_directory(&self, directory: &Self::Handle, name: &OsStr) -> Result<(), Errno>;

    /// Looks at what stands at a path below the root, if no disk is waited for. `AGAIN`: one might be. A symbolic link anywhere on the
    /// way, or a system that cannot say, gives whatever error it likes but `NOENT`. Default: `AGAIN`.
    fn status_at_hand(&self, path: &OsStr) -> Result<Status, Errno> {
        let _ = path;
        Err(Errno::AGAIN)
    }

    /// Opens a directory at a path below the root, as [`status_at_hand`](Self::status_at_hand) looks at it; not to be read.
    fn directory_at_hand(&self, path: &OsStr) -> Result<Self::Handle, Errno> {
        let _ = path;
        Err(Errno::AGAIN)
    }

    /// [`status_at_hand`](Self::status_at_hand), of a path below such a directory.
    fn status_below_at_hand(&self, directory: &Self::Handle, path: &OsStr) -> Result<Status, Errno> {
        let _ = (directory, path);
        Err(Errno::AGAIN)
    }

    /// Opens a file at a path below the root, as [`status_at_hand`](Self::status_at_hand) looks at it.
    fn file_at_hand(&self, path: &OsStr) -> Result<Self::Handle, Errno> {
        let _ = path;
        Err(Errno::AGAIN)
    }

    /// As [`read`](Self::read), if no disk is waited for; else, and by default, `AGAIN`.
    fn read_at_hand(&self, file: &Self::Handle, room: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let _ = (file, room, offset);
        Err(Errno::AGAIN)
    }

    /// Appends all bytes.
    fn write_all(&self, file: &Self::Handle, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match self.write(file, bytes)? {
                // No system says so of a file; it must not go on for ever.
                0 => return Err(Errno::IO),
                written => bytes = bytes.get(written..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Appends all bytes of all pieces.
    fn write_pieces(&self, file: &Self::Handle, pieces: &[Bytes]) -> Result<(), Errno> {
        pieces.iter().try_for_each(|piece| self.write_all(file, piece))
    }

    /// Tells the system that these bytes of a file will be synced, so that it can begin now. Nothing is durable by it, and nothing is
    /// told of errors before the sync. Default: the system is not told.
    fn begin_sync(&self, file: &Self::Handle, offset: u64, length: u64) {
        let _ = (file, offset, length);
    }

    /// Fills the room from an offset on, as far as the file reaches; says how far.
    fn read_all(&self, file: &Self::Handle, room: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let mut filled = 0;
        while filled < room.len() {
            match self.read(file, &mut room[filled..], offset + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    /// Removes a directory with all that is in it. What somebody else removes meanwhile is gone as well.
    fn remove_tree(&self, directory: &Self::Handle, name: &OsStr) -> Result<(), Errno> {
        let gone_is_done = |result| if result == Err(Errno::NOENT) { Ok(()) } else { result };
        let inside = match self.open(directory, name, Opening::Directory) {
            Err(Errno::NOENT) => return Ok(()),
            inside => inside?,
        };
        for Listed { name, kind } in self.entries(&inside)? {
            let kind = match kind {
                Some(kind) => kind,
                None => self.status_at(&inside, &name)?.kind,
            };
            match kind {
                Kind::Directory => self.remove_tree(&inside, &name)?,
                Kind::File | Kind::SymbolicLink | Kind::Special => gone_is_done(self.unlink(&inside, &name))?,
            }
        }
        gone_is_done(self.remove_directory(directory, name))
    }
}
