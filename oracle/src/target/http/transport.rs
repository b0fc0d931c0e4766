//! Sending one request once, and reading what comes back.
//!
//! Nothing fails here: a connection that drops, a body that breaks off, an answer that is too long or too late are part of what was
//! [`Received`]. Connections are kept; bodies are sent without being copied and read up to a bound.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proofhouse_model::Content;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, redirect};
use rustls::{CertificateError, ClientConfig};
use url::Url;

use super::access::Trust;
use super::access::trust::distrust;
use crate::wire::Answer;
use crate::wire::headers::text;

/// The longest body that is read, in bytes.
pub(super) const LONGEST_BODY: usize = 64 * 1024 * 1024;

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

/// What came back, and why that is not all.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) answer: Answer,
    pub(super) trouble: Option<Trouble>,
}

/// Why an answer did not come, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The host has no address.
    NoAddress,
    /// Nobody listens there.
    NotListening,
    /// There is no connection for another reason.
    NoConnection,
    /// The time for this request is up.
    Late,
    /// What listens there does not speak TLS.
    NotTls,
    /// Its certificate is not believed.
    Distrusted,
    /// What came is not HTTP.
    NotHttp,
    /// The connection ended before anything of an answer came.
    Closed,
    /// Anything else, in the midst of an answer.
    Cut,
}

/// Connections to one registry.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    /// None: nobody's certificate is verified.
    tls: Option<ClientConfig>,
    /// A request was answered, so that the next may go over the same connection.
    kept: bool,
}

impl Transport {
    pub(super) fn new(trust: &Trust) -> Result<Transport, String> {
        let tls = trust.config().map_err(|error| error.to_string())?;
        client(tls.as_ref()).map(|client| Transport { client, tls, kept: false }).map_err(|error| reason(&error))
    }

    /// Sends the request to the URL. `patience` is for all of it, body included.
    ///
    /// A server may close a connection that it keeps at any time (RFC 9112, 9.5), and the next request may be on its way by then. That
    /// is no fault, and cannot be told from one on a connection that was used before. So a request that only reads is sent
    /// again on a new connection, once: that is safe (9.3.1), and a server that drops it does so again. What writes is not sent
    /// again: it may have been done, and then the second answer is not that of the first. Instead connections are left of which
    /// it is known that servers close them without a word: after a 416, and after a refusal that may have left a body unread.
    pub(super) async fn send(&mut self, request: &Request, url: &Url, patience: Duration) -> Received {
        let (started, reused) = (Instant::now(), self.kept);
        let received = self.send_once(request, url, patience).await;
        let refused_unread =
            received.answer.status >= 400 && request.body.as_ref().is_some_and(|body| !body.is_empty());
        if received.trouble.is_some() || received.answer.status == 416 || refused_unread {
            self.renew();
        }
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        if received.trouble != Some(Trouble::Closed) || !reused || !reads {
            return received;
        }
        let again = self.send_once(request, url, patience.saturating_sub(started.elapsed())).await;
        // If no answer comes this time either, the first is the one to tell of.
        if again.answer.status == 0 { received } else { again }
    }

    /// Leaves the connections that are kept.
    fn renew(&mut self) {
        // It was built before in the same way; were it to fail now, the old one would still do.
        if let Ok(client) = client(self.tls.as_ref()) {
            (self.client, self.kept) = (client, false);
        }
    }

