//! One process at a time owns a directory, and others ask it to do their work.
//!
//! Collections, purges and checks must run where the writers are: only there do they see the locks of pushes on their way. So
//! whoever opens a directory for writing takes a lock on it ([`RootLock`]), and a server listens on a socket inside it
//! ([`listen`]). [`perform`] does a [`Work`] itself if nobody has the directory, and else has it done by the server that has.
//!
//! All of it stands in `<root>/.proofhouse`, which only the owner can read. Other registries pass it over.

mod lock;
mod secret;
mod socket;
mod work;

use std::io;
use std::path::{Path, PathBuf};

use crate::builder::{BuildError, RegistryBuilder};
use crate::driver::{Filesystem, FilesystemOptions, Offload};
use crate::progress::Progress;
use crate::sync::Arc;

pub use lock::RootLock;
pub use secret::secret;
pub use socket::{Listening, listen};
pub use work::{Done, Work, WorkError};

/// The directory, below a root, in which the lock and the socket stand.
const DIRECTORY: &str = ".proofhouse";

/// Why a directory could not be worked on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no registry.
    #[error("{} holds no registry: there is no docker/registry/v2 below it", .0.display())]
    NoRegistry(PathBuf),
    /// Another process has the directory and takes no work.
    #[error("{} is in use by {holder}; wait for its end, or stop it", root.display())]
    InUse {
        /// The directory.
        root: PathBuf,
        /// Who has it: a command and a process id.
        holder: String,
    },
    /// The lock or the socket cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server went away, or is of another version.
    #[error("the server of {} did not do it: {reason}", root.display())]
    Server {
        /// The directory.
        root: PathBuf,
        /// What it said, if anything.
        reason: String,
    },
    /// No registry can be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The work stopped.
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// Does a work on the registry below `root`: here, or in the server that serves it. Here it blocks the thread: call it where nothing
/// else waits.
///
/// # Errors
/// If there is no registry, another process has it and takes no work, or the work fails.
pub async fn perform(root: &Path, work: Work, progress: &dyn Progress) -> Result<Done, ControlError> {
    if !root.join("docker/registry/v2").is_dir() {
        return Err(ControlError::NoRegistry(root.to_owned()));
    }
    let held = match work.only_reads() {
        true => RootLock::take_to_read(root, work.name()),
        false => RootLock::take(root, work.name()).map(Some),
    };
    match held {
        Ok(lock) => {
            // There is nothing else to do meanwhile.
            let options = FilesystemOptions {
                offload: Offload::Inline,
                root_held: lock.is_some(),
                ..FilesystemOptions::default()
            };
            let driver = Arc::new(Filesystem::new(root, options));
            let registry = RegistryBuilder::new(driver).enable_delete().build()?;
            let mut done = work.run(&registry, progress).await?;
            done.is_unlocked = lock.is_none();
            Ok(done)
        }
        Err(ControlError::InUse { root, holder }) => match socket::ask(&root, work, progress).await? {
            Some(done) => Ok(done),
            None => Err(ControlError::InUse { root, holder }),
        },
        Err(error) => Err(error),
    }
}
