//! Any registry at a URL, over HTTP, plain or within TLS.
//!
//! Each case works in repositories of its own, under a prefix that nobody has used before, and sees only these. An
//! operation becomes a request (`requests`), its answer is held to the rules of the wire ([`crate::wire`]) and
//! becomes an outcome (`translate`). What breaks a rule of the wire, does not come, or breaks off is
//! [`Outcome::Broken`] with the reason.

pub mod access;
mod cleanup;
mod connect;
mod names;
mod pace;
mod pages;
mod requests;
#[cfg(test)]
mod server;
mod session;
pub mod sketch;
#[cfg(test)]
mod tests;
mod translate;
mod transport;
mod uploads;

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use proofhouse_model::{Code, Dialect, Op, Options, Outcome, Range, Release, UploadRef, digest_of};
use url::Url;

use super::{Stop, Target, TargetError};
use crate::facts::Facts;
use crate::wire::{self, Answer, Exchange, Tally, headers};
use access::Access;
use cleanup::Written;
use names::Names;
use requests::Asking;
use session::Session;
use translate::Reading;
use transport::Request;
use uploads::Uploads;

pub use cleanup::Leftovers;
pub use connect::registry_url;
pub(crate) use requests::repository;
pub use transport::NO_ANSWER;

/// How a registry at a URL is tested.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// What every repository's name begins with. None: `proofhouse-` and a random number.
    pub namespace: Option<String>,
    /// What the registry is held to; decides which rules of the wire apply.
    pub dialect: Dialect,
    /// How long one request may take, body included. One that takes longer is not answered.
    pub timeout: Duration,
    /// When the run ends. A request that is not answered by then says nothing about the registry.
    pub deadline: Option<Instant>,
    /// Ends the run before that, in the same way.
    pub stop: Stop,
    /// Requests a second at most, more than 0. None: as many as it takes.
    pub rate: Option<f64>,
    /// The largest page of the registry's catalog; a larger one is asked for to see it refused.
    pub catalog_max: u64,
    /// Leave what a case wrote. Default: it is deleted before the next case begins; what the last wrote goes with
    /// [`clean_up`](HttpTarget::clean_up).
    pub keep: bool,
    /// What is known of it that no option says: what it lacks is not asked for.
    pub facts: Facts,
    /// Credentials, and whose certificates are believed.
    pub access: Access,
}

impl HttpOptions {
    /// For a dialect: a random namespace, 30 seconds for each request, no end and no bound to the rate, nothing is kept,
    /// no credentials.
    pub fn new(dialect: Dialect) -> HttpOptions {
        let catalog_max = Options::default().catalog_max;
        HttpOptions {
            namespace: None,
            dialect,
            timeout: Duration::from_secs(30),
            deadline: None,
            stop: Stop::default(),
            rate: None,
            catalog_max,
            keep: false,
            facts: Facts::default(),
            access: Access::default(),
        }
    }
}

/// Why an operation has no outcome.
#[derive(Debug)]
enum Unread {
    /// The registry's fault: how it shows.
    Broken(String),
    /// Nobody's fault that could be judged.
    Interrupted(TargetError),
}

impl From<String> for Unread {
    fn from(what: String) -> Unread {
        Unread::Broken(what)
    }
}

impl From<TargetError> for Unread {
    fn from(error: TargetError) -> Unread {
        Unread::Interrupted(error)
    }
}

/// A registry at a URL.
#[derive(Debug)]
pub struct HttpTarget {
    /// Ends with `/`.
    base: Url,
    dialect: Dialect,
    catalog_max: u64,
    keep: bool,
    facts: Facts,
    session: Session,
    /// Why the last operation has no outcome.
    interruption: Option<TargetError>,
    /// Namespace and run, without the number of the case.
    run: String,
    /// All that began, of all targets beside one another.
    cases: Rc<Cell<u64>>,
    redirects: bool,
    names: Names,
    /// Clients of one case go on with the uploads of one another.
    uploads: Rc<RefCell<Uploads>>,
    tally: Rc<RefCell<Tally>>,
    /// Of all cases and clients.
    written: Rc<RefCell<Written>>,
}

