//! Why a document is no manifest, and where.

use std::fmt;

/// Where in a document: a JSON pointer (RFC 6901), `/layers/3/digest`. Empty for the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(pub(super) String);

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the document") } else { f.write_str(&self.0) }
    }
}

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is not UTF-8.
    #[error("byte {offset} is not UTF-8")]
    NotUtf8 {
        /// How many bytes were good.
        offset: usize,
    },
}
