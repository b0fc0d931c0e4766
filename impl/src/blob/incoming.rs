//! Large blobs that come in one request.
//!
//! The bytes wait outside all repositories until they hash to the digest, so a refused request leaves nothing in a repository, and
//! makes none. Nobody is told where they wait, so nobody can go on with them: what a crash or a client that went away leaves
//! there is removed by a purge.

use super::source::{End, Source};
use super::store::{bytes_stay, not_found_is_none};
use super::{Body, LinkedBlobStore};
use crate::builder::next_upload_id;
use crate::digest::{Digest, Hasher};
use crate::driver::{DriverError, StoragePath};
use crate::error::UploadError;
use crate::paths;
use crate::shared::Shared;

impl LinkedBlobStore {
    /// Stores a blob whose bytes come in pieces, without an upload.
    ///
    /// # Errors
    /// [`UploadError::Body`] and [`UploadError::DigestMismatch`]: nothing is stored. [`UploadError::Unknown`] if a purge removed the
    /// bytes while they came. [`UploadError::Denied`].
    pub async fn put_stream(&self, digest: &Digest, body: Body) -> Result<(), UploadError> {
        let place = paths::incoming(&next_upload_id(&*self.shared.upload_ids));
        let stored = self.receive_and_store(&place, digest, body).await;
        // There is nothing left if they have become the blob.
        if let Err(error) = not_found_is_none(self.shared.driver.delete(&place).await) {
            tracing::warn!(%place, %error, "incoming bytes were left behind");
        }
        stored
    }

    async fn receive_and_store(&self, place: &StoragePath, digest: &Digest, body: Body) -> Result<(), UploadError> {
        let size = self.receive(place, digest, body).await?;
        let driver = &self.shared.driver;
        let _gate = self.shared.gate.read().await;
        let store = async {
            if bytes_stay(&**driver, digest).await?.is_none_or(|stat| stat.size != size) {
                let renamed = driver.rename(place, &paths::blob_data(digest)).await;
                not_found_is_none(renamed)?.ok_or(UploadError::Unknown)?;
            }
            Ok(Vec::new())
        };
        self.link_locked(digest, size, store).await
    }

    /// Takes in what the client sends, durably, if it hashes to the digest. Gives its size.
    async fn receive(&self, place: &StoragePath, digest: &Digest, body: Body) -> Result<u64, UploadError> {
        // Bytes that an earlier process left under the same id would come to stand before these.
        not_found_is_none(self.shared.driver.delete(place).await)?;
        let mut appender = self.shared.driver.append(place).await?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut source = Source::new(body.stream, Some(&mut hasher), None);
        if let Some(first) = source.piece().await {
            source.pour(first, &mut *appender).await?;
        }
        if let End::Broken(error) = source.end() {
            return Err(UploadError::Body(error));
        }
        if hasher.finish() != *digest {
            return Err(UploadError::DigestMismatch { expected: digest.clone() });
        }
        appender.sync().await?;
        Ok(appender.size())
    }
}

/// Removes incoming bytes whose last piece came at least so many seconds ago. The caller keeps others from storing them meanwhile.
pub(crate) async fn purge_incoming(shared: &Shared, older_than_seconds: u64) -> Result<(), DriverError> {
    let directory = paths::all_incoming();
    for name in not_found_is_none(shared.driver.list(&directory).await)?.unwrap_or_default() {
        let place = directory.join(&name)?;
        let Some(stat) = not_found_is_none(shared.driver.stat(&place).await)? else { continue };
        if shared.age(stat.modified) >= older_than_seconds {
            not_found_is_none(shared.driver.delete(&place).await)?;
        }
    }
    Ok(())
}
