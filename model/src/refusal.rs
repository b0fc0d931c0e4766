//! Why a request is refused, and how each dialect says it.
//!
//! The rows of `docs/behaviour.md`, "Errors", and beside them what the OCI text and `distribution` say for the same
//! reason. OCI fixes the status; the codes are those of its table ("Error Codes") and details are free.

use crate::expect::{Errors, Expect};
use crate::options::Dialect;
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
    /// Content-Type missing or unknown.
    Type,
    /// The document is malformed.
    Document,
    /// Distribution: a layer's URL is refused.
    Url,
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

impl Refusal {
    pub(crate) fn new(rule: &'static str, why: Why) -> Refusal {
        Refusal { rule: RuleId(rule), why }
    }

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
        Why::Name(name) => (Class::Invalid, Code::NameInvalid, Some(name)),
        Why::NameUnknown(name) => (Class::NotFound, Code::NameUnknown, Some(name)),
        Why::Digest(digest) => (Class::Invalid, Code::DigestInvalid, digest.as_ref()),
        Why::Mismatch(digest) => (Class::Invalid, Code::DigestInvalid, Some(digest)),
        Why::Tag(tag) => (Class::Invalid, Code::ManifestInvalid, Some(tag)),
        Why::Type | Why::Document | Why::Url => (Class::Invalid, Code::ManifestInvalid, None),
        Why::Absent => (Class::NotFound, Code::Unsupported, None),
        Why::References(errors) => return (vec![Class::Invalid], Errors::Exactly(errors.clone())),
        Why::ManifestUnknown(reference) => (Class::NotFound, Code::ManifestUnknown, Some(reference)),
        Why::ManifestTooLarge => (Class::TooLarge, Code::SizeInvalid, None),
        Why::ChunkLength => (Class::Invalid, Code::SizeInvalid, None),
        Why::ChunkOrder | Why::Unsatisfiable => (Class::Range, Code::BlobUploadInvalid, None),
        Why::BlobUnknown(digest) => (Class::NotFound, Code::BlobUnknown, Some(digest)),
        Why::UploadUnknown => (Class::NotFound, Code::BlobUploadUnknown, None),
        Why::DeleteOff => (Class::Unsupported, Code::Unsupported, None),
        Why::PageSize(n) => (Class::Invalid, Code::Unsupported, Some(n)),
        Why::Denied(digest) => (Class::Denied, Code::Denied, Some(digest)),
    };
    (vec![class], Errors::Exactly(vec![ErrorItem { code, detail: detail.cloned() }]))
}

