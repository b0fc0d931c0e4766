//! The secret that goes with a directory.
//!
//! A server signs what clients hold of an upload. Where nobody configures a secret, the directory has one of its own, so that an
//! upload goes on after a restart. It stands where only the owner of the directory can read it, beside the lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::{ControlError, DIRECTORY, RootLock};
use crate::http::Secret;

const FILE: &str = "secret";

/// As many bytes as the hash of the signature.
const LENGTH: usize = 32;

/// The secret of the directory that is locked; made if there is none, or none that is whole.
///
/// It is on the disk when this returns.
///
/// # Errors
/// [`ControlError::Io`] if it cannot be read or written, or if the system has no random bytes.
pub fn secret(_: &RootLock, root: &Path) -> Result<Secret, ControlError> {
    let directory = root.join(DIRECTORY);
    let path = directory.join(FILE);
    let bytes = read(&path).and_then(|found| found.map_or_else(|| make(&directory, &path), Ok));
    bytes.map(|bytes| Secret::new(&bytes)).map_err(|source| ControlError::Io { path, source })
}

/// None: there is none, or it is torn.
fn read(path: &Path) -> io::Result<Option<[u8; LENGTH]>> {
    let follow_none = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(follow_none).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::with_capacity(LENGTH + 1);
    file.take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes.try_into().ok())
}

fn make(directory: &Path, path: &Path) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    // Nobody else writes here: the directory is locked.
    let temporary = directory.join(format!("{FILE}.new"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(root: &Path) -> Vec<u8> {
        fs::read(root.join(DIRECTORY).join(FILE)).unwrap()
    }

    #[test]
    fn a_directory_keeps_its_secret_and_only_its_owner_can_read_it() {
        let root = tempfile::tempdir().unwrap();
        let lock = RootLock::take(root.path(), "test").unwrap();
        let first = secret(&lock, root.path()).unwrap();
        let kept = file(root.path());
        assert_eq!(kept.len(), LENGTH);
        assert!(first.signs_as(&secret(&lock, root.path()).unwrap()) && first.signs_as(&Secret::new(&kept)));
        let mode = fs::metadata(root.path().join(DIRECTORY).join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        let other_lock = RootLock::take(other.path(), "test").unwrap();
        assert!(!first.signs_as(&secret(&other_lock, other.path()).unwrap()), "another directory has another");
    }

    #[test]
    fn a_torn_secret_is_made_anew_and_a_link_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let lock = RootLock::take(root.path(), "test").unwrap();
        let path = root.path().join(DIRECTORY).join(FILE);
        for torn in [&b""[..], &[7; LENGTH - 1], &[7; LENGTH + 1]] {
            fs::write(&path, torn).unwrap();
            secret(&lock, root.path()).unwrap();
            assert_eq!(file(root.path()).len(), LENGTH);
            assert_ne!(file(root.path())[..7], [7; 7]);
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(secret(&lock, root.path()), Err(ControlError::Io { .. })));
        assert!(!root.path().join("elsewhere").exists());
    }
}
