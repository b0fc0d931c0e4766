//! Which layers may live elsewhere, and where.
//!
//! A layer of a foreign type need not be pushed if it says where it can be fetched. [`UrlRules::duty`] says what is due of each
//! layer; the operator narrows the URLs with two patterns.
//!
//! Source: `docs/behaviour.md`, "Storing a manifest"; the seed's `ManifestURLsAllowRegexp` and `ManifestURLsDenyRegexp`.

use regex::Regex;

use super::mediatype::{DOCKER_FOREIGN_LAYER, is_foreign_layer};
use super::{Descriptor, ManifestType};

/// The operator's patterns. They match anywhere in a URL unless they anchor themselves.
#[derive(Clone, Debug, Default)]
pub struct UrlRules {
    /// If set, a URL must match it.
    pub allow: Option<Regex>,
    /// If set, a URL must not match it.
    pub deny: Option<Regex>,
}

/// Why a layer's URL is refused. Each carries the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedUrl {
    /// It does not begin with `http://` or `https://`.
    #[error("`{0}` does not begin with http:// or https://")]
    Scheme(String),
    /// No host follows the scheme.
    #[error("`{0}` has no host")]
    Host(String),
    /// It has a `#`.
    #[error("`{0}` has a fragment; write it without # and what follows")]
    Fragment(String),
    /// It has white space or a control character.
    #[error("`{0}` has white space or a control character; percent-encode it")]
    Character(String),
    /// The allow pattern does not match.
    #[error("`{0}` is not among the URLs that this registry allows")]
    NotAllowed(String),
    /// The deny pattern matches.
    #[error("`{0}` is among the URLs that this registry denies")]
    Denied(String),
}

/// What is due of a layer before its manifest may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerDuty {
    /// It must be linked in the repository.
    MustExist,
    /// It may live elsewhere.
    MayLiveElsewhere,
}

/// Why a layer is refused, whether or not it exists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedLayer {
    /// One of its URLs is refused.
    #[error(transparent)]
    Url(#[from] RefusedUrl),
    /// A Docker foreign layer of a Docker image has no URL.
    #[error("a foreign layer needs a URL")]
    NoUrl,
}

impl UrlRules {
    /// Whether a foreign layer may name this URL.
    ///
    /// # Errors
    /// The first of [`RefusedUrl`] that holds, in the order in which they are declared.
    pub fn permits(&self, url: &str) -> Result<(), RefusedUrl> {
        let refuse = |why: fn(String) -> RefusedUrl| Err(why(url.to_owned()));
        let Some(rest) = ["http://", "https://"].into_iter().find_map(|scheme| strip_ignoring_case(url, scheme)) else {
            return refuse(RefusedUrl::Scheme);
        };
        if matches!(rest.chars().next(), None | Some('/' | '?' | '#')) {
            return refuse(RefusedUrl::Host);
        }
        if rest.contains('#') {
            return refuse(RefusedUrl::Fragment);
        }
        if rest.chars().any(|c| c.is_ascii_whitespace() || c.is_control()) {
            return refuse(RefusedUrl::Character);
        }
        if self.allow.as_ref().is_some_and(|allow| !allow.is_match(url)) {
            return refuse(RefusedUrl::NotAllowed);
        }
        if self.deny.as_ref().is_some_and(|deny| deny.is_match(url)) {
            return refuse(RefusedUrl::Denied);
        }
        Ok(())
    }

    /// What is due of this layer of an image of type `kind`.
    ///
    /// # Errors
    /// [`RefusedLayer::Url`] for the first refused URL of a foreign layer; [`RefusedLayer::NoUrl`] for a Docker foreign layer
    /// without URLs in a Docker image (elsewhere such a layer must exist, as any other).
    pub fn duty(&self, kind: ManifestType, layer: &Descriptor) -> Result<LayerDuty, RefusedLayer> {
        if !is_foreign_layer(&layer.media_type) {
            return Ok(LayerDuty::MustExist);
        }
        if layer.urls.is_empty() {
            let docker = kind == ManifestType::DockerManifest && layer.media_type == DOCKER_FOREIGN_LAYER;
            return if docker { Err(RefusedLayer::NoUrl) } else { Ok(LayerDuty::MustExist) };
        }
        layer.urls.iter().try_for_each(|url| self.permits(url))?;
        Ok(LayerDuty::MayLiveElsewhere)
    }
}

