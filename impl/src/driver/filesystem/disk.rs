//! What the filesystem driver does on the disk, call by call, blocking.
//!
//! Two things are guarded here. Symbolic links: a directory is opened without following any ([`Calls::open`]), and what is done to
//! a name is done in the opened directory, so nobody can put a link in between. Deletion: a directory is moved aside while
//! nobody is between making a directory and putting a file into it (the `tree` lock), so a write never lands in a directory
//! that is on its way out.

use std::ffi::{OsStr, OsString};
use std::io;

use bytes::Bytes;

use super::calls::{Calls, Errno, Listed, Opening, Status};
use super::durable::DurablePlaces;
use super::listings::Listings;
use super::rooms::Rooms;
use super::together::{Since, Together};
use super::unfinished::{Need, Unfinished, Unmet};
use crate::driver::path::TEMPORARY;
use crate::driver::{Clock, DriverError, Entry, Kind, Stat, StoragePath};
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering, PoisonError, RwLock, RwLockReadGuard};

#[derive(Debug)]
pub(super) struct Disk<C: Calls> {
    pub(super) calls: C,
    pub(super) fsync: bool,
    clock: Option<Arc<dyn Clock>>,
    pub(super) durable: DurablePlaces,
    // Files; a name that was made visible is not among them before it was made durable.
    pub(super) confirmed: DurablePlaces,
    pub(super) listings: Listings,
    pub(super) unfinished: Unfinished,
    pub(super) together: Together,
    pub(super) rooms: Rooms,
    // Whether what earlier processes have done is durable.
    caught_up: AtomicBool,
    // Shared by what puts files into directories, exclusive for what removes directories.
    pub(super) tree: RwLock<()>,
    // What an earlier process has left half deleted; nothing before somebody has looked, who holds the tree alone.
    pub(super) leftovers: Mutex<Option<Vec<OsString>>>,
}

impl<C: Calls> Disk<C> {
    pub(super) fn new(calls: C, fsync: bool, clock: Option<Arc<dyn Clock>>) -> Self {
        Self {
            calls,
            fsync,
            clock,
            durable: DurablePlaces::default(),
            confirmed: DurablePlaces::default(),
            listings: Listings::default(),
            unfinished: Unfinished::default(),
            together: Together::default(),
            rooms: Rooms::default(),
            caught_up: AtomicBool::new(false),
            tree: RwLock::default(),
            leftovers: Mutex::default(),
        }
    }

    /// All bytes of a file that has at most `limit`.
    pub(super) fn read(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        let (file, size) = self.existing_file(path, "read")?;
        let too_large = |size| DriverError::TooLarge { path: path.clone(), size, limit };
        if size > limit {
            return Err(too_large(size));
        }
        // One byte more: it may be growing.
        let mut content = vec![0; usize::try_from(size.saturating_add(1)).unwrap_or(usize::MAX)];
        let mut read = 0;
        loop {
            read += self.calls.read_all(&file, &mut content[read..], read as u64).map_err(acting(path, "read"))?;
            if read as u64 > limit {
                return Err(too_large(read as u64));
            }
            if read < content.len() {
                content.truncate(read);
                return Ok(content.into());
            }
            content.resize(read * 2, 0);
        }
    }

    /// Opens a file, and says how large it is.
    pub(super) fn open(&self, path: &StoragePath) -> Result<(C::Handle, u64), DriverError> {
        self.existing_file(path, "open")
    }

    /// So many bytes of an opened file.
    pub(super) fn chunk(
        &self,
        path: &StoragePath,
        file: &C::Handle,
        offset: u64,
        size: usize,
    ) -> Result<Bytes, DriverError> {
        let mut chunk = self.rooms.room(size);
        match self.calls.read_all(file, chunk.as_mut(), offset) {
            Ok(read) if read == size => Ok(chunk.into_bytes()),
            // Its size was promised already.
            Ok(_) => Err(acting(path, "read")(io::ErrorKind::UnexpectedEof)),
            Err(error) => Err(acting(path, "read")(error)),
        }
    }

