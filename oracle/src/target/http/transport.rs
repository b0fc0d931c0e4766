//! Sending one request and reading what comes back.
//!
//! Nothing fails here: a connection that drops, a body that breaks off, an answer that is too long or too late are part of the
//! [`Answer`]. Connections are kept; bodies are sent without being copied and read up to a bound.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use proofhouse_model::Content;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, redirect};
use url::Url;

use crate::wire::Answer;
use crate::wire::headers::text;

/// The longest body that is read, in bytes.
pub(super) const LONGEST_BODY: usize = 64 * 1024 * 1024;

/// Redirects that are followed at most.
const MOST_REDIRECTS: usize = 5;

/// What begins the failure of a request that this program cannot make yet; that is not the registry's fault.
pub const UNSUPPORTED: &str = "not supported yet: ";

/// What the failure of a request to which no answer came in time begins with.
pub const NO_ANSWER: &str = "no answer within ";

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Content>,
    /// Follow redirects, without the body. For pulls.
    pub(super) follow: bool,
}

impl Request {
    pub(super) fn new(method: Method, url: Url) -> Request {
        Request { method, url, headers: HeaderMap::new(), body: None, follow: false }
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Request {
        self.headers.insert(name, value);
        self
    }
}

/// Connections to one registry.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    timeout: Duration,
}

impl Transport {
    /// `timeout` is for each request, body included.
    pub(super) fn new(timeout: Duration) -> Result<Transport, String> {
        let client = Client::builder()
            .user_agent(concat!("proofhouse/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            // A server may close an idle connection just when the next request is sent; that would look like a fault.
            .pool_idle_timeout(Duration::from_secs(2))
            .build()
            .map_err(|error| reason(&error))?;
        Ok(Transport { client, timeout })
    }

    /// Sends the request, and follows redirects if it says so.
    pub(super) async fn send(&self, request: Request) -> Answer {
        let answer = self.send_once(&request, &request.url).await;
        if request.follow && is_redirect(&answer) { self.follow(&request, answer).await } else { answer }
    }

    /// The digest that the registry told with the redirect counts, where the last answer has none.
    async fn follow(&self, request: &Request, first: Answer) -> Answer {
        let digest = first.headers.get("docker-content-digest").cloned();
        let mut answer = first;
        let mut at = request.url.clone();
        for _ in 0..MOST_REDIRECTS {
            if !is_redirect(&answer) {
                break;
            }
            let Some(next) = text(&answer.headers, "location").and_then(|location| at.join(location).ok()) else {
                return failed(format!("a redirect ({}) without a Location that is a URL", answer.status));
            };
            if next.scheme() != "http" {
                return failed(format!("{UNSUPPORTED}following the redirect to {next}"));
            }
            answer = self.send_once(request, &next).await;
            at = next;
        }
        if is_redirect(&answer) {
            return failed(format!("more than {MOST_REDIRECTS} redirects"));
        }
        if let Some(digest) = digest {
            answer.headers.entry("docker-content-digest").or_insert(digest);
        }
        answer
    }

    async fn send_once(&self, request: &Request, url: &Url) -> Answer {
        if url.scheme() != "http" {
            return failed(format!("{UNSUPPORTED}{url} (https)"));
        }
        let mut builder = self.client.request(request.method.clone(), url.clone());
        builder = builder.headers(request.headers.clone()).timeout(self.timeout);
        if let Some(body) = &request.body {
            builder = builder.header("content-length", body.size()).body(Bytes::from_owner(Shared(body.clone())));
        }
        let mut response = match builder.send().await {
            Ok(response) => response,
            Err(error) => return failed(self.failure(&error)),
        };
        let mut answer = Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            ..Answer::default()
        };
        loop {
            match response.chunk().await {
                Ok(None) => return answer,
                Ok(Some(chunk)) if answer.body.len() + chunk.len() > LONGEST_BODY => {
                    answer.failure = Some(format!("the body is longer than {LONGEST_BODY} bytes"));
                    return answer;
                }
                Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
                Err(error) => {
                    answer.failure = Some(self.cut(&answer, &error));
                    return answer;
                }
            }
        }
    }

    fn failure(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() { format!("{NO_ANSWER}{:?}", self.timeout) } else { reason(error) }
    }

    fn cut(&self, answer: &Answer, error: &reqwest::Error) -> String {
        let promised =
            text(&answer.headers, "content-length").map(|length| format!(" of {length}")).unwrap_or_default();
        let why = if error.is_timeout() { format!("nothing more within {:?}", self.timeout) } else { reason(error) };
        format!("the body of a {} breaks off after {}{promised} bytes: {why}", answer.status, answer.body.len())
    }
}

/// Bytes that are sent from where they are.
struct Shared(Content);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn is_redirect(answer: &Answer) -> bool {
    answer.failure.is_none() && matches!(answer.status, 301 | 302 | 303 | 307 | 308)
}

fn failed(failure: String) -> Answer {
    Answer { failure: Some(failure), ..Answer::default() }
}

/// The innermost two causes of an error: what stands outside only says that something failed.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let says_little =
        |cause: &String| cause.starts_with("client error (") || cause.starts_with("error sending request");
    if causes.last().is_some_and(|last| !says_little(last)) {
        causes.retain(|cause| !says_little(cause));
    }
    causes.dedup();
    let skip = causes.len().saturating_sub(2);
    causes.split_off(skip).join(": ")
}
