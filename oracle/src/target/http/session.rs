//! The one place from which requests are sent: when, how often, where to, and with which credentials.
//!
//! A registry that throttles is asked again when it says; one that wants credentials is shown them, and nobody else is; redirects are
//! followed; a request has its own time, and never more than the run has. What ends here without an answer that says something about the registry is a [`TargetError`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::Url;

use super::HttpOptions;
use super::access::entry::{Entry, Grant, Key, Want};
use super::pace::{self, Pace};
use super::transport::{Received, Request, Transport, Trouble};
use crate::target::{Stop, TargetError};
use crate::wire::Answer;
use crate::wire::headers::text;

/// Redirects that are followed at most.
const MOST_REDIRECTS: usize = 5;

/// Requests to one registry, one after another; those of a clone may be at the same time.
#[derive(Debug, Clone)]
pub(super) struct Session {
    transport: Transport,
    /// How long one request may take.
    patience: Duration,
    /// Nothing is sent after it.
    deadline: Option<Instant>,
    /// Nor when this was asked for; what is in flight then is left.
    stop: Stop,
    /// All clients together.
    pace: Rc<RefCell<Pace>>,
    /// The registry, as the user wrote it.
    shown: String,
    /// All clients together.
    entry: Rc<RefCell<Entry>>,
    /// The registry hides content from clients whoever they are, so 403 is an answer.
    pub(super) hides: bool,
    /// What the registry last said to slow down, and about what.
    throttled: Option<String>,
    /// The request that had no answer when the run ended, and for how long.
    waiting: Option<String>,
}

impl Session {
    pub(super) fn new(base: &Url, shown: String, options: &HttpOptions) -> Result<Session, TargetError> {
        Ok(Session {
            transport: Transport::new(&options.access.trust).map_err(TargetError::Options)?,
            patience: options.timeout,
            deadline: options.deadline,
            stop: options.stop.clone(),
            pace: Rc::new(RefCell::new(Pace::new(options.rate))),
            shown,
            entry: Rc::new(RefCell::new(Entry::new(base.clone(), options.access.clone()))),
            hides: false,
            throttled: None,
            waiting: None,
        })
    }

    /// The run has ended, whatever ended it; from now on requests are sent until then.
    pub(super) fn goes_on_until(&mut self, until: Instant) {
        (self.deadline, self.stop) = (Some(until), Stop::default());
    }

    /// What the registry last said to slow down, if it did.
    pub(super) fn throttled(&self) -> Option<&str> {
        self.throttled.as_deref()
    }

    /// The request that had no answer when the run ended, if it waited for one.
    pub(super) fn waiting(&self) -> Option<&str> {
        self.waiting.as_deref()
    }

    /// Sends the request, follows redirects if it says so, and waits where the registry says so.
    ///
    /// # Errors
    /// The run has ended, the registry throttles for good, it wants credentials, or the request cannot be made yet.
    pub(super) async fn send(&mut self, request: Request) -> Result<Answer, TargetError> {
        let received = self.persist(&request, &request.url).await?;
        if request.follow && is_redirect(&received.answer) {
            return self.follow(&request, received.answer).await;
        }
        Ok(received.answer)
    }

