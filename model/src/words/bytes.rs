//! Bytes in reports: shown to people, and written as JSON.
//!
//! As JSON they are a string if they are UTF-8, else `{"hex": "…"}`, so that a report is read where it can be.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::content::Content;

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = String::from_utf8_lossy(&self[..self.len().min(200)]);
        write!(f, "{} bytes {shown:?}", self.len())
    }
}

/// Bytes as they stand in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Hex { hex: String },
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match std::str::from_utf8(self) {
            Ok(text) => Written::Text(text.to_owned()),
            Err(_) => Written::Hex { hex: self.iter().map(|byte| format!("{byte:02x}")).collect() },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = match Written::deserialize(deserializer)? {
            Written::Text(text) => return Ok(Content::from(text)),
            Written::Hex { hex } => hex,
        };
        let pair = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(pair).collect();
        bytes
            .map(Content::from)
            .ok_or_else(|| serde::de::Error::custom("bytes are written as pairs of hexadecimal digits"))
    }
}
