//! A disk in memory that can crash, lie and fail: the calls of the filesystem driver, done on a [`Volume`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use proofhouse_registry::driver::calls::{Calls, Errno, Listed, Opening, Status, Version};
use proofhouse_registry::driver::{Kind, seconds_since_epoch};

use super::volume::{Change, Node, Number, Volume};

/// A sync that does nothing and says that it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Of files.
    Files,
    /// Of directories.
    Directories,
    /// Of everything at once, which a new process asks for.
    Everything,
}

/// A failure of one call, or of it and every later one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// So many calls succeed before.
    pub(crate) after: u64,
    pub(crate) error: Errno,
    /// All later calls fail as well.
    pub(crate) for_good: bool,
}

#[derive(Debug, Default)]
struct Inner {
    volume: Volume,
    lie: Option<Lie>,
    failure: Option<Failure>,
    failed: bool,
    /// Whether a write takes only half of what it is given.
    is_short: bool,
    /// How many handles are open.
    open: u64,
    /// How many calls were made: that is the time here.
    time: u64,
    /// How much longer it takes to sync everything.
    slowness: u64,
    /// What could not be written by a sync of everything, and when that was.
    unwritten: BTreeMap<Number, u64>,
    /// After each call that changed something: what was done, and what there is.
    record: Option<Vec<(String, Volume)>>,
}

/// The disk. A clone is the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Inner>>);

/// Something that is open.
#[derive(Debug)]
pub(crate) struct Handle {
    disk: Disk,
    number: Number,
    since: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.disk.lock().open -= 1;
    }
}

impl Disk {
    pub(crate) fn of(volume: Volume) -> Self {
        Self(Arc::new(Mutex::new(Inner { volume, ..Inner::default() })))
    }

    pub(crate) fn lying_of(volume: Volume, lie: Lie) -> Self {
        let disk = Self::of(volume);
        disk.lock().lie = Some(lie);
        disk
    }

    pub(crate) fn lying(lie: Option<Lie>) -> Self {
        let disk = Self::default();
        disk.lock().lie = lie;
        disk
    }

    /// One that never takes all at once.
    pub(crate) fn short() -> Self {
        let disk = Self::default();
        disk.lock().is_short = true;
        disk
    }

    /// From now on it takes so many times as long to sync everything as to sync one file.
    pub(crate) fn slow_down(&self, slowness: u64) {
        self.lock().slowness = slowness;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no call panics while it holds the disk")
    }

    /// Begins to remember what there is after each change.
    pub(crate) fn record(&self) {
        self.lock().record = Some(Vec::new());
    }

    pub(crate) fn recorded(&self) -> Vec<(String, Volume)> {
        self.lock().record.take().unwrap_or_default()
    }

    pub(crate) fn volume(&self) -> Volume {
        self.lock().volume.clone()
    }

    /// From now on the disk fails so; `None`: it works.
    pub(crate) fn fail(&self, failure: Option<Failure>) {
        let mut inner = self.lock();
        inner.failure = failure;
        inner.failed = false;
    }

    /// Whether a call has failed since.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().failed
    }

    /// The paths of all files, a directory before each.
    pub(crate) fn files(&self) -> Vec<String> {
        let volume = self.volume();
        let (mut files, mut open) = (Vec::new(), vec![(0, String::new())]);
        while let Some((number, path)) = open.pop() {
            match volume.nodes.get(&number) {
                Some(Node::Directory { names, .. }) => {
                    open.extend(names.iter().map(|(name, number)| (*number, format!("{path}/{name}"))));
                }
                _ => files.push(path),
            }
        }
        files
    }

    pub(crate) fn open_handles(&self) -> u64 {
        self.lock().open
    }

    fn handle(&self, inner: &mut Inner, number: Number) -> Handle {
        inner.open += 1;
        Handle { disk: self.clone(), number, since: inner.time }
    }

    /// Every call begins here, and may end here.
    fn call(&self) -> Result<MutexGuard<'_, Inner>, Errno> {
        let mut inner = self.lock();
        inner.time += 1;
        if let Some(failure) = &mut inner.failure {
            if failure.after > 0 {
                failure.after -= 1;
            } else {
                let error = failure.error;
                if !failure.for_good {
                    inner.failure = None;
                }
                inner.failed = true;
                return Err(error);
            }
        }
        Ok(inner)
    }
}