    /// The first request of all. What hinders it hinders everything.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(super) async fn ping(&mut self, url: Url) -> Result<Received, TargetError> {
        let (url_shown, patience) = (self.shown.clone(), self.time());
        if patience < Duration::from_millis(1) {
            return Err(TargetError::NoTime { url: url_shown });
        }
        // Nobody reads nanoseconds.
        let patience = patience - Duration::from_nanos(u64::from(patience.subsec_nanos() % 1_000_000));
        let silent = TargetError::Silent { url: url_shown, patience };
        match self.persist(&Request::new(Method::GET, url.clone()), &url).await {
            Err(TargetError::TimeUp) if self.throttled.is_none() => Err(silent),
            Ok(Received { trouble: Some(Trouble::Late), .. }) => Err(silent),
            received => received,
        }
    }

    /// The digest that the registry told with the redirect counts, where the last answer has none.
    async fn follow(&mut self, request: &Request, first: Answer) -> Result<Answer, TargetError> {
        let digest = first.headers.get("docker-content-digest").cloned();
        let mut answer = first;
        let mut at = request.url.clone();
        for _ in 0..MOST_REDIRECTS {
            if !is_redirect(&answer) {
                break;
            }
            let Some(next) = text(&answer.headers, "location").and_then(|location| at.join(location).ok()) else {
                return Ok(failed(format!("a redirect ({}) without a Location that is a URL", answer.status)));
            };
            answer = self.persist(request, &next).await?.answer;
            at = next;
        }
        if is_redirect(&answer) {
            return Ok(failed(format!("more than {MOST_REDIRECTS} redirects")));
        }
        if let Some(digest) = digest {
            answer.headers.entry("docker-content-digest").or_insert(digest);
        }
        Ok(answer)
    }

    /// With the credentials that the registry wants; another server gets none.
    async fn persist(&mut self, request: &Request, url: &Url) -> Result<Received, TargetError> {
        self.entry.borrow().may_ask(url)?;
        if !self.entry.borrow().is_registry(url) {
            let received = self.patiently(request, url).await?;
            self.permitted(request, url, &received.answer, false, None)?;
            return Ok(received);
        }
        let want = Want::of(&request.method, url);
        let mut key = self.entry.borrow().known(&want, Instant::now())?;
        let mut giver = None;
        let (received, shown) = loop {
            if let Key::Get(grant) = &key {
                giver = Some(grant.realm().to_owned());
            }
            let last = giver.is_some();
            let shown = self.fetch(key).await?;
            let mut received = self.patiently(&with(request, shown.as_ref()), url).await?;
            if let Some(shown) = &shown {
                self.entry.borrow().credentials().mask(shown, &mut received.answer);
            }
            // What is refused with a new token stays so.
            if received.answer.status != 401 || last {
                break (received, shown);
            }
            let headers = &received.answer.headers;
            key = self.entry.borrow_mut().challenged(&want, headers, shown.as_ref(), Instant::now())?;
            if matches!(key, Key::Nothing) {
                break (received, shown);
            }
            // Nothing was done, so it can be sent again.
        };
        self.permitted(request, url, &received.answer, shown.is_some(), giver.as_deref())?;
        Ok(received)
    }

    /// What to show; a token that is needed is got first.
    async fn fetch(&mut self, key: Key) -> Result<Option<HeaderValue>, TargetError> {
        match key {
            Key::Nothing => Ok(None),
            Key::Show(header) => Ok(Some(header)),
            Key::Get(grant) => self.token(grant).await.map(Some),
        }
    }

    async fn token(&mut self, grant: Grant) -> Result<HeaderValue, TargetError> {
        let request = self.entry.borrow().request(&grant)?;
        let asked = Instant::now();
        let received = self.patiently(&request, &request.url).await?;
        self.entry.borrow_mut().take(grant, received, asked)
    }

    /// Until nobody throttles, a few times.
    async fn patiently(&mut self, request: &Request, url: &Url) -> Result<Received, TargetError> {
        let mut tries = 1;
        loop {
            let received = self.once(request, url).await?;
            let answer = &received.answer;
            let asks_to_wait = answer.headers.contains_key("retry-after");
            if answer.status != 429 && !(answer.status == 503 && asks_to_wait) {
                return Ok(received);
            }
            let after = text(&answer.headers, "retry-after").map(|it| format!(" and Retry-After: {it}"));
            let what = format!(
                "{} {} is answered with {}{}",
                request.method,
                url.path(),
                answer.status,
                after.unwrap_or_default()
            );
            self.throttled = Some(what.clone());
            let wait = pace::wait(&answer.headers, tries, SystemTime::now());
            let Some(wait) = wait.filter(|_| tries < pace::TRIES) else {
                return Err(TargetError::Throttles { what: format!("{what}, {tries} times") });
            };
            tries += 1;
            self.sleep_until(Instant::now() + wait).await?;
        }
    }

    async fn once(&mut self, request: &Request, url: &Url) -> Result<Received, TargetError> {
        let slot = self.pace.borrow_mut().slot(Instant::now());
        self.sleep_until(slot).await?;
        let time = self.time();
        if time.is_zero() {
            return Err(TargetError::TimeUp);
        }
        let received = tokio::select! {
            biased;
            () = self.stop.asked() => return Err(TargetError::Interrupted),
            received = self.transport.send(request, url, time) => received,
        };
        // It had less than its own time: that says nothing about the registry.
        if received.trouble == Some(Trouble::Late) && time < self.patience {
            self.waiting = Some(format!(
                "{} {} had no answer for {:.1} s when the time was up",
                request.method,
                url.path(),
                time.as_secs_f64()
            ));
            return Err(TargetError::TimeUp);
        }
        if received.trouble == Some(Trouble::Distrusted) {
            let url = url[..url::Position::BeforePath].to_owned();
            return Err(TargetError::Distrusted { url, reason: received.answer.failure.unwrap_or_default() });
        }
        Ok(received)
    }

    /// How long a request that is sent now may take.
    fn time(&self) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(self.patience, |left| left.min(self.patience))
    }

    async fn sleep_until(&self, until: Instant) -> Result<(), TargetError> {
        if self.deadline.is_some_and(|deadline| until >= deadline) {
            return Err(TargetError::TimeUp);
        }
        if until > Instant::now() {
            tokio::select! {
                () = self.stop.asked() => return Err(TargetError::Interrupted),
                () = tokio::time::sleep_until(until.into()) => {}
            }
        }
        Ok(())
    }

    /// A client without the right credentials is told so whatever it asks; no rule is about that. `giver` has just given a token for it.
    fn permitted(
        &self,
        request: &Request,
        url: &Url,
        answer: &Answer,
        shown: bool,
        giver: Option<&str>,
    ) -> Result<(), TargetError> {
        if answer.status != 401 && (answer.status != 403 || self.hides) {
            return Ok(());
        }
        let entry = self.entry.borrow();
        let challenge = text(&answer.headers, "www-authenticate").map(|challenge| format!(" ({challenge})"));
        let answered = format!("{} {} is answered with {}", request.method, url.path(), answer.status)
            + &challenge.unwrap_or_default();
        if !entry.is_registry(url) {
            let url = url[..url::Position::BeforePath].to_owned();
            let reason = format!("{answered}, and those for {} are not for it", self.shown);
            return Err(TargetError::Refused { url, reason });
        }
        let url = self.shown.clone();
        if let Some(giver) = giver.filter(|_| answer.status == 401 && entry.credentials().any()) {
            let reason = format!(
                "{answered}, also with the token that {giver} has just given for it: see that these credentials permit it, and \
                 that the registry accepts the issuer, the service, the key and the clock of whoever gives its tokens"
            );
            return Err(TargetError::WrongCredentials { url, reason });
        }
        Err(match shown && entry.credentials().any() {
            true => TargetError::WrongCredentials { url, reason: answered },
            false => TargetError::Refused { url, reason: format!("{answered}; {}", entry.credentials().advice()) },
        })
    }
}

