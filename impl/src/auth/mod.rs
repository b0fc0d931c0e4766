//! Who may enter: a request shows its credentials and says what it wants; an [`Authorizer`] lets it in or denies it.
//!
//! There are two: [`Htpasswd`] knows users by their passwords and lets each do everything; [`Token`] believes what a token says
//! that somebody trusted has signed. Both are those of `distribution` (`auth.htpasswd`, `auth.token`), with what was unsafe
//! about them left out. Neither knows HTTP beyond the text of its headers. What time it is comes in from outside.

use std::fmt::Debug;

use async_trait::async_trait;

mod access;
mod challenge;
mod htpasswd;
mod token;

pub use access::{Access, Action, Resource};
pub use htpasswd::{Htpasswd, HtpasswdError, HtpasswdLineError, HtpasswdOptions};
pub use token::{SigningAlgorithms, Token, TokenError, TokenOptions, UnknownAlgorithm};

/// Decides who may do what.
#[async_trait]
pub trait Authorizer: Send + Sync + Debug + 'static {
    /// Lets a request in if its credentials give it *all* that it wants. One that wants nothing in particular (`GET /v2/`) must
    /// still have credentials that are good.
    ///
    /// # Errors
    /// [`Denied`], with what to answer.
    async fn authorize(&self, request: Presented<'_>, wanted: &[Access]) -> Result<Identity, Denied>;
}

/// What of a request's headers counts here. A header that is no text of visible ASCII is as good as none.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// `Host`. Only [`TokenOptions::auto_redirect`] asks for it.
    pub host: Option<&'a str>,
    /// `X-Forwarded-Proto`. Likewise.
    pub forwarded_proto: Option<&'a str>,
}

impl<'a> Presented<'a> {
    /// The credentials of this scheme, whose name is compared without regard to case.
    fn credentials(&self, scheme: &str) -> Option<&'a str> {
        let (name, credentials) = self.authorization?.split_once(' ')?;
        let credentials = credentials.trim();
        (name.eq_ignore_ascii_case(scheme) && !credentials.is_empty()).then_some(credentials)
    }
}

/// There are credentials in it.
impl Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Whom a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user, or the token's subject. It may be empty: a token need not say.
    pub name: String,
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Other credentials would help: 401 `UNAUTHORIZED`, with this `WWW-Authenticate`. `distribution` answers so, and not with
    /// 403, to a token that grants too little as well: its clients fetch a better token on 401 only.
    #[error("{reason}")]
    Unauthorized {
        /// The value of `WWW-Authenticate`: visible ASCII and spaces.
        challenge: String,
        /// Why, for the log. It says nothing secret.
        reason: &'static str,
    },
    /// No credentials would help: 403 `DENIED`. For authorizers that know so; the two here never do.
    #[error("nobody may do this")]
    Forbidden,
    /// Nobody can be known at the moment: 503. Nobody is let in.
    #[error("credentials cannot be checked at the moment")]
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_compared_without_regard_to_case_and_needs_credentials() {
        let of = |authorization| Presented { authorization, ..Presented::default() }.credentials("Basic");
        assert_eq!(of(Some("Basic abc")), Some("abc"));
        assert_eq!(of(Some("bAsIc  abc ")), Some("abc"));
        for other in
            [None, Some(""), Some("Basic"), Some("Basic "), Some("Bearer abc"), Some("Basicabc"), Some(" Basic a")]
        {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