impl Inner {
    fn names(&self, directory: Number) -> Result<&BTreeMap<String, Number>, Errno> {
        match self.volume.nodes.get(&directory) {
            Some(Node::Directory { names, .. }) => Ok(names),
            Some(Node::File { .. }) => Err(Errno::NOTDIR),
            None => Err(Errno::NOENT),
        }
    }

    fn find(&self, directory: Number, name: &OsStr) -> Result<Number, Errno> {
        let name = name.to_str().ok_or(Errno::NOENT)?;
        self.names(directory)?.get(name).copied().ok_or(Errno::NOENT)
    }

    fn is_directory(&self, number: Number) -> bool {
        matches!(self.volume.nodes.get(&number), Some(Node::Directory { .. }))
    }

    fn status(&self, number: Number) -> Result<Status, Errno> {
        match self.volume.nodes.get(&number) {
            Some(Node::File { data, modified, .. }) => {
                Ok(Status { kind: Kind::File, size: data.len() as u64, modified: *modified })
            }
            Some(Node::Directory { .. }) => Ok(Status { kind: Kind::Directory, size: 0, modified: 0 }),
            None => Err(Errno::NOENT),
        }
    }

    fn set(&mut self, directory: Number, names: Vec<(String, Option<Number>)>) -> u64 {
        self.volume.change(directory, Change::Names { names, after: None, is_both: false })
    }

    fn date(&mut self, number: Number, time: Option<SystemTime>) {
        if let (Some(Node::File { modified, .. }), Some(time)) = (self.volume.nodes.get_mut(&number), time) {
            *modified = seconds_since_epoch(time);
        }
    }

    fn made(&mut self, directory: Number, name: &str, node: Node) -> Result<Number, Errno> {
        if self.names(directory)?.contains_key(name) {
            return Err(Errno::EXIST);
        }
        let number = self.volume.add(node);
        self.set(directory, vec![(name.to_owned(), Some(number))]);
        Ok(number)
    }

    fn sync(&mut self, number: Number) {
        let lie = if self.is_directory(number) { Lie::Directories } else { Lie::Files };
        if self.lie != Some(lie) {
            self.volume.sync(number);
        }
    }

    fn sync_everything(&mut self) {
        for number in self.volume.changed() {
            self.sync(number);
        }
        self.note(|| "sync everything".to_owned());
    }

    fn note(&mut self, call: impl FnOnce() -> String) {
        if let Some(record) = &mut self.record {
            record.push((call(), self.volume.clone()));
        }
    }
}

impl Calls for Disk {
    type Handle = Handle;

    fn root(&self) -> Result<Handle, Errno> {
        let mut inner = self.call()?;
        Ok(self.handle(&mut inner, 0))
    }

    fn make_root(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn sync_above_root(&self) -> Result<(), Errno> {
        self.call().map(drop)
    }

    fn sync_everything(&self, _: &Handle) -> Result<(), Errno> {
        let mut inner = self.call()?;
        if inner.lie != Some(Lie::Everything) {
            inner.sync_everything();
        }
        Ok(())
    }

    fn sync_together(&self, _: &Handle) -> Result<(), Errno> {
        let mut inner = self.call().inspect_err(|_| {
            // What could not be written is forgotten, and a sync says so to whoever had it open by then.
            let mut inner = self.lock();
            let time = inner.time;
            for number in inner.volume.changed() {
                inner.volume.give_up(number);
                inner.unwritten.insert(number, time);
            }
        })?;
        inner.time += inner.slowness;
        inner.sync_everything();
        Ok(())
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.lock().time)
    }

