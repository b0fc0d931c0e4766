//! What a client saw.
//!
//! Whoever performs an operation translates the answer into an [`Outcome`] without judging it. What the registry
//! chose (an upload's id) is in it too; the model remembers it and compares from then on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;

use crate::content::Content;

/// Error codes of the standards. Over HTTP: `errors[].code`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
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
    #[strum(disabled)]
    Other(String),
}

impl Code {
    /// The code as it is written on the wire, for example `BLOB_UNKNOWN`.
    pub fn text(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(text)) => text,
            _ => format!("{self:?}"),
        }
    }

    /// Reads a code as it is written on the wire; never fails.
    pub fn from_text(text: &str) -> Code {
        serde_json::from_value(text.into()).unwrap_or_else(|_| Code::Other(text.to_owned()))
    }
}

/// The kind of refusal. Over HTTP: the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::EnumIter)]
pub enum Class {
    /// 400 Bad Request.
    Invalid,
    /// 401 Unauthorized.
    Unauthorized,
    /// 403 Forbidden.
    Denied,
    /// 404 Not Found.
    NotFound,
    /// 405 Method Not Allowed.
    Unsupported,
    /// 413 Content Too Large.
    TooLarge,
    /// 414 URI Too Long.
    UriTooLong,
    /// 416 Range Not Satisfiable.
    Range,
    /// 429 Too Many Requests.
    TooMany,
    /// 500 Internal Server Error: only `Distribution` permits it, and only where it is known to answer so.
    Internal,
    /// Any other status from 400 to 499.
    #[strum(disabled)]
    Other(u16),
}

impl Class {
    /// The HTTP status of the class.
    pub fn status(self) -> u16 {
        match self {
            Class::Invalid => 400,
            Class::Unauthorized => 401,
            Class::Denied => 403,
            Class::NotFound => 404,
            Class::Unsupported => 405,
            Class::TooLarge => 413,
            Class::UriTooLong => 414,
            Class::Range => 416,
            Class::TooMany => 429,
            Class::Internal => 500,
            Class::Other(status) => status,
        }
    }

    /// The class of an HTTP status from 400 to 500.
    pub fn from_status(status: u16) -> Class {
        Class::iter().find(|class| class.status() == status).unwrap_or(Class::Other(status))
    }
}

/// One error of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// Which part they are said to be (206): first and last byte, inclusive. None: the whole.
    pub range: Option<(u64, u64)>,
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
    /// The request was refused. Where the answer has no body (HEAD), there are no errors.
    Refused { class: Class, errors: Vec<ErrorItem> },
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
