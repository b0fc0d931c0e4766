//! Opening what stands below a directory, without ever following a symbolic link.
//!
//! Linux does the whole way in one call (`openat2`), and nobody can put a link in between. Elsewhere, and where an old kernel
//! or a container's filter knows no such call, each directory on the way is opened from the one before it, which is as
//! safe and slower. Both answer `ELOOP` exactly if a symbolic link stands on the way or at its end.

use std::ffi::OsStr;
use std::path::Path;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
#[cfg(target_os = "linux")]
use rustix::fs::{CWD, ResolveFlags, openat2};
use rustix::io::Errno;

/// How a directory is opened: so that it can be read and synced.
pub(super) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// How a file is opened that may turn out to be something else: a pipe must not make us wait for its other end.
pub(super) const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

/// Opens `path` (components with `/` between them, no `.` nor `..`) below `directory`. It must exist.
///
/// # Errors
/// `ELOOP` if a symbolic link is on the way or at the end; `ENOENT` and `ENOTDIR` if there is no such thing; what else the
/// system says.
pub(super) fn open(directory: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    if at_once::is_known() {
        return at_once::open(directory, path, flags);
    }
    step_by_step(directory, path, flags)
}

/// As [`open`], and only if the system knows the whole way without asking a disk: else `EAGAIN`, or
/// whatever else but `ENOENT` a system says that cannot tell.
///
/// # Errors
/// `ENOENT` if it is known that there is no such thing.
pub(super) fn open_at_hand(directory: impl AsFd, path: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH | ResolveFlags::CACHED;
        openat2(directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (directory, path, flags);
        Err(Errno::AGAIN)
    }
}

/// Opens the directory at `root`, which may be a symbolic link, so that [`open_at_hand`] can begin there.
///
/// # Errors
/// `EAGAIN`. That there is none is for others to say.
pub(super) fn root_at_hand(root: &Path) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        let flags = DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        openat2(CWD, root, flags, Mode::empty(), ResolveFlags::CACHED).map_err(|_| Errno::AGAIN)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = root;
        Err(Errno::AGAIN)
    }
}

#[cfg(target_os = "linux")]
mod at_once {
    use std::sync::OnceLock;

    use rustix::fd::{BorrowedFd, OwnedFd};
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::Errno;

    /// Whether this system has the call at all. A filter that does not know it may say `EPERM` instead of `ENOSYS`, and an
    /// ordinary failure may too; so it is asked once, for something that cannot fail otherwise.
    pub(super) fn is_known() -> bool {
        static KNOWN: OnceLock<bool> = OnceLock::new();
        *KNOWN.get_or_init(|| open(CWD, ".", OFlags::PATH).is_ok())
    }

    pub(super) fn open(directory: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
        openat2(directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }
}

fn step_by_step(directory: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let enter = |from: BorrowedFd<'_>, name: &str, flags: OFlags| {
        openat(from, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).map_err(|error| match error {
            // Which of the two a link gives depends on the system and the flags.
            Errno::LOOP | Errno::NOTDIR if is_link(from, name) => Errno::LOOP,
            error => error,
        })
    };
    match path.rsplit_once('/') {
        None => enter(directory, path, flags),
        Some((above, name)) => {
            let mut names = above.split('/');
            // `split` has a first part even of nothing.
            let mut at = enter(directory, names.next().unwrap_or_default(), DIRECTORY)?;
            for name in names {
                at = enter(at.as_fd(), name, DIRECTORY)?;
            }
            enter(at.as_fd(), name, flags)
        }
    }
}

fn is_link(directory: BorrowedFd<'_>, name: &str) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Both ways of opening, by their names.
    type Way = fn(BorrowedFd<'_>, &str, OFlags) -> Result<OwnedFd, Errno>;
    const WAYS: [(&str, Way); 2] = [("open", open), ("step by step", step_by_step)];

    #[test]
    fn both_ways_open_what_is_there_and_refuse_links_wherever_they_stand() {
        let root = tempfile::tempdir().unwrap();
        let place = |name: &str| root.path().join(name);
        fs::create_dir_all(place("a/b")).unwrap();
        fs::write(place("a/b/file"), "inside").unwrap();
        symlink("file", place("a/b/link")).unwrap();
        symlink(place("a/b"), place("a/loop")).unwrap();
        symlink("..", place("a/up")).unwrap();
        symlink("nowhere", place("dangling")).unwrap();
        let directory = File::open(root.path()).unwrap();
        for (name, way) in WAYS {
            let opened = |path: &str, flags: OFlags| way(directory.as_fd(), path, flags).map(File::from);
            let mut text = String::new();
            opened("a/b/file", FILE).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "inside", "{name}");
            assert!(opened("a", DIRECTORY).unwrap().metadata().unwrap().is_dir(), "{name}");
            let refused = [
                ("a/b/link", FILE, Errno::LOOP),
                ("a/b/link", DIRECTORY, Errno::LOOP),
                ("a/b/link/x", FILE, Errno::LOOP),
                ("a/loop", DIRECTORY, Errno::LOOP),
                ("a/loop/file", FILE, Errno::LOOP),
                ("a/loop/none", FILE, Errno::LOOP),
                ("a/up/a/b/file", FILE, Errno::LOOP),
                ("dangling", FILE, Errno::LOOP),
                ("dangling/x", DIRECTORY, Errno::LOOP),
                ("none", FILE, Errno::NOENT),
                ("a/none/x", DIRECTORY, Errno::NOENT),
                ("a/b/file", DIRECTORY, Errno::NOTDIR),
                ("a/b/file/x", FILE, Errno::NOTDIR),
            ];
            for (path, flags, error) in refused {
                assert_eq!(opened(path, flags).unwrap_err(), error, "{name}: {path}");
            }
        }
    }
}
