//! Any text as a name, a tag, a digest, a reference, an upload's id.
//!
//! The model has grammars, as regular expressions; the registry has parsers by hand. What one takes the other takes, and what was
//! parsed reads as it was written.

use std::fmt::Display;
use std::str::FromStr;

use proofhouse_model::{is_digest, is_repository, is_tag};
use proofhouse_registry::blob::UploadId;
use proofhouse_registry::digest::Digest;
use proofhouse_registry::name::{Reference, RepositoryName, Tag, catalog_order};

use super::Taken;

/// Holds the two against one another. Bytes that are no UTF-8 are read as a path would be, with U+FFFD in place of them.
///
/// # Panics
/// Where they disagree.
pub fn names_and_digests(data: &[u8]) -> Taken {
    let text = &*String::from_utf8_lossy(data);
    let as_name = same::<RepositoryName>("name", text, is_repository(text));
    let as_tag = same::<Tag>("tag", text, is_tag(text));
    let as_digest = same::<Digest>("digest", text, is_digest(text));
    let is_reference = if text.contains(':') { is_digest(text) } else { is_tag(text) };
    same::<Reference>("reference", text, is_reference);
    assert_eq!(Digest::check(text).is_some(), as_digest.is_some(), "{text:?}");
    if let Some(digest) = &as_digest {
        assert_eq!(format!("{}:{}", digest.algorithm(), digest.hex()), text);
    }
    if let Some(name) = &as_name {
        assert_eq!(name.components().collect::<Vec<_>>().join("/"), text);
        assert!(name.components().all(is_harmless), "{text:?}");
        let parent = name.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        assert!(catalog_order(parent, text).is_lt(), "{text:?} comes after what it stands below");
    }
    assert!(as_tag.is_none_or(|tag| is_harmless(tag.as_str())), "{text:?}");
    if let Ok(id) = text.parse::<UploadId>() {
        assert!(is_harmless(id.as_str()) && id.as_str() == text, "{text:?}");
    }
    Taken::of(as_name.is_some() || as_digest.is_some() || is_tag(text))
}

/// Whether a path can be made of it that leads nowhere else.
fn is_harmless(component: &str) -> bool {
    !component.is_empty() && !component.starts_with('.') && !component.contains(['/', '\\', '\0'])
}

/// What it was parsed to, if it was to be.
fn same<T: FromStr + Display>(what: &str, text: &str, expected: bool) -> Option<T> {
    let parsed = text.parse::<T>().ok();
    assert_eq!(parsed.is_some(), expected, "as a {what}: {text:?}");
    if let Some(parsed) = &parsed {
        assert_eq!(parsed.to_string(), text);
    }
    parsed
}
