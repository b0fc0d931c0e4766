//! What is remembered of uploads: where each goes on.
//!
//! The location of an upload may change with every answer, and the last one counts. An upload keeps its location when it
//! has ended, so that a later use of it asks for the same thing again; one that was never opened gets an id that no
//! registry gave.

use std::collections::BTreeMap;

use proofhouse_model::UploadRef;
use url::Url;

use super::names;
use crate::wire::headers;

/// An upload that was opened.
#[derive(Debug, Clone)]
struct Upload {
    /// The repository's name in the registry.
    repository: String,
    location: Url,
    /// Bytes of all chunks that were taken, as far as the answers tell.
    held: u64,
}

/// The uploads of one case.
#[derive(Debug, Clone, Default)]
pub(super) struct Uploads {
    known: BTreeMap<UploadRef, Upload>,
}

impl Uploads {
    /// Where to ask for the upload in the repository, given the registry's URL (it ends with `/`).
    ///
    /// In another repository than its own an upload has the same id: the repository's part of the path is exchanged.
    pub(super) fn url(&self, upload: UploadRef, repository: &str, base: &Url) -> String {
        let uploads = |repository: &str| format!("/v2/{}/blobs/uploads/", names::path(repository));
        let Some(known) = self.known.get(&upload) else {
            return format!("{}{}00000000-0000-4000-8000-{:012x}", root(base), uploads(repository), upload.0);
        };
        if known.repository == repository {
            return known.location.to_string();
        }
        let path = known.location.path();
        let id =
            path.strip_prefix(&uploads(&known.repository)).unwrap_or_else(|| path.rsplit('/').next().unwrap_or(""));
        let query = known.location.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{}{id}{query}", root(&known.location), uploads(repository))
    }

    /// Bytes that it holds, as far as the answers tell.
    pub(super) fn held(&self, upload: UploadRef) -> u64 {
        self.known.get(&upload).map_or(0, |known| known.held)
    }

    /// Where it went on, or ended: the repository's name in the registry, and the location.
    pub(super) fn last(&self, upload: UploadRef) -> Option<(&str, &Url)> {
        self.known.get(&upload).map(|known| (known.repository.as_str(), &known.location))
    }

    /// It was opened, or it goes on: there.
    pub(super) fn goes_on(&mut self, upload: UploadRef, repository: &str, location: Url, held: u64) {
        // An upload goes on in the repository in which it was opened.
        self.known.insert(upload, Upload { repository: repository.to_owned(), location, held });
    }

    /// It holds so many bytes now.
    pub(super) fn holds(&mut self, upload: UploadRef, held: u64) {
        if let Some(known) = self.known.get_mut(&upload) {
            known.held = held;
        }
    }
}

/// Scheme, host and port.
fn root(url: &Url) -> String {
    url[..url::Position::BeforePath].to_owned()
}

/// The size of an upload that answers so; `held` is what it holds if it took what was sent.
///
/// `Range: 0-0` says both that nothing and that one byte is there: it is taken for one byte if that is what it should hold. Without a
/// range nothing is there (the rules of the wire see to it that it is not left out otherwise).
pub(super) fn size(range: Option<&str>, held: u64) -> u64 {
    match range.and_then(headers::upload_range) {
        None => 0,
        Some(0) => u64::from(held == 1),
        Some(last) => last.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_upload_is_asked_for_where_its_last_answer_said() {
        let mut uploads = Uploads::default();
        let base = url("http://registry:5000/");
        let made_up = "http://registry:5000/v2/p/a/blobs/uploads/00000000-0000-4000-8000-000000000007";
        assert_eq!(uploads.url(UploadRef(7), "p/a", &base), made_up);

        uploads.goes_on(UploadRef(7), "p/a", url("http://other/v2/p/a/blobs/uploads/x?_state=1"), 0);
        uploads.goes_on(UploadRef(7), "p/a", url("http://other/v2/p/a/blobs/uploads/x?_state=2"), 3);
        assert_eq!(uploads.url(UploadRef(7), "p/a", &base), "http://other/v2/p/a/blobs/uploads/x?_state=2");
        assert_eq!(uploads.held(UploadRef(7)), 3);
    }

    #[test]
    fn in_another_repository_the_id_is_the_same() {
        let mut uploads = Uploads::default();
        let base = url("http://registry/");
        uploads.goes_on(UploadRef(1), "p/a", url("http://registry/v2/p/a/blobs/uploads/x?_state=1"), 0);
        assert_eq!(uploads.url(UploadRef(1), "p/b/c", &base), "http://registry/v2/p/b/c/blobs/uploads/x?_state=1");
        uploads.goes_on(UploadRef(1), "p/a", url("http://registry/sessions/x"), 0);
        assert_eq!(uploads.url(UploadRef(1), "p/b", &base), "http://registry/v2/p/b/blobs/uploads/x");
    }

    #[test]
    fn a_range_of_one_byte_or_none_agrees_with_what_was_sent() {
        assert_eq!(size(Some("0-0"), 0), 0);
        assert_eq!(size(Some("0-0"), 1), 1);
        assert_eq!(size(Some("0-0"), 5), 0);
        assert_eq!(size(Some("0-4"), 5), 5);
        assert_eq!(size(Some("0-9"), 5), 10);
        assert_eq!(size(None, 0), 0);
    }
}
