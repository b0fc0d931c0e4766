//! Any text as `Range`, and as the `Content-Range` of a chunk.
//!
//! The grammars of RFC 9110 (14.1.1, 14.2) and of the distribution-spec ("Pushing a blob in chunks"), as regular expressions,
//! against the parsers that the server has.

use std::sync::LazyLock;

use proofhouse_registry::api::ByteRange;
use proofhouse_registry::http::range::{Asked, asked, chunk, held};
use regex::Regex;

use super::Taken;

fn grammar(text: &str) -> Regex {
    Regex::new(text).expect("a grammar is a regular expression")
}

/// A header's value has no line break in it, so a dot is any character.
static UNIT: LazyLock<Regex> = LazyLock::new(|| grammar(r"(?s)^(?P<unit>[^=]*)=(?P<ranges>.*)$"));
static ONE: LazyLock<Regex> = LazyLock::new(|| grammar(r"^(?:([0-9]+)-([0-9]+)|([0-9]+)-|-([0-9]+))$"));
static CHUNK: LazyLock<Regex> = LazyLock::new(|| grammar(r"^(?:bytes )?([0-9]+)-([0-9]+)(?:/(?:[0-9]+|\*))?$"));

/// Holds the parsers to the grammars, on the same text.
///
/// # Panics
/// Where they disagree.
pub fn range_headers(data: &[u8]) -> Taken {
    let text = &*String::from_utf8_lossy(data);
    let asked = asked(text);
    assert_eq!(asked, expected(text), "{text:?}");
    let found = chunk(Some(text)).ok().flatten();
    let expected = CHUNK.captures(text.trim()).map(|ends| (number(&ends[1]), number(&ends[2])));
    assert_eq!(found, expected, "{text:?}");
    if let Some((0, last)) = found
        && last < u64::MAX
    {
        // What an upload of so many bytes says of itself is read as that.
        assert_eq!(chunk(Some(&held(last + 1))).ok().flatten(), Some((0, last)));
    }
    Taken::of(found.is_some() || matches!(asked, Asked::Part(_)))
}

fn expected(text: &str) -> Asked {
    let Some(parts) = UNIT.captures(text) else { return Asked::Malformed };
    if !parts["unit"].trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let ranges: Option<Vec<ByteRange>> = parts["ranges"].split(',').map(|range| one(range.trim())).collect();
    match ranges.as_deref() {
        None => Asked::Malformed,
        Some([range]) => Asked::Part(*range),
        Some(_) => Asked::Whole,
    }
}

fn one(text: &str) -> Option<ByteRange> {
    let parts = ONE.captures(text)?;
    let part = |at: usize| parts.get(at).map(|part| number(part.as_str()));
    Some(match (part(1), part(2), part(3), part(4)) {
        (Some(first), Some(last), _, _) => ByteRange::FromTo(first, last),
        (_, _, Some(first), _) => ByteRange::From(first),
        (_, _, _, last) => ByteRange::Last(last?),
    })
}

/// What is too large to count is the largest.
fn number(digits: &str) -> u64 {
    digits.bytes().fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}
