//! Checking a directory, and repairing what can be repaired without guessing.
//!
//! First the tree is surveyed, then the blobs are looked at, then the manifests, then every link: a link is good if it holds the digest that its place says
//! and what it leads to is there and whole. A repair writes links that can be known, removes links that lead nowhere, and moves
//! damaged bytes out of the way; it never deletes bytes, and never lets a repository have content that it had no link to.
//!
//! Source: `docs/behaviour.md`, "Checking a directory".

mod blobs;
mod finding;
mod links;
mod parts;

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

pub use self::finding::{Finding, Problem, Remedy};
use self::parts::Parts;
use crate::blob::not_found_is_none;
use crate::digest::{Algorithm, Digest};
use crate::driver::{DriverError, StoragePath};
use crate::error::{InTheWay, Obstacle};
use crate::paths;
use crate::progress::Progress;
use crate::registry::Registry;
use crate::shared::Shared;
use crate::survey::{self, Survey};

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
    /// The algorithms of which there are links and no blob at all. No link to these was removed.
    pub bare: BTreeSet<Algorithm>,
    /// How many places could not be read. Whether all is well there is not known.
    pub unreadable: u64,
}

impl Registry {
    /// Checks everything below the root. Waits until nobody writes, and keeps writers waiting while it runs. A registry that
    /// repairs should have no descriptor cache: caches are not told.
    ///
    /// # Errors
    /// If the storage cannot even be asked whether a blob is stored. Else what cannot be read is a finding, and so is a repair that
    /// fails.
    pub async fn check(&self, options: FsckOptions, progress: &dyn Progress) -> Result<FsckReport, DriverError> {
        let shared = self.shared();
        let _gate = shared.gate.write().await;
        progress.stage("reading repositories", None);
        let Survey { repositories, obstacles } = survey::take(self, progress).await?;
        let mut check = Check {
            registry: self,
            shared,
            options,
            progress,
            sizes: HashMap::new(),
            damaged: HashSet::new(),
            sound: HashSet::new(),
            manifests: HashMap::new(),
            unread: HashMap::new(),
            unknown: HashSet::new(),
            report: FsckReport::default(),
            is_blind: false,
            hides_blobs: obstacles.iter().any(|obstacle| obstacle.path.as_str().starts_with(paths::blobs().as_str())),
        };
        check.obstructed(obstacles).await;
        check.blobs().await;
        check.manifests(&repositories).await;
        check.links(repositories).await;
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
    /// Why revisions are no manifests.
    unread: HashMap<Digest, String>,
    /// The revisions of which it is not known what they are, though bytes are there.
    unknown: HashSet<Digest>,
    report: FsckReport,
    /// Whether something stands where blobs should.
    hides_blobs: bool,
    /// Whether something could not be read. Then nothing is removed any more: what it would lead to may be there.
    is_blind: bool,
}

impl Check<'_> {
    /// Whether bytes are there under this digest, as far as is known whole.
    fn has(&self, digest: &Digest) -> bool {
        self.sizes.contains_key(digest) && !self.damaged.contains(digest)
    }

    /// Whether a link to this digest may be removed because its bytes are not there. Not if something stands where bytes may be, and
    /// not if there are none of its algorithm at all: then a disk is not mounted, more likely than that every single one is lost.
    async fn is_lost(&mut self, digest: &Digest) -> bool {
        let algorithm = digest.algorithm();
        if self.report.bare.contains(&algorithm) {
            return false;
        }
        let is_lost = self.sizes.keys().any(|stored| stored.algorithm() == algorithm);
        if !is_lost {
            self.report.bare.insert(algorithm);
            let obstacle = Obstacle { path: paths::blobs_of(algorithm), what: InTheWay::NoBlobs };
            self.obstructed(vec![obstacle]).await;
        }
        is_lost && !self.hides_blobs
    }

    async fn obstructed(&mut self, obstacles: Vec<Obstacle>) {
        for obstacle in obstacles {
            self.report.unreadable += u64::from(matches!(obstacle.what, InTheWay::Unreadable { .. }));
            self.found(Problem::Obstructed(obstacle), None).await;
        }
    }

    /// Notes that something could not be read: what the error is about, else `place`.
    async fn unreadable(&mut self, place: StoragePath, error: &DriverError) {
        self.is_blind = true;
        let path = error.path().cloned().unwrap_or(place);
        self.obstructed(vec![Obstacle { path, what: InTheWay::unreadable(error) }]).await;
    }

    /// Notes a problem and, if it may, does something about it.
    async fn found(&mut self, problem: Problem, remedy: Option<Remedy>) {
        let mut finding = Finding { problem, remedy, repaired: false, failure: None };
        if let Some(remedy) = finding.remedy.as_ref().filter(|_| self.options.repair) {
            match self.apply(remedy).await {
                Ok(()) => {
                    tracing::warn!(problem = %finding.problem, %remedy, "repaired");
                    finding.repaired = true;
                }
                Err(error) => finding.failure = Some(error.to_string()),
            }
        }
        self.report.findings.push(finding);
    }

    async fn apply(&self, remedy: &Remedy) -> Result<(), DriverError> {
        let driver = &*self.shared.driver;
        match remedy {
            Remedy::Link(path, digest) => crate::blob::write_link(driver, path, digest).await,
            Remedy::Replace(path, digest) => {
                driver.delete(path).await?;
                crate::blob::write_link(driver, path, digest).await
            }
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
