//! The id of an upload. It names a directory, so it is parsed as strictly as any name.

use std::fmt;
use std::str::FromStr;

use crate::sync::Arc;

/// The longest upload id, in bytes.
const MAX_BYTES: usize = 128;

/// The id of an upload: letters, digits and `_ - . =`, not beginning with a dot or a dash, 1 to 128 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(Arc<str>);

/// This text is no upload id; no upload has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an upload id")]
pub struct InvalidUploadId(
    /// The text as it was given.
    pub String,
);

impl UploadId {
    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }
}

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    fn from_str(text: &str) -> Result<Self, InvalidUploadId> {
        let well_formed = (1..=MAX_BYTES).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'='));
        if well_formed { Ok(Self(text.into())) } else { Err(InvalidUploadId(text.to_owned())) }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_climb_out_of_its_directory_is_refused() {
        for text in ["", ".", "..", "../x", "a/b", "/", "-a", ".tmp-1", "a b", "é", "a\0", &"a".repeat(129)] {
            assert_eq!(text.parse::<UploadId>(), Err(InvalidUploadId(text.to_owned())));
        }
        for text in ["a", "0-_.=", "6b3c9a93-af5d-473f-a4cd-9710022185cd", &"a".repeat(128)] {
            assert_eq!(text.parse::<UploadId>().unwrap().as_str(), text);
        }
        assert_ne!(UploadId::random(), UploadId::random());
    }
}
