//! A small registry in memory, written only from the OCI text, whose every MAY and SHOULD is a switch.
//!
//! It shares no code with the registry of this repository. What [`Habits`] switches is what two registries that both keep to
//! the standard may do differently.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use proofhouse_model::{digest_of, is_digest, is_repository, is_tag};
use serde_json::{Value, json};

/// The choices that the text leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// A blob that comes with one request is stored; otherwise an upload is started (202).
    pub(crate) single_post: bool,
    /// A part of a blob is answered with the part.
    pub(crate) ranges: bool,
    /// Tags on a page, whatever is asked for.
    pub(crate) page: usize,
    /// Tags, manifests and blobs can be deleted.
    pub(crate) delete: bool,
    /// There is a referrers API.
    pub(crate) referrers: bool,
    /// Referrers are filtered.
    pub(crate) filter: bool,
    /// The status of names and digests that are none.
    pub(crate) malformed: u16,
    /// Locations are absolute and have a query of their own; otherwise they are paths.
    pub(crate) absolute: bool,
    /// A blob that was pushed anywhere is there in every repository, once so many uploads were started. None: never.
    pub(crate) shared: Option<u64>,
    /// A mount links the blob; otherwise it starts an upload.
    pub(crate) mount: bool,
    /// An image or index that names something which is not there is refused.
    pub(crate) verifies: bool,
    /// What is no JSON object is refused.
    pub(crate) reads: bool,
    /// Docker's types are taken.
    pub(crate) docker: bool,
    /// `sha512` is known.
    pub(crate) sha512: bool,
    /// Docker-Content-Digest is sent.
    pub(crate) digests: bool,
    /// Refusals have a body.
    pub(crate) bodies: bool,
    /// The tags of a repository without any are an empty list; otherwise 404.
    pub(crate) empty_tags: bool,
    /// An upload can be cancelled.
    pub(crate) cancel: bool,
    /// Chunks without a range are taken.
    pub(crate) streams: bool,
    /// `tag=` parameters are honoured.
    pub(crate) tag_parameters: bool,
}

#[derive(Default)]
struct Store {
    blobs: BTreeMap<String, Bytes>,
    links: BTreeSet<(String, String)>,
    manifests: BTreeMap<(String, String), (String, Bytes)>,
    tags: BTreeMap<String, BTreeMap<String, String>>,
    uploads: BTreeMap<String, (String, Vec<u8>)>,
    started: u64,
}

/// What handlers share.
#[derive(Clone)]
struct Registry {
    habits: Habits,
    address: String,
    store: Arc<Mutex<Store>>,
}

/// The registry, for `axum::serve`. `address` is where it listens.
pub(crate) fn router(habits: Habits, address: String) -> Router {
    let registry = Registry { habits, address, store: Arc::default() };
    Router::new().fallback(handle).with_state(registry)
}

type Answer = Response<Body>;

async fn handle(State(registry): State<Registry>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    let mut store = registry.store.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = Asked { registry: &registry, method: &method, uri: &uri, headers: &headers, body: &body };
    asked.answer(&mut store)
}

struct Asked<'a> {
    registry: &'a Registry,
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

fn plain(status: u16) -> Answer {
    with(status, &[], Body::empty())
}

fn with(status: u16, headers: &[(&str, String)], body: Body) -> Answer {
    let mut answer = Response::builder().status(StatusCode::from_u16(status).expect("a status"));
    for (name, value) in headers {
        answer = answer.header(*name, value);
    }
    answer.body(body).expect("an answer")
}

