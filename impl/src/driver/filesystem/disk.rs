//! What the filesystem driver does on the disk, call by call, blocking.
//!
//! Two things are guarded here. Symbolic links: every component is looked at before it is used. Deletion: a directory is
//! moved aside while nobody is between making a directory and putting a file into it (the `tree` lock), so a write never
//! lands in a directory that is on its way out.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use super::directories::{DurableDirectories, sync_directory};
use crate::driver::path::TEMPORARY;
use crate::driver::{Clock, DriverError, Stat, StoragePath, seconds_since_epoch};
use crate::sync::{Arc, AtomicU64, Ordering, PoisonError, RwLock, RwLockReadGuard};

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

    pub(super) fn read(&self, path: &StoragePath) -> Result<Bytes, DriverError> {
        let place = self.existing_file(path)?;
        fs::read(place).map(Bytes::from).map_err(looking(path, "read"))
    }

    /// Opens a file at `offset`, and says how large it is.
    pub(super) fn open(&self, path: &StoragePath, offset: u64) -> Result<(File, u64), DriverError> {
        let place = self.existing_file(path)?;
        let open = || {
            let mut file = File::open(place)?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(offset.min(size)))?;
            Ok((file, size))
        };
        open().map_err(looking(path, "open"))
    }

    pub(super) fn write(&self, path: &StoragePath, content: &[u8]) -> Result<(), DriverError> {
        let failed = acting(path, "write");
        let _shared = self.sharing_tree();
        let (place, directory) = self.prepare(path, "write")?;
        let (temporary, file) = create_temporary(&directory).map_err(&failed)?;
        let put = || {
            (&file).write_all(content)?;
            self.date(&file)?;
            if self.fsync {
                file.sync_all()?;
            }
            fs::rename(&temporary, &place)
        };
        if let Err(error) = put() {
            // Best effort: a leftover is invisible.
            let _ = fs::remove_file(&temporary);
            return Err(failed(error));
        }
        self.sync(&directory).map_err(failed)
    }

    /// Opens a file for appending, and says how large it is.
    pub(super) fn append(&self, path: &StoragePath) -> Result<(File, u64), DriverError> {
        let _shared = self.sharing_tree();
        let (place, _) = self.prepare(path, "append")?;
        let open = || {
            match OpenOptions::new().append(true).create_new(true).open(&place) {
                Ok(file) => return self.date(&file).map(|()| (file, 0)),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {}
            }
            let file = OpenOptions::new().append(true).open(&place)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        open().map_err(acting(path, "append"))
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
        let sync = || {
            if !self.fsync {
                return Ok(());
            }
            file.sync_all()?;
            match self.place(path).parent() {
                Some(directory) if !placed => match sync_directory(directory) {
                    // Renamed meanwhile, and the old directory deleted: the rename has made the new place durable.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    result => result,
                },
                _ => Ok(()),
            }
        };
        sync().map_err(acting(path, "sync"))
    }

    pub(super) fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        let metadata = match self.locate(path, "stat")? {
            (_, Some(metadata)) => metadata,
            // The root is there before anything is.
            (_, None) if *path == StoragePath::root() => return Ok(Stat { size: 0, modified: 0, is_dir: true }),
            (_, None) => return Err(not_found(path)),
        };
        let modified = metadata.modified().map_or(0, seconds_since_epoch);
        if metadata.is_dir() {
            Ok(Stat { size: 0, modified, is_dir: true })
        } else if metadata.is_file() {
            Ok(Stat { size: metadata.len(), modified, is_dir: false })
        } else {
            Err(not_found(path))
        }
    }

    pub(super) fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        let place = match self.locate(path, "list")? {
            (place, Some(metadata)) if metadata.is_dir() => place,
            (_, None) if *path == StoragePath::root() => return Ok(Vec::new()),
            _ => return Err(not_found(path)),
        };
        let list = || {
            let mut names = Vec::new();
            for entry in fs::read_dir(place)? {
                match entry?.file_name().into_string() {
                    Ok(name) if !name.starts_with(TEMPORARY) => names.push(name),
                    _ => {}
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        list().map_err(looking(path, "list"))
    }

    pub(super) fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        let _shared = self.sharing_tree();
        let source = self.existing_file(from)?;
        let (place, directory) = self.prepare(to, "rename")?;
        self.redate(&source).map_err(looking(from, "rename"))?;
        fs::rename(&source, &place).map_err(looking(from, "rename"))?;
        // The new name first: a crash between the two may leave both, never none.
        self.sync(&directory).map_err(acting(to, "rename"))?;
        match source.parent() {
            Some(old) if old != directory => self.sync(old).map_err(acting(from, "rename")),
            _ => Ok(()),
        }
    }

    pub(super) fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        let Some(parent) = path.parent() else {
            return Err(DriverError::InvalidPath { path: path.as_str().to_owned() });
        };
        let exclusive = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let (place, Some(metadata)) = self.locate(path, "delete")? else { return Err(not_found(path)) };
        let aside = if metadata.is_dir() {
            self.durable.forget(&place);
            self.move_aside(&place)
        } else {
            fs::remove_file(&place).map(|()| None)
        };
        let aside = aside.map_err(looking(path, "delete"))?;
        // Opened while it is certain to be there, synced when nobody has to wait for it.
        let parent = self.fsync.then(|| File::open(self.place(&parent)));
        drop(exclusive);
        if let Some(parent) = parent {
            parent.and_then(|parent| parent.sync_all()).map_err(acting(path, "delete"))?;
        }
        if let Some(aside) = aside {
            remove_tree(&aside).map_err(acting(path, "delete"))?;
            self.clear_leftovers();
        }
        Ok(())
    }

    /// Takes a directory out of sight at once, and says where it is now; or removes it in place if it cannot be moved.
    fn move_aside(&self, place: &Path) -> io::Result<Option<PathBuf>> {
        // It may move onto an empty directory only, so each attempt makes one: the name is then ours.
        loop {
            let aside = self.root.join(temporary_name());
            match fs::create_dir(&aside) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                result => result?,
            }
            return match fs::rename(place, &aside) {
                Ok(()) => Ok(Some(aside)),
                Err(error) => {
                    let _ = fs::remove_dir(&aside);
                    // Another disk is mounted below the root.
                    if error.kind() == io::ErrorKind::CrossesDevices {
                        remove_tree(place).map(|()| None)
                    } else {
                        Err(error)
                    }
                }
            };
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
    /// Answers the file's place and its directory.
    fn prepare(&self, path: &StoragePath, operation: &'static str) -> Result<(PathBuf, PathBuf), DriverError> {
        let failed = acting(path, operation);
        let Some(parent) = path.parent() else { return Err(failed(io::ErrorKind::IsADirectory.into())) };
        let mut directory = self.root.clone();
        self.ensure_root().map_err(&failed)?;
        for component in parent.components() {
            directory.push(component);
            let fresh = match look(&directory, path, operation)? {
                Some(metadata) if metadata.is_dir() => false,
                Some(_) => return Err(failed(io::ErrorKind::NotADirectory.into())),
                None => match fs::create_dir(&directory) {
                    Ok(()) => true,
                    // Another call was quicker.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
                    Err(error) => return Err(failed(error)),
                },
            };
            if self.fsync {
                self.durable.ensure(&directory, fresh).map_err(&failed)?;
            }
        }
        let place = directory.join(path.file_name());
        match look(&place, path, operation)? {
            Some(metadata) if metadata.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
            _ => Ok((place, directory)),
        }
    }

    /// Makes the root, with everything above it that is missing, and once makes sure that it stays.
    fn ensure_root(&self) -> io::Result<()> {
        let fresh = !self.root.is_dir();
        if fresh {
            fs::create_dir_all(&self.root)?;
        }
        if self.fsync && (fresh || !self.durable.knows(&self.root)) {
            // Which of those above were missing is not known, so all are made durable; those of others may not be readable.
            for directory in self.root.ancestors().skip(1) {
                match sync_directory(directory) {
                    Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                    _ => {}
                }
            }
            self.durable.remember(&self.root);
        }
        Ok(())
    }

    fn place(&self, path: &StoragePath) -> PathBuf {
        self.root.join(path.as_str().trim_start_matches('/'))
    }

    fn existing_file(&self, path: &StoragePath) -> Result<PathBuf, DriverError> {
        match self.locate(path, "look up")? {
            (place, Some(metadata)) if metadata.is_file() => Ok(place),
            _ => Err(not_found(path)),
        }
    }

    /// Where this path is, and what is there, if anything is.
    fn locate(&self, path: &StoragePath, operation: &'static str) -> Result<(PathBuf, Option<Metadata>), DriverError> {
        let mut place = self.root.clone();
        let mut components = path.components().peekable();
        if components.peek().is_none() {
            // The root itself may be a symbolic link.
            return Ok((place.clone(), fs::metadata(&place).ok()));
        }
        let mut found = None;
        for component in components {
            place.push(component);
            found = look(&place, path, operation)?;
            if found.is_none() {
                return Ok((self.place(path), None));
            }
        }
        Ok((place, found))
    }

    /// Dates a file that was just written, if dates are ours to give.
    fn date(&self, file: &File) -> io::Result<()> {
        match &self.clock {
            Some(clock) => file.set_modified(clock.now()),
            None => Ok(()),
        }
    }

    /// Dates a file that comes to a new place.
    fn redate(&self, place: &Path) -> io::Result<()> {
        let open = || OpenOptions::new().append(true).open(place);
        match &self.clock {
            Some(clock) => open()?.set_modified(clock.now()),
            // Best effort: another user's file may be renamed but not dated. It is then as old as its last write.
            None => {
                let _ = open().and_then(|file| file.set_modified(SystemTime::now()));
                Ok(())
            }
        }
    }

    fn sync(&self, directory: &Path) -> io::Result<()> {
        if self.fsync { sync_directory(directory) } else { Ok(()) }
    }

    fn sharing_tree(&self) -> RwLockReadGuard<'_, ()> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands at `place`. Below a file there is nothing.
fn look(place: &Path, path: &StoragePath, operation: &'static str) -> Result<Option<Metadata>, DriverError> {
    match fs::symlink_metadata(place) {
        Ok(metadata) if metadata.is_symlink() => Err(DriverError::SymbolicLink { path: path.clone() }),
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(source) => Err(DriverError::Io { path: path.clone(), operation, source }),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn not_found(path: &StoragePath) -> DriverError {
    DriverError::NotFound { path: path.clone() }
}

/// The error of a call that looks at `path`: what is missing is not found.
fn looking(path: &StoragePath, operation: &'static str) -> impl Fn(io::Error) -> DriverError {
    move |source| {
        if is_missing(&source) { not_found(path) } else { DriverError::Io { path: path.clone(), operation, source } }
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

fn create_temporary(directory: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let place = directory.join(temporary_name());
        match File::create_new(&place) {
            Ok(file) => return Ok((place, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
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