impl HttpTarget {
    /// Pings the registry. To be called in the runtime in which the target is used, because connections are kept.
    ///
    /// # Errors
    /// The URL cannot be used, nothing answers, what answers is no registry, it throttles, or it wants credentials.
    pub async fn connect(url: &str, options: HttpOptions) -> Result<HttpTarget, TargetError> {
        let base = registry_url(url)?;
        let namespace = options.namespace.clone().unwrap_or_else(|| format!("proofhouse-{:08x}", random()));
        if !proofhouse_model::is_repository(&namespace) || namespace.len() > 128 {
            let reason = format!("the namespace {namespace:?} is no repository name of at most 128 bytes");
            return Err(TargetError::BadUrl { url: url.to_owned(), reason });
        }
        let mut session = Session::new(&base, connect::shown(&base), &options)?;
        connect::ping(&mut session, &base).await.map_err(|error| connect::assuming(url, error))?;
        Ok(HttpTarget {
            base,
            dialect: options.dialect,
            catalog_max: options.catalog_max,
            keep: options.keep,
            facts: options.facts,
            session,
            interruption: None,
            run: format!("{namespace}/{:08x}", random()),
            cases: Rc::default(),
            redirects: false,
            names: Names::default(),
            uploads: Rc::default(),
            tally: Rc::default(),
            written: Rc::default(),
        })
    }

    /// Pings the registry.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn answers(&mut self) -> Result<(), TargetError> {
        connect::ping(&mut self.session, &self.base).await
    }

    /// The registry, as it is shown.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Another client of the same case: it shares uploads, the rate, and what is counted.
    pub(super) fn another(&self) -> HttpTarget {
        HttpTarget {
            base: self.base.clone(),
            dialect: self.dialect,
            catalog_max: self.catalog_max,
            keep: self.keep,
            facts: self.facts.clone(),
            session: self.session.clone(),
            interruption: None,
            run: self.run.clone(),
            cases: Rc::clone(&self.cases),
            redirects: self.redirects,
            names: self.names.clone(),
            uploads: Rc::clone(&self.uploads),
            tally: Rc::clone(&self.tally),
            written: Rc::clone(&self.written),
        }
    }

    /// Another client for after the end of the run, until then.
    pub(super) fn another_until(&self, until: Instant) -> HttpTarget {
        let mut other = self.another();
        other.session.goes_on_until(until);
        other
    }

    /// Another target for cases of its own. What they write is taken away by this one.
    pub(super) fn another_case(&self) -> HttpTarget {
        HttpTarget { keep: true, ..self.another() }
    }

    /// Every repository that this target writes to has a name that begins with this.
    pub fn namespace(&self) -> &str {
        &self.run
    }

    /// What the registry last said to slow down, and about what; None: it did not.
    pub fn throttled(&self) -> Option<&str> {
        self.session.throttled()
    }

    /// The request that had no answer when the run ended, and for how long; None: it waited for none.
    pub fn waiting(&self) -> Option<&str> {
        self.session.waiting()
    }

    /// How often each rule of the wire was checked, and what could be better. Shrinking counts too.
    pub fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }

    /// Sends a request and holds the answer to the rules of the wire.
    ///
    /// # Errors
    /// The rule that the answer breaks, and how; or why there is none that could break one.
    async fn exchange(&mut self, op: &Op, request: Request, repository: &str) -> Result<Answer, Unread> {
        let mut request = request;
        request.follow = matches!(op, Op::HeadBlob { .. } | Op::GetBlob { .. })
            && self.dialect != Dialect::Proofhouse
            && !self.redirects;
        let answer = self.session.send(request).await?;
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

    async fn perform_once(&mut self, op: &Op) -> Result<Outcome, Unread> {
        let mut asking = Asking { base: &self.base, names: &self.names, uploads: &self.uploads };
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
                    let before = self.uploads.borrow().last(upload).map(|(_, location)| location.clone());
                    // Whom else it names is not ours to clean up.
                    if location.origin() == self.base.origin() && repository.starts_with(&self.run) {
                        self.written.borrow_mut().goes_on(repository, before.as_ref(), &location);
                    }
                    self.uploads.borrow_mut().goes_on(upload, repository, location, held);
                }
            }
            (
                Op::FinishUpload { upload, .. } | Op::CancelUpload { upload, .. },
                Outcome::BlobStored { .. } | Outcome::Done,
            ) => {
                let uploads = self.uploads.borrow();
                if let Some((repository, location)) = uploads.last(*upload) {
                    self.written.borrow_mut().ended(repository, Some(location));
                }
            }
            _ => {}
        }
    }
}

