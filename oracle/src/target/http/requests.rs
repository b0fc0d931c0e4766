//! An operation as a request.
//!
//! Everything that the client wrote goes out as it wrote it, percent-encoded where a URL needs it.

use std::cell::RefCell;

use proofhouse_model::{Content, Op, Range};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use url::Url;

use super::names::{Names, path, query, segment};
use super::transport::Request;
use super::uploads::Uploads;

/// What a client accepts that knows all four types of manifest.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// Where requests go.
pub(super) struct Asking<'a> {
    /// The registry's URL; it ends with `/`.
    pub(super) base: &'a Url,
    pub(super) names: &'a Names,
    pub(super) uploads: &'a RefCell<Uploads>,
}

impl Asking<'_> {
    /// The request, and the repository's whole name (empty where the operation has none).
    ///
    /// # Errors
    /// The operation has no request: it is not one of a client, or no URL can say it.
    pub(super) fn request(&mut self, op: &Op) -> Result<(Request, String), String> {
        let repository = repository(op).map(|repo| self.names.there(repo)).unwrap_or_default();
        let in_repository = |rest: String| format!("{}v2/{}/{rest}", self.base, path(&repository));
        let (method, url) = match op {
            Op::HeadBlob { digest, .. } => (Method::HEAD, in_repository(format!("blobs/{}", segment(digest)))),
            Op::GetBlob { digest, .. } => (Method::GET, in_repository(format!("blobs/{}", segment(digest)))),
            Op::DeleteBlob { digest, .. } => (Method::DELETE, in_repository(format!("blobs/{}", segment(digest)))),
            Op::MountBlob { digest, from, .. } => {
                let from = from.as_ref().map(|from| self.names.there(from));
                let mut parameters = vec![("mount", digest.as_str())];
                parameters.extend(from.as_deref().map(|from| ("from", from)));
                (Method::POST, in_repository(format!("blobs/uploads/{}", query(&parameters))))
            }
            Op::StartUpload { .. } => (Method::POST, in_repository("blobs/uploads/".into())),
            Op::PutBlob { digest, .. } => {
                (Method::POST, in_repository(format!("blobs/uploads/{}", query(&[("digest", digest)]))))
            }
            Op::Append { upload, .. } => (Method::PATCH, self.uploads.borrow().url(*upload, &repository, self.base)),
            Op::UploadStatus { upload, .. } => {
                (Method::GET, self.uploads.borrow().url(*upload, &repository, self.base))
            }
            Op::CancelUpload { upload, .. } => {
                (Method::DELETE, self.uploads.borrow().url(*upload, &repository, self.base))
            }
            Op::FinishUpload { upload, digest, .. } => {
                let url = self.uploads.borrow().url(*upload, &repository, self.base);
                (Method::PUT, digest.as_ref().map_or(url.clone(), |digest| with_parameter(&url, "digest", digest)))
            }
            Op::PutManifest { reference, tags, .. } => {
                let tags: Vec<(&str, &str)> = tags.iter().map(|tag| ("tag", tag.as_str())).collect();
                (Method::PUT, in_repository(format!("manifests/{}{}", segment(reference), query(&tags))))
            }
            Op::HeadManifest { reference, .. } => {
                (Method::HEAD, in_repository(format!("manifests/{}", segment(reference))))
            }
            Op::GetManifest { reference, .. } => {
                (Method::GET, in_repository(format!("manifests/{}", segment(reference))))
            }
            Op::DeleteManifest { reference, .. } => {
                (Method::DELETE, in_repository(format!("manifests/{}", segment(reference))))
            }
            Op::ListTags { n, last, .. } => {
                let parameters = page(n.as_deref(), last.as_deref());
                (Method::GET, in_repository(format!("tags/list{}", query(&parameters))))
            }
            Op::ListRepositories { n, last } => {
                let last = last.as_ref().map(|last| self.names.there(last));
                let parameters = page(n.as_deref(), last.as_deref());
                (Method::GET, format!("{}v2/_catalog{}", self.base, query(&parameters)))
            }
            Op::WalkRepositories { n } => {
                let n = n.to_string();
                let parameters = [("n", n.as_str()), ("last", self.names.prefix())];
                (Method::GET, format!("{}v2/_catalog{}", self.base, query(&parameters)))
            }
            Op::Referrers { digest, artifact_type, .. } => {
                let parameters: Vec<_> = artifact_type.iter().map(|it| ("artifactType", it.as_str())).collect();
                (Method::GET, in_repository(format!("referrers/{}{}", segment(digest), query(&parameters))))
            }
            _ => return Err(format!("{} is nothing that a client can ask for over HTTP", op.name())),
        };
        let url = Url::parse(&url).map_err(|error| format!("no URL: {url}: {error}"))?;
        Ok((framed(Request::new(method, url), op)?, repository))
    }
}

