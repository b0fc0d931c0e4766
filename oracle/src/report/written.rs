//! Documents that this program writes and reads again.
//!
//! Each has a version and a list by which it is known from other documents. What is wrong with one is said in words, with what is
//! expected and which command writes it.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// What tells a kind of document from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The version that is written, and the only one that is read.
    pub(super) version: u32,
    /// The name of its list.
    pub(super) list: &'static str,
    /// What is expected, and where it comes from.
    pub(super) wanted: &'static str,
}

/// Why a text is no document of its kind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrittenError {
    /// It is no JSON.
    #[error("it is no JSON at line {}, column {}; {wanted}", .error.line(), .error.column())]
    Json {
        /// Where, and what is wrong.
        error: serde_json::Error,
        /// What is expected.
        wanted: &'static str,
    },
    /// It is some other document.
    #[error("it is another document; {wanted}")]
    Another {
        /// What is expected.
        wanted: &'static str,
    },
    /// It is one, and something in it is not as it is written there.
    #[error("it is changed or damaged: {error}; {wanted}")]
    Damaged {
        /// What is wrong.
        error: serde_json::Error,
        /// What is expected.
        wanted: &'static str,
    },
    /// It is of another version.
    #[error("it is of version {found}, and this program reads version {read}")]
    Version {
        /// That of the document.
        found: u64,
        /// That of this program.
        read: u32,
    },
}

/// Reads a document.
pub(super) fn read<T: DeserializeOwned>(text: &str, kind: Kind) -> Result<T, WrittenError> {
    let Kind { version, list, wanted } = kind;
    let value: Value = serde_json::from_str(text).map_err(|error| WrittenError::Json { error, wanted })?;
    // A later version may have other members.
    match value["version"].as_u64().filter(|found| *found != u64::from(version)) {
        Some(found) => Err(WrittenError::Version { found, read: version }),
        None if !value[list].is_array() => Err(WrittenError::Another { wanted }),
        None => serde_json::from_value(value).map_err(|error| WrittenError::Damaged { error, wanted }),
    }
}

#[cfg(test)]
mod tests;
