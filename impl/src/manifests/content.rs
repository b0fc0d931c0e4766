//! What stands under a manifest's digest, as far as it can be read.
//!
//! Another registry may have taken documents that this one refuses. They are served as they are; whoever asks what they name is
//! told why that is not known.

use crate::digest::Digest;
use crate::driver::{Driver, DriverError, MAX_READ};
use crate::error::InTheWay;
use crate::manifest::{self, Manifest};
use crate::paths;

/// What stands under a digest.
#[derive(Debug)]
pub(crate) enum Content {
    /// No bytes.
    Missing,
    /// Bytes that do not have the digest: what was written there is not known. Only found by [`Hashing::Checked`].
    Damaged,
    /// More bytes than any manifest has ([`MAX_READ`]). None of them was read.
    TooLarge {
        /// How many.
        size: u64,
    },
    /// Bytes that are no manifest.
    Other {
        /// Why not.
        reason: String,
    },
    /// A manifest, and its size in bytes.
    Manifest(Box<Manifest>, u64),
}

impl Content {
    /// The manifest, if it is one.
    pub(crate) fn manifest(self) -> Option<(Box<Manifest>, u64)> {
        match self {
            Self::Manifest(manifest, size) => Some((manifest, size)),
            Self::Missing | Self::Damaged | Self::TooLarge { .. } | Self::Other { .. } => None,
        }
    }
}

/// Whether bytes are compared with their digest. It takes longer than all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// They are: for whoever decides by them what may go.
    Checked,
    /// They are not: for whoever serves what stands there.
    Trusted,
}

/// What is in the way of knowing what a manifest of that many bytes names.
pub(crate) const fn too_large(size: u64) -> InTheWay {
    InTheWay::TooLarge { size, limit: MAX_READ }
}

/// Reads what stands under a digest as a manifest. At most [`MAX_READ`] bytes are read.
///
/// # Errors
/// If the storage fails.
pub(crate) async fn read_content(
    driver: &dyn Driver,
    digest: &Digest,
    hashing: Hashing,
) -> Result<Content, DriverError> {
    let bytes = match driver.read(&paths::blob_data(digest)).await {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(Content::Missing),
        Err(DriverError::TooLarge { size, .. }) => return Ok(Content::TooLarge { size }),
        Err(error) => return Err(error),
    };
    if hashing == Hashing::Checked && Digest::of(digest.algorithm(), &bytes) != *digest {
        return Ok(Content::Damaged);
    }
    let Some(kind) = manifest::derive_type(&bytes) else {
        return Ok(Content::Other { reason: "it is not one JSON object".to_owned() });
    };
    Ok(match manifest::read(kind, &bytes) {
        Ok(manifest) => Content::Manifest(Box::new(manifest), bytes.len() as u64),
        Err(malformed) => Content::Other { reason: malformed.to_string() },
    })
}
