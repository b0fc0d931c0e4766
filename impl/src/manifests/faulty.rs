//! Reading a document, with the faults that concern it.
//!
//! Without a fault this is the functions of [`manifest`]. A fault mends the document on its way, so that one rule does not see what it would
//! refuse.

use bytes::Bytes;
use serde_json::Value;

use crate::faults::{Fault, Faults};
use crate::manifest::{self, Malformed, Manifest, ManifestType};

pub(super) fn read(faults: Faults, kind: ManifestType, bytes: &[u8]) -> Result<Manifest, Malformed> {
    let result = manifest::read(kind, bytes);
    let mended = match &result {
        Err(_) if faults.has(Fault::DockerMediaTypeIgnored) && !kind.is_oci() => mend(bytes, |document| {
            document.insert("mediaType".into(), kind.as_str().into());
        }),
        Err(_) if faults.has(Fault::IndexWithLayersTaken) && kind == ManifestType::OciIndex => {
            mend(bytes, |document| {
                document.remove("layers");
            })
        }
        Err(_) if faults.has(Fault::ImageWithManifestsTaken) && kind == ManifestType::OciManifest => {
            mend(bytes, |document| {
                document.remove("manifests");
            })
        }
        Ok(_) | Err(_) => None,
    };
    match mended {
        Some(bytes) => manifest::read(kind, &bytes),
        None => result,
    }
}

/// The type of stored bytes, as [`manifest::derive_type`] has it.
pub(super) fn derive_type(faults: Faults, bytes: &[u8]) -> Option<ManifestType> {
    let says_its_type =
        || serde_json::from_slice(bytes).is_ok_and(|document: Value| document.get("mediaType").is_some());
    match manifest::derive_type(bytes)? {
        ManifestType::OciIndex if faults.has(Fault::IndexServedAsImage) && !says_its_type() => {
            Some(ManifestType::OciManifest)
        }
        kind => Some(kind),
    }
}

/// The bytes that are served for those that are stored.
pub(super) fn served(faults: Faults, bytes: Bytes) -> Bytes {
    if !faults.has(Fault::ManifestReformatted) {
        return bytes;
    }
    mend(&bytes, |_| ()).map_or(bytes, Bytes::from)
}

fn mend(bytes: &[u8], change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    change(document.as_object_mut()?);
    serde_json::to_vec(&document).ok()
}
