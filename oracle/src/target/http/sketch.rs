//! An operation as a request that is written down instead of sent.
//!
//! For scripts and diagrams. It is what [`HttpTarget`](super::HttpTarget) sends, with placeholders for what only a run knows: where the
//! registry is, the prefix of its repositories, and where an upload goes on. A real prefix of the same length may take the
//! placeholder's place.

use std::cell::RefCell;

use proofhouse_model::{Content, Op, UploadRef};
use url::Url;

use super::names::{self, Names};
use super::requests::Asking;
use super::uploads::Uploads;
use super::{asked_at_upload, opened};

/// Stands for the prefix of every repository.
pub const NAMESPACE: &str = "proofhouse-000000000000";

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    /// The method.
    pub method: String,
    /// Path and query from the registry's root on; begins with `/v2/`. With [`NAMESPACE`] in it, and for an upload with an id that no
    /// registry gave.
    pub path: String,
    /// The repository's part of the path; empty if the operation has none.
    pub repository: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body. None: none is sent, not even an empty one.
    pub body: Option<Content>,
    /// The upload at whose location it is asked.
    pub at: Option<UploadRef>,
    /// The upload whose location the answer may tell.
    pub opens: Option<UploadRef>,
}

/// The request of an operation; of several pages the first.
///
/// # Errors
/// The operation has no request: it is not one of a client, or no URL can say it.
pub fn sketch(op: &Op) -> Result<Sketch, String> {
    let base = Url::parse("http://registry.invalid/").map_err(|error| error.to_string())?;
    let (names, uploads) = (Names::new(NAMESPACE.to_owned()), RefCell::new(Uploads::default()));
    let (request, repository) = Asking { base: &base, names: &names, uploads: &uploads }.request(op)?;
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Sketch {
        method: request.method.to_string(),
        path: request.url[url::Position::BeforePath..].to_owned(),
        repository: names::path(&repository),
        headers: request.headers.iter().map(header).collect(),
        body: request.body,
        at: asked_at_upload(op),
        opens: opened(op),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_down_as_it_is_sent() {
        let op = Op::FinishUpload {
            repo: "a/b".into(),
            upload: UploadRef(3),
            digest: Some("sha256:x".into()),
            range: Some((0, 1)),
            bytes: "hi".into(),
        };
        let sketch = sketch(&op).unwrap();
        assert_eq!(sketch.method, "PUT");
        assert_eq!(
            sketch.path,
            "/v2/proofhouse-000000000000/a/b/blobs/uploads/00000000-0000-4000-8000-000000000003?digest=sha256%3Ax"
        );
        assert_eq!(sketch.repository, "proofhouse-000000000000/a/b");
        let headers: Vec<String> = sketch.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(headers, ["content-type: application/octet-stream", "content-range: 0-1"]);
        assert_eq!((sketch.at, sketch.opens), (Some(UploadRef(3)), None));
    }

    #[test]
    fn what_is_no_request_says_so() {
        let error = sketch(&Op::Restart).unwrap_err();
        assert_eq!(error, "Restart is nothing that a client can ask for over HTTP");
    }
}
