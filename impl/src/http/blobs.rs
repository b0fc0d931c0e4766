//! Blobs: `/v2/<name>/blobs/<digest>`.

use axum::body::Body;
use axum::response::Response;
use futures::StreamExt as _;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderValue, StatusCode};

use super::answer::{Answer, empty, identify, instead, refusal, value};
use super::range::{self, Asked};
use super::{Call, Front, conditional};
use crate::api::{ApiError, BlobAnswer, BlobInfo, ByteRange, Class};

/// No blob has a byte here, so a range that means nothing gets what one that cannot be satisfied gets.
const NOWHERE: ByteRange = ByteRange::Last(0);

impl Front {
    pub(super) async fn head_blob(&self, call: &Call, repository: &str, digest: &str) -> Answer {
        let info = self.api.head_blob(repository, digest).await?;
        if let Some(other) = instead(&call.headers, info.digest.as_str()) {
            return Ok(other);
        }
        let mut response = whole(&info);
        response.headers_mut().insert(CONTENT_LENGTH, info.size.into());
        Ok(response)
    }

    pub(super) async fn get_blob(&self, call: &Call, repository: &str, digest: &str) -> Answer {
        if conditional::are_there(&call.headers) {
            let info = self.api.head_blob(repository, digest).await?;
            if let Some(other) = instead(&call.headers, info.digest.as_str()) {
                return Ok(other);
            }
        }
        let range = call.text(RANGE).filter(|_| conditional::range_counts(&call.headers, digest));
        let range = match range.as_deref().map(range::asked) {
            None | Some(Asked::Whole) => None,
            Some(Asked::Part(range)) => Some(range),
            Some(Asked::Malformed) => Some(NOWHERE),
        };
        match self.api.get_blob(repository, digest, range).await {
            Ok(BlobAnswer::Redirect(url)) => redirect(&url, digest),
            Ok(BlobAnswer::Content { info, range, stream }) => {
                let mut response = whole(&info);
                let mut length = info.size;
                if let Some((first, last)) = range {
                    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                    length = last - first + 1;
                    let part = format!("bytes {first}-{last}/{}", info.size);
                    response.headers_mut().insert(CONTENT_RANGE, value(&part));
                }
                response.headers_mut().insert(CONTENT_LENGTH, length.into());
                *response.body_mut() = Body::from_stream(stream.inspect(|piece| {
                    if let Err(error) = piece {
                        tracing::error!(%error, "a blob broke off while it was sent");
                    }
                }));
                Ok(response)
            }
            Err(error) if error.class() == Class::Range => {
                let size = self.api.head_blob(repository, digest).await?.size;
                let mut response = refusal(&error);
                response.headers_mut().insert(CONTENT_RANGE, value(&format!("bytes */{size}")));
                Ok(response)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn delete_blob(&self, repository: &str, digest: &str) -> Answer {
        self.api.delete_blob(repository, digest).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}

/// All but the body and its length.
fn whole(info: &BlobInfo) -> Response {
    let mut response = Response::new(Body::empty());
    identify(&mut response, info.digest.as_str());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

fn redirect(url: &str, digest: &str) -> Answer {
    let location = HeaderValue::from_str(url)
        .map_err(|_| ApiError::internal(format!("the driver's URL cannot stand in a header: {url:?}")))?;
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    identify(&mut response, digest);
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
