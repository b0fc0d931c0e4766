//! Checking a directory, and repairing what can be repaired without guessing.
//!
//! First the blobs are looked at, then the manifests, then every link: a link is good if it holds the digest that its place says
//! and what it leads to is there and whole. A repair writes links that can be known, removes links that lead nowhere, and moves
//! damaged bytes out of the way; it never deletes bytes, and never lets a repository have content that it had no link to.
//!
//! Source: `docs/behaviour.md`, "Checking a directory".

mod blobs;
mod finding;
mod links;
mod parts;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

pub use self::finding::{Finding, Problem, Remedy};
use self::parts::Parts;
use crate::blob::not_found_is_none;
use crate::digest::Digest;
use crate::driver::DriverError;
use crate::progress::Progress;
use crate::registry::Registry;
use crate::shared::Shared;

/// How to check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsckOptions {
    /// Do what can be done, instead of saying what would be.
    pub repair: bool,
    /// Read and hash every blob, not only those whose size is suspicious.
    pub deep: bool,
}

/// What was checked, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// What is not as it must be, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// How many repositories were read.
    pub repositories: u64,
    /// How many blobs are stored, manifests included.
    pub blobs: u64,
    /// How many of them were read and hashed.
    pub hashed: u64,
}

impl Registry {
    /// Checks everything below the root. Waits until nobody writes, and keeps writers waiting while it runs. A registry that
    /// repairs should have no descriptor cache: caches are not told.
    ///
    /// # Errors
    /// If the storage fails. What was repaired until then stays repaired.
    pub async fn check(&self, options: FsckOptions, progress: &dyn Progress) -> Result<FsckReport, DriverError> {
        let shared = self.shared();
        let _gate = shared.gate.write().await;
        let mut check = Check {
            registry: self,
            shared,
            options,
            progress,
            sizes: HashMap::new(),
            damaged: HashSet::new(),
            sound: HashSet::new(),
            manifests: HashMap::new(),
            report: FsckReport::default(),
        };
        check.blobs().await?;
        check.manifests().await?;
        check.links().await?;
        Ok(check.report)
    }
}

/// A check on its way.
struct Check<'a> {
    registry: &'a Registry,
    shared: &'a Shared,
    options: FsckOptions,
    progress: &'a dyn Progress,
    /// Every blob that is stored, and its size in bytes.
    sizes: HashMap<Digest, u64>,
    /// Those that are not what their digests say.
    damaged: HashSet<Digest>,
    /// Those that were read and are.
    sound: HashSet<Digest>,
    /// What the revisions of all repositories consist of.
    manifests: HashMap<Digest, Parts>,
    report: FsckReport,
}

impl Check<'_> {
    /// Whether bytes are there under this digest, as far as is known whole.
    fn has(&self, digest: &Digest) -> bool {
        self.sizes.contains_key(digest) && !self.damaged.contains(digest)
    }

    /// Notes a problem and, if it may, does something about it.
    async fn found(&mut self, problem: Problem, remedy: Option<Remedy>) -> Result<(), DriverError> {
        let repaired = match &remedy {
            Some(remedy) if self.options.repair => {
                self.apply(remedy).await?;
                tracing::warn!(%problem, %remedy, "repaired");
                true
            }
            _ => false,
        };
        self.report.findings.push(Finding { problem, remedy, repaired });
        Ok(())
    }

    async fn apply(&self, remedy: &Remedy) -> Result<(), DriverError> {
        let driver = &*self.shared.driver;
        match remedy {
            Remedy::Link(path, digest) => crate::blob::write_link(driver, path, digest).await,
            Remedy::Unlink(path) => {
                let directory = path.parent().unwrap_or_else(|| path.clone());
                not_found_is_none(driver.delete(&directory).await).map(|_| ())
            }
            Remedy::Untag(path) => not_found_is_none(driver.delete(path).await).map(|_| ()),
            Remedy::SetAside(from, to) => driver.rename(from, to).await,
            Remedy::Date(path) => {
                let now = jiff::Timestamp::try_from(self.shared.clock.now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
                driver.write(path, now.to_string().into()).await
            }
        }
    }
}
