//! What clients are told when something is done.

use std::fmt;

use bytes::Bytes;

use crate::digest::Digest;
use crate::driver::ContentStream;
use crate::name::Tag;

/// Which bytes of a blob a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first through the last, inclusive, counted from 0.
    FromTo(u64, u64),
    /// From here to the end.
    From(u64),
    /// So many at the end.
    Last(u64),
}

/// What HEAD says of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// The digest that was asked for.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// How a blob is served.
pub enum BlobAnswer {
    /// The client is to fetch it at this URL.
    Redirect(String),
    /// The bytes.
    Content {
        /// The whole blob.
        info: BlobInfo,
        /// The first and last byte that are served, if the client asked for a range.
        range: Option<(u64, u64)>,
        /// The bytes that are served.
        stream: ContentStream,
    },
}

impl fmt::Debug for BlobAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect(url) => f.debug_tuple("Redirect").field(url).finish(),
            Self::Content { info, range, .. } => {
                f.debug_struct("Content").field("info", info).field("range", range).finish_non_exhaustive()
            }
        }
    }
}

/// An open upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadInfo {
    /// Its id.
    pub id: String,
    /// How many bytes it has.
    pub size: u64,
}

/// What became of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountAnswer {
    /// The blob is linked.
    Mounted(Digest),
    /// It could not be mounted; an upload was started instead.
    Started(UploadInfo),
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestInfo {
    /// Its digest.
    pub digest: Digest,
    /// Its type, derived from the bytes.
    pub media_type: &'static str,
    /// The bytes as they came.
    pub bytes: Bytes,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// The digest it is stored under.
    pub digest: Digest,
    /// The manifest that it is about.
    pub subject: Option<Digest>,
    /// The extra tags that were set, in the order they were given.
    pub tags: Vec<Tag>,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What is on it.
    pub items: Vec<String>,
    /// Whether something follows.
    pub more: bool,
}
