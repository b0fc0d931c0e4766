//! What release 2.8 of `distribution` decodes of a manifest besides what is read here.
//!
//! Go decodes into fixed types, also what nobody looks at afterwards, and refuses what is of another type. As Go does it, null
//! fits everything, and keys are the same without regard to case. Source: Debian's 2.8.2, see `docs/peers/`.

use crate::json::{Json, fold};
use crate::manifest::Kind;

/// A type of Go. Of a struct only the keys that matter are told; one that stands twice has to fit both.
enum Type {
    Text,
    List(&'static Type),
    Map(&'static Type),
    Struct(&'static [(&'static str, Type)]),
}

const TEXTS: Type = Type::List(&Type::Text);
const PLATFORM: Type = Type::Struct(&[
    ("architecture", Type::Text),
    ("os", Type::Text),
    ("os.version", Type::Text),
    ("os.features", TEXTS),
    ("variant", Type::Text),
]);
const BLOB: Type = Type::Struct(&[("annotations", Type::Map(&Type::Text)), ("platform", PLATFORM)]);
const FEATURES: Type = Type::Struct(&[("platform", Type::Struct(&[("features", TEXTS)]))]);
const IMAGE: Type = Type::Struct(&[("config", BLOB), ("layers", Type::List(&BLOB))]);
const LIST: Type = Type::Struct(&[("manifests", Type::List(&BLOB)), ("manifests", Type::List(&FEATURES))]);

/// Does the document decode, as far as these types are concerned? (Go takes some text for JSON that we do not, so that counts as yes.)
pub(crate) fn decodes(kind: Kind, bytes: &[u8]) -> bool {
    let document = Json::parse(bytes);
    document.map_or(true, |document| fits(&document, if kind.is_list() { &LIST } else { &IMAGE }))
}

fn fits(value: &Json, as_type: &Type) -> bool {
    match (value, as_type) {
        (Json::Null, _) | (Json::Text(_), Type::Text) => true,
        (Json::List(items), Type::List(item)) => items.iter().all(|it| fits(it, item)),
        (Json::Object(members), Type::Map(item)) => members.iter().all(|(_, it)| fits(it, item)),
        (Json::Object(members), Type::Struct(known)) => {
            let agrees = |(name, value): &(String, Json)| {
                let name = fold(name);
                known.iter().all(|(key, as_type)| fold(key) != name || fits(value, as_type))
            };
            members.iter().all(agrees)
        }
        _ => false,
    }
}
