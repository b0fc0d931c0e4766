//! The calls into the operating system, done.

use std::ffi::{CStr, OsStr, OsString};
use std::fs;
use std::io::IoSlice;
#[cfg(target_os = "linux")]
use std::mem::MaybeUninit;
#[cfg(target_os = "linux")]
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rustix::fd::{AsFd as _, OwnedFd};
#[cfg(target_os = "linux")]
use rustix::fs::{Advice, RawDir, SeekFrom, fadvise, seek};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, fstatfs, fsync,
    ftruncate, futimens, mkdirat, openat, renameat, statat, sync, syncfs, unlinkat, utimensat,
};
use rustix::io::{pread, retry_on_intr, writev};
#[cfg(target_os = "linux")]
use rustix::system::uname;

use super::beneath::{self, DIRECTORY, FILE};
#[cfg(target_os = "linux")]
use super::calls::Version;
use super::calls::{Calls, Errno, Listed, Opening, Status};
use crate::driver::Kind;
#[cfg(target_os = "linux")]
use crate::driver::seconds_since_epoch;
use crate::sync::{Arc, OnceLock};
#[cfg(target_os = "linux")]
use crate::sync::{LazyLock, Mutex, lock};

/// What a new file and a new directory may be used for; the process's umask takes away from it.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// How many pieces are written at once: as many as Linux takes, which is no less than others do.
const MAX_SLICES: usize = 1024;

/// How many seconds after a change of a directory no other comes with the same date. The coarsest filesystem counts two seconds.
#[cfg(target_os = "linux")]
const SETTLED: u64 = 2;

/// A filesystem, by its number, and an opening of its root.
#[cfg(target_os = "linux")]
type Watched = (u64, Arc<OwnedFd>);

