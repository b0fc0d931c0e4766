//! What a client saw.
//!
//! Whoever performs an operation translates the answer into an [`Outcome`] without judging it. What the registry
//! chose (an upload's id) is in it too; the model remembers it and compares from then on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Content, Span};

/// Error codes of the standards, written and read as `BLOB_UNKNOWN`. Over HTTP: `errors[].code`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    Unauthorized,
    Denied,
    Unsupported,
    Toomanyrequests,
    /// Distribution only.
    TagInvalid,
    /// Distribution only.
    RangeInvalid,
    /// Distribution only.
    PaginationNumberInvalid,
    /// Distribution only.
    ManifestUnverified,
    /// Distribution only.
    Unknown,
    /// Anything else, as written.
    #[serde(untagged)]
    #[strum(default)]
    Other(String),
}

/// One error of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ErrorItem {
    /// The code.
    pub code: Code,
    /// What the error is about: the digest, name, reference or tag, as the client wrote it.
    pub detail: Option<String>,
}

/// The body of a blob's answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlobBody {
    /// The bytes that came.
    pub bytes: Content,
    /// Which part they are said to be (206). None: the whole.
    pub range: Option<Span>,
}

/// One row of a referrers answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Referrer {
    /// The digest of the manifest.
    pub digest: String,
    /// Its type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Its annotations. None and empty are told apart only by `Proofhouse`.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// What the client saw.
///
/// `digest` is the one that the registry answered with, if any; `size` is of the whole, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are told above, and with each outcome")]
pub enum Outcome {
    /// An upload is open (202; its status: 204), under the id or location that the registry gave it.
    Upload { id: String, size: u64 },
    /// A blob is stored or linked (201).
    BlobStored { digest: Option<String> },
    /// It is done; there is nothing more to say (deletion, cancel, time, restart).
    Done,
    /// The blob is there. HEAD has no body.
    Blob { digest: Option<String>, size: u64, body: Option<BlobBody> },
    /// The blob is at another place (307).
    Redirect { url: String },
    /// A manifest is stored (201). The answer confirms its subject (`OCI-Subject`) and the tags besides (`OCI-Tag`), in order.
    ManifestStored { digest: Option<String>, subject: Option<String>, tags: Vec<String> },
    /// The manifest is there, under this Content-Type. HEAD has no bytes.
    Manifest { digest: Option<String>, media_type: String, size: u64, bytes: Option<Content> },
    /// A list of tags or repositories, in the order in which they came, and whether a next page was announced.
    Names { names: Vec<String>, more: bool },
    /// A list of digests, in the order in which they came.
    Digests { digests: Vec<String> },
    /// The referrers, in the order in which they came, and whether the answer says that the filter was applied.
    Referrers { referrers: Vec<Referrer>, filtered: bool },
    /// Garbage was collected: repository and digest of each revision, and the digest of each blob that went; sorted.
    Collected { manifests: Vec<(String, String)>, blobs: Vec<String> },
    /// Uploads were purged: their ids, sorted.
    Purged { uploads: Vec<String> },
    /// The request was refused, with this HTTP status, from 400 to 500. Where the answer has no body (HEAD), there are no errors.
    Refused { status: u16, errors: Vec<ErrorItem> },
    /// No answer that can be read: a dropped connection, 5xx, nonsense. No rule permits it.
    Broken { what: String },
}

impl Outcome {
    /// Did the operation do what was asked?
    pub fn succeeded(&self) -> bool {
        !matches!(self, Outcome::Refused { .. } | Outcome::Broken { .. })
    }

    /// The same, with another digest that the registry answered with.
    pub(crate) fn with_digest(&self, other: Option<String>) -> Outcome {
        let mut outcome = self.clone();
        match &mut outcome {
            Outcome::BlobStored { digest }
            | Outcome::Blob { digest, .. }
            | Outcome::ManifestStored { digest, .. }
            | Outcome::Manifest { digest, .. } => *digest = other,
            _ => {}
        }
        outcome
    }
}
