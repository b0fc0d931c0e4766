//! Requests for uploads.

use super::{Api, ApiError, Body, Class, Code, UploadInfo, parse};
use crate::blob::{BlobUpload, LinkedBlobStore, UploadId};
use crate::digest::Digest;
use crate::error::UploadError;

/// Blobs of at most so many bytes that come in one request are held in memory and not in the storage meanwhile.
/// Configurations and signatures are that small.
const SMALL: usize = 64 << 10;

impl Api {
    /// Starts an upload.
    ///
    /// # Errors
    /// `NAME_INVALID`.
    pub async fn start_upload(&self, repo: &str) -> Result<UploadInfo, ApiError> {
        let name = parse::name(repo)?;
        Self::start(&self.repository(&name)?.blobs()).await
    }

    /// Stores a blob in one request: as start, append, finish. An error leaves no upload behind, and content that is not what was
    /// announced no repository that was not there before.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID` (malformed, or the content hashes to another), `DENIED`; `BLOB_UPLOAD_UNKNOWN` if a purge
    /// took the bytes while they came.
    pub async fn put_blob(&self, repo: &str, digest: &str, body: Body) -> Result<Digest, ApiError> {
        let name = parse::name(repo)?;
        let digest = parse::digest(digest)?;
        let blobs = self.repository(&name)?.blobs();
        let stored = match body.gather(SMALL).await {
            Ok(Ok(bytes)) => blobs.put(&digest, bytes).await,
            Ok(Err(large)) => blobs.put_stream(&digest, large).await,
            Err(error) => Err(UploadError::Body(error)),
        };
        stored.map(|()| digest).map_err(refusal)
    }

    /// Appends a chunk. `range` is its first and last byte, inclusive.
    ///
    /// # Errors
    /// `NAME_INVALID`, `BLOB_UPLOAD_UNKNOWN`, `BLOB_UPLOAD_INVALID` (Range), `SIZE_INVALID`.
    pub async fn append(
        &self,
        repo: &str,
        id: &str,
        range: Option<(u64, u64)>,
        body: Body,
    ) -> Result<UploadInfo, ApiError> {
        let mut upload = self.resume(repo, id).await?;
        upload.append(range, body, None).await.map_err(refusal)?;
        Ok(UploadInfo { id: id.to_owned(), size: upload.size() })
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// `NAME_INVALID`, `BLOB_UPLOAD_UNKNOWN`.
    pub async fn upload_status(&self, repo: &str, id: &str) -> Result<UploadInfo, ApiError> {
        let upload = self.resume(repo, id).await?;
        Ok(UploadInfo { id: id.to_owned(), size: upload.size() })
    }

    /// Finishes an upload, perhaps with a last chunk.
    ///
    /// # Errors
    /// `NAME_INVALID`, `BLOB_UPLOAD_UNKNOWN`, `DIGEST_INVALID` (missing or malformed), `BLOB_UPLOAD_INVALID` (Range),
    /// `SIZE_INVALID`; then, with the chunk appended and the upload still open, `DIGEST_INVALID` (the content hashes to another),
    /// `DENIED`.
    pub async fn finish(
        &self,
        repo: &str,
        id: &str,
        digest: Option<&str>,
        range: Option<(u64, u64)>,
        body: Body,
    ) -> Result<Digest, ApiError> {
        let mut upload = self.resume(repo, id).await?;
        let digest = digest.map(parse::digest).transpose()?.ok_or_else(missing_digest)?;
        upload.append(range, body, Some(digest.algorithm())).await.map_err(refusal)?;
        upload.commit(&digest).await.map_err(refusal)?;
        Ok(digest)
    }

    /// Cancels an upload.
    ///
    /// # Errors
    /// `NAME_INVALID`, `BLOB_UPLOAD_UNKNOWN`.
    pub async fn cancel(&self, repo: &str, id: &str) -> Result<(), ApiError> {
        self.resume(repo, id).await?.cancel().await.map_err(refusal)
    }

    pub(super) async fn start(blobs: &LinkedBlobStore) -> Result<UploadInfo, ApiError> {
        let id = blobs.start().await.map_err(refusal)?;
        Ok(UploadInfo { id: id.to_string(), size: 0 })
    }

    async fn resume(&self, repo: &str, id: &str) -> Result<BlobUpload, ApiError> {
        let name = parse::name(repo)?;
        let Ok(id) = id.parse::<UploadId>() else { return Err(refusal(UploadError::Unknown)) };
        self.repository(&name)?.blobs().resume(&id).await.map_err(refusal)
    }
}

fn missing_digest() -> ApiError {
    ApiError::new(Code::DigestInvalid, Class::Invalid, "the digest is missing", None)
}

/// What a failed upload request answers.
fn refusal(error: UploadError) -> ApiError {
    let (code, class, detail) = match &error {
        UploadError::Unknown => (Code::BlobUploadUnknown, Class::NotFound, None),
        UploadError::OutOfOrder { .. } => (Code::BlobUploadInvalid, Class::Range, None),
        UploadError::Length { .. } => (Code::SizeInvalid, Class::Invalid, None),
        UploadError::DigestMismatch { expected } => (Code::DigestInvalid, Class::Invalid, Some(expected)),
        UploadError::Denied(digest) => (Code::Denied, Class::Denied, Some(digest)),
        // The client is gone and will not read this.
        UploadError::Body(_) => (Code::BlobUploadInvalid, Class::Invalid, None),
        UploadError::Driver(error) => return ApiError::storage(error),
        UploadError::Service(_) => return ApiError::internal(error),
    };
    ApiError::new(code, class, &error, detail.map(Digest::as_str))
}
