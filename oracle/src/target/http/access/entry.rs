//! Getting in: what a client shows with each request, and which token it needs next.
//!
//! Nothing is sent from here; `session` does that. A registry that asks for a password is shown it from then on. One that sends its
//! clients for tokens names what each must be good for: that is remembered for the next request of the same kind, and so is the
//! token until it expires or is refused. Secrets go to the registry and to whom it names for tokens, and to nobody else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofhouse_model::Content;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::{Host, Url};

use super::super::names;
use super::super::transport::{Received, Request};
use super::challenge::{Challenge, challenges};
use super::{Access, Credentials, Secret};
use crate::target::TargetError;

/// How long a token is good that does not say so (distribution's token specification).
const LIFETIME: Duration = Duration::from_secs(60);

/// Each case has repositories of its own, so old tokens are of no use: of more than that all are dropped.
const MOST_GRANTS: usize = 512;

/// What a request is about, as far as tokens go: whoever may do one may do the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Want {
    /// Reading, writing and deleting are different rights.
    right: u8,
    /// The path up to the repository's end, or all of it.
    place: String,
    /// The repository from which a blob is mounted.
    from: Option<String>,
}

impl Want {
    pub(in super::super) fn of(method: &Method, url: &Url) -> Want {
        let path = url.path();
        let right = match *method {
            // An upload is looked at and cancelled by whoever may push.
            _ if path.contains("/blobs/uploads/") => 1,
            Method::GET | Method::HEAD => 0,
            Method::DELETE => 2,
            _ => 1,
        };
        let ends = ["/blobs/", "/manifests/", "/tags/", "/referrers/"].iter().filter_map(|part| path.rfind(part));
        let place = path[..ends.min().unwrap_or(path.len())].to_owned();
        let mount = url.query_pairs().any(|(name, _)| name == "mount");
        let from = url.query_pairs().find(|(name, _)| mount && name == "from").map(|(_, from)| from.into_owned());
        Want { right, place, from }
    }
}

/// What a token is good for, and who gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Grant {
    realm: Url,
    service: Option<String>,
    scopes: Vec<String>,
}

impl Grant {
    /// Who gives it.
    pub(in super::super) fn realm(&self) -> &str {
        self.realm[..url::Position::AfterPath].trim_end_matches('/')
    }
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    until: Instant,
}

/// What a request is to be sent with.
#[derive(Debug)]
pub(in super::super) enum Key {
    /// As it is.
    Nothing,
    /// With this.
    Show(HeaderValue),
    /// With the token that is to be got first.
    Get(Grant),
}

/// What one client, or several together, know of getting in.
#[derive(Debug)]
pub(in super::super) struct Entry {
    base: Url,
    access: Access,
    /// The registry asks for a password.
    basic: bool,
    grants: BTreeMap<Want, Grant>,
    tokens: BTreeMap<Grant, Token>,
}

impl Entry {
    pub(in super::super) fn new(base: Url, access: Access) -> Entry {
        Entry { base, access, basic: false, grants: BTreeMap::new(), tokens: BTreeMap::new() }
    }

