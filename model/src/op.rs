//! What a client can ask of a registry.
//!
//! An [`Op`] is one request in the registry's own terms: names, digests, bytes. Framing (methods,
//! headers, statuses) belongs to whoever performs it. Every string is given as the client wrote it,
//! well-formed or not, so that refusing nonsense is part of the specification too.

use serde::{Deserialize, Serialize};

use crate::content::Content;

/// Names an upload by the operation that opened it, not by the registry's id.
///
/// Dropping another operation from a sequence therefore renames nothing. A reference whose operation opened
/// no upload (it was dropped, refused, or mounted) names an upload that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UploadRef(pub u32);

/// A part of a blob, as a client asks for it. Byte offsets count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Range {
    /// `bytes=first-last`, both inclusive.
    FromTo(u64, u64),
    /// `bytes=first-`.
    From(u64),
    /// `bytes=-n`: the last `n` bytes.
    Last(u64),
}

/// One request, or one thing an operator does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[non_exhaustive]
pub enum Op {
    /// Is the blob there?
    HeadBlob {
        /// Repository.
        repo: String,
        /// Digest.
        digest: String,
    },
    /// The blob's bytes, or a part of them.
    GetBlob {
        /// Repository.
        repo: String,
        /// Digest.
        digest: String,
        /// The part that is asked for.
        range: Option<Range>,
    },
    /// Unlink the blob from the repository.
    DeleteBlob {
        /// Repository.
        repo: String,
        /// Digest.
        digest: String,
    },
    /// Link a blob of another repository here; where that fails, start an upload.
    MountBlob {
        /// Repository.
        repo: String,
        /// Digest.
        digest: String,
        /// The other repository.
        from: Option<String>,
        /// The upload that is started if the mount fails.
        upload: UploadRef,
    },
    /// Start an upload.
    StartUpload {
        /// Repository.
        repo: String,
        /// The upload that is started.
        upload: UploadRef,
    },
    /// A whole blob in one request (`POST …?digest=`).
    PutBlob {
        /// Repository.
        repo: String,
        /// The digest that the bytes are said to have.
        digest: String,
        /// The bytes.
        bytes: Content,
        /// The upload that is started where the target does not store at once.
        upload: UploadRef,
    },
    /// One chunk (`PATCH`).
    Append {
        /// Repository.
        repo: String,
        /// The upload.
        upload: UploadRef,
        /// Content-Range: first and last byte, inclusive.
        range: Option<(u64, u64)>,
        /// The chunk.
        bytes: Content,
    },
    /// How far is the upload?
    UploadStatus {
        /// Repository.
        repo: String,
        /// The upload.
        upload: UploadRef,
    },
    /// Finish the upload (`PUT ?digest=`), perhaps with a last chunk.
    FinishUpload {
        /// Repository.
        repo: String,
        /// The upload.
        upload: UploadRef,
        /// The digest that the whole is said to have.
        digest: Option<String>,
        /// Content-Range of the last chunk.
        range: Option<(u64, u64)>,
        /// The last chunk; may be empty.
        bytes: Content,
    },
    /// Give the upload up.
    CancelUpload {
        /// Repository.
        repo: String,
        /// The upload.
        upload: UploadRef,
    },
    /// Store a manifest, and set tags on it.
    PutManifest {
        /// Repository.
        repo: String,
        /// A tag or a digest.
        reference: String,
        /// Content-Type.
        content_type: Option<String>,
        /// Tags to set besides (`tag=` parameters).
        tags: Vec<String>,
        /// The document.
        bytes: Content,
    },
    /// Is the manifest there?
    HeadManifest {
        /// Repository.
        repo: String,
        /// A tag or a digest.
        reference: String,
    },
    /// The manifest's bytes.
    GetManifest {
        /// Repository.
        repo: String,
        /// A tag or a digest.
        reference: String,
    },
    /// Delete a tag, or a manifest with every tag on it.
    DeleteManifest {
        /// Repository.
        repo: String,
        /// A tag or a digest.
        reference: String,
    },
    /// A page of tags.
    ListTags {
        /// Repository.
        repo: String,
        /// The page size as written.
        n: Option<String>,
        /// List only what comes after this.
        last: Option<String>,
    },
    /// A page of repositories.
    ListRepositories {
        /// The page size as written.
        n: Option<String>,
        /// List only what comes after this.
        last: Option<String>,
    },
    /// Every repository, page after page of `n`.
    WalkRepositories {
        /// The page size.
        n: u32,
    },
    /// The manifests whose subject is `digest`.
    Referrers {
        /// Repository.
        repo: String,
        /// The subject.
        digest: String,
        /// Only those of this artifact type.
        artifact_type: Option<String>,
    },
    /// Library only: the tags that point to `digest`.
    TagsOf {
        /// Repository.
        repo: String,
        /// Digest.
        digest: String,
    },
    /// Library only: every digest that the tag ever pointed to.
    TagHistory {
        /// Repository.
        repo: String,
        /// Tag.
        tag: String,
    },
    /// Library only: every blob on disk, linked or not.
    ListBlobs,
    /// Library only: remove a repository, but none nested below it.
    RemoveRepository {
        /// Repository.
        repo: String,
    },
    /// Operator: collect garbage.
    CollectGarbage {
        /// Remove manifests that no tag reaches.
        delete_untagged: bool,
        /// Change nothing, only say what would be removed.
        dry_run: bool,
        /// What is younger than this many seconds stays.
        grace_seconds: u64,
    },
    /// Operator: remove uploads started at least this many seconds ago.
    PurgeUploads {
        /// Seconds.
        older_than: u64,
        /// Change nothing, only say what would be removed.
        dry_run: bool,
    },
    /// Time passes.
    Advance {
        /// Seconds.
        seconds: u64,
    },
    /// The registry stops and starts again on the same storage.
    Restart,
}

impl Op {
    /// The kind of operation, as one word for counts and reports.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Does the operation change content when it succeeds?
    pub fn writes(&self) -> bool {
        matches!(
            self,
            Op::DeleteBlob { .. }
                | Op::MountBlob { .. }
                | Op::StartUpload { .. }
                | Op::PutBlob { .. }
                | Op::Append { .. }
                | Op::FinishUpload { .. }
                | Op::CancelUpload { .. }
                | Op::PutManifest { .. }
                | Op::DeleteManifest { .. }
                | Op::RemoveRepository { .. }
                | Op::CollectGarbage { dry_run: false, .. }
                | Op::PurgeUploads { dry_run: false, .. }
        )
    }

    /// The digest that it is about, if it is about content.
    pub(crate) fn digest(&self) -> Option<&str> {
        match self {
            Op::HeadBlob { digest, .. }
            | Op::GetBlob { digest, .. }
            | Op::DeleteBlob { digest, .. }
            | Op::MountBlob { digest, .. }
            | Op::PutBlob { digest, .. }
            | Op::FinishUpload { digest: Some(digest), .. }
            | Op::Referrers { digest, .. } => Some(digest),
            Op::PutManifest { reference, .. }
            | Op::HeadManifest { reference, .. }
            | Op::GetManifest { reference, .. }
            | Op::DeleteManifest { reference, .. } => Some(reference).filter(|it| it.contains(':')).map(String::as_str),
            _ => None,
        }
    }
}
