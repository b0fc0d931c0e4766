//! Users and passwords from a file, over HTTP's `Basic`.
//!
//! The file is read again when it has changed. While it cannot be used, nobody is let in: somebody who was struck out must
//! not stay in because of a slip in another line. Checking a password is made to be slow: it happens on the blocking threads,
//! as many at a time as there are cores, and credentials that were good are believed for a minute.
//!
//! Unlike `distribution`, no file and no password are made up if there is none, and a hash that is not bcrypt's refuses the file.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::num::NonZero;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::file::Users;
use self::verified::Verified;
use super::challenge::challenge;
use super::{Access, Authorizer, Denied, Identity, Presented};
use crate::driver::{Clock, seconds_since_epoch};
use crate::sync::{Arc, Mutex, Semaphore, blocking, lock};

mod file;
mod verified;

pub use file::LineError as HtpasswdLineError;

/// Where the users are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtpasswdOptions {
    /// What clients show to whom they ask for a password.
    pub realm: String,
    /// The file.
    pub path: PathBuf,
}

/// Why a file of users cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HtpasswdError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of it cannot be used.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong.
        problem: HtpasswdLineError,
    },
    /// There is no user in it, so that nobody could ever enter.
    #[error("{} has no user; add one with `htpasswd -B`", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// Lets users in by their passwords. Whoever is in may do everything.
#[derive(Debug)]
pub struct Htpasswd {
    challenge: String,
    clock: Arc<dyn Clock>,
    source: Arc<Source>,
    turns: Semaphore,
}

impl Htpasswd {
    /// Reads the file. It blocks for as long as the disk does.
    ///
    /// # Errors
    /// The file is missing, cannot be used, or has no user.
    pub fn open(options: HtpasswdOptions, clock: Arc<dyn Clock>) -> Result<Self, HtpasswdError> {
        let source = Source { path: options.path, state: Mutex::default() };
        *lock(&source.state) = Some(source.load(&*clock, None)?);
        Ok(Self {
            challenge: challenge("Basic", &[("realm", &options.realm)]),
            clock,
            source: Arc::new(source),
            turns: Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)),
        })
    }

    fn unauthorized(&self, reason: &'static str) -> Denied {
        Denied::Unauthorized { challenge: self.challenge.clone(), reason }
    }
}

#[async_trait]
impl Authorizer for Htpasswd {
    async fn authorize(&self, request: Presented<'_>, _wanted: &[Access]) -> Result<Identity, Denied> {
        let Some(encoded) = request.credentials("Basic") else {
            return Err(self.unauthorized("no user and password"));
        };
        let Some((name, password)) = decode(encoded) else {
            return Err(self.unauthorized("user and password cannot be read"));
        };
        let (source, clock) = (Arc::clone(&self.source), Arc::clone(&self.clock));
        let reading = blocking(move || source.current(&*clock)).await.ok_or(Denied::Unavailable)?;
        if reading.verified.knows(&name, &password, self.clock.seconds()) {
            return Ok(Identity { name });
        }
        // Never closed, so this cannot fail; if it did, nobody would get in.
        let turn = self.turns.acquire().await.map_err(|_| Denied::Unavailable)?;
        let now = self.clock.seconds();
        let (good, name) = blocking(move || {
            let good = reading.users.verify(&name, &password);
            if good {
                reading.verified.remember(&name, &password, now);
            }
            (good, name)
        })
        .await;
        drop(turn);
        if good { Ok(Identity { name }) } else { Err(self.unauthorized("wrong user or password")) }
    }
}

/// User and password; a user's name is text without a colon, a password any bytes.
fn decode(encoded: &str) -> Option<(String, Vec<u8>)> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((std::str::from_utf8(&decoded[..colon]).ok()?.to_owned(), decoded[colon + 1..].to_vec()))
}

/// The file and what was last read of it.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// None: it cannot be used now, and that was logged.
    state: Mutex<Option<Loaded>>,
}

#[derive(Clone, Debug)]
struct Loaded {
    reading: Arc<Reading>,
    /// If the file still looks like this, it is not read again.
    looks: Option<Looks>,
}

/// One reading of the file, and what was found good by it.
struct Reading {
    bytes: Vec<u8>,
    users: Users,
    verified: Verified,
}

/// There are hashes in it.
impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("users", &self.users).finish_non_exhaustive()
    }
}

