//! Any registry at a URL, over plain HTTP.
//!
//! Each case works in repositories of its own, under a prefix that nobody has used before, and sees only these. An
//! operation becomes a request (`requests`), its answer is held to the rules of the wire ([`crate::wire`]) and
//! becomes an outcome (`translate`). What breaks a rule of the wire, does not come, or breaks off is
//! [`Outcome::Broken`] with the reason.

mod names;
mod pages;
mod requests;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
mod translate;
mod transport;
mod uploads;

use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use proofhouse_model::{Code, Dialect, Op, Options, Outcome, Range, Release, UploadRef, digest_of};
use reqwest::Method;
use url::Url;

use super::{Target, TargetError};
use crate::wire::{self, Answer, Exchange, Tally, headers};
use names::Names;
use requests::Asking;
use translate::Reading;
use transport::{Request, Transport};
use uploads::Uploads;

pub use transport::{NO_ANSWER, UNSUPPORTED};

/// How a registry at a URL is tested.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// What every repository's name begins with. None: `proofhouse-` and a random number.
    pub namespace: Option<String>,
    /// What the registry is held to; decides which rules of the wire apply.
    pub dialect: Dialect,
    /// How long one request may take, body included.
    pub timeout: Duration,
    /// The largest page of the registry's catalog; a larger one is asked for to see it refused.
    pub catalog_max: u64,
}

impl HttpOptions {
    /// For a dialect: a random namespace, 30 seconds for each request.
    pub fn new(dialect: Dialect) -> HttpOptions {
        let catalog_max = Options::default().catalog_max;
        HttpOptions { namespace: None, dialect, timeout: Duration::from_secs(30), catalog_max }
    }
}

/// A registry at a URL.
#[derive(Debug, Clone)]
pub struct HttpTarget {
    /// Ends with `/`.
    base: Url,
    dialect: Dialect,
    catalog_max: u64,
    transport: Transport,
    /// Namespace and run, without the number of the case.
    run: String,
    cases: u64,
    redirects: bool,
    names: Names,
    /// Clients of one case go on with the uploads of one another.
    uploads: Rc<RefCell<Uploads>>,
    tally: Rc<RefCell<Tally>>,
}

impl HttpTarget {
    /// Pings the registry. To be called in the runtime in which the target is used, because connections are kept.
    ///
    /// # Errors
    /// The URL cannot be used, nothing answers, what answers is no registry, or it wants credentials.
    pub async fn connect(url: &str, options: HttpOptions) -> Result<HttpTarget, TargetError> {
        let base = registry_url(url)?;
        let namespace = options.namespace.unwrap_or_else(|| format!("proofhouse-{:08x}", random()));
        if !proofhouse_model::is_repository(&namespace) || namespace.len() > 128 {
            let reason = format!("the namespace {namespace:?} is no repository name of at most 128 bytes");
            return Err(TargetError::BadUrl { url: url.to_owned(), reason });
        }
        let transport = Transport::new(options.timeout).map_err(TargetError::Options)?;
        ping(&transport, &base).await?;
        Ok(HttpTarget {
            base,
            dialect: options.dialect,
            catalog_max: options.catalog_max,
            transport,
            run: format!("{namespace}/{:08x}", random()),
            cases: 0,
            redirects: false,
            names: Names::default(),
            uploads: Rc::default(),
            tally: Rc::default(),
        })
    }

