//! What a path asks for.
//!
//! Names of repositories have slashes in them, and any of their components may be called `blobs` or `tags`; so a path is matched
//! from its right end. It is split first and its segments are percent-decoded then, once each, so an encoded slash never
//! separates anything but the components of a name. Whether names and digests are well-formed is not asked here.

use http::Method;
use percent_encoding::percent_decode_str;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    Catalog,
    Metrics,
    Health,
    Blob { repository: String, digest: String },
    Uploads { repository: String },
    Upload { repository: String, id: String },
    Manifest { repository: String, reference: String },
    Tags { repository: String },
    Referrers { repository: String, digest: String },
}

impl Route {
    /// None: nothing of this server's is there.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "/v2" | "/v2/" => return Some(Self::Base),
            "/v2/_catalog" => return Some(Self::Catalog),
            "/metrics" => return Some(Self::Metrics),
            "/healthz" => return Some(Self::Health),
            _ => {}
        }
        let segments: Vec<&str> = path.strip_prefix("/v2/")?.split('/').collect();
        Some(match *segments {
            [ref name @ .., "blobs", "uploads", ""] | [ref name @ .., "blobs", "uploads"] if !name.is_empty() => {
                Self::Uploads { repository: repository(name) }
            }
            [ref name @ .., "blobs", "uploads", id] if !name.is_empty() => {
                Self::Upload { repository: repository(name), id: decoded(id) }
            }
            [ref name @ .., "blobs", digest] if !name.is_empty() => {
                Self::Blob { repository: repository(name), digest: decoded(digest) }
            }
            [ref name @ .., "manifests", reference] if !name.is_empty() => {
                Self::Manifest { repository: repository(name), reference: decoded(reference) }
            }
            [ref name @ .., "tags", "list"] if !name.is_empty() => Self::Tags { repository: repository(name) },
            [ref name @ .., "referrers", digest] if !name.is_empty() => {
                Self::Referrers { repository: repository(name), digest: decoded(digest) }
            }
            _ => return None,
        })
    }

    /// Its name in metrics and logs.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Catalog => "catalog",
            Self::Metrics => "metrics",
            Self::Health => "health",
            Self::Blob { .. } => "blob",
            Self::Uploads { .. } => "uploads",
            Self::Upload { .. } => "upload",
            Self::Manifest { .. } => "manifest",
            Self::Tags { .. } => "tags",
            Self::Referrers { .. } => "referrers",
        }
    }

    /// The methods that it has, as they stand in `Allow`. HEAD is answered as GET is, without the body.
    pub(super) const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Blob { .. } => &[Method::GET, Method::HEAD, Method::DELETE],
            Self::Uploads { .. } => &[Method::POST],
            Self::Upload { .. } => &[Method::GET, Method::HEAD, Method::PATCH, Method::PUT, Method::DELETE],
            Self::Manifest { .. } => &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE],
            _ => &[Method::GET, Method::HEAD],
        }
    }

    /// The repository that it is about, if any.
    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Base | Self::Catalog | Self::Metrics | Self::Health => None,
            Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Tags { repository }
            | Self::Referrers { repository, .. } => Some(repository),
        }
    }
}

/// No name holds what cannot be decoded, so it is refused later, with the right code.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn repository(segments: &[&str]) -> String {
    segments.iter().map(|segment| decoded(segment)).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(repository: &str, digest: &str) -> Option<Route> {
        Some(Route::Blob { repository: repository.into(), digest: digest.into() })
    }

    fn manifest(repository: &str, reference: &str) -> Option<Route> {
        Some(Route::Manifest { repository: repository.into(), reference: reference.into() })
    }

    #[test]
    fn every_route_is_found() {
        let repository = "a/b".to_owned();
        for (path, route) in [
            ("/v2", Route::Base),
            ("/v2/", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            ("/metrics", Route::Metrics),
            ("/healthz", Route::Health),
            ("/v2/a/b/blobs/uploads/", Route::Uploads { repository: repository.clone() }),
            ("/v2/a/b/blobs/uploads", Route::Uploads { repository: repository.clone() }),
            ("/v2/a/b/blobs/uploads/x", Route::Upload { repository: repository.clone(), id: "x".into() }),
            ("/v2/a/b/tags/list", Route::Tags { repository: repository.clone() }),
            ("/v2/a/b/referrers/d", Route::Referrers { repository: repository.clone(), digest: "d".into() }),
        ] {
            assert_eq!(Route::of(path), Some(route), "{path}");
        }
        assert_eq!(Route::of("/v2/a/b/blobs/sha256:x"), blob("a/b", "sha256:x"));
        assert_eq!(Route::of("/v2/a/b/manifests/latest"), manifest("a/b", "latest"));
    }

    #[test]
    fn a_component_of_a_name_may_be_called_like_a_part_of_a_path() {
        assert_eq!(Route::of("/v2/a/blobs/uploads/blobs/d"), blob("a/blobs/uploads", "d"));
        assert_eq!(Route::of("/v2/a/tags/manifests/list"), manifest("a/tags", "list"));
        assert_eq!(Route::of("/v2/manifests/manifests/manifests"), manifest("manifests", "manifests"));
        assert_eq!(
            Route::of("/v2/blobs/uploads/blobs/uploads/"),
            Some(Route::Uploads { repository: "blobs/uploads".into() })
        );
        assert_eq!(Route::of("/v2/a/manifests/tags/list"), Some(Route::Tags { repository: "a/manifests".into() }));
        assert_eq!(Route::of("/v2/_catalog/tags/list"), Some(Route::Tags { repository: "_catalog".into() }));
    }

    #[test]
    fn a_segment_is_decoded_once_and_after_the_split() {
        assert_eq!(Route::of("/v2/a/manifests/b%2Fc"), manifest("a", "b/c"));
        assert_eq!(Route::of("/v2/a%2Fb/manifests/%2573"), manifest("a/b", "%73"));
        assert_eq!(Route::of("/v2/a/manifests/%zz%FF"), manifest("a", "%zz\u{FFFD}"));
    }

    #[test]
    fn what_is_malformed_is_kept_for_the_right_refusal() {
        assert_eq!(Route::of("/v2/a//b/blobs/d"), blob("a//b", "d"));
        assert_eq!(Route::of("/v2//blobs/d"), blob("", "d"));
        assert_eq!(Route::of("/v2/a/blobs/"), blob("a", ""));
        assert_eq!(Route::of("/v2/../a/manifests/"), manifest("../a", ""));
    }

    #[test]
    fn anything_else_is_no_route() {
        for path in [
            "",
            "*",
            "/",
            "/v1/",
            "/v2x",
            "/v2/a",
            "/v2/a/",
            "/v2/blobs/d",
            "/v2/tags/list",
            "/v2/a/tags",
            "/v2/a/tags/x",
            "/v2/_catalog/",
            "/v2/a/blobs/d/",
            "/v2/a/blobs/uploads/x/y",
            "/metrics/",
            "/v2/blobs/uploads/",
            "/V2/",
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