/// The request with its headers and its body.
fn framed(mut request: Request, op: &Op) -> Result<Request, String> {
    let octets = HeaderValue::from_static("application/octet-stream");
    match op {
        Op::GetBlob { range: Some(range), .. } => request = request.header(RANGE, text(&requested(*range))?),
        Op::MountBlob { .. } | Op::StartUpload { .. } => request.body = Some(Content::default()),
        Op::PutBlob { bytes, .. } => {
            request.body = Some(bytes.clone());
            request = request.header(CONTENT_TYPE, octets);
        }
        Op::Append { range, bytes, .. } | Op::FinishUpload { range, bytes, .. } => {
            request.body = Some(bytes.clone());
            request = request.header(CONTENT_TYPE, octets);
            if let Some((first, last)) = range {
                request = request.header(CONTENT_RANGE, text(&format!("{first}-{last}"))?);
            }
        }
        Op::PutManifest { content_type, bytes, .. } => {
            request.body = Some(bytes.clone());
            if let Some(content_type) = content_type {
                request = request.header(CONTENT_TYPE, text(content_type)?);
            }
        }
        Op::HeadManifest { .. } | Op::GetManifest { .. } => {
            request = request.header(ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        }
        _ => {}
    }
    Ok(request)
}

/// A parameter more on a URL that may have some.
pub(super) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let more = query(&[(name, value)]);
    if url.contains('?') { format!("{url}&{}", &more[1..]) } else { format!("{url}{more}") }
}

fn page<'a>(n: Option<&'a str>, last: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    n.map(|n| ("n", n)).into_iter().chain(last.map(|last| ("last", last))).collect()
}

fn requested(range: Range) -> String {
    match range {
        Range::FromTo(first, last) => format!("bytes={first}-{last}"),
        Range::From(first) => format!("bytes={first}-"),
        Range::Last(count) => format!("bytes=-{count}"),
    }
}

fn text(value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(value).map_err(|_| format!("no header can hold {value:?}"))
}

/// The repository in which the operation happens.
pub(crate) fn repository(op: &Op) -> Option<&str> {
    match op {
        Op::HeadBlob { repo, .. }
        | Op::GetBlob { repo, .. }
        | Op::DeleteBlob { repo, .. }
        | Op::MountBlob { repo, .. }
        | Op::StartUpload { repo, .. }
        | Op::PutBlob { repo, .. }
        | Op::Append { repo, .. }
        | Op::UploadStatus { repo, .. }
        | Op::FinishUpload { repo, .. }
        | Op::CancelUpload { repo, .. }
        | Op::PutManifest { repo, .. }
        | Op::HeadManifest { repo, .. }
        | Op::GetManifest { repo, .. }
        | Op::DeleteManifest { repo, .. }
        | Op::ListTags { repo, .. }
        | Op::Referrers { repo, .. } => Some(repo),
        _ => None,
    }
}

/// The digest or reference in the path.
pub(super) fn subject(op: &Op) -> Option<&str> {
    match op {
        Op::HeadBlob { digest, .. }
        | Op::GetBlob { digest, .. }
        | Op::DeleteBlob { digest, .. }
        | Op::Referrers { digest, .. } => Some(digest),
        Op::PutManifest { reference, .. }
        | Op::HeadManifest { reference, .. }
        | Op::GetManifest { reference, .. }
        | Op::DeleteManifest { reference, .. } => Some(reference),
        _ => None,
    }
}
