//! Storing, reading and deleting the manifests of one repository.
//!
//! A manifest is stored in this order, each step durable before the next: the bytes; the revision link, and with it what counts only
//! while that is there, the referrer link and the entries in the tags' indexes; what the tags point to. Whoever adds a manifest shares the repository's manifests, whoever takes one away holds them alone; both hold the gate for reading from before the
//! references are verified until the manifest is linked, so that no collection sweeps what was just found to exist.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Hashing, faulty, read_content};
use crate::blob::{BlobStore, LinkedBlobStore, link, not_found_is_none};
use crate::descriptor::{BlobDescriptor, BlobDescriptorService, DescriptorError};
use crate::digest::{Algorithm, Digest};
use crate::driver::DriverError;
use crate::error::{ManifestError, TagError};
use crate::faults::Fault;
use crate::manifest::ManifestType;
use crate::name::{Reference, RepositoryName, Tag};
use crate::paths;
use crate::referrers::ReferrerStore;
use crate::shared::{Relied, Shared};
use crate::sync::Arc;
use crate::tags::TagStore;

/// The manifests of one repository. See [`Repository::manifests`](crate::repository::Repository::manifests).
#[derive(Clone, Debug)]
pub struct ManifestStore {
    pub(super) shared: Arc<Shared>,
    pub(super) statter: Arc<dyn BlobDescriptorService>,
    pub(super) blobs: LinkedBlobStore,
    pub(super) name: RepositoryName,
    skip_layer_verification: bool,
}

/// A manifest to be stored.
#[derive(Clone, Debug)]
pub struct PutManifest {
    /// The type it was sent as.
    pub kind: ManifestType,
    /// Its bytes; they are kept exactly.
    pub bytes: Bytes,
    /// The digest it was sent under. Without one it is stored under its sha256.
    pub digest: Option<Digest>,
    /// The tags that are to point to it.
    pub tags: Vec<Tag>,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// The digest it is stored under.
    pub digest: Digest,
    /// The manifest that it is about.
    pub subject: Option<Digest>,
}

/// A manifest as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The digest it was asked for by, or that its tag points to.
    pub digest: Digest,
    /// Derived from the bytes.
    pub kind: ManifestType,
    /// The bytes as they came.
    pub bytes: Bytes,
}

impl ManifestStore {
    pub(crate) fn new(
        shared: Arc<Shared>,
        name: RepositoryName,
        statter: Arc<dyn BlobDescriptorService>,
        blobs: LinkedBlobStore,
        skip_layer_verification: bool,
    ) -> Self {
        Self { shared, statter, blobs, name, skip_layer_verification }
    }

