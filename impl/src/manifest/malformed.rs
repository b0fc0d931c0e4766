//! Why a document is no manifest, and where.
//!
//! Each reason carries what a client needs to mend its document. The place is a JSON pointer, so that a tool can find it.

use std::fmt;

use super::ManifestType;

/// Where in a document: a JSON pointer (RFC 6901) such as `/layers/3/digest`, empty for the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// The pointer as RFC 6901 writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn new(steps: &[Step]) -> Self {
        let mut text = String::new();
        for step in steps {
            text.push('/');
            match step {
                // The keys that lead anywhere have no character that RFC 6901 escapes.
                Step::Key(key) => text.push_str(key),
                Step::Index(index) => text.push_str(&index.to_string()),
            }
        }
        Self(text)
    }
}

/// One step on the way into a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "the document" } else { &self.0 })
    }
}

/// Why a document is refused. `docs/behaviour.md`, "Reading a manifest", has the rules by number.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Rule 1: it is not UTF-8.
    #[error("the document is not UTF-8 from byte {offset} on; JSON is written in UTF-8")]
    NotUtf8 {
        /// How many bytes are good.
        offset: usize,
    },
    /// Rule 1: it is not JSON, or has a number that no double can hold, half a surrogate pair, or something after its end.
    #[error("the document is not JSON that can be read: {0}")]
    NotJson(#[source] serde_json::Error),
    /// Rule 1: objects and arrays are nested too deep.
    #[error("{at}: objects and arrays nest deeper than {} levels here; flatten them", super::MAX_DEPTH)]
    TooDeep {
        /// Where, as far as the document is read; the depth may be further below.
        at: Pointer,
    },
    /// Rule 2: a key is a known one but for the case of its letters, so another reader may take it for the known one.
    #[error("{at}: the key `{key}` looks like `{known}`; write it exactly so, or rename it")]
    LookAlike {
        /// The object.
        at: Pointer,
        /// The key as it stands there.
        key: String,
        /// The known key.
        known: &'static str,
    },
    /// Rule 2: a key stands twice, so two readers may take different values.
    #[error("{at}: the key `{key}` stands twice; keep one")]
    Twice {
        /// The object.
        at: Pointer,
        /// The key.
        key: String,
    },
    /// Rule 5: the key belongs to the other kind of manifest.
    #[error("{at}: a document of type {kind} must not have this; remove it, or push the document under its own type")]
    Foreign {
        /// The key's place.
        at: Pointer,
        /// The type it was read as.
        kind: ManifestType,
    },
    /// Rules 3, 4, 6 and 7: something is missing.
    #[error("{at}: missing; it must be {wanted}")]
    Missing {
        /// Where it should stand.
        at: Pointer,
        /// What should stand there.
        wanted: Wanted,
    },
    /// Rules 3 to 8: something else stands there than should.
    #[error("{at}: must be {wanted}, and is {found}")]
    Wrong {
        /// Its place.
        at: Pointer,
        /// What should stand there.
        wanted: Wanted,
        /// What stands there.
        found: Found,
    },
    /// The typed reader refuses what the rules let pass. That is a mistake in this registry; refusing is the safe answer.
    #[error("the document cannot be read: {0}")]
    Untyped(#[source] serde_json::Error),
}

/// What should stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The integer 2.
    Two,
    /// The name of the type that the document was sent as.
    TypeName(ManifestType),
    /// A string.
    Text,
    /// A string that is a digest.
    Digest,
    /// An integer from 0 to 2^63-1.
    Size,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Two => f.write_str("the number 2, written so"),
            Self::TypeName(kind) => write!(f, "the string \"{kind}\", as in Content-Type"),
            Self::Text => f.write_str("a string"),
            Self::Digest => f.write_str("a digest: sha256 or sha512, a colon and lower-case hex digits"),
            Self::Size => f.write_str("an integer from 0 to 9223372036854775807"),
            Self::Object => f.write_str("an object"),
            Self::Array => f.write_str("an array"),
        }
    }
}

/// What stands in a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number that is no integer or is written as none: with a fraction, an exponent, as `-0`, or beyond 64 bits.
    Float(f64),
    /// A negative integer.
    Negative(i64),
    /// An integer.
    Integer(u64),
    /// A string.
    Text(String),
    /// An array.
    Array,
    /// An object.
    Object,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("a boolean"),
            Self::Float(number) => write!(f, "{number:?}, a number with a fraction, an exponent or too many digits"),
            Self::Negative(number) => write!(f, "{number}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "the string {text:?}"),
            Self::Array => f.write_str("an array"),
            Self::Object => f.write_str("an object"),
        }
    }
}
