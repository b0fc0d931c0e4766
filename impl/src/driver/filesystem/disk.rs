//! What the filesystem driver does on the disk, call by call, blocking.
//!
//! Two things are guarded here. Symbolic links: a directory is opened without following any ([`beneath`]), and what is done to
//! a name is done in the opened directory, so nobody can put a link in between. Deletion: a directory is moved aside while
//! nobody is between making a directory and putting a file into it (the `tree` lock), so a write never lands in a directory
//! that is on its way out.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{AtFlags, Dir, DirEntry, FileType, Mode, OFlags, UTIME_NOW};
use rustix::fs::{Timespec, Timestamps, fstat, mkdirat, open, openat, renameat, statat, unlinkat, utimensat};
use rustix::io::Errno;

use super::beneath::{self, DIRECTORY, FILE};
use super::directories::DurableDirectories;
use crate::driver::path::TEMPORARY;
use crate::driver::{Clock, DriverError, Entry, Kind, Stat, StoragePath};
use crate::sync::{Arc, AtomicU64, Ordering, PoisonError, RwLock, RwLockReadGuard};

/// What a new file and a new directory may be used for; the process's umask takes away from it.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    fsync: bool,
    clock: Option<Arc<dyn Clock>>,
    durable: DurableDirectories,
    // Shared by what puts files into directories, exclusive for what removes directories.
    tree: RwLock<()>,
    // How often what an earlier process left half deleted was cleared away: once is enough.
    cleared: AtomicU64,
}

impl Disk {
    pub(super) fn new(root: PathBuf, fsync: bool, clock: Option<Arc<dyn Clock>>) -> Self {
        Self {
            root,
            fsync,
            clock,
            durable: DurableDirectories::default(),
            tree: RwLock::default(),
            cleared: AtomicU64::new(0),
        }
    }

    /// All bytes of a file that has at most `limit`.
    pub(super) fn read(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        let (file, size) = self.existing_file(path, "read")?;
        let too_large = |size| DriverError::TooLarge { path: path.clone(), size, limit };
        if size > limit {
            return Err(too_large(size));
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // It may be growing.
        file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(acting(path, "read"))?;
        let read = content.len() as u64;
        if read > limit { Err(too_large(read)) } else { Ok(content.into()) }
    }

    /// Opens a file at `offset`, and says how large it is.
    pub(super) fn open(&self, path: &StoragePath, offset: u64) -> Result<(File, u64), DriverError> {
        let (mut file, size) = self.existing_file(path, "open")?;
        if offset > 0 {
            file.seek(SeekFrom::Start(offset.min(size))).map_err(acting(path, "open"))?;
        }
        Ok((file, size))
    }

    pub(super) fn write(&self, path: &StoragePath, content: &[u8]) -> Result<(), DriverError> {
        let failed = acting(path, "write");
        let _shared = self.sharing_tree();
        let directory = self.prepare(path, "write")?;
        let (temporary, file) = create_temporary(&directory).map_err(|error| failed(error.into()))?;
        let put = || {
            (&file).write_all(content)?;
            self.date(&file)?;
            if self.fsync {
                file.sync_all()?;
            }
            Ok(renameat(&directory, &temporary, &directory, path.file_name())?)
        };
        if let Err(error) = put() {
            // Best effort: a leftover is invisible.
            let _ = unlinkat(&directory, &temporary, AtFlags::empty());
            return Err(failed(error));
        }
        self.sync(&directory).map_err(failed)
    }

    /// Opens a file for appending, and says how large it is.
    pub(super) fn append(&self, path: &StoragePath) -> Result<(File, u64), DriverError> {
        let _shared = self.sharing_tree();
        let directory = self.prepare(path, "append")?;
        let open = |more: OFlags| {
            // A pipe must not make us wait for its other end.
            let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            openat(&directory, path.file_name(), flags | more, FILE_MODE).map(File::from)
        };
        let opened = || match open(OFlags::CREATE | OFlags::EXCL) {
            Ok(file) => self.date(&file).map(|()| (file, 0)),
            Err(Errno::EXIST) => {
                let file = open(OFlags::empty())?;
                let size = file.metadata()?.len();
                Ok((file, size))
            }
            Err(error) => Err(error.into()),
        };
        opened().map_err(acting(path, "append"))
    }

    /// Appends a chunk whole or not at all, and says how large the file is then.
    pub(super) fn append_chunk(&self, path: &StoragePath, file: &File, chunk: &[u8]) -> Result<u64, DriverError> {
        let append = || {
            let before = file.metadata()?.len();
            let mut appending = file;
            if let Err(error) = appending.write_all(chunk) {
                // Best effort: the disk may be full or gone.
                let _ = file.set_len(before);
                return Err(error);
            }
            if !chunk.is_empty() {
                self.date(file)?;
            }
            Ok(before + chunk.len() as u64)
        };
        append().map_err(acting(path, "append"))
    }

    /// Makes appended bytes durable and, unless that is known already, the file's place.
    pub(super) fn sync_appended(&self, path: &StoragePath, file: &File, placed: bool) -> Result<(), DriverError> {
        if !self.fsync {
            return Ok(());
        }
        let failed = acting(path, "sync");
        file.sync_all().map_err(&failed)?;
        if placed {
            return Ok(());
        }
        match self.directory_of(path, "sync") {
            Ok(directory) => self.sync(&directory).map_err(failed),
            // Renamed meanwhile, and the old directory deleted: the rename has made the new place durable.
            Err(DriverError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        let stat = if path.is_root() {
            match self.root() {
                Ok(root) => fstat(&root).map_err(looking(path, "stat"))?,
                // The root is there before anything is.
                Err(Errno::NOENT) => return Ok(Stat { size: 0, modified: 0, is_dir: true }),
                Err(error) => return Err(looking(path, "stat")(error)),
            }
        } else {
            look(&self.directory_of(path, "stat")?, path, "stat")?.ok_or_else(|| not_found(path))?
        };
        // Anything before 1970, or of no size that a file can have, counts as 0.
        let modified = u64::try_from(stat.st_mtime).unwrap_or(0);
        match kind(&stat) {
            FileType::Directory => Ok(Stat { size: 0, modified, is_dir: true }),
            FileType::RegularFile => {
                Ok(Stat { size: u64::try_from(stat.st_size).unwrap_or(0), modified, is_dir: false })
            }
            _ => Err(not_found(path)),
        }
    }

    /// Fails unless the root is there and can be read.
    pub(super) fn ready(&self, root: &StoragePath) -> Result<(), DriverError> {
        self.root().map_err(|error| acting(root, "open")(error.into()))?;
        self.list(root).map(drop)
    }

    pub(super) fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        self.scan(path, |_, entry| Ok(entry.file_name().to_str().ok().map(ToOwned::to_owned)))
    }

    /// Everything in a directory, whatever it is and is called.
    pub(super) fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        self.scan(path, |directory, entry| {
            let kind = match entry.file_type() {
                // Not every filesystem says it here.
                FileType::Unknown => match statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => kind(&stat),
                    // It went meanwhile.
                    Err(Errno::NOENT) => return Ok(None),
                    Err(error) => return Err(error),
                },
                kind => kind,
            };
            let kind = match kind {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Directory,
                FileType::Symlink => Kind::SymbolicLink,
                _ => Kind::Special,
            };
            Ok(Some(Entry { name: entry.file_name().to_string_lossy().into_owned(), kind }))
        })
    }

