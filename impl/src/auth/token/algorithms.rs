//! Which signatures are believed.
//!
//! Only those of public keys: a shared secret makes everybody who can verify a token able to make one, and confusing the two
//! kinds is the oldest trick there is. `none` was never one. The rest is what the library can verify.

use jsonwebtoken::Algorithm;

const ALL: [(&str, Algorithm); 9] = [
    ("EdDSA", Algorithm::EdDSA),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
];

/// The algorithms that a token may be signed with. The default is every one that there is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningAlgorithms(Vec<Algorithm>);

impl Default for SigningAlgorithms {
    fn default() -> Self {
        Self(ALL.iter().map(|(_, algorithm)| *algorithm).collect())
    }
}

/// There is no such algorithm here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tokens signed with {name:?} cannot be taken; there are {}", ALL.map(|(name, _)| name).join(", "))]
pub struct UnknownAlgorithm {
    /// The name that was given.
    pub name: String,
}

impl SigningAlgorithms {
    /// Those with these names, as RFC 7518 and RFC 8037 have them. No name at all: every one there is here.
    ///
    /// # Errors
    /// The first name that is none: `HS256` and its like, `ES512`, `none`.
    pub fn named<S: AsRef<str>>(names: &[S]) -> Result<Self, UnknownAlgorithm> {
        if names.is_empty() {
            return Ok(Self::default());
        }
        let find = |name: &str| ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm);
        let found =
            names.iter().map(|name| find(name.as_ref()).ok_or_else(|| UnknownAlgorithm { name: name.as_ref().into() }));
        found.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn contains(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_what_it_names_and_nothing_else() {
        let chosen = SigningAlgorithms::named(&["ES256", "EdDSA"]).unwrap();
        assert!(chosen.contains(Algorithm::ES256) && chosen.contains(Algorithm::EdDSA));
        assert!(!chosen.contains(Algorithm::RS256) && !chosen.contains(Algorithm::ES384));
        assert_eq!(SigningAlgorithms::named::<&str>(&[]).unwrap(), SigningAlgorithms::default());
    }

    #[test]
    fn shared_secrets_are_never_taken() {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(!SigningAlgorithms::default().contains(algorithm));
        }
        for name in ["HS256", "HS384", "HS512", "none", "None", "ES512", "es256", ""] {
            assert_eq!(SigningAlgorithms::named(&["ES256", name]).unwrap_err().name, name);
        }
    }
}
