//! The registry over HTTP: requests of the OCI distribution-spec become calls of [`Api`], its answers become theirs.
//!
//! A [`Front`] is a registry with its limits; [`router`] makes of it a service that any server of hyper's can run
//! ([`crate::server`] is ours). Every request goes the same way: its path is a `Route`, what it needs to be allowed are
//! `Access`es, its body is an `Intake`, and one file for each subject answers it. Bodies stream both ways.
//!
//! What is answered, exactly, is `docs/behaviour.md`, "Over HTTP".

mod access;
mod answer;
mod blobs;
mod conditional;
mod guard;
mod host;
mod intake;
mod lists;
mod log;
mod manifests;
mod metrics;
mod params;
mod place;
pub mod range;
mod route;
mod token;
mod uploads;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::FutureExt as _;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio_util::task::TaskTracker;

use self::access::Access;
use self::answer::{API_VERSION, Answer, REQUEST_ID, empty, refusal, value};
use self::intake::{Intake, Memory};
use self::log::{Entry, Watched};
use self::metrics::{InFlight, Metrics};
use self::params::Params;
use self::route::Route;
use crate::api::{Api, ApiError, Class, Code};
use crate::auth::Authorizer;
use crate::sync::{Arc, OwnedSemaphorePermit, Semaphore};

pub use place::Place;
pub use token::Secret;

/// What of the HTTP side the operator can choose.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// What the tokens of uploads are signed with. A fixed one lets uploads go on after a restart.
    pub secret: Secret,
    /// How long a client may send nothing in the middle of a body. Default: 30 seconds.
    pub body_timeout: Duration,
    /// How many requests may send content at once; one more is answered TOOMANYREQUESTS. Default: 256.
    pub max_uploads: usize,
    /// How many `tag` parameters a manifest may come with. Default: 32.
    pub max_extra_tags: usize,
    /// The length in bytes from which on a chunk is worth its while, told to clients as `OCI-Chunk-Min-Length`; shorter ones
    /// are taken as well. 0: nothing is told. Default: 64 KiB.
    pub chunk_min_bytes: u64,
    /// How many rows a page of referrers has at most. Default: 1,000.
    pub referrers_page: usize,
    /// Who decides who may enter. Default: everybody may.
    pub authorizer: Option<Arc<dyn Authorizer>>,
    /// Nothing may be pushed or deleted: such requests are answered UNSUPPORTED. Default: off.
    pub read_only: bool,
    /// Headers that every answer gets, with each of their values; what an answer says itself stays. Default: none.
    pub headers: HeaderMap,
    /// Under which URLs the registry is. Default: `/v2/` of whatever host was asked.
    pub place: Place,
}

impl HttpOptions {
    /// The defaults, with this secret.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            body_timeout: Duration::from_secs(30),
            max_uploads: 256,
            max_extra_tags: 32,
            chunk_min_bytes: 64 << 10,
            referrers_page: 1_000,
            authorizer: None,
            read_only: false,
            headers: HeaderMap::new(),
            place: Place::HERE,
        }
    }
}

/// How many bytes of manifests are taken in at once, all clients together. Most have some hundred.
const MANIFESTS_AT_ONCE: u64 = 32 << 20;

/// A registry and the limits within which it answers. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Front {
    api: Api,
    options: Arc<HttpOptions>,
    uploads: Arc<Semaphore>,
    memory: Memory,
    metrics: Metrics,
    requests: TaskTracker,
}

/// One request, as the handlers see it.
#[derive(Debug)]
struct Call {
    method: Method,
    headers: HeaderMap,
    params: Params,
    intake: Arc<Intake>,
}

/// Holds the place of one request that sends content.
struct Slot {
    _permit: OwnedSemaphorePermit,
    _in_flight: InFlight,
}

/// The service: every path and every method.
pub fn router(front: Front) -> Router {
    Router::new().fallback(answer_in_a_task).with_state(front)
}

/// What operators watch, for a listener of their own: `/healthz`, and the metrics under a path.
pub fn watching(front: Front, metrics: Option<String>) -> Router {
    let answer = |State((front, metrics)): State<(Front, Option<String>)>, request: Request| async move {
        match request.uri().path() {
            _ if !matches!(*request.method(), Method::GET | Method::HEAD) => empty(StatusCode::METHOD_NOT_ALLOWED),
            path if metrics.as_deref() == Some(path) => front.metrics(),
            "/healthz" => front.health().await,
            _ => empty(StatusCode::NOT_FOUND),
        }
    };
    Router::new().fallback(answer).with_state((front, metrics))
}

