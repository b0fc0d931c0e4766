//! stub
use super::{Malformed, Manifest, ManifestType};

/// Reads a document as a manifest of this type.
///
/// # Errors
/// [`Malformed`]
pub fn read(kind: ManifestType, bytes: &[u8]) -> Result<Manifest, Malformed> {
    let _ = (kind, bytes);
    Err(Malformed::NotUtf8 { offset: 0 })
}