#[async_trait(?Send)]
impl Target for HttpTarget {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        if !self.keep {
            self.take_away().await;
        }
        self.cases.set(self.cases.get() + 1);
        self.names = Names::new(format!("{}-{}", self.run, self.cases.get()));
        self.uploads = Rc::default();
        self.redirects = options.redirect.is_some() && self.dialect != Dialect::Oci;
        self.session.hides = options.deny.is_some();
        Ok(())
    }

    async fn perform(&mut self, op: &Op) -> Outcome {
        let outcome = match op {
            Op::WalkRepositories { n } => self.walk(op, *n).await,
            Op::Referrers { .. } => self.all_referrers(op).await,
            op => self.perform_once(op).await,
        };
        let outcome = outcome.unwrap_or_else(|unread| match unread {
            Unread::Broken(what) => Outcome::Broken { what },
            Unread::Interrupted(error) => {
                let what = error.to_string();
                self.interruption = Some(error);
                Outcome::Broken { what }
            }
        });
        self.written(op, &outcome);
        outcome
    }

    fn interruption(&mut self) -> Option<TargetError> {
        self.interruption.take()
    }

    fn keeps_contents(&self) -> bool {
        true
    }

    fn clients(&self, count: usize) -> Vec<Box<dyn Target>> {
        (0..count).map(|_| Box::new(self.another()) as Box<dyn Target>).collect()
    }

    fn beside(&self, count: usize) -> Vec<Box<dyn Target>> {
        (0..count).map(|_| Box::new(self.another_case()) as Box<dyn Target>).collect()
    }

    /// No clock, no storage, nothing of an operator. The catalog has the repositories of others in it, so pages of it are
    /// asked for only where none of them can be in the answer; OCI has no catalog. What a URL cannot say is not offered, nor what it
    /// is known to lack.
    fn offers(&self, op: &Op) -> bool {
        self.can_ask(op)
            && self.facts.offers(op)
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
        let repository = repository(op).unwrap_or("a");
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
pub(crate) fn opened(op: &Op) -> Option<UploadRef> {
    match op {
        Op::StartUpload { upload, .. }
        | Op::MountBlob { upload, .. }
        | Op::PutBlob { upload, .. }
        | Op::Append { upload, .. }
        | Op::UploadStatus { upload, .. } => Some(*upload),
        _ => None,
    }
}

/// The upload at whose location an operation is asked.
pub(crate) fn asked_at_upload(op: &Op) -> Option<UploadRef> {
    match op {
        Op::Append { upload, .. }
        | Op::UploadStatus { upload, .. }
        | Op::FinishUpload { upload, .. }
        | Op::CancelUpload { upload, .. } => Some(*upload),
        _ => None,
    }
}

fn refused_for_its_digest(outcome: &Outcome) -> bool {
    let Outcome::Refused { status: 400, errors } = outcome else { return false };
    errors.iter().any(|error| error.code == Code::DigestInvalid)
}

/// Not reproducible on purpose: two runs never meet. Short enough to type.
pub fn random() -> u32 {
    let bits = RandomState::new().build_hasher().finish();
    u32::try_from(bits >> 32).unwrap_or_default()
}
