//! Conditions on an entity tag: `If-None-Match` and `If-Range`.
//!
//! The tag of what has a digest is the digest, and it is strong: the same digest is the same bytes. Dates are not kept, so a
//! condition on a date never holds. Source: RFC 9110, sections 8.8.3, 13.1.2 and 13.1.5.

use http::HeaderMap;
use http::header::{IF_NONE_MATCH, IF_RANGE};

/// The entity tag of a digest.
pub(super) fn entity_tag(digest: &str) -> String {
    format!("\"{digest}\"")
}

/// Whether the client said that it has this already. Only to be asked of what exists.
pub(super) fn is_known(headers: &HeaderMap, digest: &str) -> bool {
    let tag = entity_tag(digest);
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // Digests hold no comma, so what a comma inside another tag makes of that one cannot be taken for ours.
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Whether a `Range` counts: there is no `If-Range`, or it names exactly this.
pub(super) fn range_counts(headers: &HeaderMap, digest: &str) -> bool {
    headers.get(IF_RANGE).is_none_or(|value| value.as_bytes() == entity_tag(digest).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(name: &http::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_client_knows_what_it_names_in_any_of_its_tags() {
        for values in [&["\"d\""][..], &["W/\"d\""], &["\"x\", \"d\""], &["\"x\"", "\"d\""], &["*"]] {
            assert!(is_known(&with(&IF_NONE_MATCH, values), "d"), "{values:?}");
        }
        for values in [&[][..], &["d"], &["\"x\""], &["\"dd\""], &["\"\""]] {
            assert!(!is_known(&with(&IF_NONE_MATCH, values), "d"), "{values:?}");
        }
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