/// Filesystems on which a sync of everything is known to tell of errors, by their numbers in `statfs`: ext2 to 4, XFS, Btrfs, F2FS. On some
/// others, which a process serves, it does nothing at all and says that it did.
#[cfg(target_os = "linux")]
const TELLING: [i128; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

/// The first release of Linux whose sync of everything tells all errors.
#[cfg(target_os = "linux")]
const TELLING_SINCE: (u32, u32) = (5, 17);

/// This machine, below a directory.
#[derive(Debug)]
pub struct System {
    root: PathBuf,
    held: Option<OnceLock<Arc<OwnedFd>>>,
    #[cfg(target_os = "linux")]
    // Which filesystem the root was on, and an opening of it that is told of everything that could not be written there.
    watched: Mutex<Option<Watched>>,
}

impl System {
    /// `root` may be missing. Once it is there it is kept open, if it is to be held.
    pub(super) fn new(root: PathBuf, is_held: bool) -> Self {
        Self {
            root,
            held: is_held.then(OnceLock::new),
            #[cfg(target_os = "linux")]
            watched: Mutex::default(),
        }
    }

    fn open_at_hand(&self, path: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        beneath::open_at_hand(beneath::root_at_hand(&self.root)?, path, flags)
    }

    #[cfg(target_os = "linux")]
    fn watched(&self) -> Option<Watched> {
        lock(&self.watched).clone()
    }

    /// From now on it is known what cannot be written to the filesystem of the root, if that tells.
    #[cfg(target_os = "linux")]
    fn watch(&self, root: &Arc<OwnedFd>) -> Result<(), Errno> {
        static TELLS: LazyLock<bool> =
            LazyLock::new(|| is_release_from(&uname().release().to_string_lossy(), TELLING_SINCE));
        // Its upper bits, where there are any, say nothing.
        let kind = i128::from(fstatfs(root)?.f_type) & 0xffff_ffff;
        if !*TELLS || !TELLING.contains(&kind) {
            return Err(Errno::NOSYS);
        }
        let device = fstat(root)?.st_dev;
        let mut watched = lock(&self.watched);
        if watched.as_ref().is_none_or(|(watched, _)| *watched != device) {
            *watched = Some((device, openat(root, ".", DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map(Arc::new)?));
        }
        Ok(())
    }

    fn open_root(&self) -> Result<Arc<OwnedFd>, Errno> {
        openat(CWD, &self.root, DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map(Arc::new)
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn kind(found: FileType) -> Kind {
    match found {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::SymbolicLink,
        _ => Kind::Special,
    }
}

fn status(stat: &rustix::fs::Stat) -> Status {
    Status {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        // No file has another size than these.
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: u64::try_from(stat.st_mtime).unwrap_or(0),
    }
}

fn timespec(time: SystemTime) -> Timespec {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Of a duration since 1970: what does not fit is later than any filesystem can say.
    Timespec { tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), tv_nsec: since.subsec_nanos().into() }
}

/// Whether a release of the system, `5.10.0-8-amd64` or so, is this one or a later one.
#[cfg(target_os = "linux")]
fn is_release_from(release: &str, first: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= first)
}

/// What a directory says of something that stands in it, unless it is itself or the one above it.
fn listed(name: &CStr, found: FileType) -> Option<Listed> {
    let name = name.to_bytes();
    // Not every filesystem says it here.
    let kind = (found != FileType::Unknown).then(|| kind(found));
    (!matches!(name, b"." | b"..")).then(|| Listed { name: OsString::from_vec(name.to_vec()), kind })
}

/// How many bytes of a directory are read at once.
#[cfg(target_os = "linux")]
const LISTED_AT_ONCE: usize = 8 << 10;

/// For appending: a pipe must not make us wait for its other end.
const APPENDING: OFlags =
    OFlags::WRONLY.union(OFlags::APPEND).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl Calls for System {
    type Handle = Arc<OwnedFd>;

    /// Unless it is held it is opened anew each time: somebody may have put another one there.
    fn root(&self) -> Result<Arc<OwnedFd>, Errno> {
        let Some(held) = &self.held else { return self.open_root() };
        match held.get() {
            Some(root) => Ok(Arc::clone(root)),
            None => {
                let root = self.open_root()?;
                Ok(Arc::clone(held.get_or_init(|| root)))
            }
        }
    }

    fn make_root(&self) -> Result<(), Errno> {
        fs::create_dir_all(&self.root).map_err(|error| errno(&error))
    }

    fn sync_above_root(&self) -> Result<(), Errno> {
        // Which of those above were missing is not known, so all are made durable; those of others may not be readable.
        for directory in self.root.ancestors().skip(1) {
            match fs::File::open(directory).and_then(|directory| directory.sync_all()) {
                Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => return Err(errno(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn sync_everything(&self, root: &Arc<OwnedFd>) -> Result<(), Errno> {
        // Without it, nothing is synced together.
        #[cfg(target_os = "linux")]
        let _ = self.watch(root);
        match syncfs(root) {
            // A filesystem that cannot do it alone.
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                sync();
                Ok(())
            }
            synced => synced,
        }
    }

    #[cfg(target_os = "linux")]
    fn sync_together(&self, root: &Arc<OwnedFd>) -> Result<(), Errno> {
        let device = fstat(root)?.st_dev;
        match self.watched() {
            Some((watched, opening)) if watched == device => {
                syncfs(&opening)?;
                // Of a filesystem that was made read-only after an error, only this tells; and it flushes the disk's own cache last.
                retry_on_intr(|| fsync(&opening))
            }
            // What could not be written before is told to nobody.
            _ => self.watch(root).and(Err(Errno::AGAIN)),
        }
    }

    #[cfg(target_os = "linux")]
    fn is_reached(&self, handle: &Arc<OwnedFd>) -> bool {
        self.watched().is_some_and(|(device, _)| fstat(handle).is_ok_and(|stat| stat.st_dev == device))
    }

    fn open(&self, directory: &Arc<OwnedFd>, path: &OsStr, opening: Opening) -> Result<Arc<OwnedFd>, Errno> {
        let flags = match opening {
            Opening::Directory => DIRECTORY,
            Opening::File => FILE,
        };
        match path.to_str() {
            Some("") => openat(directory, ".", flags | OFlags::CLOEXEC, Mode::empty()),
            Some(path) => beneath::open(directory.as_fd(), path, flags),
            // Only what is removed with its directory has such a name, and that is one name.
            None => openat(directory, path, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()),
        }
        .map(Arc::new)
    }

    fn create(&self, directory: &Arc<OwnedFd>, name: &str) -> Result<Arc<OwnedFd>, Errno> {
        openat(directory, name, APPENDING | OFlags::CREATE | OFlags::EXCL, FILE_MODE).map(Arc::new)
    }

    fn extend(&self, directory: &Arc<OwnedFd>, name: &str) -> Result<Arc<OwnedFd>, Errno> {
        openat(directory, name, APPENDING, FILE_MODE).map(Arc::new)
    }

    fn make_directory(&self, directory: &Arc<OwnedFd>, name: &str) -> Result<(), Errno> {
        mkdirat(directory, name, DIRECTORY_MODE)
    }

    fn status(&self, handle: &Arc<OwnedFd>) -> Result<Status, Errno> {
        fstat(handle).map(|stat| status(&stat))
    }

    fn status_at(&self, directory: &Arc<OwnedFd>, name: &OsStr) -> Result<Status, Errno> {
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| status(&stat))
    }

    #[cfg(target_os = "linux")]
    fn entries(&self, directory: &Arc<OwnedFd>) -> Result<Vec<Listed>, Errno> {
        // Who reads a directory goes on where the last one was, who may be another.
        let is_held = self.held.as_ref().and_then(OnceLock::get).is_some_and(|held| Arc::ptr_eq(held, directory));
        let fresh;
        let directory = if is_held {
            fresh = self.open(directory, OsStr::new(""), Opening::Directory)?;
            &fresh
        } else {
            seek(directory, SeekFrom::Start(0))?;
            directory
        };
        let mut entries = Vec::new();
        let mut room = [MaybeUninit::uninit(); LISTED_AT_ONCE];
        let mut read = RawDir::new(directory, &mut room);
        while let Some(entry) = read.next() {
            match entry {
                Ok(entry) => entries.extend(listed(entry.file_name(), entry.file_type())),
                // It was removed meanwhile, and nothing more is in it.
                Err(Errno::NOENT) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    #[cfg(not(target_os = "linux"))]
    fn entries(&self, directory: &Arc<OwnedFd>) -> Result<Vec<Listed>, Errno> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(directory)? {
            let entry = entry?;
            entries.extend(listed(entry.file_name(), entry.file_type()));
        }
        Ok(entries)
    }

    #[cfg(target_os = "linux")]
    fn version(&self, directory: &Arc<OwnedFd>) -> Result<Option<Version>, Errno> {
        let stat = fstat(directory)?;
        let changed = stat.st_ctime.max(stat.st_mtime);
        let since = seconds_since_epoch(SystemTime::now()).checked_sub(u64::try_from(changed).unwrap_or(0));
        Ok(Some(Version {
            of: [
                stat.st_dev.cast_signed(),
                stat.st_ino.cast_signed(),
                stat.st_ctime,
                stat.st_ctime_nsec.cast_signed(),
                stat.st_mtime,
                stat.st_mtime_nsec.cast_signed(),
            ],
            is_settled: since.is_some_and(|since| since > SETTLED),
        }))
    }

    fn read(&self, file: &Arc<OwnedFd>, room: &mut [u8], offset: u64) -> Result<usize, Errno> {
        retry_on_intr(|| pread(file, &mut *room, offset))
    }

    fn status_at_hand(&self, path: &OsStr) -> Result<Status, Errno> {
        fstat(self.open_at_hand(path, OFlags::PATH)?).map(|stat| status(&stat))
    }

    fn directory_at_hand(&self, path: &OsStr) -> Result<Arc<OwnedFd>, Errno> {
        self.open_at_hand(path, DIRECTORY | OFlags::PATH).map(Arc::new)
    }

    fn status_below_at_hand(&self, directory: &Arc<OwnedFd>, path: &OsStr) -> Result<Status, Errno> {
        fstat(beneath::open_at_hand(directory, path, OFlags::PATH)?).map(|stat| status(&stat))
    }

    fn file_at_hand(&self, path: &OsStr) -> Result<Arc<OwnedFd>, Errno> {
        self.open_at_hand(path, FILE).map(Arc::new)
    }

    #[cfg(target_os = "linux")]
    fn read_at_hand(&self, file: &Arc<OwnedFd>, room: &mut [u8], offset: u64) -> Result<usize, Errno> {
        use rustix::io::{ReadWriteFlags, preadv2};
        preadv2(file, &mut [std::io::IoSliceMut::new(room)], offset, ReadWriteFlags::NOWAIT)
    }

    fn write(&self, file: &Arc<OwnedFd>, bytes: &[u8]) -> Result<usize, Errno> {
        retry_on_intr(|| rustix::io::write(file, bytes))
    }

    fn write_pieces(&self, file: &Arc<OwnedFd>, pieces: &[Bytes]) -> Result<(), Errno> {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left: &mut [IoSlice<'_>] = &mut slices;
        // So that none of nothing is left over.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let some = left.len().min(MAX_SLICES);
            match retry_on_intr(|| writev(file, &left[..some]))? {
                // No system says so of a file; it must not go on for ever.
                0 => return Err(Errno::IO),
                written => IoSlice::advance_slices(&mut left, written),
            }
        }
        Ok(())
    }

    /// On Linux, who says that some bytes will not be read again has them written out; that is the only call that begins it and waits
    /// for nothing.
    #[cfg(target_os = "linux")]
    fn begin_sync(&self, file: &Arc<OwnedFd>, offset: u64, length: u64) {
        // It is advice, and the sync goes without it as well.
        let _ = fadvise(file, offset, NonZeroU64::new(length), Advice::DontNeed);
    }

    fn cut(&self, file: &Arc<OwnedFd>, size: u64) -> Result<(), Errno> {
        retry_on_intr(|| ftruncate(file, size))
    }

    fn date(&self, file: &Arc<OwnedFd>, time: SystemTime) -> Result<(), Errno> {
        let untouched = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        futimens(file, &Timestamps { last_access: untouched, last_modification: timespec(time) })
    }

    fn date_at(&self, directory: &Arc<OwnedFd>, name: &str, time: Option<SystemTime>) -> Result<(), Errno> {
        let time = time.map_or(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }, timespec);
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn sync(&self, handle: &Arc<OwnedFd>) -> Result<(), Errno> {
        retry_on_intr(|| fsync(handle))
    }

    fn rename(&self, from: &Arc<OwnedFd>, old: &str, to: &Arc<OwnedFd>, new: &str) -> Result<(), Errno> {
        renameat(from, old, to, new)
    }

    fn unlink(&self, directory: &Arc<OwnedFd>, name: &OsStr) -> Result<(), Errno> {
        unlinkat(directory, name, AtFlags::empty())
    }

    fn remove_directory(&self, directory: &Arc<OwnedFd>, name: &OsStr) -> Result<(), Errno> {
        unlinkat(directory, name, AtFlags::REMOVEDIR)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_another_filesystem_holds_is_not_reached_by_a_sync_of_this_one() {
        let root = tempfile::tempdir().unwrap();
        let system = System::new(root.path().to_owned(), false);
        let open = |path: &Path| openat(CWD, path, DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map(Arc::new).unwrap();
        let (here, elsewhere) = (open(root.path()), open(Path::new("/proc")));
        assert!(!system.is_reached(&here), "nobody has said which one it is");
        system.sync_everything(&here).unwrap();
        assert!(!system.is_reached(&elsewhere));
        if system.watch(&here) == Err(Errno::NOSYS) {
            tracing::warn!(root = %root.path().display(), "nothing is synced together there");
            return;
        }
        assert!(system.is_reached(&here));
        system.sync_together(&here).unwrap();
        // The root may be put on another filesystem, and that tells nothing.
        assert_eq!(system.sync_together(&elsewhere), Err(Errno::NOSYS));
    }

    #[test]
    fn releases_are_compared_by_their_numbers() {
        let releases = ["5.8.0", "5.10.0-8-amd64", "6.1", "5.7.19", "4.19.0", "", "strange"];
        assert_eq!(
            releases.map(|release| is_release_from(release, (5, 8))),
            [true, true, true, false, false, false, false]
        );
    }
}