impl Asked<'_> {
    fn habits(&self) -> Habits {
        self.registry.habits
    }

    fn shares(&self, store: &Store) -> bool {
        self.habits().shared.is_some_and(|uploads| store.started >= uploads)
    }

    fn refuse(&self, status: u16, code: &str) -> Answer {
        if !self.habits().bodies || self.method == Method::HEAD {
            return plain(status);
        }
        let body = json!({"errors": [{"code": code, "message": "no"}]}).to_string();
        with(status, &[("content-type", "application/json".into())], body.into())
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).into_iter().next()
    }

    fn parameters(&self, name: &str) -> Vec<String> {
        let query = self.uri.query().unwrap_or_default();
        let url = reqwest::Url::parse(&format!("http://x/?{query}")).expect("a query");
        url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn location(&self, path: &str) -> (&'static str, String) {
        let there = if self.habits().absolute {
            format!("http://{}{path}?session=a%20b", self.registry.address)
        } else {
            path.to_owned()
        };
        ("location", there)
    }

    fn known(&self, digest: &str) -> bool {
        is_digest(digest) && (self.habits().sha512 || digest.starts_with("sha256:"))
    }

    /// The repository, the kind of thing, and what of it; decoded.
    fn answer(&self, store: &mut Store) -> Answer {
        let path = self.uri.path();
        if path == "/v2/" || path == "/v2" {
            return plain(200);
        }
        let Some(path) = path.strip_prefix("/v2/").map(decoded) else { return plain(404) };
        let malformed = || self.refuse(self.habits().malformed, "NAME_INVALID");
        let split = |marker: &str| path.rsplit_once(marker).map(|(repo, rest)| (repo.to_owned(), rest.to_owned()));
        let (kind, (repo, rest)) = if let Some(found) = split("/blobs/uploads/") {
            ("uploads", found)
        } else if let Some(found) = split("/blobs/") {
            ("blobs", found)
        } else if let Some(found) = split("/manifests/") {
            ("manifests", found)
        } else if let Some(found) = split("/referrers/") {
            ("referrers", found)
        } else if let Some(repo) = path.strip_suffix("/tags/list") {
            ("tags", (repo.to_owned(), String::new()))
        } else {
            return plain(404);
        };
        if !is_repository(&repo) {
            return malformed();
        }
        match kind {
            "uploads" => self.upload(store, &repo, &rest),
            "blobs" if !self.known(&rest) => self.refuse(self.habits().malformed, "DIGEST_INVALID"),
            "blobs" => self.blob(store, &repo, &rest),
            "manifests" => self.manifest(store, &repo, &rest),
            "tags" => self.tags(store, &repo),
            _ => self.referrers(store, &repo, &rest),
        }
    }

    fn has(&self, store: &Store, repo: &str, digest: &str) -> bool {
        let linked = store.links.contains(&(repo.to_owned(), digest.to_owned()));
        store.blobs.contains_key(digest) && (linked || self.shares(store))
    }

    fn blob(&self, store: &mut Store, repo: &str, digest: &str) -> Answer {
        let there = self.has(store, repo, digest);
        match *self.method {
            Method::DELETE if !self.habits().delete => self.refuse(405, "UNSUPPORTED"),
            // Where all repositories share blobs, one that is deleted is gone from all.
            Method::DELETE if there => {
                store.links.remove(&(repo.to_owned(), digest.to_owned()));
                if self.shares(store) {
                    store.blobs.remove(digest);
                }
                plain(202)
            }
            Method::GET | Method::HEAD if there => {
                self.content(&store.blobs[digest], digest, "application/octet-stream", self.habits().ranges)
            }
            Method::GET | Method::HEAD | Method::DELETE => self.refuse(404, "BLOB_UNKNOWN"),
            _ => self.refuse(405, "UNSUPPORTED"),
        }
    }

    fn content(&self, bytes: &Bytes, digest: &str, kind: &str, ranges: bool) -> Answer {
        let mut headers = vec![("content-type", kind.to_owned())];
        if self.habits().digests {
            headers.push(("docker-content-digest", digest.to_owned()));
        }
        let size = bytes.len();
        if let Some(asked) = self.header("range").filter(|_| ranges && self.method == Method::GET) {
            let Some((first, last)) = part(asked, size) else {
                headers.push(("content-range", format!("bytes */{size}")));
                return with(416, &headers, Body::empty());
            };
            headers.push(("content-range", format!("bytes {first}-{last}/{size}")));
            return with(206, &headers, bytes.slice(first..=last).into());
        }
        headers.push(("content-length", size.to_string()));
        with(200, &headers, if self.method == Method::HEAD { Body::empty() } else { bytes.clone().into() })
    }

    fn upload(&self, store: &mut Store, repo: &str, id: &str) -> Answer {
        if id.is_empty() {
            return if self.method == Method::POST { self.start(store, repo) } else { plain(404) };
        }
        let mine = store.uploads.get(id).is_some_and(|(of, _)| of == repo);
        if !mine {
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN");
        }
        let held = store.uploads[id].1.len();
        let path = format!("/v2/{repo}/blobs/uploads/{id}");
        let goes_on = |status: u16, held: usize| {
            let range = ("range", format!("0-{}", held.saturating_sub(1)));
            with(status, &[self.location(&path), range], Body::empty())
        };
        match *self.method {
            Method::GET => goes_on(204, held),
            Method::DELETE if !self.habits().cancel => self.refuse(405, "UNSUPPORTED"),
            Method::DELETE => {
                store.uploads.remove(id);
                plain(204)
            }
            Method::PATCH | Method::PUT => {
                let range = self.header("content-range").and_then(numbers);
                if let Some((first, last)) = range {
                    if first <= last && first != held {
                        return with(
                            416,
                            &[self.location(&path), ("range", format!("0-{}", held.saturating_sub(1)))],
                            Body::empty(),
                        );
                    }
                    if first > last || last - first + 1 != self.body.len() {
                        return self.refuse(400, "SIZE_INVALID");
                    }
                } else if self.method == Method::PATCH && !self.habits().streams {
                    return self.refuse(400, "BLOB_UPLOAD_INVALID");
                }
                if self.method == Method::PATCH {
                    store.uploads.get_mut(id).expect("it is open").1.extend_from_slice(self.body);
                    return goes_on(202, held + self.body.len());
                }
                let Some(digest) = self.parameter("digest").filter(|digest| self.known(digest)) else {
                    return self.refuse(self.habits().malformed, "DIGEST_INVALID");
                };
                let whole = [&store.uploads[id].1, &self.body[..]].concat();
                if digest_of(algorithm(&digest), &whole) != digest {
                    return self.refuse(400, "DIGEST_INVALID");
                }
                store.uploads.remove(id);
                self.keep(store, repo, &digest, whole.into())
            }
            _ => self.refuse(405, "UNSUPPORTED"),
        }
    }

    fn start(&self, store: &mut Store, repo: &str) -> Answer {
        if let Some(digest) = self.parameter("mount") {
            let from = self.parameter("from");
            let source = from.is_some_and(|from| self.has(store, &from, &digest));
            if self.habits().mount && source {
                let bytes = store.blobs[&digest].clone();
                return self.keep(store, repo, &digest, bytes);
            }
        } else if let Some(digest) = self.parameter("digest").filter(|_| self.habits().single_post) {
            if !self.known(&digest) {
                return self.refuse(self.habits().malformed, "DIGEST_INVALID");
            }
            if digest_of(algorithm(&digest), self.body) != digest {
                return self.refuse(400, "DIGEST_INVALID");
            }
            return self.keep(store, repo, &digest, self.body.clone());
        }
        store.started += 1;
        let id = format!("{:08x}", store.started);
        store.uploads.insert(id.clone(), (repo.to_owned(), Vec::new()));
        with(202, &[self.location(&format!("/v2/{repo}/blobs/uploads/{id}"))], Body::empty())
    }

    fn keep(&self, store: &mut Store, repo: &str, digest: &str, bytes: Bytes) -> Answer {
        store.blobs.insert(digest.to_owned(), bytes);
        store.links.insert((repo.to_owned(), digest.to_owned()));
        let mut headers = vec![("location", format!("/v2/{repo}/blobs/{digest}"))];
        if self.habits().digests {
            headers.push(("docker-content-digest", digest.to_owned()));
        }
        with(201, &headers, Body::empty())
    }

    fn manifest(&self, store: &mut Store, repo: &str, reference: &str) -> Answer {
        let by_digest = reference.contains(':');
        if by_digest && !self.known(reference) || !by_digest && !is_tag(reference) {
            return self.refuse(self.habits().malformed, if by_digest { "DIGEST_INVALID" } else { "MANIFEST_INVALID" });
        }
        if self.method == Method::PUT {
            return self.put(store, repo, reference);
        }
        let tagged = store.tags.get(repo).and_then(|tags| tags.get(reference)).cloned();
        let digest = if by_digest { Some(reference.to_owned()) } else { tagged };
        let found = digest.map(|digest| (repo.to_owned(), digest)).filter(|key| store.manifests.contains_key(key));
        match (self.method.clone(), found) {
            (Method::DELETE, _) if !self.habits().delete => self.refuse(405, "UNSUPPORTED"),
            (_, None) => self.refuse(404, "MANIFEST_UNKNOWN"),
            (Method::DELETE, Some(key)) => {
                let tags = store.tags.entry(repo.to_owned()).or_default();
                if by_digest {
                    tags.retain(|_, digest| *digest != key.1);
                    store.manifests.remove(&key);
                } else {
                    tags.remove(reference);
                }
                plain(202)
            }
            (Method::GET | Method::HEAD, Some(key)) => {
                let (kind, bytes) = &store.manifests[&key];
                self.content(bytes, &key.1, kind, false)
            }
            _ => self.refuse(405, "UNSUPPORTED"),
        }
    }

    fn put(&self, store: &mut Store, repo: &str, reference: &str) -> Answer {
        let habits = self.habits();
        let kind =
            self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_lowercase();
        let docker = habits.docker && kind.starts_with("application/vnd.docker.distribution.manifest.");
        if !(docker || kind.starts_with("application/vnd.oci.image.")) {
            return self.refuse(415, "MANIFEST_INVALID");
        }
        if self.body.len() > 4_000_000 {
            return self.refuse(413, "SIZE_INVALID");
        }
        let document: Value = serde_json::from_slice(self.body).unwrap_or_default();
        if habits.reads && !document.is_object() {
            return self.refuse(400, "MANIFEST_INVALID");
        }
        let digest = if reference.contains(':') { reference.to_owned() } else { digest_of("sha256", self.body) };
        if digest_of(algorithm(&digest), self.body) != digest {
            return self.refuse(400, "DIGEST_INVALID");
        }
        let named = |value: &Value| value["digest"].as_str().map(str::to_owned);
        let list = |key: &str| document[key].as_array().into_iter().flatten().filter_map(named).collect::<Vec<_>>();
        let blobs: Vec<String> = named(&document["config"]).into_iter().chain(list("layers")).collect();
        let lacks_blob = blobs.iter().any(|digest| !self.has(store, repo, digest));
        let lacks_entry =
            list("manifests").iter().any(|digest| !store.manifests.contains_key(&(repo.to_owned(), digest.clone())));
        if habits.verifies && (lacks_blob || lacks_entry) {
            return self.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        }
        let said = document["mediaType"].as_str().unwrap_or(&kind).to_owned();
        store.manifests.insert((repo.to_owned(), digest.clone()), (said, self.body.clone()));
        let more = if habits.tag_parameters && reference.contains(':') { self.parameters("tag") } else { Vec::new() };
        let tags = store.tags.entry(repo.to_owned()).or_default();
        let mut headers = vec![("location", format!("/v2/{repo}/manifests/{digest}"))];
        let set = more
            .into_iter()
            .filter(|tag| is_tag(tag))
            .inspect(|tag| headers.push(("oci-tag", tag.clone())))
            .collect::<Vec<_>>();
        for tag in (!reference.contains(':')).then(|| reference.to_owned()).into_iter().chain(set) {
            tags.insert(tag, digest.clone());
        }
        if habits.digests {
            headers.push(("docker-content-digest", digest));
        }
        if let Some(subject) = named(&document["subject"]).filter(|_| habits.referrers) {
            headers.push(("oci-subject", subject));
        }
        with(201, &headers, Body::empty())
    }

    fn tags(&self, store: &Store, repo: &str) -> Answer {
        if self.method != Method::GET {
            return self.refuse(405, "UNSUPPORTED");
        }
        let all: Vec<&String> = store.tags.get(repo).into_iter().flat_map(BTreeMap::keys).collect();
        if all.is_empty() && !self.habits().empty_tags {
            return self.refuse(404, "NAME_UNKNOWN");
        }
        let n = match self.parameter("n").map(|n| n.parse::<usize>()) {
            Some(Err(_)) => return self.refuse(400, "UNSUPPORTED"),
            Some(Ok(n)) => Some(n),
            None => None,
        };
        let most = n.map_or(self.habits().page, |n| n.min(self.habits().page));
        let last = self.parameter("last").unwrap_or_default();
        let following: Vec<&String> = all.into_iter().filter(|tag| **tag > last || last.is_empty()).collect();
        let page: Vec<&String> = following.iter().take(most).copied().collect();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(end) = page.last().filter(|_| page.len() < following.len()) {
            let n = n.map(|n| format!("&n={n}")).unwrap_or_default();
            headers.push(("link", format!("</v2/{repo}/tags/list?last={end}{n}>; rel=\"next\"")));
        }
        with(200, &headers, json!({"name": repo, "tags": page}).to_string().into())
    }

    fn referrers(&self, store: &Store, repo: &str, digest: &str) -> Answer {
        if !self.habits().referrers {
            return plain(404);
        }
        if !self.known(digest) {
            return self.refuse(400, "DIGEST_INVALID");
        }
        let filter = self.parameter("artifactType").filter(|it| self.habits().filter && !it.is_empty());
        let mut rows = Vec::new();
        for ((of, named), (kind, bytes)) in &store.manifests {
            let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let oci = kind.starts_with("application/vnd.oci.");
            if of != repo || !oci || document["subject"]["digest"] != *digest {
                continue;
            }
            let own = document["artifactType"].as_str().filter(|it| !it.is_empty());
            let artifact_type = own.or(document["config"]["mediaType"].as_str());
            if filter.as_deref().is_some_and(|filter| artifact_type != Some(filter)) {
                continue;
            }
            let mut row = json!({"mediaType": kind, "digest": named, "size": bytes.len()});
            if let Some(artifact_type) = artifact_type {
                row["artifactType"] = artifact_type.into();
            }
            if document["annotations"].is_object() {
                row["annotations"] = document["annotations"].clone();
            }
            rows.push(row);
        }
        let kind = "application/vnd.oci.image.index.v1+json";
        let mut headers = vec![("content-type", kind.to_owned())];
        if filter.is_some() {
            headers.push(("oci-filters-applied", "artifactType".to_owned()));
        }
        let body = json!({"schemaVersion": 2, "mediaType": kind, "manifests": rows});
        with(200, &headers, body.to_string().into())
    }
}

fn algorithm(digest: &str) -> &str {
    digest.split(':').next().unwrap_or_default()
}

fn numbers(range: &str) -> Option<(usize, usize)> {
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// First and last byte of what is asked for.
fn part(asked: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1)?;
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last && first <= end => Some((first, last.min(end))),
        (Ok(first), Err(_)) if first <= end => Some((first, end)),
        (Err(_), Ok(count)) if count > 0 => Some((size - count.min(size), end)),
        _ => None,
    }
}

fn decoded(path: &str) -> String {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = more.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = &more[2..];
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
