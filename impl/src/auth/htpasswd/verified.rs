//! Remembering, for a short while, which credentials were found good, since finding out takes tens of milliseconds.
//!
//! What is kept is not the credentials but their HMAC under a key that no other process and no other file's cache has. Only what
//! was good is kept: a wrong password costs its full price every time. A cache belongs to one reading of the file, so that it
//! goes with it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How long good credentials are believed, in seconds. A file that changes ends it at once.
const LIFETIME: u64 = 60;
/// How many are kept.
const CAPACITY: u64 = 1_000;

type Key = [u8; 32];

pub(super) struct Verified {
    secret: Key,
    /// When each ends, in seconds since 1970.
    until: moka::sync::Cache<Key, u64>,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

impl Verified {
    /// With a secret that nobody knows.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut secret = Key::default();
        getrandom::fill(&mut secret)?;
        Ok(Self { secret, until: moka::sync::Cache::new(CAPACITY) })
    }

    fn key(&self, user: &str, password: &[u8]) -> Key {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key of any length will do for HMAC");
        // The length keeps `ab` with `c` apart from `a` with `bc`.
        mac.update(&(user.len() as u64).to_be_bytes());
        mac.update(user.as_bytes());
        mac.update(password);
        mac.finalize().into_bytes().into()
    }

    /// Whether these were good not long ago. `now` is in seconds since 1970.
    pub(super) fn knows(&self, user: &str, password: &[u8], now: u64) -> bool {
        // A clock that was put back ends it as well.
        let good = |until| now < until && until - now <= LIFETIME;
        self.until.get(&self.key(user, password)).is_some_and(good)
    }

    /// These were found good.
    pub(super) fn remember(&self, user: &str, password: &[u8], now: u64) {
        self.until.insert(self.key(user, password), now.saturating_add(LIFETIME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_was_good_is_known_and_not_for_long() {
        let verified = Verified::new().unwrap();
        verified.remember("ab", b"c", 1_000);
        assert!(verified.knows("ab", b"c", 1_000));
        assert!(verified.knows("ab", b"c", 1_059));
        assert!(!verified.knows("ab", b"c", 1_060));
        assert!(!verified.knows("ab", b"c", 999), "the clock was put back");
        assert!(!verified.knows("a", b"bc", 1_000));
        assert!(!verified.knows("ab", b"C", 1_000));
        assert!(!verified.knows("ab", b"", 1_000));
    }

    #[test]
    fn no_two_caches_have_the_same_key() {
        let (one, other) = (Verified::new().unwrap(), Verified::new().unwrap());
        assert_ne!(one.key("a", b"b"), other.key("a", b"b"));
    }
}
