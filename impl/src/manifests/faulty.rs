//! Reading a document, with the faults that concern it.
//!
//! Without a fault this is [`manifest::read`]. A fault mends the document on its way, so that one rule does not see what it would
//! refuse.

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
        Ok(_) | Err(_) => None,
    };
    match mended {
        Some(bytes) => manifest::read(kind, &bytes),
        None => result,
    }
}

fn mend(bytes: &[u8], change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    change(document.as_object_mut()?);
    serde_json::to_vec(&document).ok()
}