    fn open(&self, directory: &Handle, path: &OsStr, opening: Opening) -> Result<Handle, Errno> {
        let mut inner = self.call()?;
        let mut number = directory.number;
        let path = path.to_str().ok_or(Errno::NOENT)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            number = inner.find(number, name.as_ref())?;
        }
        if opening == Opening::Directory && !inner.is_directory(number) {
            return Err(Errno::NOTDIR);
        }
        Ok(self.handle(&mut inner, number))
    }

    fn create(&self, directory: &Handle, name: &str) -> Result<Handle, Errno> {
        let mut inner = self.call()?;
        let number = inner.made(directory.number, name, Node::file())?;
        inner.note(|| format!("create {name} ({number}) in {}", directory.number));
        Ok(self.handle(&mut inner, number))
    }

    fn extend(&self, directory: &Handle, name: &str) -> Result<Handle, Errno> {
        let mut inner = self.call()?;
        let number = inner.find(directory.number, name.as_ref())?;
        if inner.is_directory(number) {
            return Err(Errno::ISDIR);
        }
        Ok(self.handle(&mut inner, number))
    }

    fn make_directory(&self, directory: &Handle, name: &str) -> Result<(), Errno> {
        let mut inner = self.call()?;
        let number = inner.made(directory.number, name, Node::directory())?;
        inner.note(|| format!("mkdir {name} ({number}) in {}", directory.number));
        Ok(())
    }

    fn status(&self, handle: &Handle) -> Result<Status, Errno> {
        self.call()?.status(handle.number)
    }

    fn status_at(&self, directory: &Handle, name: &OsStr) -> Result<Status, Errno> {
        let inner = self.call()?;
        inner.status(inner.find(directory.number, name)?)
    }

    fn entries(&self, directory: &Handle) -> Result<Vec<Listed>, Errno> {
        let inner = self.call()?;
        let names = inner.names(directory.number)?.iter();
        let kind = |number: &Number| if inner.is_directory(*number) { Kind::Directory } else { Kind::File };
        Ok(names.map(|(name, number)| Listed { name: name.into(), kind: Some(kind(number)) }).collect())
    }

    fn version(&self, directory: &Handle) -> Result<Option<Version>, Errno> {
        let inner = self.call()?;
        let changed = inner.volume.changed_at.get(&directory.number).copied().unwrap_or_default();
        let [number, changed] = [directory.number, changed].map(u64::cast_signed);
        // Every change has a date of its own.
        Ok(Some(Version { of: [number, changed, 0, 0, 0, 0], is_settled: true }))
    }

    fn read(&self, file: &Handle, room: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let inner = self.call()?;
        let Some(Node::File { data, .. }) = inner.volume.nodes.get(&file.number) else { return Err(Errno::ISDIR) };
        let rest = usize::try_from(offset).ok().and_then(|offset| data.get(offset..)).unwrap_or_default();
        let read = rest.len().min(room.len());
        room[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write(&self, file: &Handle, bytes: &[u8]) -> Result<usize, Errno> {
        // A disk that is about to fail takes half of it first.
        let failing = self.lock().failure.is_some_and(|failure| failure.after == 0);
        let inner = self.call();
        let (mut inner, bytes, failed) = match inner {
            Ok(inner) if inner.is_short => (inner, &bytes[..bytes.len().div_ceil(2)], None),
            Ok(inner) => (inner, bytes, None),
            Err(error) if failing && bytes.len() > 1 => (self.lock(), &bytes[..bytes.len() / 2], Some(error)),
            Err(error) => return Err(error),
        };
        let Some(Node::File { data, .. }) = inner.volume.nodes.get(&file.number) else { return Err(Errno::ISDIR) };
        let offset = data.len();
        inner.volume.change(file.number, Change::Write { offset, bytes: bytes.into() });
        inner.note(|| format!("write {} bytes to {}", bytes.len(), file.number));
        failed.map_or(Ok(bytes.len()), Err)
    }

    fn cut(&self, file: &Handle, size: u64) -> Result<(), Errno> {
        let mut inner = self.call()?;
        let size = usize::try_from(size).map_err(|_| Errno::FBIG)?;
        inner.volume.change(file.number, Change::Cut { size });
        inner.note(|| format!("cut {} to {size}", file.number));
        Ok(())
    }

    fn date(&self, file: &Handle, time: SystemTime) -> Result<(), Errno> {
        self.call()?.date(file.number, Some(time));
        Ok(())
    }

    fn date_at(&self, directory: &Handle, name: &str, time: Option<SystemTime>) -> Result<(), Errno> {
        let mut inner = self.call()?;
        let number = inner.find(directory.number, name.as_ref())?;
        inner.date(number, time);
        Ok(())
    }

    fn sync(&self, handle: &Handle) -> Result<(), Errno> {
        let mut inner = match self.call() {
            Ok(inner) => inner,
            Err(error) => {
                // What could not be written is forgotten, and the next sync does not say so. That is what Linux does.
                self.lock().volume.give_up(handle.number);
                return Err(error);
            }
        };
        if inner.unwritten.get(&handle.number).is_some_and(|time| *time > handle.since) {
            return Err(Errno::IO);
        }
        inner.sync(handle.number);
        inner.note(|| format!("sync {}", handle.number));
        Ok(())
    }

    fn rename(&self, from: &Handle, old: &str, to: &Handle, new: &str) -> Result<(), Errno> {
        let mut inner = self.call()?;
        let number = inner.find(from.number, old.as_ref())?;
        match (inner.find(to.number, new.as_ref()), inner.is_directory(number)) {
            (Ok(there), true) if !inner.names(there)?.is_empty() => return Err(Errno::NOTEMPTY),
            (Ok(there), false) if inner.is_directory(there) => return Err(Errno::ISDIR),
            (Ok(_) | Err(Errno::NOENT), _) => {}
            (Err(error), _) => return Err(error),
        }
        if from.number == to.number {
            inner.set(from.number, vec![(old.to_owned(), None), (new.to_owned(), Some(number))]);
        } else {
            let added = inner.set(to.number, vec![(new.to_owned(), Some(number))]);
            let is_both = inner.is_directory(number);
            let removed = Change::Names { names: vec![(old.to_owned(), None)], after: Some(added), is_both };
            inner.volume.change(from.number, removed);
        }
        inner.note(|| format!("rename {old} ({number}) in {} to {new} in {}", from.number, to.number));
        Ok(())
    }

    fn unlink(&self, directory: &Handle, name: &OsStr) -> Result<(), Errno> {
        let mut inner = self.call()?;
        if inner.is_directory(inner.find(directory.number, name)?) {
            return Err(Errno::ISDIR);
        }
        let name = name.to_string_lossy().into_owned();
        inner.set(directory.number, vec![(name.clone(), None)]);
        inner.note(|| format!("unlink {name} in {}", directory.number));
        Ok(())
    }

    fn remove_directory(&self, directory: &Handle, name: &OsStr) -> Result<(), Errno> {
        let mut inner = self.call()?;
        if !inner.names(inner.find(directory.number, name)?)?.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        let name = name.to_string_lossy().into_owned();
        inner.set(directory.number, vec![(name.clone(), None)]);
        inner.note(|| format!("rmdir {name} in {}", directory.number));
        Ok(())
    }
}

/// Everything on a volume, a line for each file.
pub(crate) fn tree(volume: &Volume) -> String {
    fn visit(volume: &Volume, at: Number, path: &str, text: &mut String) {
        match volume.nodes.get(&at) {
            Some(Node::Directory { names, .. }) => {
                names.iter().for_each(|(name, number)| visit(volume, *number, &format!("{path}/{name}"), text));
            }
            Some(Node::File { data, .. }) => {
                let start = String::from_utf8_lossy(&data[..data.len().min(80)]);
                let _ = writeln!(text, "{path} ({at}): {} bytes: {start:?}", data.len());
            }
            None => {
                let _ = writeln!(text, "{path} ({at}): nothing");
            }
        }
    }
    let mut text = String::new();
    visit(volume, 0, "", &mut text);
    text
}