    /// Is it the registry itself that is asked? Another scheme or port is another server.
    pub(in super::super) fn is_registry(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whatever sends a client there, it may go on.
    ///
    /// # Errors
    /// [`TargetError::Downgraded`]: what was encrypted no longer would be. [`TargetError::Unsupported`]: it is no HTTP.
    pub(in super::super) fn may_ask(&self, url: &Url) -> Result<(), TargetError> {
        match (self.base.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => Ok(()),
            (_, "http") => Err(TargetError::Downgraded { url: shown(&self.base), to: shown(url) }),
            _ => Err(TargetError::Unsupported(format!("a request to {}", shown(url)))),
        }
    }

    pub(in super::super) fn credentials(&self) -> &Credentials {
        &self.access.credentials
    }

    /// What the registry is known to want.
    ///
    /// # Errors
    /// [`TargetError::Exposed`].
    pub(in super::super) fn known(&self, want: &Want, now: Instant) -> Result<Key, TargetError> {
        if let Credentials::Token(token) = &self.access.credentials {
            self.guarded()?;
            return Ok(Key::Show(header(&format!("Bearer {}", token.told()))?));
        }
        if self.basic {
            return self.basic();
        }
        let Some(grant) = self.grants.get(want) else { return Ok(Key::Nothing) };
        match self.tokens.get(grant).filter(|token| now < token.until) {
            Some(token) => Ok(Key::Show(token.header.clone())),
            None => Ok(Key::Get(grant.clone())),
        }
    }

    /// What to try on a 401 to a request with which that was shown. [`Key::Nothing`]: there is nothing more to try.
    ///
    /// # Errors
    /// [`TargetError::Exposed`], [`TargetError::TokenServer`].
    pub(in super::super) fn challenged(
        &mut self,
        want: &Want,
        headers: &HeaderMap,
        shown: Option<&HeaderValue>,
        now: Instant,
    ) -> Result<Key, TargetError> {
        if matches!(self.access.credentials, Credentials::Token(_)) {
            return Ok(Key::Nothing);
        }
        let challenges = challenges(headers);
        let of = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        if let Some(bearer) = of("bearer") {
            let grant = self.grant(bearer, want)?;
            if self.grants.len() >= MOST_GRANTS {
                self.grants.clear();
                self.tokens.clear();
            }
            self.grants.insert(want.clone(), grant);
            self.basic = false;
            // Another request may have needed the same token. The one that was refused is of no use any more.
            self.tokens.retain(|_, token| Some(&token.header) != shown);
            return self.known(want, now);
        }
        if of("basic").is_none() || (self.basic && shown.is_some()) {
            return Ok(Key::Nothing);
        }
        self.basic = matches!(self.access.credentials, Credentials::Password { .. });
        self.basic()
    }

    fn basic(&self) -> Result<Key, TargetError> {
        let Credentials::Password { username, password } = &self.access.credentials else { return Ok(Key::Nothing) };
        self.guarded()?;
        Ok(Key::Show(basic(username, password)?))
    }

    fn grant(&self, challenge: &Challenge, want: &Want) -> Result<Grant, TargetError> {
        let named = challenge.parameter("realm").unwrap_or_default();
        let realm = Url::parse(named).ok().filter(|realm| matches!(realm.scheme(), "http" | "https"));
        let realm = realm.filter(|realm| realm.username().is_empty() && realm.password().is_none());
        let mut realm = realm.ok_or_else(|| TargetError::TokenServer {
            realm: format!("{named:?}"),
            reason: "is no URL of http or https".to_owned(),
        })?;
        realm.set_fragment(None);
        let scope = challenge.parameter("scope").unwrap_or_default();
        let mut scopes: Vec<String> = scope.split_ascii_whitespace().map(str::to_owned).collect();
        // Without the right to read there, the blob is not mounted but asked for.
        if let Some(from) = want.from.as_deref().filter(|from| proofhouse_model::is_repository(from)) {
            let repository = format!("repository:{from}:");
            if !scopes.iter().any(|scope| scope.starts_with(&repository)) {
                scopes.push(format!("{repository}pull"));
            }
        }
        let service = challenge.parameter("service").map(str::to_owned);
        Ok(Grant { realm, service, scopes })
    }

    /// The request for a token.
    ///
    /// # Errors
    /// [`TargetError::Exposed`]: the credentials must not go there.
    pub(in super::super) fn request(&self, grant: &Grant) -> Result<Request, TargetError> {
        if self.access.credentials.any() {
            self.guarded()?;
            self.guarded_at(&grant.realm)?;
        }
        let mut url = grant.realm.clone();
        if let Credentials::Identity(token) = &self.access.credentials {
            let scope = grant.scopes.join(" ");
            let mut fields = vec![("grant_type", "refresh_token"), ("client_id", "proofhouse"), ("scope", &scope)];
            fields.push(("service", grant.service.as_deref().unwrap_or_default()));
            fields.push(("refresh_token", token.told()));
            let form = names::query(&fields);
            let form = form.strip_prefix('?').unwrap_or_default();
            let request = Request { body: Some(Content::from(form)), ..Request::new(Method::POST, url) };
            return Ok(request.header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")));
        }
        if grant.service.is_some() || !grant.scopes.is_empty() {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(grant.service.iter().map(|service| ("service", service)));
            query.extend_pairs(grant.scopes.iter().map(|scope| ("scope", scope)));
        }
        let request = Request::new(Method::GET, url);
        Ok(match &self.access.credentials {
            Credentials::Password { username, password } => request.header(AUTHORIZATION, basic(username, password)?),
            Credentials::Nobody | Credentials::Helper { .. } | Credentials::Identity(_) | Credentials::Token(_) => {
                request
            }
        })
    }

    /// Keeps the token that came for a request of the time `asked`.
    ///
    /// # Errors
    /// There is none: the credentials are missing or wrong, or the server does not do what it is there for.
    pub(in super::super) fn take(
        &mut self,
        grant: Grant,
        received: Received,
        asked: Instant,
    ) -> Result<HeaderValue, TargetError> {
        let realm = shown(&grant.realm);
        let fails = |reason: String| TargetError::TokenServer { realm: realm.clone(), reason };
        let Received { answer, trouble } = received;
        if trouble.is_some() {
            return Err(fails(format!("does not answer: {}", answer.failure.unwrap_or_default())));
        }
        let traded = matches!(self.access.credentials, Credentials::Identity(_));
        match answer.status {
            200 => {}
            // RFC 6749, 5.2: a refresh token that is not taken is 400.
            401 | 403 if self.access.credentials.any() => return Err(wrong(realm, answer.status)),
            400 if traded => return Err(wrong(realm, answer.status)),
            401 | 403 => {
                let advice = self.access.credentials.advice();
                let reason = format!("a token without any is answered with {}; {advice}", answer.status);
                return Err(TargetError::Refused { url: realm, reason });
            }
            status => return Err(fails(format!("answers {status}"))),
        }
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = ["token", "access_token"].iter().find_map(|key| document[*key].as_str());
        let token = token.filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| fails("gives no token: there is none in its answer".to_owned()))?;
        let header = header(&format!("Bearer {token}"))
            .map_err(|_| fails("gives a token that no header can hold".to_owned()))?;
        let lifetime = document["expires_in"].as_f64().and_then(|it| Duration::try_from_secs_f64(it).ok());
        let lifetime = lifetime.unwrap_or(LIFETIME);
        // A request that is on its way when it expires is refused.
        let usable = lifetime - (lifetime / 10).min(Duration::from_secs(5));
        if let Some(until) = asked.checked_add(usable) {
            self.tokens.insert(grant, Token { header: header.clone(), until });
        }
        Ok(header)
    }

    /// Credentials may go to the registry.
    fn guarded(&self) -> Result<(), TargetError> {
        if self.base.scheme() == "https" || is_loopback(&self.base) || self.access.trust.is_anybody() {
            return Ok(());
        }
        let to = shown(&self.base);
        Err(TargetError::Exposed { to, reason: "use https, or --insecure if nobody listens on the way".to_owned() })
    }

    /// Credentials may go to whom the registry names.
    fn guarded_at(&self, realm: &Url) -> Result<(), TargetError> {
        let same = realm.host() == self.base.host() && self.base.scheme() == "http";
        if realm.scheme() == "https" || is_loopback(realm) || same {
            return Ok(());
        }
        let reason = "there the registry sends its clients for tokens, and that is neither https nor its own host";
        Err(TargetError::Exposed { to: shown(realm), reason: reason.to_owned() })
    }
}

fn wrong(realm: String, status: u16) -> TargetError {
    TargetError::WrongCredentials { url: realm, reason: format!("the request for a token is answered with {status}") }
}

/// A URL without what it may ask for.
fn shown(url: &Url) -> String {
    url[..url::Position::AfterPath].trim_end_matches('/').to_owned()
}

fn basic(username: &str, password: &Secret) -> Result<HeaderValue, TargetError> {
    header(&format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.told()))))
}

fn header(text: &str) -> Result<HeaderValue, TargetError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| TargetError::Options("the token has characters that no header can hold".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
