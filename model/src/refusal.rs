//! Why a request is refused, and how each dialect says it.
//!
//! The rows of `docs/behaviour.md`, "Errors", and beside them what the OCI text and `distribution` say for the same
//! reason. OCI fixes few statuses and ties no code to one; details are free there.

use strum::IntoEnumIterator as _;

use crate::expect::{Errors, Expect};
use crate::options::Dialect;
use crate::outcome::Class::{Denied, Internal, Invalid, NotFound, Other, Range, TooLarge, Unsupported, UriTooLong};
use crate::outcome::{Class, Code, ErrorItem};
use crate::rules::RuleId;

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
        let (classes, errors) = match dialect {
            Dialect::Proofhouse => ours(&self.why),
            Dialect::Oci => oci(&self.why),
            Dialect::Distribution(_) => distribution(&self.why),
        };
        Expect::Refused { classes, errors: if head { Errors::Exactly(Vec::new()) } else { errors } }
    }
}

fn ours(why: &Why) -> (Vec<Class>, Errors) {
    let (class, code, detail) = match why {
        Why::Name(name) => (Invalid, Code::NameInvalid, Some(name)),
        Why::NameUnknown(name) => (NotFound, Code::NameUnknown, Some(name)),
        Why::Digest(digest) => (Invalid, Code::DigestInvalid, digest.as_ref()),
        Why::Mismatch(digest) => (Invalid, Code::DigestInvalid, Some(digest)),
        Why::Tag(tag) => (Invalid, Code::ManifestInvalid, Some(tag)),
        Why::Type | Why::Document(_) => (Invalid, Code::ManifestInvalid, None),
        Why::References(errors) => return (vec![Invalid], Errors::Exactly(errors.clone())),
        Why::ManifestUnknown(reference) => (NotFound, Code::ManifestUnknown, Some(reference)),
        Why::ManifestTooLarge => (TooLarge, Code::SizeInvalid, None),
        Why::ChunkLength => (Invalid, Code::SizeInvalid, None),
        Why::ChunkOrder | Why::Unsatisfiable => (Range, Code::BlobUploadInvalid, None),
        Why::BlobUnknown(digest) => (NotFound, Code::BlobUnknown, Some(digest)),
        Why::UploadUnknown => (NotFound, Code::BlobUploadUnknown, None),
        Why::DeleteOff | Why::Absent | Why::TooManyTags => (Unsupported, Code::Unsupported, None),
        Why::PageSize(n) => (Invalid, Code::Unsupported, Some(n)),
        Why::Denied(digest) => (Denied, Code::Denied, Some(digest)),
    };
    (vec![class], Errors::Exactly(vec![ErrorItem { code, detail: detail.cloned() }]))
}

/// Where the text ties neither status nor code to a reason, every code of the standard and of its ancestor will do.
fn oci(why: &Why) -> (Vec<Class>, Errors) {
    let (classes, codes) = match why {
        Why::Name(_) | Why::Digest(_) | Why::Tag(_) | Why::Absent | Why::PageSize(_) => {
            (vec![Invalid, NotFound, Unsupported], any_code())
        }
        Why::Type | Why::Document(_) => (vec![Invalid, NotFound, Other(415), Other(422)], any_code()),
        Why::References(_) => (vec![Invalid, NotFound, Other(422)], vec![Code::ManifestBlobUnknown, Code::BlobUnknown]),
        Why::ManifestTooLarge => (vec![TooLarge, Invalid], any_code()),
        Why::TooManyTags => (vec![UriTooLong], any_code()),
        Why::Mismatch(_) => (vec![Invalid, NotFound], any_code()),
        Why::ChunkLength => (vec![Invalid, Range], any_code()),
        Why::ChunkOrder => (vec![Range], any_code()),
        Why::Unsatisfiable => (vec![Range, Invalid], any_code()),
        Why::DeleteOff => (vec![Invalid, Unsupported], any_code()),
        Why::NameUnknown(_) => (vec![NotFound], vec![Code::NameUnknown]),
        Why::ManifestUnknown(_) => (vec![NotFound], vec![Code::ManifestUnknown, Code::NameUnknown]),
        Why::BlobUnknown(_) => (vec![NotFound], vec![Code::BlobUnknown, Code::NameUnknown]),
        Why::UploadUnknown => {
            (vec![NotFound, Invalid], vec![Code::BlobUploadUnknown, Code::BlobUploadInvalid, Code::NameUnknown])
        }
        Why::Denied(_) => (vec![Denied, NotFound], vec![Code::Denied, Code::BlobUnknown, Code::ManifestUnknown]),
    };
    (classes, Errors::AnyOf(codes))
}

/// Where the router, a driver or Go's decoder answers instead of the registry, the answer depends on what exactly is malformed.
fn distribution(why: &Why) -> (Vec<Class>, Errors) {
    let (classes, codes) = match why {
        Why::Name(_) | Why::Tag(_) | Why::Digest(_) => (vec![Invalid, NotFound, Internal], any_code()),
        Why::Document(_) => (vec![Invalid, Internal], any_code()),
        Why::References(errors) => return (vec![Invalid], Errors::Exactly(errors.clone())),
        Why::UploadUnknown => (vec![NotFound], vec![Code::BlobUploadUnknown, Code::BlobUploadInvalid]),
        Why::Unsatisfiable => (vec![Range], vec![]),
        Why::Absent => (vec![NotFound], vec![]),
        Why::NameUnknown(_) => (vec![NotFound], vec![Code::NameUnknown]),
        Why::Mismatch(_) => (vec![Invalid], vec![Code::DigestInvalid]),
        Why::Type | Why::ManifestTooLarge | Why::TooManyTags => (vec![Invalid], vec![Code::ManifestInvalid]),
        Why::ManifestUnknown(_) => (vec![NotFound], vec![Code::ManifestUnknown]),
        Why::ChunkLength => (vec![Invalid], vec![Code::SizeInvalid]),
        Why::ChunkOrder => (vec![Range], vec![Code::RangeInvalid]),
        Why::BlobUnknown(_) => (vec![NotFound], vec![Code::BlobUnknown]),
        Why::DeleteOff => (vec![Unsupported], vec![Code::Unsupported]),
        Why::PageSize(_) => (vec![Invalid], vec![Code::PaginationNumberInvalid]),
        Why::Denied(_) => (vec![Denied], vec![Code::Denied]),
    };
    (classes, Errors::AnyOf(codes))
}

fn any_code() -> Vec<Code> {
    Code::iter().collect()
}