    /// Asks of everything in a directory, but for what is ours, and sorts the answers.
    fn scan<T: Ord>(
        &self,
        path: &StoragePath,
        ask: impl Fn(&OwnedFd, &DirEntry) -> Result<Option<T>, Errno>,
    ) -> Result<Vec<T>, DriverError> {
        let directory = match self.directory(path, "list") {
            Err(DriverError::NotFound { .. }) if path.is_root() => return Ok(Vec::new()),
            directory => directory?,
        };
        let failed = looking(path, "list");
        let mut answers = Vec::new();
        for entry in Dir::read_from(&directory).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && !name.starts_with(TEMPORARY.as_bytes()) {
                answers.extend(ask(&directory, &entry).map_err(&failed)?);
            }
        }
        answers.sort_unstable();
        Ok(answers)
    }

    pub(super) fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        let _shared = self.sharing_tree();
        let old = self.directory_of(from, "rename")?;
        if look(&old, from, "rename")?.is_none_or(|stat| kind(&stat) != FileType::RegularFile) {
            return Err(not_found(from));
        }
        let new = self.prepare(to, "rename")?;
        self.redate(&old, from.file_name()).map_err(looking(from, "rename"))?;
        renameat(&old, from.file_name(), &new, to.file_name()).map_err(looking(from, "rename"))?;
        // The new name first: a crash between the two may leave both, never none.
        self.sync(&new).map_err(acting(to, "rename"))?;
        if from.parent() == to.parent() { Ok(()) } else { self.sync(&old).map_err(acting(from, "rename")) }
    }

    pub(super) fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        if path.is_root() {
            return Err(DriverError::InvalidPath { path: path.as_str().to_owned() });
        }
        let failed = acting(path, "delete");
        let exclusive = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let directory = self.directory_of(path, "delete")?;
        let stat = look(&directory, path, "delete")?.ok_or_else(|| not_found(path))?;
        let aside = if kind(&stat) == FileType::Directory {
            self.durable.forget(path);
            Some(self.move_aside(&directory, path).map_err(looking(path, "delete"))?)
        } else {
            unlinkat(&directory, path.file_name(), AtFlags::empty()).map_err(looking(path, "delete"))?;
            None
        };
        drop(exclusive);
        // Nobody has to wait for this.
        self.sync(&directory).map_err(&failed)?;
        if let Some(aside) = aside {
            remove_tree(&aside).map_err(failed)?;
            self.clear_leftovers();
        }
        Ok(())
    }

    /// Takes a directory out of sight at once, and says where it is now.
    fn move_aside(&self, directory: &OwnedFd, path: &StoragePath) -> Result<PathBuf, Errno> {
        let root = self.root()?;
        // It may move onto an empty directory only, so each attempt makes one: the name is then ours.
        loop {
            let aside = temporary_name();
            match mkdirat(&root, &aside, DIRECTORY_MODE) {
                Err(Errno::EXIST) => continue,
                result => result?,
            }
            let aside = match renameat(directory, path.file_name(), &root, &aside) {
                Ok(()) => self.root.join(aside),
                Err(error) => {
                    let _ = unlinkat(&root, &aside, AtFlags::REMOVEDIR);
                    match error {
                        // Another disk is mounted below the root: it is removed where it stands.
                        Errno::XDEV => self.root.join(path.as_str().trim_start_matches('/')),
                        error => return Err(error),
                    }
                }
            };
            return Ok(aside);
        }
    }

    /// Clears away, once, what an earlier process had moved aside and not yet removed. Whatever stands aside is garbage,
    /// whoever put it there; so failures are left to the next process.
    fn clear_leftovers(&self) {
        if self.cleared.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let aside = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY));
            if aside && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let _ = remove_tree(&entry.path());
            }
        }
    }

    /// Makes the directories above `path`, durable if asked for, and makes sure that a file can be put there.
    /// Answers the directory.
    fn prepare(&self, path: &StoragePath, operation: &'static str) -> Result<OwnedFd, DriverError> {
        let failed = acting(path, operation);
        let Some(parent) = path.parent() else { return Err(failed(io::ErrorKind::IsADirectory.into())) };
        let root = self.ensure_root().map_err(&failed)?;
        let directory = match self.prepared(&root, &parent) {
            Some(directory) => directory,
            None => self.make(root, &parent, path, operation)?,
        };
        match look(&directory, path, operation)? {
            Some(stat) if kind(&stat) == FileType::Directory => Err(failed(io::ErrorKind::IsADirectory.into())),
            _ => Ok(directory),
        }
    }

    /// The directory, if it is there and nothing must be done for it. In most calls that is so.
    fn prepared(&self, root: &OwnedFd, directory: &StoragePath) -> Option<OwnedFd> {
        if self.fsync && !self.durable.knows(directory) {
            return None;
        }
        below(root, directory, DIRECTORY).ok()
    }

    /// Makes `directory`, with everything above it that is missing.
    fn make(
        &self,
        root: OwnedFd,
        directory: &StoragePath,
        path: &StoragePath,
        operation: &'static str,
    ) -> Result<OwnedFd, DriverError> {
        let failed = |error: Errno| match error {
            Errno::LOOP => DriverError::SymbolicLink { path: path.clone() },
            error => acting(path, operation)(error.into()),
        };
        let mut at = root;
        let mut place = StoragePath::root();
        for name in directory.components() {
            place = place.join(name)?;
            let enter = || beneath::open(at.as_fd(), name, DIRECTORY);
            let (next, fresh) = match enter() {
                Err(Errno::NOENT) => match mkdirat(&at, name, DIRECTORY_MODE) {
                    Ok(()) => (enter().map_err(failed)?, true),
                    // Another call was quicker.
                    Err(Errno::EXIST) => (enter().map_err(failed)?, false),
                    Err(error) => return Err(failed(error)),
                },
                entered => (entered.map_err(failed)?, false),
            };
            if self.fsync {
                self.durable.ensure(&place, fresh, || self.sync(&at)).map_err(acting(path, operation))?;
            }
            at = next;
        }
        Ok(at)
    }

    /// Makes the root, with everything above it that is missing, and once makes sure that it stays.
    fn ensure_root(&self) -> io::Result<OwnedFd> {
        let (root, fresh) = match self.root() {
            Err(Errno::NOENT) => {
                fs::create_dir_all(&self.root)?;
                (self.root()?, true)
            }
            root => (root?, false),
        };
        if self.fsync {
            self.durable.ensure(&StoragePath::root(), fresh, || {
                // Which of those above were missing is not known, so all are made durable; those of others may not be readable.
                for directory in self.root.ancestors().skip(1) {
                    match File::open(directory).and_then(|directory| directory.sync_all()) {
                        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                        _ => {}
                    }
                }
                Ok(())
            })?;
        }
        Ok(root)
    }

    /// The root itself may be a symbolic link. It is opened anew each time: somebody may have put another one there.
    fn root(&self) -> Result<OwnedFd, Errno> {
        open(&self.root, DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    fn existing_file(&self, path: &StoragePath, operation: &'static str) -> Result<(File, u64), DriverError> {
        let opened = self.root().and_then(|root| below(&root, path, FILE));
        let file = match opened {
            Ok(file) => File::from(file),
            Err(error) => {
                return Err(match self.stat(path) {
                    // A socket, or a device that nothing drives, cannot even be opened. It is no file.
                    Err(foreign @ DriverError::NotFound { .. }) => foreign,
                    _ => looking(path, operation)(error),
                });
            }
        };
        let metadata = file.metadata().map_err(acting(path, operation))?;
        if metadata.is_file() { Ok((file, metadata.len())) } else { Err(not_found(path)) }
    }

    /// Opens a directory that must be there.
    fn directory(&self, path: &StoragePath, operation: &'static str) -> Result<OwnedFd, DriverError> {
        self.root().and_then(|root| below(&root, path, DIRECTORY)).map_err(looking(path, operation))
    }

    /// Opens the directory that `path` stands in.
    fn directory_of(&self, path: &StoragePath, operation: &'static str) -> Result<OwnedFd, DriverError> {
        let parent = path.parent().ok_or_else(|| not_found(path))?;
        self.root().and_then(|root| below(&root, &parent, DIRECTORY)).map_err(looking(path, operation))
    }

    /// Dates a file that was just written, if dates are ours to give.
    fn date(&self, file: &File) -> io::Result<()> {
        match &self.clock {
            Some(clock) => file.set_modified(clock.now()),
            None => Ok(()),
        }
    }

    /// Dates a file that comes to a new place.
    fn redate(&self, directory: &OwnedFd, name: &str) -> Result<(), Errno> {
        let date = |time: Timespec| {
            let times = Timestamps { last_access: time, last_modification: time };
            utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        };
        match &self.clock {
            Some(clock) => {
                let since = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
                // Of a duration since 1970: what does not fit is later than any filesystem can say.
                let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
                date(Timespec { tv_sec: seconds, tv_nsec: since.subsec_nanos().into() })
            }
            // Best effort: another user's file may be renamed but not dated. It is then as old as its last write.
            None => {
                let _ = date(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW });
                Ok(())
            }
        }
    }

    fn sync(&self, directory: &OwnedFd) -> io::Result<()> {
        if self.fsync { Ok(rustix::fs::fsync(directory)?) } else { Ok(()) }
    }

    fn sharing_tree(&self) -> RwLockReadGuard<'_, ()> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens what stands at `path` below the root; the root itself too.
fn below(root: &OwnedFd, path: &StoragePath, flags: OFlags) -> Result<OwnedFd, Errno> {
    match path.as_str().trim_start_matches('/') {
        "" => openat(root, ".", flags | OFlags::CLOEXEC, Mode::empty()),
        path => beneath::open(root.as_fd(), path, flags),
    }
}

/// What stands in `directory` under the name that `path` ends with.
fn look(
    directory: &OwnedFd,
    path: &StoragePath,
    operation: &'static str,
) -> Result<Option<rustix::fs::Stat>, DriverError> {
    match statat(directory, path.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if kind(&stat) == FileType::Symlink => Err(DriverError::SymbolicLink { path: path.clone() }),
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(acting(path, operation)(error.into())),
    }
}

fn kind(stat: &rustix::fs::Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn not_found(path: &StoragePath) -> DriverError {
    DriverError::NotFound { path: path.clone() }
}

/// The error of a call that looks at `path`: what is missing is not found. Below a file there is nothing.
fn looking(path: &StoragePath, operation: &'static str) -> impl Fn(Errno) -> DriverError {
    move |error| match error {
        Errno::NOENT | Errno::NOTDIR => not_found(path),
        Errno::LOOP => DriverError::SymbolicLink { path: path.clone() },
        error => DriverError::Io { path: path.clone(), operation, source: error.into() },
    }
}

/// The error of a call that makes `path`: whatever is missing should not be.
fn acting(path: &StoragePath, operation: &'static str) -> impl Fn(io::Error) -> DriverError {
    move |source| DriverError::Io { path: path.clone(), operation, source }
}

/// A name that no other call of any process is using. (A process that was killed may have left it; then the next is tried.)
fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{TEMPORARY}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn create_temporary(directory: &OwnedFd) -> Result<(String, File), Errno> {
    loop {
        let name = temporary_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match openat(directory, &name, flags, FILE_MODE) {
            Err(Errno::EXIST) => {}
            file => return Ok((name, file?.into())),
        }
    }
}

/// Removes a directory with all that is in it; somebody else may be doing the same.
fn remove_tree(place: &Path) -> io::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
