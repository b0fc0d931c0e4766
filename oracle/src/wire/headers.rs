//! Reading the headers that registries answer with.
//!
//! Strict: a value that its standard does not permit is none, or an error in words. What is missing is not the same as
//! what is malformed, so every reader tells the two apart.

use reqwest::header::HeaderMap;

/// The one value of a header, trimmed.
///
/// # Errors
/// It stands more than once with different values, or is not text.
pub fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, String> {
    let mut found = None;
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| format!("the header {name} holds bytes that are no visible ASCII"))?;
        match found {
            Some(other) if other != text.trim() => {
                return Err(format!("the header {name} stands twice, as {other:?} and {text:?}"));
            }
            _ => found = Some(text.trim()),
        }
    }
    Ok(found)
}

/// As [`single`], where what cannot be read counts as missing.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    single(headers, name).ok().flatten()
}

/// Every value of a header that is a list, separated by commas or in lines of their own.
pub fn list<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// Which part of how much: `Content-Range: bytes first-last/size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub first: u64,
    /// The last byte, inclusive.
    pub last: u64,
    /// The size of the whole in bytes; none for `*`.
    pub size: Option<u64>,
}

/// Reads the `Content-Range` of a 206. None: malformed, or no part of that whole.
pub fn content_range(value: &str) -> Option<ContentRange> {
    let (part, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let size = if size == "*" { None } else { Some(number(size)?) };
    (first <= last && size.is_none_or(|size| last < size)).then_some(ContentRange { first, last, size })
}

/// Reads the `Range` of an upload, `0-<last>`: the last byte. None: malformed.
pub fn upload_range(value: &str) -> Option<u64> {
    number(value.strip_prefix("0-")?)
}

/// A decimal number and nothing else.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Where the next page is: the target of the link whose relation is `next`, if there is one.
///
/// # Errors
/// A `Link` header that RFC 8288 does not permit, or two next pages.
pub fn next_link(headers: &HeaderMap) -> Result<Option<String>, String> {
    let mut next = None;
    for value in headers.get_all("link") {
        let value = value.to_str().map_err(|_| "a Link header that is not text".to_owned())?;
        for target in links(value).ok_or_else(|| format!("a malformed Link header {value:?}"))? {
            if next.is_some() {
                return Err("two links to a next page".to_owned());
            }
            next = Some(target);
        }
    }
    Ok(next)
}

/// The targets of relation `next` in one header value. None: malformed.
fn links(value: &str) -> Option<Vec<String>> {
    let mut targets = Vec::new();
    let mut rest = value.trim();
    loop {
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (parameters, after) = split_unquoted(after, ',')?;
        let mut relations = Vec::new();
        let mut parameters = parameters.trim();
        while !parameters.is_empty() {
            let (parameter, after) = split_unquoted(parameters.strip_prefix(';')?, ';')?;
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name.trim().eq_ignore_ascii_case("rel") {
                relations.extend(unquoted(value.trim())?.split(' ').map(str::to_ascii_lowercase));
            }
            // The separator belongs to the parameter that follows.
            parameters = if after.is_empty() { "" } else { &parameters[parameters.len() - after.len() - 1..] };
        }
        if relations.iter().any(|relation| relation == "next") {
            targets.push(target.to_owned());
        }
        rest = after.trim();
        if rest.is_empty() {
            return Some(targets);
        }
    }
}

/// What stands before and after the first separator outside quotes; all of it and nothing, if there is none.
/// None: a quote is not closed.
fn split_unquoted(text: &str, separator: char) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    (!quoted).then_some((text, ""))
}

/// A token as it is, a quoted string without its quotes. None: half a quoted string.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => (!value.contains('"')).then_some(value),
    }
}

/// Is it `299 - "text"`, perhaps several times, separated by commas, without dates?
pub fn is_warning(value: &str) -> bool {
    let mut rest = value.trim();
    loop {
        let Some(after) = rest.strip_prefix("299 - \"") else { return false };
        // The text ends at the first quote that is not escaped.
        let mut escaped = false;
        let end = after.char_indices().find(|(_, character)| {
            let ends = *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else { return false };
        match after[end + 1..].trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return after[end + 1..].trim().is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, reqwest::header::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_content_range_is_a_part_of_its_whole() {
        assert_eq!(content_range("bytes 0-4/10"), Some(ContentRange { first: 0, last: 4, size: Some(10) }));
        assert_eq!(content_range("bytes 3-9/*"), Some(ContentRange { first: 3, last: 9, size: None }));
        for bad in ["bytes 10-9/10", "bytes 0--1/0", "bytes 0-10/10", "0-4/10", "bytes */10", "bytes +0-4/10", ""] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_range_of_an_upload_starts_at_zero_and_has_no_unit() {
        assert_eq!(upload_range("0-0"), Some(0));
        assert_eq!(upload_range("0-41"), Some(41));
        for bad in ["bytes=0-4", "1-4", "0-", "0--1", "0-4/5", "-", "0-18446744073709551616"] {
            assert_eq!(upload_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_next_page_is_the_link_whose_relation_says_so() {
        let next = |value| next_link(&headers(&[("link", value)]));
        assert_eq!(
            next("</v2/_catalog?last=b&n=2>; rel=\"next\"").unwrap().as_deref(),
            Some("/v2/_catalog?last=b&n=2")
        );
        assert_eq!(next("<x>; rel=next").unwrap().as_deref(), Some("x"));
        assert_eq!(next("<x>; title=\"a, b; c\"; REL=\"prev Next\"").unwrap().as_deref(), Some("x"));
        assert_eq!(next("<a>; rel=\"prev\", <b>; rel=\"next\"").unwrap().as_deref(), Some("b"));
        assert_eq!(next("<a>; rel=\"prev\"").unwrap(), None);
        assert_eq!(next_link(&headers(&[])).unwrap(), None);
        for bad in [
            "/v2/_catalog?n=2; rel=next",
            "<x; rel=next",
            "<x>; rel=\"next",
            "<a>; rel=next, <b>; rel=next",
            "<a> rel=next",
        ] {
            assert!(next(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_warning_has_code_299_no_agent_and_no_date() {
        assert!(is_warning("299 - \"goes away\""));
        assert!(is_warning("299 - \"a \\\"b\\\", c\", 299 - \"d\""));
        for bad in
            ["199 - \"x\"", "299 me \"x\"", "299 - x", "299 - \"x\" \"Wed, 21 Oct 2015 07:28:00 GMT\"", "299 - \"x", ""]
        {
            assert!(!is_warning(bad), "{bad}");
        }
    }

    #[test]
    fn a_header_that_stands_twice_must_say_the_same() {
        assert_eq!(single(&headers(&[("location", "/a "), ("location", "/a")]), "location"), Ok(Some("/a")));
        assert!(single(&headers(&[("location", "/a"), ("location", "/b")]), "location").is_err());
        assert_eq!(list(&headers(&[("oci-tag", "a, b"), ("oci-tag", "c")]), "oci-tag"), ["a", "b", "c"]);
    }
}
