//! Tokens that somebody trusted has signed, over HTTP's `Bearer`.
//!
//! A client that has none, or not enough, is told where to get one ([`TokenOptions::realm`]) and what for (the scope). A token
//! is a JWT whose `access` says what may be done to which repository. The signature is verified before anything of the token
//! is believed; then issuer, service and time; then that everything wanted is granted.
//!
//! Unlike `distribution`, shared secrets (`HS256`) are not taken, a certificate of the bundle is good only in its time, and a
//! header that says `crit` is refused.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use jsonwebtoken::{Header, Validation, decode, decode_header};

use self::claims::Claims;
use self::keys::Keys;
use super::access::scope;
use super::challenge::challenge;
use super::{Access, Authorizer, Denied, Identity, Presented};
use crate::driver::Clock;
use crate::sync::Arc;

mod algorithms;
mod claims;
mod keys;

pub use algorithms::{SigningAlgorithms, UnknownAlgorithm};

/// Whose tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenOptions {
    /// Where clients get tokens: a URL.
    pub realm: String,
    /// This registry's name: what a token's `aud` must be, or name among others.
    pub service: String,
    /// What a token's `iss` must be.
    pub issuer: String,
    /// PEM: certificates whose keys sign tokens, or vouch for certificates whose keys do.
    pub root_cert_bundle: Option<PathBuf>,
    /// A JSON Web Key Set of keys that sign tokens.
    pub jwks: Option<PathBuf>,
    /// What tokens may be signed with.
    pub algorithms: SigningAlgorithms,
    /// If set, the realm is this path on the host that the request was for, over `https` unless `X-Forwarded-Proto` says
    /// otherwise.
    pub auto_redirect: Option<String>,
}

/// Why tokens cannot be verified with these options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bundle of certificates cannot be used.
    #[error("{}: {problem}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: &'static str,
    },
    /// The key set cannot be used.
    #[error("{} is no key set that can be used: {problem}", path.display())]
    Jwks {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// There is no key that could verify a token.
    #[error("there is no key to verify tokens with; give a bundle of certificates or a key set")]
    NoKey,
}

/// Lets in whoever has a token for it.
pub struct Token {
    options: TokenOptions,
    clock: Arc<dyn Clock>,
    keys: Keys,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What is wrong with a token.
enum Fault {
    /// There is none.
    Missing,
    /// It is not to be believed.
    Invalid(&'static str),
    /// It grants too little.
    Insufficient,
}

impl Token {
    /// Reads the keys. It blocks for as long as the disk does.
    ///
    /// # Errors
    /// A file is missing or cannot be used, or there is no key.
    pub fn open(options: TokenOptions, clock: Arc<dyn Clock>) -> Result<Self, TokenError> {
        let keys = Keys::load(options.root_cert_bundle.as_deref(), options.jwks.as_deref())?;
        Ok(Self { options, clock, keys })
    }

    /// What the token says, if it is to be believed.
    fn verify(&self, token: &str) -> Result<Claims, &'static str> {
        let malformed = "the token is malformed";
        let header = decode_header(token).map_err(|_| malformed)?;
        if !self.options.algorithms.contains(header.alg) {
            return Err("the token is signed with an algorithm that is not taken");
        }
        // Whatever it demands is not understood here (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err("the token demands more than is understood");
        }
        let now = self.clock.seconds();
        let key = self.keys.find(&header, now)?;
        let decoded = decode::<Claims>(token, &key.decoding, &signature_only(&header));
        let claims = decoded.map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => malformed,
            _ => "the token's signature is wrong",
        })?;
        claims.claims.hold(&self.options.issuer, &self.options.service, now)?;
        Ok(claims.claims)
    }

    fn denied(&self, request: Presented<'_>, wanted: &[Access], fault: &Fault) -> Denied {
        let realm = match (&self.options.auto_redirect, request.host) {
            (Some(path), Some(host)) => {
                let http = request.forwarded_proto.is_some_and(|proto| proto.eq_ignore_ascii_case("http"));
                format!("{}://{host}{path}", if http { "http" } else { "https" })
            }
            _ => self.options.realm.clone(),
        };
        let scope = scope(wanted);
        let mut parameters = vec![("realm", &*realm), ("service", &*self.options.service)];
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        let reason = match fault {
            Fault::Missing => "no token",
            Fault::Invalid(reason) => {
                parameters.push(("error", "invalid_token"));
                reason
            }
            Fault::Insufficient => {
                parameters.push(("error", "insufficient_scope"));
                "the token grants too little"
            }
        };
        Denied::Unauthorized { challenge: challenge("Bearer", &parameters), reason }
    }
}

/// Issuer, audience and times are checked here, by the clock that was handed in.
fn signature_only(header: &Header) -> Validation {
    // It must be the very algorithm that the key was found for, and that is taken.
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[async_trait]
impl Authorizer for Token {
    async fn authorize(&self, request: Presented<'_>, wanted: &[Access]) -> Result<Identity, Denied> {
        let denied = |fault| self.denied(request, wanted, &fault);
        let token = request.credentials("Bearer").ok_or_else(|| denied(Fault::Missing))?;
        let claims = self.verify(token).map_err(|reason| denied(Fault::Invalid(reason)))?;
        if !wanted.iter().all(|access| claims.grant(access)) {
            return Err(denied(Fault::Insufficient));
        }
        Ok(Identity { name: claims.subject })
    }
}
