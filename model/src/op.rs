//! What a client can ask of a registry.
//!
//! An [`Op`] is one request in the registry's own terms: names, digests, bytes. Framing (methods,
//! paths, headers) belongs to whoever performs it. Every string is given as the client wrote it,
//! well-formed or not, so that refusing nonsense is part of the specification too.

use serde::{Deserialize, Serialize};

use crate::Content;

/// Names an upload by the operation that opened it, not by the registry's id.
///
/// Dropping another operation from a sequence therefore renames nothing. A reference whose operation opened
/// no upload (it was dropped, refused, or mounted) names an upload that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UploadRef(pub u32);

/// The first and the last byte of a part, both inclusive. Byte offsets count from 0.
pub type Span = (u64, u64);

/// A part of a blob, as a client asks for it.
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
///
/// `repo` is the repository, `digest` what the content is or is said to be, `reference` a tag or a digest, `upload` an
/// upload that is used, or the one that may be started. `n` is the size of a page as written, `last` what it begins after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are told once, above")]
pub enum Op {
    /// Is the blob there?
    HeadBlob { repo: String, digest: String },
    /// The blob's bytes, or a part of them.
    GetBlob { repo: String, digest: String, range: Option<Range> },
    /// Unlink the blob from the repository.
    DeleteBlob { repo: String, digest: String },
    /// Link a blob of another repository here; where that fails, start an upload.
    MountBlob { repo: String, digest: String, from: Option<String>, upload: UploadRef },
    /// Start an upload.
    StartUpload { repo: String, upload: UploadRef },
    /// A whole blob in one request (`POST …?digest=`); where the target does not store at once, an upload is started.
    PutBlob { repo: String, digest: String, bytes: Content, upload: UploadRef },
    /// One chunk (`PATCH`), perhaps with the part that it is said to be (`Content-Range`).
    Append { repo: String, upload: UploadRef, range: Option<Span>, bytes: Content },
    /// How far is the upload?
    UploadStatus { repo: String, upload: UploadRef },
    /// Finish the upload (`PUT ?digest=`), perhaps with a last chunk, which may have a range.
    FinishUpload { repo: String, upload: UploadRef, digest: Option<String>, range: Option<Span>, bytes: Content },
    /// Give the upload up.
    CancelUpload { repo: String, upload: UploadRef },
    /// Store a manifest, and set tags on it: the reference if it is one, and those besides (`tag=` parameters).
    PutManifest { repo: String, reference: String, content_type: Option<String>, tags: Vec<String>, bytes: Content },
    /// Is the manifest there?
    HeadManifest { repo: String, reference: String },
    /// The manifest's bytes.
    GetManifest { repo: String, reference: String },
    /// Delete a tag, or a manifest with every tag on it.
    DeleteManifest { repo: String, reference: String },
    /// A page of tags.
    ListTags { repo: String, n: Option<String>, last: Option<String> },
    /// A page of repositories.
    ListRepositories { n: Option<String>, last: Option<String> },
    /// Every repository, page after page of `n`.
    WalkRepositories { n: u32 },
    /// The manifests whose subject is `digest`, perhaps only those of an artifact type.
    Referrers { repo: String, digest: String, artifact_type: Option<String> },
    /// Library only: the tags that point to `digest`.
    TagsOf { repo: String, digest: String },
    /// Library only: every digest that the tag ever pointed to.
    TagHistory { repo: String, tag: String },
    /// Library only: every blob on disk, linked or not.
    ListBlobs,
    /// Library only: remove a repository, but none nested below it.
    RemoveRepository { repo: String },
    /// Operator: collect garbage, perhaps the manifests too that no tag reaches. What is younger than the grace stays. A dry
    /// run only says what would be removed.
    CollectGarbage { delete_untagged: bool, dry_run: bool, grace_seconds: u64 },
    /// Operator: remove uploads started at least `older_than` seconds ago, or only say which.
    PurgeUploads { older_than: u64, dry_run: bool },
    /// Time passes.
    Advance { seconds: u64 },
    /// The registry stops and starts again on the same storage.
    Restart,
}

impl Op {
    /// The digest that it is about, if it is about content.
    pub fn digest(&self) -> Option<&str> {
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
