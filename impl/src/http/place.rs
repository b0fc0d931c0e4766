//! Under which URLs a registry is reached, when that is not `/v2/` of the host that was asked.
//!
//! Inside, every path begins with `/v2/`. What comes in loses the prefix; the URLs that go out, in Location and Link, get it and,
//! if clients reach the registry by another name, that name.

use std::borrow::Cow;

use http::header::{LINK, LOCATION};
use http::{HeaderMap, HeaderValue};

/// Where clients find the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `https://host`, or nothing.
    origin: String,
    /// `/`, or a path with a slash at both ends.
    prefix: Cow<'static, str>,
}

impl Place {
    /// Whatever host was asked, and no prefix.
    pub(super) const HERE: Self = Self { origin: String::new(), prefix: Cow::Borrowed("/") };

    /// `origin`: scheme and host of the URLs that are given to clients, without a slash at the end; none: URLs have no host, so
    /// clients stay with the one they asked. `prefix`: the path above `v2`; slashes at its ends are added where they are missing.
    #[must_use]
    pub fn new(origin: Option<&str>, prefix: &str) -> Self {
        let trimmed = prefix.trim_matches('/');
        let prefix = if trimmed.is_empty() { "/".into() } else { format!("/{trimmed}/").into() };
        Self { origin: origin.unwrap_or_default().trim_end_matches('/').to_owned(), prefix }
    }

    /// A path without the prefix; none if it is not below it. What is not of the registry, such as `/metrics`, is there with
    /// and without.
    pub(super) fn inner<'a>(&self, path: &'a str) -> Option<Cow<'a, str>> {
        if self.prefix == "/" {
            return Some(path.into());
        }
        match path.strip_prefix(&*self.prefix) {
            Some(rest) => Some(format!("/{rest}").into()),
            None => (!path.starts_with("/v2")).then(|| path.into()),
        }
    }

    /// Makes the URLs of an answer those that clients can use.
    pub(super) fn outer(&self, headers: &mut HeaderMap) {
        if *self == Self::HERE {
            return;
        }
        for (name, lead) in [(LOCATION, ""), (LINK, "<")] {
            let Some(inner) = headers.get(&name).and_then(|value| value.to_str().ok()) else { continue };
            let Some(rest) = inner.strip_prefix(lead).and_then(|rest| rest.strip_prefix("/v2/")) else { continue };
            if let Ok(outer) = HeaderValue::from_str(&format!("{lead}{}{}v2/{rest}", self.origin, self.prefix)) {
                headers.insert(name, outer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer(place: &Place, name: http::HeaderName, text: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(name.clone(), HeaderValue::from_static(text));
        place.outer(&mut headers);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn what_comes_in_loses_the_prefix() {
        let place = Place::new(None, "hub/images");
        assert_eq!(place.inner("/hub/images/v2/a/tags/list").as_deref(), Some("/v2/a/tags/list"));
        for other in ["/v2/", "/v2", "/hub/images", "/hub/v2/", "/hub/imagesv2/"] {
            assert!(place.inner(other).is_none_or(|inner| !inner.starts_with("/v2")), "{other}");
        }
        assert_eq!(place.inner("/healthz").as_deref(), Some("/healthz"));
        assert_eq!(Place::HERE.inner("/v2/").as_deref(), Some("/v2/"));
    }

    #[test]
    fn urls_that_go_out_are_those_that_clients_use() {
        let place = Place::new(Some("https://hub.example/"), "/p/");
        assert_eq!(outer(&place, LOCATION, "/v2/a/blobs/d"), "https://hub.example/p/v2/a/blobs/d");
        assert_eq!(
            outer(&place, LINK, "</v2/_catalog?n=1>; rel=\"next\""),
            "<https://hub.example/p/v2/_catalog?n=1>; rel=\"next\""
        );
        assert_eq!(outer(&place, LOCATION, "https://elsewhere/blob"), "https://elsewhere/blob");
        assert_eq!(outer(&Place::new(None, "/"), LOCATION, "/v2/a"), "/v2/a");
        assert_eq!(Place::new(None, ""), Place::HERE);
    }
}
