//! Names of repositories and tags, and references to manifests.
//!
//! Each is parsed once, where it enters, and trusted from then on: it holds no `..`, no empty component and nothing that a
//! path could trip over. Nothing here panics, whatever the text. A clone shares the text.
//!
//! Source: OCI distribution-spec 1.1, "Pulling manifests"; the length limit of names is the CNCF distribution's.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, InvalidDigest};
use crate::sync::Arc;

/// The longest repository name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 128;

/// The name of a repository: components `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` joined by `/`, at most 255 bytes in all.
///
/// `Ord` is the order of the bytes. The catalog has another: [`RepositoryName::catalog_cmp`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// This text is no repository name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a repository name; write lower-case letters and digits, separated by one of . _ __ or dashes, \
     in components joined by /, at most 255 bytes in all"
)]
pub struct InvalidName(
    /// The text as it was given.
    pub String,
);

impl RepositoryName {
    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the slashes; there is at least one.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The order of the catalog: see [`catalog_order`].
    #[must_use]
    pub fn catalog_cmp(&self, other: &Self) -> Ordering {
        catalog_order(&self.0, &other.0)
    }
}

/// The order of the catalog: by path components, so that `/` comes before every other byte: `zz`, `zz/a`, `zz-b`.
///
/// Takes any text, because the `last` of a page is whatever the client wrote.
#[must_use]
pub fn catalog_order(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

impl FromStr for RepositoryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() <= MAX_NAME_BYTES && text.split('/').all(is_component) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName(text.to_owned()))
        }
    }
}

const fn is_alphanumeric(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9')
}

/// One component: runs of letters and digits, with one separator between two runs.
fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    is_alphanumeric(first)
        && is_alphanumeric(last)
        && bytes
            .split(|byte| is_alphanumeric(*byte))
            .all(|between| matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-'))
}

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`. `Ord` is the order of the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// This text is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tag; write 1 to 128 letters, digits and . _ -, not beginning with . or -")]
pub struct InvalidTag(
    /// The text as it was given.
    pub String,
);

impl Tag {
    /// The whole tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, InvalidTag> {
        let bytes = text.as_bytes();
        let well_formed = matches!(bytes.first(), Some(first) if first.is_ascii_alphanumeric() || *first == b'_')
            && bytes.len() <= MAX_TAG_BYTES
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if well_formed { Ok(Self(text.into())) } else { Err(InvalidTag(text.to_owned())) }
    }
}

/// How a client names a manifest. A text with a `:` is a digest, any other a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By a tag.
    Tag(Tag),
    /// By its digest.
    Digest(Digest),
}

/// This text is neither a tag nor a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum InvalidReference {
    /// It has no `:`, and is no tag.
    Tag(#[from] InvalidTag),
    /// It has a `:`, and is no digest.
    Digest(#[from] InvalidDigest),
}

impl Reference {
    /// The text as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.as_str(),
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.contains(':') { Ok(Self::Digest(text.parse()?)) } else { Ok(Self::Tag(text.parse()?)) }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;
    use proptest::prelude::*;
    use regex::Regex;

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn names_within_the_grammar_are_taken() {
        for text in ["a", "0", "a/b", "a.b", "a_b", "a__b", "a-b", "a---b", "a0.b-c_d__e/f", "x/y/z/0"] {
            assert_eq!(name(text).to_string(), text);
        }
        assert_eq!(name("a/b-c/d").components().collect::<Vec<_>>(), ["a", "b-c", "d"]);
    }

    #[test]
    fn names_outside_the_grammar_are_refused_with_their_text() {
        for text in [
            "", "/", "a/", "/a", "a//b", "A", "a.", ".a", "a..b", "..", "a/../b", "a___b", "a._b", "a-_b", "-a", "a-",
            "_a", "a_", "a b", "a:b", "é", "a/é", "a\0", "a\n",
        ] {
            assert_eq!(text.parse::<RepositoryName>(), Err(InvalidName(text.to_owned())));
        }
    }

    #[test]
    fn a_name_of_255_bytes_is_taken_and_one_more_is_refused() {
        assert!("a".repeat(255).parse::<RepositoryName>().is_ok());
        assert!("a".repeat(256).parse::<RepositoryName>().is_err());
    }

    #[test]
    fn a_tag_has_1_to_128_bytes_and_begins_with_a_letter_digit_or_underscore() {
        for text in ["a", "A", "0", "_", "v1.0-rc_1", "a..b", "_-."] {
            assert_eq!(text.parse::<Tag>().unwrap().to_string(), text);
        }
        assert!("a".repeat(128).parse::<Tag>().is_ok());
        for text in ["", ".a", "-a", "a/b", "a b", "a:b", "é", "aé", "a\0", &"a".repeat(129)] {
            assert_eq!(text.parse::<Tag>(), Err(InvalidTag(text.to_owned())));
        }
    }

    #[test]
    fn a_reference_with_a_colon_is_a_digest_and_any_other_a_tag() {
        let digest = Digest::of(Algorithm::Sha256, b"x");
        assert_eq!(digest.as_str().parse(), Ok(Reference::Digest(digest.clone())));
        assert_eq!("latest".parse(), Ok(Reference::Tag("latest".parse().unwrap())));
        for text in [digest.as_str(), "latest"] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        assert!(
            matches!("sha256:no".parse::<Reference>(), Err(InvalidReference::Digest(InvalidDigest(text))) if text == "sha256:no")
        );
        assert!(matches!("-no".parse::<Reference>(), Err(InvalidReference::Tag(InvalidTag(text))) if text == "-no"));
    }

    #[test]
    fn the_catalog_puts_a_slash_before_every_other_byte() {
        let mut names = ["zz_c", "zz-b", "zz/b", "zz.b", "zz", "zz/a", "z", "zz/a/b"].map(name);
        names.sort_by(RepositoryName::catalog_cmp);
        assert_eq!(names.map(|n| n.to_string()), ["z", "zz", "zz/a", "zz/a/b", "zz/b", "zz-b", "zz.b", "zz_c"]);
        assert_eq!(catalog_order("zz/", "zz/a"), Ordering::Less);
    }

    proptest! {
        #[test]
        fn the_matchers_agree_with_the_regular_expressions(text in "[a-c0-1A._/\\-é]{0,12}") {
            let names = Regex::new(r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$").unwrap();
            let tags = Regex::new(r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$").unwrap();
            prop_assert_eq!(text.parse::<RepositoryName>().is_ok(), names.is_match(&text));
            prop_assert_eq!(text.parse::<Tag>().is_ok(), tags.is_match(&text));
        }

        #[test]
        fn no_text_panics(a in "\\PC{0,300}", b in "\\PC*") {
            let _ = a.parse::<RepositoryName>();
            let _ = a.parse::<Tag>();
            let _ = a.parse::<Reference>();
            let _ = catalog_order(&a, &b);
        }
    }
}
