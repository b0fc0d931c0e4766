//! The header `Host`, which HTTP/1.1 wants exactly once.
//!
//! Nothing here depends on it, but a proxy in front may: two that disagree about it are how requests are smuggled. The HTTP
//! library does not look at it. Source: RFC 9112, section 3.2.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Version};

/// Whether the request says which host it is for, in one way only. Before HTTP/1.1 it need not.
pub(super) fn is_named(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host),
        (None, _) => version < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Empty is one, for whoever asks by a path alone.
fn is_host(value: &HeaderValue) -> bool {
    value.is_empty() || value.to_str().is_ok_and(|host| !host.contains('@') && host.parse::<Authority>().is_ok())
}
