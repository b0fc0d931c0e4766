//! Conditions on an entity tag: `If-Match`, `If-None-Match` and `If-Range`.
//!
//! The tag of what has a digest is the digest, and it is strong: the same digest is the same bytes. Dates are not kept, so a
//! condition on a date is none. They are asked of what exists only, in this order. Source: RFC 9110, sections 8.8.3 and 13.

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderName};

/// What the conditions of a GET or HEAD make of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They hold, or there are none.
    Holds,
    /// 412: it is not what the client takes it for.
    Failed,
    /// 304: the client has it already.
    Known,
}

/// The entity tag of a digest.
pub(super) fn entity_tag(digest: &str) -> String {
    format!("\"{digest}\"")
}

/// Whether there is anything to ask.
pub(super) fn are_there(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH)
}

/// Asks the conditions of what has this digest.
pub(super) fn ask(headers: &HeaderMap, digest: &str) -> Outcome {
    let tag = entity_tag(digest);
    if headers.contains_key(IF_MATCH) && !names(headers, IF_MATCH, |one| one == tag) {
        Outcome::Failed
    } else if names(headers, IF_NONE_MATCH, |one| one.trim_start_matches("W/") == tag) {
        Outcome::Known
    } else {
        Outcome::Holds
    }
}

/// Whether the header has `*`, or a tag that is it.
fn names(headers: &HeaderMap, name: HeaderName, is_it: impl Fn(&str) -> bool) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    // Digests hold no comma, so what a comma inside another tag makes of that one cannot be taken for ours.
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|one| one == "*" || is_it(one))
}

/// Whether a `Range` counts: there is no `If-Range`, or it names exactly this.
pub(super) fn range_counts(headers: &HeaderMap, digest: &str) -> bool {
    headers.get(IF_RANGE).is_none_or(|value| value.as_bytes() == entity_tag(digest).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_client_knows_what_it_names_in_any_of_its_tags() {
        for values in [&["\"d\""][..], &["W/\"d\""], &["\"x\", \"d\""], &["\"x\"", "\"d\""], &["*"]] {
            assert_eq!(ask(&with(&IF_NONE_MATCH, values), "d"), Outcome::Known, "{values:?}");
        }
        for values in [&[][..], &["d"], &["\"x\""], &["\"dd\""], &["\"\""]] {
            assert_eq!(ask(&with(&IF_NONE_MATCH, values), "d"), Outcome::Holds, "{values:?}");
        }
    }

    #[test]
    fn a_client_gets_only_what_it_takes_it_for() {
        for values in [&[][..], &["\"d\""], &["\"x\", \"d\""], &["\"x\"", "\"d\""], &["*"]] {
            assert_eq!(ask(&with(&IF_MATCH, values), "d"), Outcome::Holds, "{values:?}");
        }
        // A weak tag does not say that the bytes are the same.
        for values in [&["W/\"d\""][..], &["d"], &["\"x\""], &[""]] {
            assert_eq!(ask(&with(&IF_MATCH, values), "d"), Outcome::Failed, "{values:?}");
        }
    }

    #[test]
    fn whether_it_is_what_the_client_takes_it_for_comes_first() {
        let mut both = with(&IF_MATCH, &["\"x\""]);
        both.extend(with(&IF_NONE_MATCH, &["\"d\""]));
        assert_eq!((ask(&both, "d"), ask(&both, "x")), (Outcome::Failed, Outcome::Holds));
    }

    #[test]
    fn a_range_counts_if_it_is_of_the_same_bytes() {
        assert!(range_counts(&HeaderMap::new(), "d"));
        assert!(range_counts(&with(&IF_RANGE, &["\"d\""]), "d"));
        for value in ["\"x\"", "W/\"d\"", "Tue, 01 Jan 2030 00:00:00 GMT"] {
            assert!(!range_counts(&with(&IF_RANGE, &[value]), "d"), "{value}");
        }
    }
}
