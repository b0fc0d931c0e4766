//! Answers: the shapes that they have in common.
//!
//! A refusal is an [`ApiError`]: its class is the status, its errors are the JSON body. Names and digests in headers were parsed
//! before they get here, so they are plain ASCII.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::conditional::{self, Outcome, entity_tag};
use crate::api::{ApiError, Class, Code};

pub(super) const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(super) const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(super) const CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");
pub(super) const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
pub(super) const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(super) const TAG: HeaderName = HeaderName::from_static("oci-tag");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a handler gives.
pub(super) type Answer = Result<Response, ApiError>;

/// How long a client that is one too many should wait, in seconds.
const RETRY_SECONDS: &str = "1";

/// A header's value. What is no visible ASCII is percent-encoded; parsed names and digests have none of that.
pub(super) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| {
        let encoded: String = percent_encoding::utf8_percent_encode(text, percent_encoding::CONTROLS).collect();
        HeaderValue::from_str(&encoded).expect("percent-encoding leaves visible ASCII")
    })
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    // These two have no body, so they have no length of one either.
    if !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// An answer with a body.
pub(super) fn content(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let bytes = bytes.into();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, bytes.len().into());
    *response.body_mut() = Body::from(bytes);
    response
}

/// Something was stored: where, and under which digest.
pub(super) fn created(location: &str, digest: &str) -> Response {
    let mut response = empty(StatusCode::CREATED);
    response.headers_mut().insert(LOCATION, value(location));
    response.headers_mut().insert(CONTENT_DIGEST, value(digest));
    response
}

/// Says which digest the answer is about, also as an entity tag.
pub(super) fn identify(response: &mut Response, digest: &str) {
    response.headers_mut().insert(CONTENT_DIGEST, value(digest));
    response.headers_mut().insert(ETAG, value(&entity_tag(digest)));
}

/// The answer instead of what has this digest, if the conditions of the request want another.
pub(super) fn instead(headers: &HeaderMap, digest: &str) -> Option<Response> {
    let mut response = match conditional::ask(headers, digest) {
        Outcome::Holds => return None,
        Outcome::Known => empty(StatusCode::NOT_MODIFIED),
        Outcome::Failed => {
            let message = "what is here is not what If-Match names";
            refusal(&ApiError::new(Code::Unsupported, Class::Precondition, message, Some(digest)))
        }
    };
    identify(&mut response, digest);
    Some(response)
}

/// A refusal.
pub(super) fn refusal(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.class().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = content(status, "application/json", error.to_json());
    if error.class() == Class::Busy {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    }
    response
}

/// Adds the headers, each with all its values. Those that the answer says itself stay as they are.
pub(super) fn add(headers: &mut HeaderMap, more: &HeaderMap) {
    for name in more.keys() {
        if !headers.contains_key(name) {
            for value in more.get_all(name) {
                headers.append(name, value.clone());
            }
        }
    }
}

/// It is not said which host is asked.
pub(super) fn no_host() -> ApiError {
    ApiError::new(Code::Unsupported, Class::Invalid, "a request of HTTP/1.1 names its host, in one header `Host`", None)
}

/// There is nothing at this path.
pub(super) fn no_route(path: &str) -> ApiError {
    ApiError::new(Code::Unsupported, Class::NotFound, "there is nothing at this path", Some(path))
}

/// The path has other methods than this.
pub(super) fn no_method(method: &Method) -> ApiError {
    ApiError::new(Code::Unsupported, Class::Unsupported, "this path has no such method", Some(method.as_str()))
}

/// Says which methods a path has, as a 405 must.
pub(super) fn allow(response: &mut Response, methods: &[Method]) {
    let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
    response.headers_mut().insert(ALLOW, value(&methods.join(", ")));
}
