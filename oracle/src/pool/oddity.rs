//! What can be odd about a manifest.
//!
//! An [`Oddity`] is one edit at one place of a document. Most make it malformed; some only look as if they did. Which is
//! which is for the model to say.

use self::Edit::{Add, AddFirst, After, Become, Before, Cut, Nest, Pad, Remove, Rename, Set};
use super::document::Node;

/// Where a document is edited. What is not there is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The document itself.
    Document,
    /// A descriptor, counted in document order from 0; numbers beyond the end wrap around.
    Descriptor(u8),
    /// The platform of an entry, counted the same way.
    Platform(u8),
    /// The annotations of the document.
    Annotations,
}

/// What is done there. Keys and values stand in the text as they are written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// A member gets another value, or is added.
    Set(&'static str, &'static str),
    /// A member is added at the end, even if one of its name is there.
    Add(&'static str, &'static str),
    /// The same, at the front.
    AddFirst(&'static str, &'static str),
    /// A member goes.
    Remove(&'static str),
    /// A member gets another key.
    Rename(&'static str, &'static str),
    /// A member is added that nests so deep.
    Nest(u16),
    /// The whole document is something else.
    Become(&'static [u8]),
    /// This stands before the document.
    Before(&'static [u8]),
    /// This stands after the document.
    After(&'static [u8]),
    /// Only so many hundredths of the text are there.
    Cut(u8),
    /// White space is added at the end until the text is so long.
    Pad(u16),
}

/// One edit at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oddity {
    /// Where.
    pub place: Place,
    /// What.
    pub edit: Edit,
}

impl Oddity {
    pub(super) fn apply(&self, document: &mut Node) {
        let node = match self.place {
            Place::Document => Some(document),
            Place::Descriptor(at) => nth(descriptors(document), at),
            Place::Platform(at) => {
                nth(descriptors(document).into_iter().filter_map(|entry| entry.get_mut("platform")).collect(), at)
            }
            Place::Annotations => document.get_mut("annotations"),
        };
        let Some(members) = node.and_then(Node::members) else { return };
        let raw = |text: &str| Node::Raw(text.to_owned());
        match self.edit {
            Set(key, value) => match members.iter_mut().find(|(name, _)| name == key) {
                Some((_, old)) => *old = raw(value),
                None => members.push((key.to_owned(), raw(value))),
            },
            Add(key, value) => members.push((key.to_owned(), raw(value))),
            AddFirst(key, value) => members.insert(0, (key.to_owned(), raw(value))),
            Remove(key) => members.retain(|(name, _)| name != key),
            Rename(from, to) => {
                if let Some((name, _)) = members.iter_mut().find(|(name, _)| name == from) {
                    to.clone_into(name);
                }
            }
            Nest(depth) => {
                let depth = usize::from(depth);
                members.push(("x".to_owned(), Node::Raw("[".repeat(depth) + &"]".repeat(depth))));
            }
            Become(_) | Before(_) | After(_) | Cut(_) | Pad(_) => {}
        }
    }

    pub(super) fn apply_to_text(&self, mut text: Vec<u8>) -> Vec<u8> {
        match self.edit {
            Become(other) => return other.to_vec(),
            Before(what) => text.splice(0..0, what.iter().copied()).for_each(drop),
            After(what) => text.extend_from_slice(what),
            Cut(hundredths) => text.truncate(text.len() * usize::from(hundredths.min(100)) / 100),
            Pad(length) => text.resize(text.len().max(length.into()), b' '),
            _ => {}
        }
        text
    }
}

/// Every descriptor of the document, in order.
fn descriptors(document: &mut Node) -> Vec<&mut Node> {
    let mut found = Vec::new();
    for (key, value) in document.members().into_iter().flatten() {
        match (key.as_str(), value) {
            ("config" | "subject", descriptor) => found.push(descriptor),
            ("layers" | "manifests", Node::List(items)) => found.extend(items),
            _ => {}
        }
    }
    found
}

fn nth(mut nodes: Vec<&mut Node>, at: u8) -> Option<&mut Node> {
    if nodes.is_empty() { None } else { Some(nodes.swap_remove(usize::from(at) % nodes.len())) }
}

const fn doc(edit: Edit) -> Oddity {
    Oddity { place: Place::Document, edit }
}

const fn first(edit: Edit) -> Oddity {
    Oddity { place: Place::Descriptor(0), edit }
}

const fn second(edit: Edit) -> Oddity {
    Oddity { place: Place::Descriptor(1), edit }
}

const fn platform(edit: Edit) -> Oddity {
    Oddity { place: Place::Platform(0), edit }
}

const fn annotations(edit: Edit) -> Oddity {
    Oddity { place: Place::Annotations, edit }
}

const IMAGE_TYPE: &str = r#""application/vnd.oci.image.manifest.v1+json""#;
const INDEX_TYPE: &str = r#""application/vnd.oci.image.index.v1+json""#;
const DOCKER_TYPE: &str = r#""application/vnd.docker.distribution.manifest.v2+json""#;
const LIST_TYPE: &str = r#""application/vnd.docker.distribution.manifest.list.v2+json""#;
const EMPTY_SHA512: &str = r#""sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e""#;

/// Everything odd that is known.
pub const ODDITIES: &[Oddity] = &[
    // schemaVersion
    doc(Remove("schemaVersion")),
    doc(Set("schemaVersion", "1")),
    doc(Set("schemaVersion", "3")),
    doc(Set("schemaVersion", "2.0")),
    doc(Set("schemaVersion", "2e0")),
    doc(Set("schemaVersion", "\"2\"")),
    doc(Set("schemaVersion", "null")),
    doc(Set("schemaVersion", "-2")),
    doc(Set("schemaVersion", "4294967298")),
    doc(Set("schemaVersion", "18446744073709551618")),
    doc(Set("schemaVersion", "[2]")),
    // mediaType
    doc(Remove("mediaType")),
    doc(Set("mediaType", "null")),
    doc(Set("mediaType", "\"\"")),
    doc(Set("mediaType", "2")),
    doc(Set("mediaType", IMAGE_TYPE)),
    doc(Set("mediaType", INDEX_TYPE)),
    doc(Set("mediaType", DOCKER_TYPE)),
    doc(Set("mediaType", LIST_TYPE)),
    doc(Set("mediaType", "\"application/vnd.oci.image.manifest.v1+json; charset=utf-8\"")),
    doc(Set("mediaType", "\"APPLICATION/VND.OCI.IMAGE.INDEX.V1+JSON\"")),
    // one document that reads as two (CVE-2021-41190)
    doc(Add("manifests", "[]")),
    doc(Add("manifests", "null")),
    doc(Add("manifests", "1")),
    doc(Add("config", "{}")),
    doc(Add("config", "null")),
    doc(Add("layers", "[]")),
    doc(Add("layers", "null")),
    // keys that stand twice, or nearly
    doc(Add("schemaVersion", "2")),
    doc(AddFirst("schemaVersion", "1")),
    doc(Add("SchemaVersion", "2")),
    doc(Add("mediaType", INDEX_TYPE)),
    doc(Add("MediaType", "1")),
    doc(Add("mediatype", "null")),
    doc(Add("layer\u{17f}", "[]")),
    doc(Add("manifest\u{17f}", "[]")),
    doc(Add("Config", "null")),
    doc(Add("\\u0063onfig", "null")),
    doc(Add("subject", "null")),
    doc(AddFirst("subject", "null")),
    doc(Add("SUBJECT", "{}")),
    doc(Add("artifactType", "\"application/vnd.example.sbom\"")),
    doc(Add("artifacttype", "\"x\"")),
    doc(Add("annotations", "{}")),
    doc(Add("Annotations", "{}")),
    doc(Rename("schemaVersion", "schemaversion")),
    doc(Rename("schemaVersion", "\\u0073chemaVersion")),
    doc(Rename("layers", "Layers")),
    doc(Rename("manifests", "Manifests")),
    doc(Add("extra", "1")),
    doc(Add("history", "[{\"mediaType\":1,\"mediaType\":2}]")),
    // lists and objects that are none
    doc(Remove("config")),
    doc(Remove("layers")),
    doc(Remove("manifests")),
    doc(Set("config", "null")),
    doc(Set("config", "[]")),
    doc(Set("layers", "null")),
    doc(Set("layers", "{}")),
    doc(Set("layers", "[null]")),
    doc(Set("manifests", "null")),
    doc(Set("manifests", "[1]")),
    doc(Set("manifests", "\"\"")),
    doc(Set("manifests", "[[]]")),
    doc(Set("subject", "[]")),
    doc(Set("subject", "{}")),
    doc(Set("subject", "\"sha256:\"")),
    doc(Set("artifactType", "1")),
    doc(Set("artifactType", "null")),
    doc(Set("annotations", "[]")),
    doc(Set("annotations", "{\"a\":1}")),
    doc(Set("annotations", "{\"a\":null}")),
    doc(Set("annotations", "{\"a\":\"1\",\"a\":\"1\"}")),
    doc(Set("annotations", "{\"a\":\"1\",\"A\":\"2\"}")),
    doc(Set("annotations", "{\"a\":\"1\",\"\\u0061\":\"2\"}")),
    doc(Set("annotations", "{\"\":\"\"}")),
    annotations(Add("a", "\"again\"")),
    annotations(Add("b", "[]")),
    // descriptors
    first(Remove("mediaType")),
    first(Set("mediaType", "null")),
    first(Set("mediaType", "\"\"")),
    first(Set("mediaType", "1")),
    first(Remove("digest")),
    second(Set("digest", "null")),
    first(Set("digest", "\"\"")),
    first(Set("digest", "\"sha256:0\"")),
    second(Set("digest", "\"md5:d41d8cd98f00b204e9800998ecf8427e\"")),
    first(Set("digest", "\"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855\"")),
    first(Set("digest", EMPTY_SHA512)),
    second(Set("digest", "\"\\u0073ha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"")),
    first(Remove("size")),
    first(Set("size", "-1")),
    first(Set("size", "-0")),
    second(Set("size", "-0")),
    first(Set("size", "0")),
    first(Set("size", "1.0")),
    first(Set("size", "1e2")),
    first(Set("size", "\"1\"")),
    first(Set("size", "null")),
    first(Set("size", "9223372036854775807")),
    second(Set("size", "9223372036854775808")),
    first(Set("size", "18446744073709551616")),
    first(Set("size", "1e999")),
    first(Set("size", "01")),
    first(Add("size", "1")),
    second(Add("Size", "1")),
    first(Add("\u{17f}ize", "1")),
    second(AddFirst("digest", "\"\"")),
    first(Add("Digest", EMPTY_SHA512)),
    first(Add("mediaType", "\"x\"")),
    first(Set("urls", "null")),
    first(Set("urls", "[]")),
    second(Set("urls", "[null]")),
    first(Set("urls", "\"https://allowed.example\"")),
    second(Set("urls", "{}")),
    second(Add("URLs", "[]")),
    first(Add("ur\\u006cs", "[]")),
    second(Add("annotations", "{\"a\":1,\"a\":2}")),
    first(Add("data", "\"\"")),
    // platforms
    first(Set("platform", "1")),
    first(Set("platform", "[]")),
    first(Set("platform", "\"linux/amd64\"")),
    first(Set("platform", "null")),
    first(Set("platform", "{}")),
    second(Add("Platform", "{\"architecture\":\"amd64\",\"os\":\"linux\"}")),
    second(Add("platform", "null")),
    platform(Set("architecture", "null")),
    platform(Set("os", "null")),
    platform(Set("os", "1")),
    platform(Set("architecture", "[]")),
    platform(Add("os", "\"linux\"")),
    platform(Add("OS", "\"linux\"")),
    platform(Add("o\u{17f}", "\"linux\"")),
    platform(Add("Architecture", "\"amd64\"")),
    platform(Set("variant", "1")),
    platform(Set("os.version", "null")),
    platform(Set("features", "{\"os\":1,\"os\":2}")),
    // text
    doc(After(b"x")),
    doc(After(b"{}")),
    doc(After(b"\0")),
    doc(After(b" \t\r\n")),
    doc(After(b"\x0b")),
    doc(After("\u{a0}".as_bytes())),
    doc(Before(b"\xef\xbb\xbf")),
    doc(Before(b"\n ")),
    doc(Before(b"//\n")),
    doc(Cut(50)),
    doc(Cut(99)),
    doc(Cut(0)),
    doc(Become(b"[]")),
    doc(Become(b"{}")),
    doc(Become(b"null")),
    doc(Become(b"\"manifest\"")),
    doc(Become(b"not json")),
    doc(Become(b"\x00\x01\x02\xff")),
    doc(Become(b"{\"schemaVersion\":2,\"manifests\":[],\"x\":\"\xff\"}")),
    doc(Become(b"{\"schemaVersion\":2,\"manifests\":[],}")),
    doc(Become(b"{'schemaVersion':2}")),
    doc(Nest(62)),
    doc(Nest(63)),
    doc(Nest(64)),
    doc(Nest(126)),
    doc(Nest(127)),
    doc(Nest(128)),
    doc(Nest(300)),
    doc(Set("x", "\"\\ud800\"")),
    doc(Set("x", "\"\\udc00\\ud800\"")),
    doc(Set("x", "\"\\ud83d\\ude80\"")),
    doc(Set("x", "\"\\u0000\"")),
    doc(Set("x", "\"a\tb\"")),
    doc(Set("x", "\"\\x41\"")),
    doc(Set("\\ud800", "1")),
    doc(Set("x", "1e308")),
    doc(Set("x", "1e309")),
    doc(Set("x", "-1e309")),
    doc(Set("x", "1e-400")),
    doc(Set("x", "123456789012345678901234567890123456789012345678901234567890")),
    doc(Set("x", "0.10")),
    doc(Set("x", "+1")),
    doc(Set("x", ".5")),
    doc(Set("x", "NaN")),
    doc(Set("x", "{\"size\":1,\"Size\":2,\"size\":3}")),
    doc(Pad(2_000)),
];
