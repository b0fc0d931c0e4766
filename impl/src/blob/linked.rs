//! The blobs of one repository: what its links give it.
//!
//! Every question goes through the repository's chain of services first (access control, cache, link lookup). Links are made
//! and removed with the gate held for reading, so that a collection sees all of it or nothing.

use super::store::bytes_stay;
use bytes::Bytes;

use super::{BlobStore, BlobUpload, File, ServedBlob, UploadId, link, write_link};
use crate::builder::next_upload_id;
use crate::catalog::{RepositoryWalk, Visit};
use crate::descriptor::{BlobDescriptor, BlobDescriptorService, DescriptorError};
use crate::digest::Digest;
use crate::error::{BlobError, UploadError};
use crate::faults::Fault;
use crate::name::RepositoryName;
use crate::paths;
use crate::shared::{Relied, Shared};
use crate::sync::Arc;

/// The blobs of one repository. See [`Repository::blobs`](crate::repository::Repository::blobs).
#[derive(Clone, Debug)]
pub struct LinkedBlobStore {
    pub(super) shared: Arc<Shared>,
    pub(super) name: RepositoryName,
    pub(super) statter: Arc<dyn BlobDescriptorService>,
}

impl LinkedBlobStore {
    pub(crate) fn new(shared: Arc<Shared>, name: RepositoryName, statter: Arc<dyn BlobDescriptorService>) -> Self {
        Self { shared, name, statter }
    }

    /// What the repository has under this digest.
    ///
    /// # Errors
    /// [`BlobError::Denied`] from access control; [`BlobError::Unknown`] if it is not linked or its bytes are gone.
    pub async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, BlobError> {
        Ok(self.statter.stat(digest).await?)
    }

    /// Opens a blob for serving: by redirect where that is on and the driver has a URL.
    ///
    /// # Errors
    /// As [`stat`](Self::stat).
    pub async fn get(&self, digest: &Digest) -> Result<ServedBlob, BlobError> {
        let descriptor = self.stat(digest).await?;
        ServedBlob::new(Arc::clone(&self.shared), digest.clone(), descriptor).await
    }

    /// Removes the repository's link. The bytes stay until they are collected.
    ///
    /// # Errors
    /// [`BlobError::DeleteDisabled`] before anything is looked up; else as [`stat`](Self::stat).
    pub async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        if !self.shared.options.delete && !self.shared.faults.has(Fault::DeleteAlwaysOn) {
            return Err(BlobError::DeleteDisabled);
        }
        let _gate = self.shared.gate.read().await;
        let _alone = self.shared.reliance.lock((self.name.clone(), Relied::Blobs)).await;
        let descriptor = self.statter.stat(digest).await?;
        self.statter.clear(digest).await?;
        if self.shared.faults.has(Fault::BlobDeleteRemovesBytes) {
            self.shared.driver.delete(&paths::blob(&descriptor.digest)).await?;
        }
        Ok(())
    }

    /// Links a blob of another repository, if that repository's access control and links give it and its bytes exist. Nothing if
    /// they do not.
    ///
    /// # Errors
    /// If the storage or a service fails.
    pub async fn mount(&self, digest: &Digest, from: &Self) -> Result<Option<BlobDescriptor>, BlobError> {
        let _gate = self.shared.gate.read().await;
        // Until the link is made: else its source could be gone by then, and others have seen that.
        let _relied_on = self.shared.reliance.share((from.name.clone(), Relied::Blobs)).await;
        let descriptor = if self.shared.faults.has(Fault::MountIgnoresFrom) {
            self.shared.stat(digest).await
        } else {
            from.statter.stat(digest).await
        };
        let descriptor = match descriptor {
            Ok(descriptor) => descriptor,
            Err(DescriptorError::Unknown(_) | DescriptorError::Denied(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // A cache may remember bytes that somebody removed behind our back. A link to nothing must not be made.
        if bytes_stay(&*self.shared.driver, &descriptor.digest).await?.is_none() {
            return Ok(None);
        }
        if !self.shared.faults.has(Fault::MountWithoutLink) {
            write_link(&*self.shared.driver, &paths::layer_link(&self.name, digest), &descriptor.digest).await?;
        }
        Ok(Some(descriptor))
    }

    /// Stores a blob whose bytes are at hand, without an upload.
    ///
    /// # Errors
    /// [`UploadError::DigestMismatch`]: nothing is stored. [`UploadError::Denied`].
    pub async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), UploadError> {
        let fault_early = self.shared.faults.has(Fault::LinkBeforeVerify);
        let unverified = self.shared.faults.has(Fault::PutUnverified);
        let mismatch = Digest::of(digest.algorithm(), &bytes) != *digest && !unverified;
        if mismatch && !fault_early {
            return Err(UploadError::DigestMismatch { expected: digest.clone() });
        }
        let _gate = self.shared.gate.read().await;
        let size = bytes.len() as u64;
        let blobs = BlobStore::new(Arc::clone(&self.shared));
        self.link_locked(digest, size, async { Ok(blobs.data(digest, bytes).await?) }).await?;
        if mismatch { Err(UploadError::DigestMismatch { expected: digest.clone() }) } else { Ok(()) }
    }

    /// Gives the repository a blob: tells the services, which may refuse while there is nothing yet that anybody could read; lets
    /// `store` make the bytes durable, or say what must be written for it; then links them. The caller holds the gate.
    pub(super) async fn link_locked(
        &self,
        digest: &Digest,
        size: u64,
        store: impl Future<Output = Result<Vec<File>, UploadError>> + Send,
    ) -> Result<(), UploadError> {
        let descriptor = BlobDescriptor { digest: digest.clone(), size };
        self.statter.set_descriptor(digest, descriptor).await.map_err(|refusal| match refusal {
            DescriptorError::Unknown(digest) | DescriptorError::Denied(digest) => UploadError::Denied(digest),
            DescriptorError::Driver(error) => error.into(),
            DescriptorError::Service(error) => UploadError::Service(error),
        })?;
        let steps = vec![store.await?, vec![link(paths::layer_link(&self.name, digest), digest)]];
        Ok(self.shared.driver.write_steps(steps).await?)
    }

    /// Starts an upload. It is durable when this answers.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn start(&self) -> Result<UploadId, UploadError> {
        let id = next_upload_id(&*self.shared.upload_ids);
        let _gate = self.shared.gate.read().await;
        BlobUpload::start(&self.shared, &self.name, &id).await?;
        Ok(id)
    }

    /// Takes up an open upload; waits until nobody else uses it.
    ///
    /// # Errors
    /// [`UploadError::Unknown`] if the repository has no such open upload.
    pub async fn resume(&self, id: &UploadId) -> Result<BlobUpload, UploadError> {
        let resumed = BlobUpload::resume(self.clone(), id.clone()).await;
        if matches!(resumed, Err(UploadError::Unknown)) && self.shared.faults.has(Fault::UploadAnyRepository) {
            let mut walk = RepositoryWalk::new(Arc::clone(&self.shared), Visit::Every, None);
            while let Some(name) = walk.next().await? {
                let other = Self { name, ..self.clone() };
                if let Ok(upload) = BlobUpload::resume(other, id.clone()).await {
                    return Ok(upload);
                }
            }
        }
        resumed
    }

    /// Undoes a finish of an upload that was cut short. Of one that is in use, the blob that its bytes have become, if they have:
    /// somebody may be bringing them back from there.
    pub(crate) async fn settle(&self, id: &UploadId) -> Result<Option<Digest>, UploadError> {
        BlobUpload::settle(self.clone(), id.clone()).await
    }
}