/// What follows `prefix`, if `text` begins with it in any ASCII case.
fn strip_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Algorithm, Digest};
    use proptest::prelude::*;

    const OCI_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";

    fn rules(allow: Option<&str>, deny: Option<&str>) -> UrlRules {
        let pattern = |text: &str| Regex::new(text).unwrap();
        UrlRules { allow: allow.map(pattern), deny: deny.map(pattern) }
    }

    fn layer(media_type: &str, urls: &[&str]) -> Descriptor {
        Descriptor {
            media_type: media_type.into(),
            digest: Digest::of(Algorithm::Sha256, b""),
            size: 0,
            urls: urls.iter().map(ToString::to_string).collect(),
            platform: None,
        }
    }

    #[test]
    fn http_and_https_urls_with_a_host_are_permitted() {
        for url in
            ["http://h", "https://h/p?q", "HTTP://h", "hTTpS://é/", "http://:80", "https://h?/x", "http://h/ü%20"]
        {
            assert_eq!(rules(None, None).permits(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_for_their_own_reason() {
        type Reason = fn(String) -> RefusedUrl;
        let cases: [(&str, Reason); 22] = [
            ("", RefusedUrl::Scheme),
            ("h/p", RefusedUrl::Scheme),
            ("ftp://h", RefusedUrl::Scheme),
            ("file:///etc/passwd", RefusedUrl::Scheme),
            ("http:/h", RefusedUrl::Scheme),
            ("httpſ://h", RefusedUrl::Scheme),
            (" http://h", RefusedUrl::Scheme),
            ("http://", RefusedUrl::Host),
            ("https://", RefusedUrl::Host),
            ("http:///p", RefusedUrl::Host),
            ("http://?q", RefusedUrl::Host),
            ("http://#f", RefusedUrl::Host),
            ("http://h#", RefusedUrl::Fragment),
            ("http://h/p#f", RefusedUrl::Fragment),
            ("http://h/a b", RefusedUrl::Character),
            ("http://h\t", RefusedUrl::Character),
            ("http://h\r\n", RefusedUrl::Character),
            ("http:// h", RefusedUrl::Character),
            ("http://h\0", RefusedUrl::Character),
            ("http://h\u{b}", RefusedUrl::Character),
            ("http://h\u{7f}", RefusedUrl::Character),
            ("http://h\u{85}", RefusedUrl::Character),
        ];
        for (url, why) in cases {
            assert_eq!(rules(None, None).permits(url), Err(why(url.to_owned())));
        }
    }

    #[test]
    fn allow_must_match_and_deny_must_not_and_neither_is_anchored() {
        let both = rules(Some("good"), Some("bad"));
        assert_eq!(both.permits("http://good/"), Ok(()));
        assert_eq!(both.permits("http://h/"), Err(RefusedUrl::NotAllowed("http://h/".into())));
        assert_eq!(both.permits("http://good/bad"), Err(RefusedUrl::Denied("http://good/bad".into())));
        assert_eq!(rules(None, Some("bad")).permits("http://h/"), Ok(()));
        assert_eq!(rules(Some("^$"), None).permits("http://h/"), Err(RefusedUrl::NotAllowed("http://h/".into())));
    }

    #[test]
    fn an_ordinary_layer_must_exist_whatever_its_urls() {
        let plain = layer("application/vnd.oci.image.layer.v1.tar", &["nonsense"]);
        for kind in ManifestType::ALL {
            assert_eq!(rules(Some("^$"), None).duty(kind, &plain), Ok(LayerDuty::MustExist));
        }
    }

    #[test]
    fn a_foreign_layer_with_good_urls_may_live_elsewhere() {
        for kind in [ManifestType::DockerManifest, ManifestType::OciManifest] {
            for media_type in [DOCKER_FOREIGN_LAYER, OCI_FOREIGN] {
                let good = layer(media_type, &["http://a", "https://b"]);
                assert_eq!(rules(None, None).duty(kind, &good), Ok(LayerDuty::MayLiveElsewhere));
                let half = layer(media_type, &["http://a", "no"]);
                assert_eq!(rules(None, None).duty(kind, &half), Err(RefusedUrl::Scheme("no".into()).into()));
            }
        }
    }

    #[test]
    fn only_a_docker_foreign_layer_of_a_docker_image_needs_urls() {
        let duty = |kind, media_type| rules(None, None).duty(kind, &layer(media_type, &[]));
        assert_eq!(duty(ManifestType::DockerManifest, DOCKER_FOREIGN_LAYER), Err(RefusedLayer::NoUrl));
        assert_eq!(duty(ManifestType::DockerManifest, OCI_FOREIGN), Ok(LayerDuty::MustExist));
        assert_eq!(duty(ManifestType::OciManifest, DOCKER_FOREIGN_LAYER), Ok(LayerDuty::MustExist));
        assert_eq!(duty(ManifestType::OciManifest, OCI_FOREIGN), Ok(LayerDuty::MustExist));
    }

    proptest! {
        #[test]
        fn no_url_panics(url in "(http(s)?:/{0,3})?\\PC{0,20}") {
            let _ = rules(Some("a"), Some("b")).permits(&url);
        }
    }
}
