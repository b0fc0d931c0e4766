//! Which keys stand twice in a document, or nearly.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Keys that mean something somewhere in a manifest.
const KNOWN: [&str; 14] = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "subject",
    "artifactType",
    "annotations",
    "digest",
    "size",
    "urls",
    "platform",
    "architecture",
    "os",
];

/// Whether any object has a key twice, or one that differs from a known one in case only.
pub(super) fn stands_twice(document: &[u8]) -> bool {
    serde_json::from_slice::<Keys>(document).is_ok_and(|keys| keys.0)
}

/// Whether it was seen.
struct Keys(bool);

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        macro_rules! scalars {
            ($($name:ident($type:ty)),*) => { $(fn $name<E>(self, _: $type) -> Result<Keys, E> { Ok(Keys(false)) })* };
        }
        impl<'de> Visitor<'de> for Reader {
            type Value = Keys;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            scalars!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));
            fn visit_unit<E>(self) -> Result<Keys, E> {
                Ok(Keys(false))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Keys, A::Error> {
                let mut found = false;
                while let Some(Keys(inside)) = items.next_element()? {
                    found |= inside;
                }
                Ok(Keys(found))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Keys, A::Error> {
                let (mut seen, mut found) = (BTreeSet::new(), false);
                while let Some((key, Keys(inside))) = members.next_entry::<String, Keys>()? {
                    let folded = fold(&key);
                    let is_nearly = KNOWN.iter().any(|known| fold(known) == folded && *known != key);
                    found |= inside || is_nearly || !seen.insert(key);
                }
                Ok(Keys(found))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