fn oci(why: &Why) -> (Vec<Class>, Errors) {
    use Class::{Denied, Invalid, NotFound, Range, TooLarge, Unsupported};
    use Code as C;
    // A body is a MAY; TAG_INVALID and MANIFEST_UNVERIFIED are kept from the standard's ancestor.
    let manifest = vec![
        C::ManifestInvalid,
        C::ManifestBlobUnknown,
        C::BlobUnknown,
        C::SizeInvalid,
        C::DigestInvalid,
        C::TagInvalid,
        C::NameInvalid,
        C::Unsupported,
        C::ManifestUnverified,
        C::ManifestUnknown,
    ];
    let (classes, codes) = match why {
        Why::Name(_) => (
            vec![Invalid, NotFound],
            vec![C::NameInvalid, C::NameUnknown, C::BlobUnknown, C::ManifestUnknown, C::Unsupported],
        ),
        Why::NameUnknown(_) => (vec![NotFound], vec![C::NameUnknown]),
        Why::Digest(_) => (
            vec![Invalid, NotFound],
            vec![
                C::DigestInvalid,
                C::BlobUnknown,
                C::ManifestUnknown,
                C::ManifestInvalid,
                C::BlobUploadInvalid,
                C::Unsupported,
                C::NameInvalid,
            ],
        ),
        Why::Mismatch(_) => {
            (vec![Invalid], vec![C::DigestInvalid, C::ManifestInvalid, C::BlobUploadInvalid, C::SizeInvalid])
        }
        Why::Tag(_) => (vec![Invalid, NotFound], manifest),
        Why::Type | Why::Document | Why::Url => (vec![Invalid, Class::Other(415), Class::Other(422)], manifest),
        Why::Absent => (vec![Invalid, NotFound, Unsupported], vec![C::Unsupported, C::NameUnknown]),
        Why::References(_) => (vec![Invalid, NotFound, Class::Other(422)], manifest),
        Why::ManifestUnknown(_) => (vec![NotFound], vec![C::ManifestUnknown, C::NameUnknown]),
        Why::ManifestTooLarge => (vec![TooLarge, Invalid], manifest),
        Why::ChunkLength => (vec![Invalid, Range], vec![C::SizeInvalid, C::BlobUploadInvalid, C::RangeInvalid]),
        Why::ChunkOrder | Why::Unsatisfiable => {
            (vec![Range], vec![C::BlobUploadInvalid, C::SizeInvalid, C::RangeInvalid])
        }
        Why::BlobUnknown(_) => (vec![NotFound], vec![C::BlobUnknown, C::NameUnknown]),
        Why::UploadUnknown => {
            (vec![NotFound, Invalid], vec![C::BlobUploadUnknown, C::BlobUploadInvalid, C::NameUnknown])
        }
        Why::DeleteOff => (vec![Invalid, Unsupported], vec![C::Unsupported, C::Denied]),
        Why::PageSize(_) => (vec![Invalid], vec![C::Unsupported, C::PaginationNumberInvalid, C::NameUnknown]),
        Why::Denied(_) => (vec![Denied, NotFound], vec![C::Denied, C::BlobUnknown, C::ManifestUnknown]),
    };
    (classes, Errors::AnyOf(codes))
}

fn distribution(why: &Why) -> (Vec<Class>, Errors) {
    use Class::{Denied, Internal, Invalid, NotFound, Range, Unsupported};
    use Code as C;
    // Where the router, a driver or Go's decoder answers instead of the registry, the answer depends on what exactly is malformed.
    let malformed = || {
        vec![
            C::DigestInvalid,
            C::ManifestInvalid,
            C::ManifestBlobUnknown,
            C::ManifestUnknown,
            C::BlobUnknown,
            C::NameInvalid,
            C::Unknown,
        ]
    };
    let (classes, code) = match why {
        Why::Name(_) | Why::Tag(_) | Why::Digest(_) => {
            return (vec![Invalid, NotFound, Internal], Errors::AnyOf(malformed()));
        }
        Why::Document | Why::Url => return (vec![Invalid, Internal], Errors::AnyOf(malformed())),
        Why::References(errors) => return (vec![Invalid], Errors::Exactly(errors.clone())),
        Why::UploadUnknown => return (vec![NotFound], Errors::AnyOf(vec![C::BlobUploadUnknown, C::BlobUploadInvalid])),
        Why::Unsatisfiable => return (vec![Range], Errors::Codes(Vec::new())),
        Why::NameUnknown(_) => (NotFound, C::NameUnknown),
        Why::Mismatch(_) => (Invalid, C::DigestInvalid),
        Why::Type | Why::ManifestTooLarge => (Invalid, C::ManifestInvalid),
        Why::ManifestUnknown(_) => (NotFound, C::ManifestUnknown),
        Why::ChunkLength => (Invalid, C::SizeInvalid),
        Why::ChunkOrder => (Range, C::RangeInvalid),
        Why::BlobUnknown(_) => (NotFound, C::BlobUnknown),
        Why::DeleteOff => (Unsupported, C::Unsupported),
        Why::PageSize(_) => (Invalid, C::PaginationNumberInvalid),
        Why::Denied(_) => (Denied, C::Denied),
        Why::Absent => return (vec![NotFound], Errors::Codes(Vec::new())),
    };
    (vec![classes], Errors::Codes(vec![code]))
}