/// What of a file changes when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looks {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Within this many seconds of a change, another one may look the same.
const UNSETTLED: i64 = 2;

impl Looks {
    /// Nothing for a file that changed just now, or in the future: it is read again next time.
    fn of(file: &fs::Metadata, now: u64) -> Option<Self> {
        let latest = file.mtime().max(file.ctime());
        let settled = i64::try_from(now).is_ok_and(|now| latest.saturating_add(UNSETTLED) < now);
        settled.then(|| Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

impl Source {
    /// The file as it is now; nothing while it cannot be used.
    fn current(&self, clock: &dyn Clock) -> Option<Arc<Reading>> {
        let mut state = lock(&self.state);
        match self.load(clock, state.as_ref()) {
            Ok(loaded) => Some(Arc::clone(&state.insert(loaded).reading)),
            Err(error) => {
                if state.take().is_some() {
                    tracing::error!(%error, "nobody is let in until this is mended");
                }
                None
            }
        }
    }

    fn load(&self, clock: &dyn Clock, before: Option<&Loaded>) -> Result<Loaded, HtpasswdError> {
        let failed = |source| HtpasswdError::File { path: self.path.clone(), source };
        let now = seconds_since_epoch(clock.now());
        let file = fs::metadata(&self.path).map_err(failed)?;
        // Asked before the file is read: a change between the two is seen next time.
        let looks = Looks::of(&file, now);
        if let Some(before) = before.filter(|before| looks.is_some() && before.looks == looks) {
            return Ok(before.clone());
        }
        let bytes = read(&self.path).map_err(failed)?;
        if let Some(before) = before.filter(|before| before.reading.bytes == bytes) {
            return Ok(Loaded { reading: Arc::clone(&before.reading), looks });
        }
        let users = Users::parse(&bytes)
            .map_err(|(line, problem)| HtpasswdError::Line { path: self.path.clone(), line, problem })?
            .ok_or_else(|| HtpasswdError::Empty { path: self.path.clone() })?;
        Ok(Loaded { reading: Arc::new(Reading { bytes, users, verified: Verified::new()? }), looks })
    }
}

/// More than this is no file of users.
const MAX_BYTES: u64 = 16 << 20;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ManualClock;

    fn source(text: &str) -> (tempfile::TempDir, Source) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, text).unwrap();
        (directory, Source { path, state: Mutex::default() })
    }

    fn line(user: &str) -> String {
        format!("{user}:$2b$04${}\n", ".".repeat(53))
    }

    #[test]
    fn what_was_found_good_is_forgotten_when_the_file_says_something_else() {
        // Now is long before the file was written, so that its looks are never trusted.
        let clock = ManualClock::at(1_000);
        let (_directory, source) = source(&line("a"));
        let reading = source.current(&clock).unwrap();
        reading.verified.remember("a", b"b", 1_000);
        fs::write(&source.path, line("a")).unwrap();
        assert!(source.current(&clock).unwrap().verified.knows("a", b"b", 1_000));
        fs::write(&source.path, line("b") + &line("a")).unwrap();
        assert!(!source.current(&clock).unwrap().verified.knows("a", b"b", 1_000));
        // Whoever checks a password by the old file remembers it with the old file.
        reading.verified.remember("a", b"b", 1_000);
        assert!(!source.current(&clock).unwrap().verified.knows("a", b"b", 1_000));
    }

    #[test]
    fn a_file_that_changed_just_now_is_read_again() {
        let (_directory, source) = source("x");
        let file = fs::metadata(&source.path).unwrap();
        let changed = u64::try_from(file.mtime().max(file.ctime())).unwrap();
        for now in [0, changed, changed + 2] {
            assert_eq!(Looks::of(&file, now), None, "{now}");
        }
        assert!(Looks::of(&file, changed + 3).is_some());
    }

    #[test]
    fn a_password_may_hold_colons_and_any_bytes() {
        let of = |bytes: &[u8]| decode(&STANDARD.encode(bytes));
        assert_eq!(of(b"a:b:c"), Some(("a".into(), b"b:c".to_vec())));
        assert_eq!(of(b"a:\xff"), Some(("a".into(), b"\xff".to_vec())));
        assert_eq!(of(b":"), Some((String::new(), vec![])));
        assert_eq!(of(b"ab"), None);
        assert_eq!(of(b"\xff:b"), None);
        assert_eq!(decode("%%%"), None);
    }
}