    /// Whether the repository has this revision. What access control hides, it has not.
    ///
    /// # Errors
    /// If the storage or a service fails.
    pub async fn exists(&self, digest: &Digest) -> Result<bool, ManifestError> {
        match self.stat(digest).await {
            Ok(_) => Ok(true),
            Err(ManifestError::Unknown(_) | ManifestError::Denied(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The revision of this digest.
    ///
    /// # Errors
    /// [`ManifestError::Denied`] from access control; [`ManifestError::Unknown`] if it is not linked or its bytes are gone.
    pub async fn get(&self, digest: &Digest) -> Result<Stored, ManifestError> {
        let descriptor = self.stat(digest).await?;
        let bytes = match self.shared.driver.read(&paths::blob_data(&descriptor.digest)).await {
            Err(DriverError::TooLarge { .. }) => return Err(unreadable(digest)),
            bytes => not_found_is_none(bytes)?.ok_or_else(|| ManifestError::Unknown(digest.clone().into()))?,
        };
        let kind = faulty::derive_type(self.shared.faults, &bytes).ok_or_else(|| unreadable(digest))?;
        Ok(Stored { digest: digest.clone(), kind, bytes: faulty::served(self.shared.faults, bytes) })
    }

    /// The revision that a reference names.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`ManifestError::Unknown`] carries the reference.
    pub async fn get_by(&self, reference: &Reference) -> Result<Stored, ManifestError> {
        let tag = match reference {
            Reference::Digest(digest) => return self.get(digest).await,
            Reference::Tag(tag) => tag,
        };
        let mut current = self.current(tag).await?;
        loop {
            match self.get(&current).await {
                // The tag may have moved on, and what it pointed to may have been deleted, since it was read.
                Err(ManifestError::Unknown(_)) => {
                    let next = self.current(tag).await?;
                    if next == current {
                        return Err(ManifestError::Unknown(reference.clone()));
                    }
                    current = next;
                }
                other => return other,
            }
        }
    }

    /// Checks a manifest and stores it.
    ///
    /// # Errors
    /// In this order: [`ManifestError::Malformed`], [`ManifestError::DigestMismatch`], [`ManifestError::References`],
    /// [`ManifestError::Denied`] if the access controller refuses to be told of it. Then nothing is stored.
    pub async fn put(&self, put: PutManifest) -> Result<StoredManifest, ManifestError> {
        let manifest = faulty::read(self.shared.faults, put.kind, &put.bytes)?;
        let digest = match put.digest {
            None => Digest::of(Algorithm::Sha256, &put.bytes),
            Some(expected) if expected.algorithm() == Algorithm::Sha512 && self.refuses_sha512() => {
                return Err(ManifestError::DigestMismatch { expected });
            }
            Some(expected) => {
                let matches = Digest::of(expected.algorithm(), &put.bytes) == expected;
                if !matches && !self.shared.faults.has(Fault::ManifestDigestIgnored) {
                    return Err(ManifestError::DigestMismatch { expected });
                }
                expected
            }
        };
        let _gate = self.shared.gate.read().await;
        // Until the manifest is there: else what it names could be gone by then, and others have seen that.
        let _blobs = self.shared.reliance.share((self.name.clone(), Relied::Blobs)).await;
        let _manifests = self.shared.reliance.share((self.name.clone(), Relied::Manifests)).await;
        if !self.skip_layer_verification {
            self.verify(&manifest).await?;
        }
        let descriptor = BlobDescriptor { digest: digest.clone(), size: put.bytes.len() as u64 };
        // Asked before anything is stored, so that a refusal leaves nothing.
        self.statter.set_descriptor(&digest, descriptor).await.map_err(|error| refusal(error, &digest))?;
        let data = BlobStore::new(Arc::clone(&self.shared)).data(&digest, put.bytes).await?;
        let mut links = vec![link(paths::revision_link(&self.name, &digest), &digest)];
        let subject = manifest.subject.map(|subject| subject.digest);
        if let Some(subject) = &subject {
            links.push(self.referrers().file_locked(subject, &digest).await?);
        }
        // In the same order by all who want several: nobody waits for who waits for them.
        let mut held = Vec::new();
        let held_tags: BTreeSet<_> = put.tags.iter().collect();
        for tag in &held_tags {
            held.push(self.shared.tag_locks.lock((self.name.clone(), Tag::clone(tag))).await);
        }
        let (tags, mut currents) = (self.tags(), Vec::new());
        for tag in &held_tags {
            if let Some([entry, current]) = tags.files_locked(tag, &digest).await? {
                links.push(entry);
                currents.push(current);
            }
        }
        self.shared.driver.write_steps(vec![data, links, currents]).await?;
        Ok(StoredManifest { digest, subject })
    }

    /// Removes a revision, and every tag that points to it.
    ///
    /// # Errors
    /// [`ManifestError::DeleteDisabled`] before anything is looked up; else as [`get`](Self::get).
    pub async fn delete(&self, digest: &Digest) -> Result<(), ManifestError> {
        let faults = self.shared.faults;
        if !self.shared.options.delete && !faults.has(Fault::DeleteAlwaysOn) {
            return Err(ManifestError::DeleteDisabled);
        }
        let _gate = self.shared.gate.read().await;
        let _alone = self.shared.reliance.lock((self.name.clone(), Relied::Manifests)).await;
        let descriptor = self.stat(digest).await?;
        let subject = self.subject_of(&descriptor.digest).await?;
        let tags = self.tags();
        for tag in tags.lookup(digest).await.map_err(tag_error)? {
            if !faults.has(Fault::ManifestDeleteKeepsTags) {
                tags.untag_locked(&tag).await?;
            }
        }
        self.statter.clear(digest).await.map_err(|error| refusal(error, digest))?;
        if faults.has(Fault::ManifestDeleteRemovesBytes) {
            not_found_is_none(self.shared.driver.delete(&paths::blob(&descriptor.digest)).await)?;
        }
        if let Some(subject) = subject.filter(|_| !faults.has(Fault::ReferrersKeepDeleted)) {
            self.referrers().unlink_locked(&subject, digest).await?;
        }
        Ok(())
    }

    fn refuses_sha512(&self) -> bool {
        self.shared.faults.has(Fault::Sha512ManifestRefused)
    }

    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, ManifestError> {
        self.statter.stat(digest).await.map_err(|error| refusal(error, digest))
    }

    async fn current(&self, tag: &Tag) -> Result<Digest, ManifestError> {
        self.tags().get(tag).await.map_err(tag_error)
    }

    /// The subject of a stored manifest, as far as it can be read.
    async fn subject_of(&self, digest: &Digest) -> Result<Option<Digest>, ManifestError> {
        let manifest = read_content(&*self.shared.driver, digest, Hashing::Trusted).await?.manifest();
        Ok(manifest.and_then(|(manifest, _)| manifest.subject).map(|subject| subject.digest))
    }

    fn tags(&self) -> TagStore {
        TagStore::new(Arc::clone(&self.shared), self.name.clone())
    }

    fn referrers(&self) -> ReferrerStore {
        ReferrerStore::new(Arc::clone(&self.shared), self.name.clone())
    }
}

fn unreadable(digest: &Digest) -> ManifestError {
    tracing::warn!(%digest, "what is stored as a manifest is none");
    ManifestError::Unreadable(digest.clone())
}

/// What a service's refusal of `digest` means for a manifest.
fn refusal(error: DescriptorError, digest: &Digest) -> ManifestError {
    match error {
        DescriptorError::Unknown(_) => ManifestError::Unknown(digest.clone().into()),
        DescriptorError::Denied(_) => ManifestError::Denied(digest.clone()),
        DescriptorError::Driver(error) => error.into(),
        DescriptorError::Service(error) => ManifestError::Service(error),
    }
}

fn tag_error(error: TagError) -> ManifestError {
    match error {
        TagError::Unknown(tag) => ManifestError::Unknown(tag.into()),
        TagError::Driver(error) => error.into(),
        TagError::RepositoryUnknown(_) | TagError::DeleteDisabled => {
            unreachable!("one tag was read; neither were tags listed nor was one deleted")
        }
    }
}