    /// Whether it is known that a file is there and stays there.
    pub(super) fn is_confirmed(&self, path: &StoragePath) -> bool {
        self.confirmed.knows(path)
    }

    /// Makes sure that a file that is there stays there.
    pub(super) fn confirm(&self, path: &StoragePath) -> Result<(), DriverError> {
        let _shared = self.sharing_tree();
        self.put_right(path, "sync")?;
        let directory = self.directory_of(path, "sync")?;
        if self.look(&directory, path, "sync")?.is_none_or(|status| status.kind != Kind::File) {
            return Err(not_found(path));
        }
        if !self.fsync {
            return Ok(());
        }
        let failed = acting(path, "sync");
        let directory = self.prepare(path, "sync")?;
        self.confirmed.ensure(path, false, || self.sync_names(Since::EVER, &[&directory], &[path])).map_err(failed)
    }

    pub(super) fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.put_right(path, "stat")?;
        let status = if path.is_root() {
            match self.calls.root() {
                Ok(root) => self.calls.status(&root).map_err(looking(path, "stat"))?,
                // The root is there before anything is.
                Err(Errno::NOENT) => return Ok(Stat { size: 0, modified: 0, is_dir: true }),
                Err(error) => return Err(looking(path, "stat")(error)),
            }
        } else {
            self.look(&self.directory_of(path, "stat")?, path, "stat")?.ok_or_else(|| not_found(path))?
        };
        stat_of(status).ok_or_else(|| not_found(path))
    }

    /// Fails unless the root is there and can be read.
    pub(super) fn ready(&self, root: &StoragePath) -> Result<(), DriverError> {
        self.calls.root().map_err(acting(root, "open"))?;
        self.list(root).map(drop)
    }

    pub(super) fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        let Some(directory) = self.listed(path)? else { return Ok(Vec::new()) };
        self.scan(path, &directory, |entry| Ok(entry.name.into_string().ok()))
    }

    /// Everything in a directory, whatever it is and is called.
    pub(super) fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        let Some(directory) = self.listed(path)? else { return Ok(Vec::new()) };
        self.scan(path, &directory, |entry| {
            let kind = match entry.kind {
                Some(kind) => kind,
                None => match self.calls.status_at(&directory, &entry.name) {
                    Ok(status) => status.kind,
                    // It went meanwhile.
                    Err(Errno::NOENT) => return Ok(None),
                    Err(error) => return Err(error),
                },
            };
            Ok(Some(Entry { name: entry.name.to_string_lossy().into_owned(), kind }))
        })
    }

    /// Opens a directory whose names are asked for. Nothing, if it is the root and not there yet: that has none.
    pub(super) fn listed(&self, path: &StoragePath) -> Result<Option<C::Handle>, DriverError> {
        self.put_right(path, "list")?;
        match self.directory(path, "list") {
            Err(DriverError::NotFound { .. }) if path.is_root() => Ok(None),
            directory => directory.map(Some),
        }
    }

    /// Asks of everything in a directory, but for what is ours, and sorts the answers.
    pub(super) fn scan<T: Ord>(
        &self,
        path: &StoragePath,
        directory: &C::Handle,
        ask: impl Fn(Listed) -> Result<Option<T>, Errno>,
    ) -> Result<Vec<T>, DriverError> {
        let failed = looking(path, "list");
        let mut answers = Vec::new();
        for entry in self.calls.entries(directory).map_err(&failed)? {
            if !is_temporary(&entry.name) {
                answers.extend(ask(entry).map_err(&failed)?);
            }
        }
        answers.sort_unstable();
        Ok(answers)
    }

    pub(super) fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        let _shared = self.sharing_tree();
        self.put_right(from, "rename")?;
        self.put_right(to, "rename")?;
        let old = self.directory_of(from, "rename")?;
        if self.look(&old, from, "rename")?.is_none_or(|status| status.kind != Kind::File) {
            return Err(not_found(from));
        }
        let new = self.prepare(to, "rename")?;
        let since = self.together.since();
        self.redate(&old, from.file_name()).map_err(looking(from, "rename"))?;
        let renamed = self.calls.rename(&old, from.file_name(), &new, to.file_name());
        renamed.map_err(looking(from, "rename"))?;
        self.confirmed.forget(from);
        // The new name first: a crash between the two may leave both, never none. So if that fails, the old one stays forgotten only
        // as far as the disk likes.
        self.sync_names(since, &[&new], &[to]).map_err(acting(to, "rename"))?;
        self.confirmed.remember(to);
        if from.parent() != to.parent() {
            self.sync_names(since, &[&old], &[from]).map_err(acting(from, "rename"))?;
        }
        Ok(())
    }

    /// Makes the root, with everything above it that is missing, and once makes sure that it stays.
    pub(super) fn ensure_root(&self) -> Result<C::Handle, Errno> {
        let (root, fresh) = match self.calls.root() {
            Err(Errno::NOENT) => {
                self.calls.make_root()?;
                (self.calls.root()?, true)
            }
            root => (root?, false),
        };
        if self.fsync {
            self.durable.ensure(&StoragePath::root(), fresh, || self.calls.sync_above_root())?;
        }
        self.catch_up()?;
        Ok(root)
    }

    /// Once, before anything is changed: makes durable what a process may have done that was killed before it could. What is there would
    /// be relied upon otherwise, and what is gone, and a crash bring back the one without the other.
    pub(super) fn catch_up(&self) -> Result<(), Errno> {
        if !self.fsync || self.caught_up.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.calls.root() {
            Ok(root) => self.calls.sync_everything(&root)?,
            // Nobody has done anything yet.
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.caught_up.store(true, Ordering::Release);
        Ok(())
    }

    fn existing_file(&self, path: &StoragePath, operation: &'static str) -> Result<(C::Handle, u64), DriverError> {
        self.put_right(path, operation)?;
        let opened = self.calls.root().and_then(|root| self.below(&root, path, Opening::File));
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                return Err(match self.stat(path) {
                    // A socket, or a device that nothing drives, cannot even be opened. It is no file.
                    Err(foreign @ DriverError::NotFound { .. }) => foreign,
                    _ => looking(path, operation)(error),
                });
            }
        };
        let status = self.calls.status(&file).map_err(acting(path, operation))?;
        if status.kind == Kind::File { Ok((file, status.size)) } else { Err(not_found(path)) }
    }

    /// Opens a directory that must be there.
    fn directory(&self, path: &StoragePath, operation: &'static str) -> Result<C::Handle, DriverError> {
        let opened = self.calls.root().and_then(|root| self.below(&root, path, Opening::Directory));
        opened.map_err(looking(path, operation))
    }

    /// Opens the directory that `path` stands in.
    pub(super) fn directory_of(&self, path: &StoragePath, operation: &'static str) -> Result<C::Handle, DriverError> {
        let parent = path.parent().ok_or_else(|| not_found(path))?;
        let opened = self.calls.root().and_then(|root| self.below(&root, &parent, Opening::Directory));
        opened.map_err(looking(path, operation))
    }

    /// Dates a file that was just written, if dates are ours to give.
    pub(super) fn date(&self, file: &C::Handle) -> Result<(), Errno> {
        match &self.clock {
            Some(clock) => self.calls.date(file, clock.now()),
            None => Ok(()),
        }
    }

    /// Dates a file that comes to a new place.
    fn redate(&self, directory: &C::Handle, name: &str) -> Result<(), Errno> {
        match &self.clock {
            Some(clock) => self.calls.date_at(directory, name, Some(clock.now())),
            // Best effort: another user's file may be renamed but not dated. It is then as old as its last write.
            None => {
                let _ = self.calls.date_at(directory, name, None);
                Ok(())
            }
        }
    }

    /// Makes durable what stands in these directories, those of the paths, as far as it was changed `since` then. If that fails, nothing
    /// is told of it before it was done.
    pub(super) fn sync_names(
        &self,
        since: Since,
        directories: &[&C::Handle],
        paths: &[&StoragePath],
    ) -> Result<(), Errno> {
        let synced = self.sync_each(since, directories);
        if synced.is_err() {
            paths.iter().for_each(|path| self.doubt_names(path));
        }
        synced
    }

    /// From now on nothing is told of what stands in the directory of `path` before that was made durable.
    pub(super) fn doubt_names(&self, path: &StoragePath) {
        if let Some(place) = path.parent() {
            self.confirmed.forget(&place);
            self.unfinished.add(place, Need::Sync);
        }
    }

    /// Does what could not be done before about a place and all above it.
    pub(super) fn put_right(&self, path: &StoragePath, operation: &'static str) -> Result<(), DriverError> {
        for Unmet { place, need, since } in self.unfinished.above(path) {
            let done = self.calls.root().and_then(|root| match need {
                Need::Sync => self.calls.sync(&self.below(&root, &place, Opening::Directory)?),
                Need::Cut(size) => {
                    let directory = place.parent().ok_or(Errno::NOENT)?;
                    let directory = self.below(&root, &directory, Opening::Directory)?;
                    self.calls.cut(&self.calls.extend(&directory, place.file_name())?, size)
                }
            });
            match done {
                // It is gone, with what could not be done about it.
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => self.unfinished.done(&place, since),
                Err(error) => return Err(acting(path, operation)(error)),
            }
        }
        Ok(())
    }

    pub(super) fn sync(&self, handle: &C::Handle) -> Result<(), Errno> {
        if self.fsync { self.calls.sync(handle) } else { Ok(()) }
    }

    /// Opens what stands at `path` below the root; the root itself too.
    pub(super) fn below(&self, root: &C::Handle, path: &StoragePath, opening: Opening) -> Result<C::Handle, Errno> {
        self.calls.open(root, from_root(path), opening)
    }

    /// What stands in `directory` under the name that `path` ends with.
    pub(super) fn look(
        &self,
        directory: &C::Handle,
        path: &StoragePath,
        operation: &'static str,
    ) -> Result<Option<Status>, DriverError> {
        match self.calls.status_at(directory, path.file_name().as_ref()) {
            Ok(Status { kind: Kind::SymbolicLink, .. }) => Err(DriverError::SymbolicLink { path: path.clone() }),
            Ok(status) => Ok(Some(status)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(acting(path, operation)(error)),
        }
    }

    pub(super) fn create_temporary(&self, directory: &C::Handle) -> Result<(String, C::Handle), Errno> {
        loop {
            let name = temporary_name();
            match self.calls.create(directory, &name) {
                Err(Errno::EXIST) => {}
                file => return Ok((name, file?)),
            }
        }
    }

    pub(super) fn sharing_tree(&self) -> RwLockReadGuard<'_, ()> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path as the calls take it: nothing, for the root.
pub(super) fn from_root(path: &StoragePath) -> &OsStr {
    path.as_str().trim_start_matches('/').as_ref()
}

/// What is told of it: nothing, if it is neither a file nor a directory.
pub(super) fn stat_of(Status { kind, size, modified }: Status) -> Option<Stat> {
    match kind {
        Kind::Directory => Some(Stat { size: 0, modified, is_dir: true }),
        Kind::File => Some(Stat { size, modified, is_dir: false }),
        Kind::SymbolicLink | Kind::Special => None,
    }
}

pub(super) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

pub(super) fn not_found(path: &StoragePath) -> DriverError {
    DriverError::NotFound { path: path.clone() }
}

/// The error of a call that looks at `path`: what is missing is not found. Below a file there is nothing.
pub(super) fn looking(path: &StoragePath, operation: &'static str) -> impl Fn(Errno) -> DriverError {
    move |error| match error {
        Errno::NOENT | Errno::NOTDIR => not_found(path),
        Errno::LOOP => DriverError::SymbolicLink { path: path.clone() },
        error => DriverError::Io { path: path.clone(), operation, source: error.into() },
    }
}

/// The error of a call that makes `path`: whatever is missing should not be.
pub(super) fn acting<E: Into<io::Error>>(path: &StoragePath, operation: &'static str) -> impl Fn(E) -> DriverError {
    move |error| DriverError::Io { path: path.clone(), operation, source: error.into() }
}

/// A name that no other call of any process is using. (A process that was killed may have left it; then the next is tried.)
pub(super) fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{TEMPORARY}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
