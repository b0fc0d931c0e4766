//! Names, tags and digests: what is well-formed.
//!
//! Sources: OCI distribution-spec 1.1, "Pulling manifests" (names and tags); image-spec, "Descriptors" (digests).

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

static REPOSITORY: LazyLock<Regex> =
    LazyLock::new(|| grammar(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"));
static TAG: LazyLock<Regex> = LazyLock::new(|| grammar("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"));
static DIGEST: LazyLock<Regex> = LazyLock::new(|| grammar("sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"));
static SHA384: LazyLock<Regex> = LazyLock::new(|| grammar("sha384:[0-9a-f]{96}"));
static WEB_URL: LazyLock<Regex> = LazyLock::new(|| grammar(r"(?i:https?)://[^/?#\p{Cc} ][^#\p{Cc} ]*"));

fn grammar(text: &str) -> Regex {
    Regex::new(&format!("^(?:{text})$")).expect("a grammar is a regular expression")
}

/// Components of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` joined by `/`, at most 255 bytes in all. (OCI has no such limit.)
///
/// ```
/// use proofhouse_model::is_repository;
/// assert!(is_repository("library/my-app__v2"));
/// assert!(!is_repository("Library") && !is_repository("a//b") && !is_repository("a___b"));
/// ```
pub fn is_repository(name: &str) -> bool {
    name.len() <= 255 && REPOSITORY.is_match(name)
}

/// `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
pub fn is_tag(tag: &str) -> bool {
    TAG.is_match(tag)
}

/// `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128.
pub fn is_digest(digest: &str) -> bool {
    DIGEST.is_match(digest)
}

/// `sha384:` and 96. Ours does not know it; `distribution` does.
pub(crate) fn is_sha384(digest: &str) -> bool {
    SHA384.is_match(digest)
}

/// `http` or `https`, then a host; neither fragment, blank nor control character anywhere.
pub(crate) fn is_web_url(url: &str) -> bool {
    WEB_URL.is_match(url)
}

/// The digest of `bytes` under `algorithm`: `sha512`, `sha384`, or else `sha256`.
///
/// ```
/// let empty = proofhouse_model::digest_of("sha256", b"");
/// assert!(empty.starts_with("sha256:e3b0c442"));
/// ```
pub fn digest_of(algorithm: &str, bytes: &[u8]) -> String {
    let (algorithm, hash) = match algorithm {
        "sha512" => ("sha512", Sha512::digest(bytes).to_vec()),
        "sha384" => ("sha384", Sha384::digest(bytes).to_vec()),
        _ => ("sha256", Sha256::digest(bytes).to_vec()),
    };
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{algorithm}:{hex}")
}

/// The part of a digest before the colon.
pub(crate) fn algorithm(digest: &str) -> &str {
    digest.split(':').next().unwrap_or_default()
}

/// Do the bytes hash to this well-formed digest?
pub(crate) fn matches_digest(digest: &str, bytes: &[u8]) -> bool {
    digest_of(algorithm(digest), bytes) == digest
}

/// The order of the catalog: by path components, so that `/` sorts before every other byte.
pub(crate) fn catalog_key(name: &str) -> Vec<&str> {
    name.split('/').collect()
}
