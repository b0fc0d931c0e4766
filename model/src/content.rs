//! Bytes that are cheap to copy.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Immutable bytes, shared between states. As JSON: a string if they are UTF-8, else `{"hex": "…"}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
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

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = String::from_utf8_lossy(&self.0[..self.0.len().min(200)]);
        write!(f, "{} bytes {shown:?}", self.0.len())
    }
}

/// Bytes as they stand in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Hex { hex: String },
}

impl From<Content> for Written {
    fn from(content: Content) -> Self {
        match std::str::from_utf8(&content) {
            Ok(text) => Written::Text(text.to_owned()),
            Err(_) => Written::Hex { hex: content.iter().map(|byte| format!("{byte:02x}")).collect() },
        }
    }
}

impl TryFrom<Written> for Content {
    type Error = &'static str;
    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let hex = match written {
            Written::Text(text) => return Ok(Content::from(text)),
            Written::Hex { hex } => hex,
        };
        let pair = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(pair).collect();
        bytes.map(Content::from).ok_or("bytes are written as pairs of hexadecimal digits")
    }
}
