//! The state of an upload, signed, as it stands in its Location.
//!
//! A token says how far the upload `id` of a repository was when its holder was told so, and that this registry told it. It is
//! `<bytes>.<HMAC-SHA256 in base64url>` over the three. Whoever knows the [`Secret`] can make one, so servers that share
//! storage share it too. The server keeps no state of its own: a token is good in the next process as well.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What tokens are signed with. Not shown by `Debug`.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// A secret of these bytes. It should be as hard to guess as 32 random bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length"))
    }

    /// 32 bytes from the system: good until the process ends.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self::new(&bytes))
    }

    /// Does the other sign as this one does?
    #[cfg(test)]
    pub(crate) fn signs_as(&self, other: &Secret) -> bool {
        other.verify("a", "x", &self.issue("a", "x", 7)) == Some(7)
    }

    /// The token of an upload that holds so many bytes.
    #[must_use]
    pub fn issue(&self, repository: &str, id: &str, size: u64) -> String {
        let size = size.to_string();
        let signature = self.signing(repository, id, &size).finalize().into_bytes();
        format!("{size}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// How many bytes the upload held when the token was issued. None: it was not issued for this upload, or by this secret.
    #[must_use]
    pub fn verify(&self, repository: &str, id: &str, token: &str) -> Option<u64> {
        let (size, signature) = token.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // Takes the same time wherever the difference is.
        self.signing(repository, id, size).verify_slice(&signature).ok()?;
        size.parse().ok()
    }

    /// The parts hold no NUL, so no two uploads give the same bytes.
    fn signing(&self, repository: &str, id: &str, size: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in ["upload", repository, id, size] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_upload_and_its_secret() {
        let secret = Secret::new(b"one");
        let token = secret.issue("a/b", "x", 7);
        assert_eq!(secret.verify("a/b", "x", &token), Some(7));
        assert_eq!(Secret::new(b"one").verify("a/b", "x", &token), Some(7));
        assert_eq!(Secret::new(b"two").verify("a/b", "x", &token), None);
        assert_eq!(secret.verify("a", "x", &token), None);
        assert_eq!(secret.verify("a/b", "y", &token), None);
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_good_for_nothing() {
        let secret = Secret::new(b"one");
        let token = secret.issue("a", "x", 7);
        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'8' { b'9' } else { b'8' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(secret.verify("a", "x", &changed), None, "{changed}");
        }
        for cut in ["", ".", "7", "7.", token.trim_start_matches('7'), &token[..token.len() - 1], &format!("{token}A")]
        {
            assert_eq!(secret.verify("a", "x", cut), None, "{cut}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2")), "Secret(..)");
        assert_ne!(Secret::random().unwrap().issue("a", "x", 0), Secret::random().unwrap().issue("a", "x", 0));
    }
}