    /// Pings the registry.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn answers(&self) -> Result<(), TargetError> {
        ping(&self.transport, &self.base).await
    }

    /// Every repository that this target writes to has a name that begins with this.
    pub fn namespace(&self) -> &str {
        &self.run
    }

    /// How often each rule of the wire was checked, and what could be better. Shrinking counts too.
    pub fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }

    /// Sends a request and holds the answer to the rules of the wire.
    ///
    /// # Errors
    /// The rule that the answer breaks, and how.
    async fn exchange(&mut self, op: &Op, request: Request, repository: &str) -> Result<Answer, String> {
        let mut request = request;
        request.follow = matches!(op, Op::HeadBlob { .. } | Op::GetBlob { .. })
            && self.dialect != Dialect::Proofhouse
            && !self.redirects;
        let answer = self.transport.send(request).await;
        if let Some(failure) = answer.failure.as_deref().filter(|failure| failure.starts_with(UNSUPPORTED)) {
            return Err(failure.to_owned());
        }
        let held = self.held_after(op);
        let exchange =
            Exchange { dialect: self.dialect, op, repository, held, redirects: self.redirects, answer: &answer };
        wire::check(&exchange, &mut self.tally.borrow_mut())?;
        Ok(answer)
    }

    /// Bytes that the upload of the operation holds, if the operation succeeds.
    fn held_after(&self, op: &Op) -> u64 {
        match op {
            Op::Append { upload, bytes, .. } => self.uploads.borrow().held(*upload) + bytes.size(),
            Op::UploadStatus { upload, .. } => self.uploads.borrow().held(*upload),
            _ => 0,
        }
    }

    async fn perform_once(&mut self, op: &Op) -> Result<Outcome, String> {
        let mut asking = Asking { base: &self.base, names: &mut self.names, uploads: &self.uploads };
        let (request, repository) = asking.request(op)?;
        let asked_at = request.url.clone();
        let answer = self.exchange(op, request, &repository).await?;
        let held = self.held_after(op);
        let location = headers::text(&answer.headers, "location").and_then(|it| asked_at.join(it).ok());
        let location_path = location.as_ref().map(|location| location.path().to_owned());
        let outcome = self.reading(held, location_path).outcome(op, &answer);
        self.remember(op, &outcome, &repository, location);
        Ok(outcome)
    }

    fn reading(&self, held: u64, location_path: Option<String>) -> Reading<'_> {
        Reading { dialect: self.dialect, names: &self.names, held, location_path }
    }

    /// Uploads go on where the answer says.
    fn remember(&mut self, op: &Op, outcome: &Outcome, repository: &str, location: Option<Url>) {
        match (op, outcome) {
            (Op::FinishUpload { upload, digest: Some(digest), bytes, .. }, outcome)
                if proofhouse_model::is_digest(digest) && refused_for_its_digest(outcome) =>
            {
                // The chunk is there before the digest is found to be wrong.
                let held = self.uploads.borrow().held(*upload);
                self.uploads.borrow_mut().holds(*upload, held + bytes.size());
            }
            (op, Outcome::Upload { .. }) => {
                if let (Some(upload), Some(location)) = (opened(op), location) {
                    let held = self.held_after(op);
                    self.uploads.borrow_mut().goes_on(upload, repository, location, held);
                }
            }
            _ => {}
        }
    }
}

#[async_trait(?Send)]
impl Target for HttpTarget {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        self.cases += 1;
        self.names = Names::new(format!("{}-{}", self.run, self.cases));
        self.uploads = Rc::default();
        self.redirects = options.redirect.is_some() && self.dialect != Dialect::Oci;
        Ok(())
    }

    async fn perform(&mut self, op: &Op) -> Outcome {
        let outcome = match op {
            Op::WalkRepositories { n } => self.walk(op, *n).await,
            Op::Referrers { .. } => self.all_referrers(op).await,
            op => self.perform_once(op).await,
        };
        outcome.unwrap_or_else(|what| Outcome::Broken { what })
    }

    /// They share connections, uploads and what is counted.
    fn clients(&self, count: usize) -> Vec<Box<dyn Target>> {
        (0..count).map(|_| Box::new(self.clone()) as Box<dyn Target>).collect()
    }

    /// No clock, no storage, nothing of an operator. The catalog has the repositories of others in it, so pages of it are
    /// asked for only where none of them can be in the answer; OCI has no catalog. What a URL cannot say is not offered.
    fn offers(&self, op: &Op) -> bool {
        self.can_ask(op)
            && match op {
                Op::TagsOf { .. }
                | Op::TagHistory { .. }
                | Op::ListBlobs
                | Op::RemoveRepository { .. }
                | Op::CollectGarbage { .. }
                | Op::PurgeUploads { .. }
                | Op::Advance { .. }
                | Op::Restart => false,
                Op::WalkRepositories { n } => {
                    self.dialect != Dialect::Oci && *n > 0 && u64::from(*n) <= self.catalog_max
                }
                Op::ListRepositories { n, .. } => n.as_deref().is_some_and(|n| self.answers_without_names(n)),
                Op::GetBlob { digest, range: Some(Range::Last(count)), .. } => !self.breaks_on_suffix(digest, *count),
                Op::PutManifest { content_type: Some(content_type), .. } => {
                    reqwest::header::HeaderValue::from_str(content_type).is_ok()
                }
                _ => true,
            }
    }
}

