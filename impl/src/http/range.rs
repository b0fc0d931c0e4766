//! The three headers that speak of bytes: `Range`, `Content-Range` of a chunk, and `Range` of an upload.
//!
//! Source: RFC 9110, sections 14.1 and 14.2; OCI distribution-spec 1.1, "Pushing a blob in chunks", where a chunk's
//! `Content-Range` is `<first>-<last>` without a unit.

use crate::api::{ApiError, ByteRange, Class, Code};

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The whole: the unit is not bytes, or there are several ranges, which a server may answer with all there is.
    Whole,
    /// One range.
    Part(ByteRange),
    /// It is about bytes and means nothing.
    Malformed,
}

/// Reads the value of `Range`.
#[must_use]
pub fn asked(value: &str) -> Asked {
    let Some((unit, ranges)) = value.split_once('=') else { return Asked::Malformed };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let parts: Vec<Option<ByteRange>> = ranges.split(',').map(|range| part(range.trim())).collect();
    match *parts {
        [Some(range)] => Asked::Part(range),
        [_, _, ..] if parts.iter().all(Option::is_some) => Asked::Whole,
        _ => Asked::Malformed,
    }
}

fn part(text: &str) -> Option<ByteRange> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", count) => number(count).map(ByteRange::Last),
        (first, "") => number(first).map(ByteRange::From),
        (first, last) => Some(ByteRange::FromTo(number(first)?, number(last)?)),
    }
}

/// The first and last byte of a chunk. `bytes ` before and `/<size>` after them are passed over.
///
/// # Errors
/// `BLOB_UPLOAD_INVALID` if it is malformed.
pub fn chunk(value: Option<&str>) -> Result<Option<(u64, u64)>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    let range = value.trim();
    let range = range.strip_prefix("bytes ").unwrap_or(range);
    let range = match range.split_once('/') {
        Some((range, size)) if size == "*" || number(size).is_some() => range,
        Some(_) => "",
        None => range,
    };
    let ends = range.split_once('-').and_then(|(first, last)| Some((number(first)?, number(last)?)));
    let message = "the Content-Range of a chunk is `<first byte>-<last byte>`";
    ends.map(Some).ok_or_else(|| ApiError::new(Code::BlobUploadInvalid, Class::Invalid, message, None))
}

/// What an upload of this size says of itself. Of an empty one the standard says nothing; `0-0` is custom.
#[must_use]
pub fn held(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}

/// A decimal number and nothing else. What is larger than can be counted is as good as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_a_part() {
        for (value, range) in [
            ("bytes=0-9", ByteRange::FromTo(0, 9)),
            ("Bytes = 2-1", ByteRange::FromTo(2, 1)),
            ("bytes=5-", ByteRange::From(5)),
            ("bytes=-3", ByteRange::Last(3)),
            ("bytes=0-99999999999999999999", ByteRange::FromTo(0, u64::MAX)),
        ] {
            assert_eq!(asked(value), Asked::Part(range), "{value}");
        }
    }

    #[test]
    fn other_units_and_several_ranges_ask_for_the_whole() {
        for value in ["lines=0-9", "bytes=0-1,3-4", "bytes=0-1, -4"] {
            assert_eq!(asked(value), Asked::Whole, "{value}");
        }
    }

    #[test]
    fn a_range_of_bytes_that_means_nothing_is_malformed() {
        for value in
            ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=+1-2", "bytes=0-1,x", "bytes=1--2"]
        {
            assert_eq!(asked(value), Asked::Malformed, "{value}");
        }
    }

    #[test]
    fn a_chunk_has_its_range_without_a_unit_or_with_one() {
        for value in ["0-9", "bytes 0-9", "bytes 0-9/10", "0-9/*", " 0-9 "] {
            assert_eq!(chunk(Some(value)), Ok(Some((0, 9))), "{value}");
        }
        assert_eq!(chunk(Some("7-3")), Ok(Some((7, 3))));
        assert_eq!(chunk(Some("99999999999999999999-1")), Ok(Some((u64::MAX, 1))));
        assert_eq!(chunk(None), Ok(None));
        for value in ["", "-", "0-", "-9", "a-b", "bytes=0-9", "0-9/x", "bytes */10", "0 - 9"] {
            let error = chunk(Some(value)).unwrap_err();
            assert_eq!((error.errors[0].code, error.class()), (Code::BlobUploadInvalid, Class::Invalid), "{value}");
        }
    }

    #[test]
    fn an_upload_tells_its_last_byte() {
        assert_eq!([held(0), held(1), held(10)], ["0-0", "0-0", "0-9"]);
    }
}
