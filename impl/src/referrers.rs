//! Referrers: which manifests of a repository are about a given one.
//!
//! Each manifest with a subject leaves a link below that subject. The links are derived data: distribution writes none, so once
//! for each instance and repository, at first use, what is missing is added from the revisions. A link whose revision is gone
//! counts for nothing.
//!
//! Source: OCI distribution-spec 1.1, "Listing Referrers".

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::blob::{File, link, linked_digests, not_found_is_none, unreachable_is_none, write_link};
use crate::digest::Digest;
use crate::driver::DriverError;
use crate::faults::Fault;
use crate::manifest::Manifest;
use crate::manifests::{Content, Hashing, read_content};
use crate::name::RepositoryName;
use crate::paths;
use crate::shared::{Relied, Shared};
use crate::sync::{Arc, lock};

/// A manifest that is about another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// Its type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its artifact type: `artifactType`, or an image's config media type.
    pub artifact_type: Option<String>,
    /// Its annotations, if it has any object of them.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// The referrers of one repository. See [`Repository::referrers`](crate::repository::Repository::referrers).
#[derive(Clone, Debug)]
pub struct ReferrerStore {
    shared: Arc<Shared>,
    name: RepositoryName,
}

impl ReferrerStore {
    pub(crate) fn new(shared: Arc<Shared>, name: RepositoryName) -> Self {
        Self { shared, name }
    }

    /// The manifests whose subject is this digest, in the order of their digests. Empty if there are none, or no such
    /// repository.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn list(&self, subject: &Digest) -> Result<Vec<Referrer>, DriverError> {
        let mut referrers = Vec::new();
        self.each(subject, "", |referrer| {
            referrers.push(referrer);
            ControlFlow::Continue(())
        })
        .await?;
        Ok(referrers)
    }

    /// Hands over one after the other of those whose digest comes after `last`, until `take` has enough. One manifest is in memory at
    /// a time, whatever their number.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn each(
        &self,
        subject: &Digest,
        last: &str,
        mut take: impl FnMut(Referrer) -> ControlFlow<()> + Send,
    ) -> Result<(), DriverError> {
        self.make_ready().await?;
        let linked = linked_digests(&*self.shared.driver, &paths::referrers(&self.name, subject)).await?;
        for digest in linked.into_iter().filter(|digest| digest.as_str() > last) {
            if !self.shared.faults.has(Fault::ReferrersKeepDeleted) && !self.has_revision(&digest).await? {
                continue;
            }
            let Some((manifest, size)) = self.read(&digest).await? else { continue };
            if manifest.subject.as_ref().is_none_or(|found| found.digest != *subject) {
                continue;
            }
            let referrer = Referrer {
                media_type: manifest.kind.as_str().to_owned(),
                digest,
                size,
                artifact_type: manifest.referrer_artifact_type().map(ToOwned::to_owned),
                annotations: manifest.annotations,
            };
            if take(referrer).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The file that links a referrer. The caller holds the gate, and shares the repository's manifests.
    pub(crate) async fn file_locked(&self, subject: &Digest, digest: &Digest) -> Result<File, DriverError> {
        if self.shared.faults.has(Fault::ReferrersForgotten) {
            self.complete().await?;
        }
        Ok(link(paths::referrer_link(&self.name, subject, digest), digest))
    }

    /// Removes a link. The caller holds the gate, and the repository's manifests alone.
    pub(crate) async fn unlink_locked(&self, subject: &Digest, digest: &Digest) -> Result<(), DriverError> {
        not_found_is_none(self.shared.driver.delete(&paths::referrer(&self.name, subject, digest)).await)?;
        Ok(())
    }

    async fn make_ready(&self) -> Result<(), DriverError> {
        if self.is_ready() {
            return Ok(());
        }
        let _gate = self.shared.gate.read().await;
        let _manifests = self.shared.reliance.share((self.name.clone(), Relied::Manifests)).await;
        let _alone = self.shared.completing.lock(self.name.clone()).await;
        self.complete().await
    }

    async fn complete(&self) -> Result<(), DriverError> {
        if self.is_ready() {
            return Ok(());
        }
        let driver = &*self.shared.driver;
        if self.shared.faults.has(Fault::ReferrersForgotten) {
            not_found_is_none(driver.delete(&paths::all_referrers(&self.name)).await)?;
            lock(&self.shared.referrers_ready).insert(self.name.clone());
            return Ok(());
        }
        let revisions = linked_digests(driver, &paths::revisions(&self.name)).await?;
        if revisions.is_empty() {
            // Not remembered: clients may ask for any number of names.
            return Ok(());
        }
        for digest in revisions {
            let Some((manifest, _)) = self.read(&digest).await? else { continue };
            let Some(subject) = manifest.subject else { continue };
            let link = paths::referrer_link(&self.name, &subject.digest, &digest);
            match driver.stat(&link).await {
                Ok(_) => {}
                Err(error) if error.is_not_found() => write_link(driver, &link, &digest).await?,
                Err(error @ DriverError::SymbolicLink { .. }) => tracing::warn!(%error, "a referrer cannot be linked"),
                Err(error) => return Err(error),
            }
        }
        lock(&self.shared.referrers_ready).insert(self.name.clone());
        Ok(())
    }

    fn is_ready(&self) -> bool {
        lock(&self.shared.referrers_ready).contains(&self.name)
    }

    async fn has_revision(&self, digest: &Digest) -> Result<bool, DriverError> {
        let link = self.shared.driver.stat(&paths::revision_link(&self.name, digest)).await;
        Ok(unreachable_is_none(link)?.is_some())
    }

    /// A stored manifest and its size, as far as it can be read.
    async fn read(&self, digest: &Digest) -> Result<Option<(Box<Manifest>, u64)>, DriverError> {
        let content = read_content(&*self.shared.driver, digest, Hashing::Trusted).await;
        Ok(unreachable_is_none(content)?.and_then(Content::manifest))
    }
}
