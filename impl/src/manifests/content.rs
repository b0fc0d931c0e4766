//! What stands under a manifest's digest, as far as it can be read.
//!
//! Another registry may have taken documents that this one refuses. They are served as they are; whoever asks what they name is
//! told why that is not known.

use crate::digest::Digest;
use crate::driver::{Driver, DriverError};
use crate::manifest::{self, Manifest};
use crate::paths;

/// What stands under a digest.
#[derive(Debug)]
pub(crate) enum Content {
    /// No bytes.
    Missing,
    /// Bytes that do not have the digest: what was written there is not known.
    Damaged,
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
            Self::Missing | Self::Damaged | Self::Other { .. } => None,
        }
    }
}

/// Reads what stands under a digest as a manifest. At most [`MAX_READ`](crate::driver::MAX_READ) bytes are read.
///
/// # Errors
/// If the storage fails.
pub(crate) async fn read_content(driver: &dyn Driver, digest: &Digest) -> Result<Content, DriverError> {
    let bytes = match driver.read(&paths::blob_data(digest)).await {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(Content::Missing),
        Err(DriverError::TooLarge { size, .. }) => {
            return Ok(Content::Other { reason: format!("it has {size} bytes") });
        }
        Err(error) => return Err(error),
    };
    if Digest::of(digest.algorithm(), &bytes) != *digest {
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
