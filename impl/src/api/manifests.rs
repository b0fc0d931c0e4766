//! Requests for manifests.

use bytes::Bytes;

use super::{Api, ApiError, Class, Code, ManifestInfo, StoredManifest, parse};
use crate::error::{BadReference, ManifestError, TagError};
use crate::faults::Fault;
use crate::manifest::ManifestType;
use crate::manifests::PutManifest;
use crate::name::{Reference, RepositoryName, Tag};

impl Api {
    /// Stores a manifest under a tag or its digest, and sets the extra tags.
    ///
    /// # Errors
    /// In this order: `NAME_INVALID`; `DIGEST_INVALID` or `MANIFEST_INVALID` for the reference, then for an extra tag;
    /// `SIZE_INVALID` (`TooLarge`); `MANIFEST_INVALID` for the content type, then for the document; `DIGEST_INVALID`;
    /// `MANIFEST_INVALID` and `MANIFEST_BLOB_UNKNOWN`, all at once; `DENIED`.
    pub async fn put_manifest(
        &self,
        repo: &str,
        reference: &str,
        content_type: Option<&str>,
        tags: &[String],
        bytes: Bytes,
    ) -> Result<StoredManifest, ApiError> {
        let (name, asked, extra) = self.parse_put(repo, reference, tags, bytes.len() as u64)?;
        let Some(kind) = content_type.and_then(ManifestType::from_content_type) else {
            let message = "the Content-Type must name a manifest type that this registry knows";
            return Err(ApiError::new(Code::ManifestInvalid, Class::Invalid, message, None));
        };
        let dropped = self.registry.shared().faults.has(Fault::ExtraTagsDropped);
        let (digest, tag) = match &asked {
            Reference::Digest(digest) => (Some(digest.clone()), None),
            Reference::Tag(tag) => (None, Some(tag.clone())),
        };
        let tags = tag.into_iter().chain(extra.iter().filter(|_| !dropped).cloned()).collect();
        let manifests = self.repository(&name)?.manifests(self.manifest_options());
        let stored = manifests.put(PutManifest { kind, bytes, digest, tags }).await;
        let stored = stored.map_err(|error| refusal(error, &asked))?;
        Ok(StoredManifest { digest: stored.digest, subject: stored.subject, tags: extra })
    }

    /// What [`put_manifest`](Self::put_manifest) checks before it needs the bytes: for callers that were told their number and
    /// want to know before they read them.
    ///
    /// # Errors
    /// Those of `put_manifest`, up to the size.
    pub fn check_put_manifest(&self, repo: &str, reference: &str, tags: &[String], size: u64) -> Result<(), ApiError> {
        self.parse_put(repo, reference, tags, size).map(|_| ())
    }

    fn parse_put(
        &self,
        repo: &str,
        reference: &str,
        tags: &[String],
        size: u64,
    ) -> Result<(RepositoryName, Reference, Vec<Tag>), ApiError> {
        let name = parse::name(repo)?;
        let asked = parse::reference(reference)?;
        let extra = tags.iter().map(|tag| parse::tag(tag)).collect::<Result<Vec<Tag>, _>>()?;
        if size > self.config.max_manifest_bytes {
            let message = format!("a manifest has at most {} bytes", self.config.max_manifest_bytes);
            return Err(ApiError::new(Code::SizeInvalid, Class::TooLarge, message, None));
        }
        Ok((name, asked, extra))
    }

    /// The manifest that a reference names.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID` or `MANIFEST_INVALID` for the reference, `DENIED`, `MANIFEST_UNKNOWN`.
    pub async fn get_manifest(&self, repo: &str, reference: &str) -> Result<ManifestInfo, ApiError> {
        let name = parse::name(repo)?;
        let reference = parse::reference(reference)?;
        let manifests = self.repository(&name)?.manifests(self.manifest_options());
        let stored = manifests.get_by(&reference).await.map_err(|error| refusal(error, &reference))?;
        Ok(ManifestInfo { digest: stored.digest, media_type: stored.kind.as_str(), bytes: stored.bytes })
    }

    /// Removes a tag, or a revision with every tag that points to it.
    ///
    /// # Errors
    /// `NAME_INVALID`, `DIGEST_INVALID` or `MANIFEST_INVALID` for the reference, `UNSUPPORTED`, `DENIED`, `MANIFEST_UNKNOWN`.
    pub async fn delete_manifest(&self, repo: &str, reference: &str) -> Result<(), ApiError> {
        let name = parse::name(repo)?;
        let reference = parse::reference(reference)?;
        let repository = self.repository(&name)?;
        let manifests = repository.manifests(self.manifest_options());
        match &reference {
            Reference::Digest(digest) => manifests.delete(digest).await.map_err(|error| refusal(error, &reference)),
            Reference::Tag(tag) => {
                if self.registry.shared().faults.has(Fault::TagDeleteRemovesManifest)
                    && let Ok(digest) = repository.tags().get(tag).await
                {
                    return manifests.delete(&digest).await.map_err(|error| refusal(error, &reference));
                }
                repository.tags().untag(tag).await.map_err(|error| tag_refusal(&error, &reference))
            }
        }
    }
}

/// What a failed request for a manifest answers.
pub(super) fn refusal(error: ManifestError, asked: &Reference) -> ApiError {
    let invalid = |code, detail| ApiError::new(code, Class::Invalid, &error, detail);
    match &error {
        // Of what is unreadable: another program has put there what no client can have pushed here. The log says so.
        ManifestError::Unknown(_) | ManifestError::Unreadable(_) => {
            ApiError::new(Code::ManifestUnknown, Class::NotFound, &error, Some(asked.as_str()))
        }
        ManifestError::Denied(digest) => ApiError::new(Code::Denied, Class::Denied, &error, Some(digest.as_str())),
        ManifestError::DeleteDisabled => ApiError::new(Code::Unsupported, Class::Unsupported, &error, None),
        ManifestError::Malformed(_) => invalid(Code::ManifestInvalid, None),
        ManifestError::DigestMismatch { expected } => invalid(Code::DigestInvalid, Some(expected.as_str())),
        ManifestError::References(bad) => {
            ApiError { errors: bad.iter().flat_map(|bad| bad_reference(bad).errors).collect() }
        }
        ManifestError::Driver(error) => ApiError::storage(error),
        ManifestError::Service(_) => ApiError::internal(error),
    }
}

fn bad_reference(bad: &BadReference) -> ApiError {
    let (code, digest) = match bad {
        BadReference::RefusedLayer { digest, .. } => (Code::ManifestInvalid, digest),
        BadReference::Missing(digest) => (Code::ManifestBlobUnknown, digest),
    };
    ApiError::new(code, Class::Invalid, bad, Some(digest.as_str()))
}

/// What a failed request for one tag answers.
pub(super) fn tag_refusal(error: &TagError, asked: &Reference) -> ApiError {
    match error {
        TagError::Unknown(_) => ApiError::new(Code::ManifestUnknown, Class::NotFound, error, Some(asked.as_str())),
        TagError::RepositoryUnknown(name) => {
            ApiError::new(Code::NameUnknown, Class::NotFound, error, Some(name.as_str()))
        }
        TagError::DeleteDisabled => ApiError::new(Code::Unsupported, Class::Unsupported, error, None),
        TagError::Driver(error) => ApiError::storage(error),
    }
}