/// In a task of its own, so that a request runs to its end though its client goes, and nothing is left half done.
async fn answer_in_a_task(State(front): State<Front>, request: Request) -> Response {
    let answered = front.requests.spawn(front.clone().answer(request)).await;
    answered.unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

impl Front {
    /// Puts HTTP before a registry.
    #[must_use]
    pub fn new(api: Api, options: HttpOptions) -> Self {
        let uploads = Arc::new(Semaphore::new(options.max_uploads.min(Semaphore::MAX_PERMITS)));
        // One alone always fits.
        let memory = Memory::of(MANIFESTS_AT_ONCE.max(api.config().max_manifest_bytes));
        Self { api, options: Arc::new(options), uploads, memory, metrics: Metrics::new(), requests: TaskTracker::new() }
    }

    /// Waits until every request that has begun is answered. Others may begin meanwhile.
    pub async fn idle(&self) {
        self.requests.close();
        self.requests.wait().await;
        self.requests.reopen();
    }

    async fn answer(self, request: Request) -> Response {
        let began = Instant::now();
        let (Parts { method, uri, version, headers, .. }, body) = request.into_parts();
        let intake = Intake::new(&headers, body, self.options.body_timeout);
        let path = self.options.place.inner(uri.path());
        let route = path.as_deref().and_then(Route::of);
        let call = Call { method, headers, params: Params::of(uri.query()), intake };
        let accesses = route.as_ref().map(|route| access::accesses(route, &call.method, &call.params));
        let needed = accesses.as_ref().and_then(|accesses| accesses.first());
        let entry = Entry {
            id: uuid::Uuid::new_v4().to_string(),
            method: call.method.clone(),
            path: uri.path().to_owned(),
            route: route.as_ref().map_or("none", Route::name),
            repository: needed.and_then(|access| access.repository.clone()),
            action: needed.map(|access| access.action.to_string()),
            intake: Arc::clone(&call.intake),
            metrics: self.metrics.clone(),
            began,
        };
        let outcome = AssertUnwindSafe(async {
            if !host::is_named(version, &call.headers) {
                return refusal(&answer::no_host());
            }
            self.decide(&call, uri.path(), route.as_ref(), accesses.as_deref()).await
        });
        let mut response = outcome.catch_unwind().await.unwrap_or_else(|_| {
            // The panic itself is on stderr already.
            refusal(&ApiError::internal(format!("the request {} panicked", entry.id)))
        });
        let headers = response.headers_mut();
        self.options.place.outer(headers);
        answer::add(headers, &self.options.headers);
        headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        headers.insert(REQUEST_ID, value(&entry.id));
        if !call.intake.settle().await {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let status = response.status();
        let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let head = call.method == Method::HEAD;
        response.map(|body| {
            let body = if head { Body::empty() } else { body };
            Body::new(Watched::new(body, entry, status, length))
        })
    }

    /// The answer, refusals included.
    async fn decide(&self, call: &Call, path: &str, route: Option<&Route>, accesses: Option<&[Access]>) -> Response {
        let (Some(route), Some(accesses)) = (route, accesses) else { return refusal(&answer::no_route(path)) };
        if !route.methods().contains(&call.method) {
            let mut response = refusal(&answer::no_method(&call.method));
            answer::allow(&mut response, route.methods());
            return response;
        }
        if let Err(refused) = self.admit(call, route, accesses).await {
            return refused;
        }
        self.dispatch(call, route).await.unwrap_or_else(|error| {
            let mut response = refusal(&error);
            if error.class() == Class::Unsupported {
                // Deletion is off.
                let others: Vec<Method> =
                    route.methods().iter().filter(|method| **method != call.method).cloned().collect();
                answer::allow(&mut response, &others);
            }
            response
        })
    }

    async fn dispatch(&self, call: &Call, route: &Route) -> Answer {
        let method = &call.method;
        match route {
            Route::Base => Ok(answer::content(StatusCode::OK, "application/json", "{}")),
            Route::Catalog => self.catalog(call).await,
            Route::Metrics => Ok(self.metrics()),
            Route::Health => Ok(self.health().await),
            Route::Tags { repository } => self.tags(call, repository).await,
            Route::Referrers { repository, digest } => self.referrers(call, repository, digest).await,
            Route::Uploads { repository } => self.start_upload(call, repository).await,
            Route::Upload { repository, id } => match *method {
                Method::PATCH => self.append(call, repository, id).await,
                Method::PUT => self.finish(call, repository, id).await,
                Method::DELETE => self.cancel(call, repository, id).await,
                _ => self.upload_status(repository, id).await,
            },
            Route::Blob { repository, digest } => match *method {
                Method::DELETE => self.delete_blob(repository, digest).await,
                Method::HEAD => self.head_blob(call, repository, digest).await,
                _ => self.get_blob(call, repository, digest).await,
            },
            Route::Manifest { repository, reference } => match *method {
                Method::PUT => self.put_manifest(call, repository, reference).await,
                Method::DELETE => self.delete_manifest(repository, reference).await,
                _ => self.get_manifest(call, repository, reference).await,
            },
        }
    }

    fn metrics(&self) -> Response {
        answer::content(StatusCode::OK, metrics::CONTENT_TYPE, self.metrics.text())
    }

    async fn health(&self) -> Response {
        match self.api.registry().shared().driver.ready().await {
            Ok(()) => answer::content(StatusCode::OK, "text/plain", "ok\n"),
            Err(error) => {
                tracing::warn!(%error, "the storage cannot be read");
                let body = "{\"error\":\"the storage cannot be read\"}\n";
                answer::content(StatusCode::SERVICE_UNAVAILABLE, "application/json", body)
            }
        }
    }

    /// A place among those that send content.
    fn slot(&self) -> Result<Slot, ApiError> {
        let permit = Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| busy())?;
        Ok(Slot { _permit: permit, _in_flight: self.metrics.upload() })
    }
}

/// There is no place for one more that sends content.
fn busy() -> ApiError {
    let message = "too many requests are sending content; try again in a moment";
    ApiError::new(Code::TooManyRequests, Class::Busy, message, None)
}

impl Call {
    /// A header; bytes that are no UTF-8 become U+FFFD, which means nothing in any.
    fn text(&self, name: HeaderName) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The error, or what was behind it: a client that was waited for in vain.
    fn blame(&self, error: ApiError) -> ApiError {
        match error.errors.first() {
            Some(item) if self.intake.stalled() && error.class() != Class::Internal => {
                ApiError::new(item.code, Class::Timeout, &item.message, None)
            }
            _ => error,
        }
    }
}
