//! Any bytes as the file of a link: a digest, and white space after it at most.

use proofhouse_model::is_digest;
use proofhouse_registry::blob::link_target;
use proofhouse_registry::digest::Digest;

use super::Taken;

/// Reads the bytes as a link, and as the layout has it.
///
/// # Panics
/// Where the two disagree.
pub fn link_file(data: &[u8]) -> Taken {
    let end = data.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)).map_or(0, |at| at + 1);
    let expected = std::str::from_utf8(&data[..end]).ok().filter(|text| is_digest(text));
    let found = link_target(data);
    assert_eq!(found.as_ref().map(Digest::as_str), expected, "{}", data.escape_ascii());
    if let Some(digest) = &found {
        // What is written is read back.
        assert_eq!(link_target(digest.as_str().as_bytes()).as_ref(), Some(digest));
    }
    Taken::of(found.is_some())
}
