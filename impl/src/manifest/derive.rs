//! Which type stored bytes are of. The directory layout has no place for it, so the bytes must say.
//!
//! Source: `docs/behaviour.md`, "Reading and deleting manifests".

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::ManifestType;

/// The type of stored bytes: `mediaType` if it is one of the four, else an index if `manifests` is there, else an image (both
/// OCI's). Nothing if the bytes are not one JSON object.
///
/// It reads no more than that: whether [`read`](super::read()) takes the bytes is another question. Of a key that stands twice, as
/// it may in what other registries have stored, the last counts.
#[must_use]
pub fn derive_type(bytes: &[u8]) -> Option<ManifestType> {
    let text = std::str::from_utf8(bytes).ok()?;
    let Hints { media_type, has_manifests } = serde_json::from_str(text).ok()?;
    Some(match media_type {
        Some(kind) => kind,
        None if has_manifests => ManifestType::OciIndex,
        None => ManifestType::OciManifest,
    })
}

#[derive(Default)]
struct Hints {
    media_type: Option<ManifestType>,
    has_manifests: bool,
}

impl<'de> Deserialize<'de> for Hints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HintsVisitor)
    }
}

struct HintsVisitor;

impl<'de> Visitor<'de> for HintsVisitor {
    type Value = Hints;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hints, A::Error> {
        let mut hints = Hints::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                // Through a Value, as it may be of any type.
                "mediaType" => {
                    let value: serde_json::Value = map.next_value()?;
                    hints.media_type = value.as_str().and_then(ManifestType::from_name);
                }
                "manifests" => {
                    map.next_value::<IgnoredAny>()?;
                    hints.has_manifests = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(hints)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(text: &str) -> Option<ManifestType> {
        derive_type(text.as_bytes())
    }

    #[test]
    fn a_known_media_type_decides() {
        for kind in ManifestType::ALL {
            assert_eq!(derived(&format!(r#"{{"manifests":[],"mediaType":"{kind}"}}"#)), Some(kind));
            assert_eq!(derived(&format!(r#"{{"mediaType":"{kind}","layers":[]}}"#)), Some(kind));
        }
    }

    #[test]
    fn without_a_known_media_type_manifests_makes_an_index() {
        for media_type in [r#""x":1"#, r#""mediaType":"text/plain""#, r#""mediaType":null"#, r#""mediaType":{"a":[]}"#]
        {
            assert_eq!(derived(&format!("{{{media_type}}}")), Some(ManifestType::OciManifest));
            assert_eq!(derived(&format!(r#"{{{media_type},"manifests":null}}"#)), Some(ManifestType::OciIndex));
        }
    }

    #[test]
    fn the_media_type_is_compared_exactly_and_only_at_the_top() {
        let list = ManifestType::DockerList.as_str();
        assert_eq!(derived(&format!(r#"{{"mediaType":"{list};a"}}"#)), Some(ManifestType::OciManifest));
        assert_eq!(derived(&format!(r#"{{"MediaType":"{list}"}}"#)), Some(ManifestType::OciManifest));
        assert_eq!(derived(&format!(r#"{{"config":{{"mediaType":"{list}"}}}}"#)), Some(ManifestType::OciManifest));
    }

    #[test]
    fn bytes_that_are_no_json_object_have_no_type() {
        for text in ["", "[]", "null", "1", "\"\"", "{", "{}{}", "{\"a\":}", "\u{feff}{}"] {
            assert_eq!(derived(text), None, "{text}");
        }
        assert_eq!(derive_type(b"{\"a\":\"\xff\"}"), None);
    }
}