    async fn send_once(&mut self, request: &Request, url: &Url, patience: Duration) -> Received {
        let mut builder = self.client.request(request.method.clone(), url.clone());
        builder = builder.headers(request.headers.clone()).timeout(patience);
        if let Some(body) = &request.body {
            builder = builder.header("content-length", body.size()).body(Bytes::from_owner(Shared(body.clone())));
        }
        let mut response = match builder.send().await {
            Ok(response) => response,
            Err(error) => {
                let trouble = trouble(&error);
                let late = format!("{NO_ANSWER}{patience:?}");
                let failure = Some(match trouble {
                    Trouble::Late => late,
                    Trouble::Distrusted => distrusted(&error).map(distrust).unwrap_or_default(),
                    _ => reason(&error),
                });
                return Received { answer: Answer { failure, ..Answer::default() }, trouble: Some(trouble) };
            }
        };
        let mut answer = Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            ..Answer::default()
        };
        loop {
            match response.chunk().await {
                Ok(None) => {
                    self.kept = true;
                    return Received { answer, trouble: None };
                }
                Ok(Some(chunk)) if answer.body.len() + chunk.len() > LONGEST_BODY => {
                    answer.failure = Some(format!("the body is longer than {LONGEST_BODY} bytes"));
                    return Received { answer, trouble: Some(Trouble::Cut) };
                }
                Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
                Err(error) => {
                    answer.failure = Some(cut(&answer, &error, patience));
                    let trouble = if error.is_timeout() { Trouble::Late } else { Trouble::Cut };
                    return Received { answer, trouble: Some(trouble) };
                }
            }
        }
    }
}

fn client(tls: Option<&ClientConfig>) -> reqwest::Result<Client> {
    let builder = match tls {
        Some(config) => Client::builder().tls_backend_preconfigured(config.clone()),
        None => Client::builder().tls_danger_accept_invalid_certs(true),
    };
    builder
        .user_agent(concat!("proofhouse/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .http1_only()
        // A server may close an idle connection just when the next request is sent; that would look like a fault.
        .pool_idle_timeout(Duration::from_secs(2))
        .build()
}

fn cut(answer: &Answer, error: &reqwest::Error, patience: Duration) -> String {
    let promised = text(&answer.headers, "content-length").map(|length| format!(" of {length}")).unwrap_or_default();
    let why = if error.is_timeout() { format!("nothing more within {patience:?}") } else { reason(error) };
    format!("the body of a {} breaks off after {}{promised} bytes: {why}", answer.status, answer.body.len())
}

/// Bytes that are sent from where they are.
struct Shared(Content);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Everything that an error says of itself, the outermost first.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &'a (dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (**error).source())
}

/// What kept an answer from beginning.
fn trouble(error: &reqwest::Error) -> Trouble {
    if error.is_timeout() {
        return Trouble::Late;
    }
    if error.is_connect() {
        let refused = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
        let refused = refused.into_iter().any(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        // The resolver's error has no type that can be named.
        return match causes(error).any(|cause| cause.to_string() == "dns error") {
            true => Trouble::NoAddress,
            false if distrusted(error).is_some() => Trouble::Distrusted,
            false if matches!(tls_error(error), Some(rustls::Error::InvalidMessage(_))) => Trouble::NotTls,
            false if refused => Trouble::NotListening,
            false => Trouble::NoConnection,
        };
    }
    let not_http = causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse);
    if not_http { Trouble::NotHttp } else { Trouble::Closed }
}

/// What TLS says of it: within an error of a connection, or within one that is within it. Those do not tell of it as their cause.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    fn within(error: &io::Error) -> Option<&rustls::Error> {
        let inner = error.get_ref()?;
        inner.downcast_ref().or_else(|| within(inner.downcast_ref()?))
    }
    causes(error).find_map(|cause| within(cause.downcast_ref()?))
}

fn distrusted(error: &reqwest::Error) -> Option<&CertificateError> {
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(what) => Some(what),
        _ => None,
    }
}

/// The innermost two causes of an error: what stands outside only says that something failed.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    let says_little =
        |cause: &String| cause.starts_with("client error (") || cause.starts_with("error sending request");
    if causes.last().is_some_and(|last| !says_little(last)) {
        causes.retain(|cause| !says_little(cause));
    }
    causes.dedup();
    let skip = causes.len().saturating_sub(2);
    causes.split_off(skip).join(": ")
}
