//! Why a request is refused, and how each dialect says it.
//!
//! The rows of `docs/behaviour.md`, "Errors", and beside them what the OCI text and `distribution` say for the same
//! reason. OCI fixes few statuses and ties no code to one; details are free there.

use crate::{Code, Dialect, ErrorItem, Errors, Expect, RuleId};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    Name(String),
    NameUnknown(String),
    /// Malformed; none: missing.
    Digest(Option<String>),
    /// The content does not hash to it.
    Mismatch(String),
    Tag(String),
    TooManyTags,
    /// Content-Type missing or unknown.
    Type,
    /// The document is malformed, or has what is refused: where, in words.
    Document(String),
    /// The endpoint is not there.
    Absent,
    /// One error for each reference.
    References(Vec<ErrorItem>),
    ManifestUnknown(String),
    ManifestTooLarge,
    ChunkLength,
    ChunkOrder,
    Unsatisfiable,
    BlobUnknown(String),
    UploadUnknown,
    DeleteOff,
    PageSize(String),
    Denied(String),
}

/// A refusal by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) rule: RuleId,
    pub(crate) why: Why,
}

pub(crate) fn refusal(rule: &'static str, why: Why) -> Refusal {
    Refusal { rule: RuleId(rule), why }
}

impl Refusal {
    /// What the client must see.
    pub(crate) fn expect(&self, dialect: Dialect, head: bool) -> Expect {
        let (statuses, errors) = match dialect {
            Dialect::Proofhouse => ours(&self.why),
            Dialect::Oci => oci(&self.why),
            Dialect::Distribution(_) => distribution(&self.why),
        };
        Expect::Refused { statuses, errors: if head { Errors::Exactly(Vec::new()) } else { errors } }
    }
}

fn ours(why: &Why) -> (Vec<u16>, Errors) {
    let (status, code, detail) = match why {
        Why::Name(name) => (400, Code::NameInvalid, Some(name)),
        Why::NameUnknown(name) => (404, Code::NameUnknown, Some(name)),
        Why::Digest(digest) => (400, Code::DigestInvalid, digest.as_ref()),
        Why::Mismatch(digest) => (400, Code::DigestInvalid, Some(digest)),
        Why::Tag(tag) => (400, Code::ManifestInvalid, Some(tag)),
        Why::Type | Why::Document(_) => (400, Code::ManifestInvalid, None),
        Why::References(errors) => return (vec![400], Errors::Exactly(errors.clone())),
        Why::ManifestUnknown(reference) => (404, Code::ManifestUnknown, Some(reference)),
        Why::ManifestTooLarge => (413, Code::SizeInvalid, None),
        Why::ChunkLength => (400, Code::SizeInvalid, None),
        Why::ChunkOrder | Why::Unsatisfiable => (416, Code::BlobUploadInvalid, None),
        Why::BlobUnknown(digest) => (404, Code::BlobUnknown, Some(digest)),
        Why::UploadUnknown => (404, Code::BlobUploadUnknown, None),
        Why::DeleteOff | Why::Absent | Why::TooManyTags => (405, Code::Unsupported, None),
        Why::PageSize(n) => (400, Code::Unsupported, Some(n)),
        Why::Denied(digest) => (403, Code::Denied, Some(digest)),
    };
    (vec![status], Errors::Exactly(vec![ErrorItem { code, detail: detail.cloned() }]))
}

/// Where the text ties neither status nor code to a reason, every code of the standard and of its ancestor will do.
fn oci(why: &Why) -> (Vec<u16>, Errors) {
    match why {
        Why::Name(_) | Why::Digest(_) | Why::Tag(_) | Why::Absent | Why::PageSize(_) => {
            (vec![400, 404, 405], Errors::Any)
        }
        Why::Type | Why::Document(_) => (vec![400, 404, 415, 422], Errors::Any),
        Why::References(_) => (vec![400, 404, 422], any_of([Code::ManifestBlobUnknown, Code::BlobUnknown])),
        Why::ManifestTooLarge => (vec![413, 400], Errors::Any),
        Why::TooManyTags => (vec![414], Errors::Any),
        Why::Mismatch(_) => (vec![400, 404], Errors::Any),
        Why::ChunkLength => (vec![400, 416], Errors::Any),
        Why::ChunkOrder => (vec![416], Errors::Any),
        Why::Unsatisfiable => (vec![416, 400], Errors::Any),
        Why::DeleteOff => (vec![400, 405], Errors::Any),
        Why::NameUnknown(_) => (vec![404], any_of([Code::NameUnknown])),
        Why::ManifestUnknown(_) => (vec![404], any_of([Code::ManifestUnknown, Code::NameUnknown])),
        Why::BlobUnknown(_) => (vec![404], any_of([Code::BlobUnknown, Code::NameUnknown])),
        Why::UploadUnknown => {
            (vec![404, 400], any_of([Code::BlobUploadUnknown, Code::BlobUploadInvalid, Code::NameUnknown]))
        }
        Why::Denied(_) => (vec![403, 404], any_of([Code::Denied, Code::BlobUnknown, Code::ManifestUnknown])),
    }
}

/// Where the router, a driver or Go's decoder answers instead of the registry, the answer depends on what exactly is malformed.
fn distribution(why: &Why) -> (Vec<u16>, Errors) {
    match why {
        Why::Name(_) | Why::Tag(_) | Why::Digest(_) => (vec![400, 404, 500], Errors::Any),
        Why::Document(_) => (vec![400, 500], Errors::Any),
        Why::References(errors) => (vec![400], Errors::Exactly(errors.clone())),
        Why::UploadUnknown => (vec![404], any_of([Code::BlobUploadUnknown, Code::BlobUploadInvalid])),
        Why::Unsatisfiable => (vec![416], any_of([])),
        Why::Absent => (vec![404], any_of([])),
        Why::NameUnknown(_) => (vec![404], any_of([Code::NameUnknown])),
        Why::Mismatch(_) => (vec![400], any_of([Code::DigestInvalid])),
        Why::Type | Why::ManifestTooLarge | Why::TooManyTags => (vec![400], any_of([Code::ManifestInvalid])),
        Why::ManifestUnknown(_) => (vec![404], any_of([Code::ManifestUnknown])),
        Why::ChunkLength => (vec![400], any_of([Code::SizeInvalid])),
        Why::ChunkOrder => (vec![416], any_of([Code::RangeInvalid])),
        Why::BlobUnknown(_) => (vec![404], any_of([Code::BlobUnknown])),
        Why::DeleteOff => (vec![405], any_of([Code::Unsupported])),
        Why::PageSize(_) => (vec![400], any_of([Code::PaginationNumberInvalid])),
        Why::Denied(_) => (vec![403], any_of([Code::Denied])),
    }
}

fn any_of<const N: usize>(codes: [Code; N]) -> Errors {
    Errors::AnyOf(codes.into())
}
