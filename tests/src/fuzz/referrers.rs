//! Referrers of one subject, and a filter for their artifact types.
//!
//! The bytes are texts, separated by line feeds: the filter first, then the artifact types. A type that begins with `!` is that of
//! the config of a manifest that has none itself. Model and registry must list the same rows in the same order.

use proofhouse_model::{Options, digest_of};
use proofhouse_registry::manifest::ManifestType;
use serde_json::json;

use super::Taken;
use super::pair::Pair;

/// No list is of more.
const MOST: usize = 6;

/// Pushes a manifest for each type, and asks for those of the filter and for all.
///
/// # Panics
/// Where they disagree.
pub fn referrers_filter(data: &[u8]) -> Taken {
    let text = String::from_utf8_lossy(data);
    let mut texts = text.split('\n');
    let filter = texts.next().unwrap_or_default();
    let subject = digest_of("sha256", b"subject");
    let descriptor = |media_type: &str, digest: &str| json!({ "mediaType": media_type, "digest": digest, "size": 7 });
    let mut pair = Pair::new(Options { skip_layer_verification: true, ..Options::default() });
    let mut pushed = false;
    for (number, kind) in texts.take(MOST).enumerate() {
        let (own, config) = kind.strip_prefix('!').map_or((Some(kind), "c"), |config| (None, config));
        let mut manifest = json!({
            "schemaVersion": 2,
            "config": descriptor(config, &subject),
            "layers": [],
            "subject": descriptor("", &subject),
            "annotations": { "number": number.to_string() },
        });
        if let Some(own) = own {
            manifest["artifactType"] = own.into();
        }
        let manifest = manifest.to_string();
        pushed |= pair.put(
            "a",
            &digest_of("sha256", manifest.as_bytes()),
            ManifestType::OciManifest.as_str(),
            manifest.as_bytes(),
        );
    }
    pair.referrers("a", &subject, Some(filter), data);
    pair.referrers("a", &subject, None, data);
    Taken::of(pushed)
}
