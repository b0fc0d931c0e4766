//! What operators ask and do. No HTTP request reaches these.

use super::manifests::tag_refusal;
use super::{Api, ApiError, Class, Code, GcOptions, GcReport, parse};
use crate::digest::Digest;
use crate::error::RepositoryError;
use crate::name::Reference;

impl Api {
    /// The tags that point to a digest, sorted; none for a repository that is not known.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID`.
    pub async fn tags_of(&self, repo: &str, digest: &str) -> Result<Vec<String>, ApiError> {
        let name = parse::name(repo)?;
        let digest = parse::digest(digest)?;
        let tags = self.repository(&name)?.tags().lookup(&digest).await.map_err(ApiError::internal)?;
        Ok(tags.iter().map(ToString::to_string).collect())
    }

    /// Every digest that a tag ever pointed to and whose entry still exists, sorted.
    ///
    /// # Errors
    /// `NAME_INVALID`, `MANIFEST_INVALID` for the tag, `MANIFEST_UNKNOWN`.
    pub async fn tag_history(&self, repo: &str, tag: &str) -> Result<Vec<Digest>, ApiError> {
        let name = parse::name(repo)?;
        let tag = parse::tag(tag)?;
        let history = self.repository(&name)?.tags().manifest_digests(&tag).await;
        history.map_err(|error| tag_refusal(&error, &Reference::Tag(tag)))
    }

    /// Every blob on disk, in the order of the digests' text.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn list_blobs(&self) -> Result<Vec<Digest>, ApiError> {
        let mut walk = self.registry.blobs().walk();
        let mut digests = Vec::new();
        while let Some(digest) = walk.next().await.map_err(ApiError::internal)? {
            digests.push(digest);
        }
        Ok(digests)
    }

    /// Removes a repository, not those nested below it.
    ///
    /// # Errors
    /// `NAME_INVALID`, `NAME_UNKNOWN`.
    pub async fn remove_repository(&self, repo: &str) -> Result<(), ApiError> {
        let name = parse::name(repo)?;
        self.registry.remove(&name).await.map_err(|error| match error {
            RepositoryError::Unknown(_) => ApiError::new(Code::NameUnknown, Class::NotFound, error, Some(repo)),
            error => ApiError::internal(error),
        })
    }

    /// Collects garbage.
    ///
    /// # Errors
    /// If it cannot be known what is needed, or the storage fails.
    pub async fn collect_garbage(&self, options: GcOptions) -> Result<GcReport, ApiError> {
        self.registry.collect_garbage(options).await.map_err(ApiError::internal)
    }

    /// Removes the uploads that started at least this many seconds ago; gives their ids, sorted.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn purge_uploads(&self, older_than_seconds: u64, dry_run: bool) -> Result<Vec<String>, ApiError> {
        let purged = self.registry.purge_uploads(older_than_seconds, dry_run).await.map_err(ApiError::internal)?;
        Ok(purged.iter().map(ToString::to_string).collect())
    }
}