/// The request with what is to be shown.
fn with<'a>(request: &'a Request, shown: Option<&HeaderValue>) -> Cow<'a, Request> {
    match shown {
        None => Cow::Borrowed(request),
        Some(shown) => Cow::Owned(request.clone().header(AUTHORIZATION, shown.clone())),
    }
}

fn is_redirect(answer: &Answer) -> bool {
    answer.failure.is_none() && matches!(answer.status, 301 | 302 | 303 | 307 | 308)
}

fn failed(failure: String) -> Answer {
    Answer { failure: Some(failure), ..Answer::default() }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Dialect, Op, Options, Outcome, Range, UploadRef};

    use super::super::server::{Reply, reply};
    use super::super::tests::{JSON, broken, get, refused, with_target};
    use super::*;
    use crate::target::Target as _;

    fn options() -> HttpOptions {
        HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(Dialect::Oci) }
    }

    /// What is seen of one pull that is answered so, why it counts for nothing, and how often it was asked.
    fn pull(options: HttpOptions, script: Vec<Reply>) -> (Outcome, Option<TargetError>, usize) {
        with_target(options, script, async |target, server| {
            let outcome = target.perform(&get(None)).await;
            (outcome, target.interruption(), server.asked().len())
        })
    }

    #[test]
    fn a_connection_that_is_closed_while_it_is_kept_is_no_fault_where_asking_again_is_safe() {
        let (outcome, why, asked) = pull(options(), vec![Reply::Cut(Vec::new()), not_found()]);
        assert_eq!(outcome, refused(404, &[("BLOB_UNKNOWN", None)]));
        assert!(why.is_none() && asked == 2, "{why:?}");
        let (outcome, _, asked) = pull(options(), vec![Reply::Cut(Vec::new()), Reply::Cut(Vec::new()), not_found()]);
        assert!(broken(&outcome).starts_with("wire.answer.whole: connection closed"), "{outcome}");
        assert_eq!(asked, 2, "a server that drops it does so again");

        let start = Op::StartUpload { repo: "a".into(), upload: UploadRef(1) };
        let (outcome, asked) =
            with_target(options(), vec![Reply::Cut(Vec::new()), not_found()], async |target, server| {
                (target.perform(&start).await, server.asked().len())
            });
        assert!(broken(&outcome).starts_with("wire.answer.whole: connection closed"), "{outcome}");
        assert_eq!(asked, 1, "it may have been done");
    }

    #[test]
    fn a_connection_is_left_that_a_server_may_close_without_a_word() {
        let range = Some(Range::From(10));
        let push = Op::PutBlob { repo: "a".into(), digest: "sha256:0".into(), bytes: "x".into(), upload: UploadRef(1) };
        let script = vec![not_found(), reply(416, &[], ""), not_found(), not_found(), not_found()];
        let connections = with_target(options(), script, async |target, server| {
            for op in [get(None), get(range), push, get(None), get(None)] {
                target.perform(&op).await;
            }
            server.asked().iter().map(|asked| asked.connection).collect::<Vec<_>>()
        });
        assert_eq!(connections, [1, 1, 2, 3, 3]);
    }

    fn not_found() -> Reply {
        reply(404, &[JSON], r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#)
    }

    #[test]
    fn a_request_that_hangs_while_there_is_time_is_not_answered() {
        let patient = HttpOptions { timeout: Duration::from_millis(800), ..options() };
        let drip = Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nla".into());
        for (silence, seen) in
            [(Reply::Hang, "no answer"), (drip, "the body of a 200 breaks off after 2 of 5 bytes: nothing more")]
        {
            let (outcome, why, _) = pull(patient.clone(), vec![silence]);
            assert_eq!(broken(&outcome), format!("wire.answer.whole: {seen} within 800ms"));
            assert!(why.is_none(), "{why:?}");
        }
    }

    #[test]
    fn a_request_that_hangs_until_the_run_ends_says_nothing_about_the_registry() {
        let script = vec![Reply::Hang];
        let why = with_target(options(), script, async |target, _| {
            target.session.deadline = Some(Instant::now() + Duration::from_millis(50));
            target.perform(&get(None)).await;
            let first = target.interruption();
            target.perform(&get(None)).await;
            (first, target.interruption())
        });
        assert!(matches!(why, (Some(TargetError::TimeUp), Some(TargetError::TimeUp))), "{why:?}");
    }

    #[test]
    fn a_run_that_is_to_stop_waits_for_nothing_and_asks_nothing_more() {
        let later = reply(429, &[("Retry-After", "20")], "");
        for script in [vec![Reply::Hang], vec![later]] {
            let (first, second, asked) = with_target(options(), script, async |target, server| {
                let stop = target.session.stop.clone();
                // It is asked for when the request has arrived.
                let stopping = async {
                    while server.count() == 0 {
                        tokio::task::yield_now().await;
                    }
                    stop.ask();
                };
                futures::future::join(target.perform(&get(None)), stopping).await;
                let first = target.interruption();
                target.perform(&get(None)).await;
                (first, target.interruption(), server.asked().len())
            });
            assert!(matches!((&first, &second), (Some(TargetError::Interrupted), Some(TargetError::Interrupted))));
            assert_eq!(asked, 1);
        }
    }

    #[test]
    fn a_registry_that_throttles_is_asked_again() {
        let later = ("Retry-After", "0");
        let script = vec![reply(429, &[later], ""), reply(503, &[later], ""), not_found()];
        let (outcome, why, asked) = pull(options(), script);
        assert_eq!(outcome, refused(404, &[("BLOB_UNKNOWN", None)]));
        assert!(why.is_none() && asked == 3, "{why:?}");

        // It does not say that it is only for a while.
        let (outcome, why, _) = pull(options(), vec![reply(503, &[], "down")]);
        assert!(broken(&outcome).starts_with("wire.status.server-error: 503") && why.is_none(), "{outcome}");
    }

    #[test]
    fn a_registry_that_throttles_for_good_is_none_to_be_tested() {
        let (_, why, asked) = pull(options(), vec![reply(429, &[("Retry-After", "0")], ""); 9]);
        let why = why.expect("it is no outcome").to_string();
        assert_eq!(asked, pace::TRIES as usize);
        assert!(why.starts_with("the target throttles: GET /v2/ns/run-1/a/blobs/sha256:"), "{why}");
        assert!(why.ends_with("with 429 and Retry-After: 0, 4 times; use --rate or a quieter target"), "{why}");
        let (_, why, asked) = pull(options(), vec![reply(429, &[("Retry-After", "3600")], ""); 2]);
        assert!(matches!(why, Some(TargetError::Throttles { .. })) && asked == 1, "nobody waits an hour: {why:?}");
    }

    #[test]
    fn credentials_that_are_missing_are_no_answer_whenever_they_are_wanted() {
        let wanted = reply(401, &[("WWW-Authenticate", "Basic realm=\"r\"")], "");
        let (_, why, _) = pull(options(), vec![wanted]);
        let why = why.expect("it is no outcome").to_string();
        assert!(why.contains(" wants credentials: GET /v2/ns/run-1/a/blobs/sha256:"), "{why}");
        assert!(
            why.contains("is answered with 401 (Basic realm=\"r\"); use --username NAME --password-stdin, "),
            "{why}"
        );
        let (_, why, _) = pull(options(), vec![reply(403, &[], "")]);
        assert!(matches!(why, Some(TargetError::Refused { .. })), "{why:?}");
    }

    #[test]
    fn a_registry_that_hides_content_may_say_so() {
        let deny = proofhouse_model::Deny { repo: "a".into(), digest: "sha256:0".into() };
        let hiding = Options { deny: Some(deny), ..Options::default() };
        let (outcome, why) = with_target(options(), vec![reply(403, &[], "")], async |target, _| {
            target.fresh(&hiding).await.unwrap();
            (target.perform(&get(None)).await, target.interruption())
        });
        assert_eq!(outcome, refused(403, &[]));
        assert!(why.is_none());
    }
}
