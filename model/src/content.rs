//! Bytes that are cheap to copy.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

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

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Content(bytes.into())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content(bytes.into())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Content(text.as_bytes().into())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = String::from_utf8_lossy(&self.0[..self.0.len().min(200)]);
        write!(f, "{} bytes {shown:?}", self.0.len())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Hex { hex: String },
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Written::Text(text.to_owned()),
            Err(_) => Written::Hex { hex: self.0.iter().map(|byte| format!("{byte:02x}")).collect() },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(text) => Ok(Content::from(text.as_str())),
            Written::Hex { hex } => (0..hex.len())
                .step_by(2)
                .map(|at| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
                .collect::<Option<Vec<u8>>>()
                .map(Content::from)
                .ok_or_else(|| D::Error::custom("bytes are written as pairs of hexadecimal digits")),
        }
    }
}
