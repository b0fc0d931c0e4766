//! Names, tags and digests: what is well-formed.
//!
//! Sources: OCI distribution-spec 1.1, "Pulling manifests" (names and tags); image-spec, "Descriptors" (digests).

use sha2::{Digest as _, Sha256, Sha512};

/// Components of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` joined by `/`, at most 255 bytes in all.
///
/// ```
/// use proofhouse_model::is_repository;
/// assert!(is_repository("library/my-app__v2"));
/// assert!(!is_repository("Library") && !is_repository("a//b") && !is_repository("a___b"));
/// ```
pub fn is_repository(name: &str) -> bool {
    name.len() <= 255 && name.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators: Vec<&str> =
        text.split(|c: char| c.is_ascii() && alphanumeric(c as u8)).filter(|s| !s.is_empty()).collect();
    let edges = text.as_bytes().first().is_some_and(|&b| alphanumeric(b))
        && text.as_bytes().last().is_some_and(|&b| alphanumeric(b));
    edges && separators.iter().all(|s| matches!(*s, "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

/// `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
pub fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = tag.bytes();
    tag.len() <= 128 && bytes.next().is_some_and(word) && bytes.all(|b| word(b) || b == b'.' || b == b'-')
}

/// `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128.
pub fn is_digest(digest: &str) -> bool {
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match digest.split_once(':') {
        Some(("sha256", rest)) => hex(rest, 64),
        Some(("sha512", rest)) => hex(rest, 128),
        _ => false,
    }
}

/// The digest of `bytes` under `algorithm`, which is `sha512` or else taken for `sha256`.
///
/// ```
/// let empty = proofhouse_model::digest_of("sha256", b"");
/// assert!(empty.starts_with("sha256:e3b0c442"));
/// ```
pub fn digest_of(algorithm: &str, bytes: &[u8]) -> String {
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match algorithm {
        "sha512" => format!("sha512:{}", hex(&Sha512::digest(bytes))),
        _ => format!("sha256:{}", hex(&Sha256::digest(bytes))),
    }
}

/// Do the bytes hash to this well-formed digest?
pub(crate) fn matches_digest(digest: &str, bytes: &[u8]) -> bool {
    let algorithm = digest.split(':').next().unwrap_or_default();
    digest_of(algorithm, bytes) == digest
}

/// The order of the catalog: by path components, so that `/` sorts before every other byte.
pub(crate) fn catalog_key(name: &str) -> Vec<&str> {
    name.split('/').collect()
}