impl HttpTarget {
    /// A URL says the operation's names to this registry.
    fn can_ask(&self, op: &Op) -> bool {
        let repository = requests::repository(op).unwrap_or("a");
        let subject = requests::subject(op).unwrap_or("a");
        let sayable = names::can_be_said(repository) && !matches!(subject, "." | "..");
        // Servers in front of a router clean paths, and answer with a redirect to another name.
        let clean = |text: &str| text.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
        let arrives = clean(repository) && (subject.is_empty() || clean(subject));
        sayable && (arrives || self.dialect == Dialect::Proofhouse)
    }

    /// A page of the catalog of this size is empty or refused.
    fn answers_without_names(&self, n: &str) -> bool {
        let number = n.parse::<u64>().ok().filter(|_| n.bytes().all(|byte| byte.is_ascii_digit()));
        let too_many = number.is_some_and(|number| number > self.catalog_max && i64::try_from(number).is_ok());
        match self.dialect {
            Dialect::Oci => false,
            // It takes what is no number for the default.
            Dialect::Distribution(Release::V2_8) => number == Some(0) || too_many,
            Dialect::Distribution(Release::V3) | Dialect::Proofhouse => number.is_none_or(|n| n == 0) || too_many,
        }
    }

    /// `distribution` answers the last 0 bytes, or the last bytes of nothing, with a part from after the end to the end.
    fn breaks_on_suffix(&self, digest: &str, count: u64) -> bool {
        let nothing = ["sha256", "sha512"].iter().any(|algorithm| digest == digest_of(algorithm, b""));
        matches!(self.dialect, Dialect::Distribution(_)) && (count == 0 || nothing)
    }
}

/// The upload that an operation opens or goes on with.
fn opened(op: &Op) -> Option<UploadRef> {
    match op {
        Op::StartUpload { upload, .. }
        | Op::MountBlob { upload, .. }
        | Op::PutBlob { upload, .. }
        | Op::Append { upload, .. }
        | Op::UploadStatus { upload, .. } => Some(*upload),
        _ => None,
    }
}

fn refused_for_its_digest(outcome: &Outcome) -> bool {
    let Outcome::Refused { status: 400, errors } = outcome else { return false };
    errors.iter().any(|error| error.code == Code::DigestInvalid)
}

/// The URL of a registry's root. Without a scheme it is `http`.
fn registry_url(text: &str) -> Result<Url, TargetError> {
    let bad = |reason: &str| TargetError::BadUrl { url: text.to_owned(), reason: reason.to_owned() };
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&whole).map_err(|error| bad(&error.to_string()))?;
    match url.scheme() {
        "http" => {}
        "https" => return Err(bad("https is not supported yet, only http")),
        other => return Err(bad(&format!("{other} is no scheme of a registry"))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("credentials are not supported yet"));
    }
    if !matches!(url.path(), "/" | "/v2" | "/v2/") || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("a registry stands at the root of its host: leave the path out"));
    }
    url.set_path("/");
    Ok(url)
}

async fn ping(transport: &Transport, base: &Url) -> Result<(), TargetError> {
    let shown = base.as_str().trim_end_matches('/').to_owned();
    let url =
        base.join("v2/").map_err(|error| TargetError::BadUrl { url: shown.clone(), reason: error.to_string() })?;
    let answer = transport.send(Request::new(Method::GET, url)).await;
    let not = |status: String| TargetError::NotARegistry { url: shown.clone(), status };
    let content_type = headers::text(&answer.headers, "content-type").unwrap_or_default();
    match (answer.status, answer.failure) {
        (0, reason) => Err(TargetError::Unreachable { url: shown, reason: reason.unwrap_or_default() }),
        (200, None) if content_type.starts_with("text/html") => Err(not(format!("200 with {content_type}"))),
        (200, None) => Ok(()),
        (200, Some(failure)) => Err(not(format!("200, but {failure}"))),
        (401, _) => {
            let reason = "GET /v2/ answered 401, and credentials are not supported yet".to_owned();
            Err(TargetError::Refused { url: shown, reason })
        }
        (status, _) => Err(not(status.to_string())),
    }
}

/// Not reproducible on purpose: two runs never meet.
fn random() -> u32 {
    let bits = RandomState::new().build_hasher().finish();
    u32::try_from(bits >> 32).unwrap_or_default()
}
