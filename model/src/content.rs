//! Bytes that are cheap to copy.

use std::ops::Deref;
use std::sync::Arc;

/// Immutable bytes, shared between states. As JSON: a string if they are UTF-8, else `{"hex": "…"}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Content(Arc<[u8]>);

impl Content {
    /// The bytes from `first` to before `end`, cut to what is there.
    #[must_use]
    pub fn slice(&self, first: usize, end: usize) -> Content {
        let end = end.min(self.0.len());
        Content::from(&self.0[first.min(end)..end])
    }

    /// These bytes and then `more`.
    #[must_use]
    pub fn and(&self, more: &[u8]) -> Content {
        if more.is_empty() { self.clone() } else { Content::from([&self.0, more].concat()) }
    }

    /// How many bytes.
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

impl Deref for Content {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: AsRef<[u8]>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Content(bytes.as_ref().into())
    }
}
