//! Which cipher suites are spoken with TLS 1.2.
//!
//! Operators name them as IANA does. As in Go, a choice says nothing of TLS 1.3, whose suites are all good. A suite that is known
//! to be weak (CBC, RSA key exchange, 3DES) is not to be had here.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, SupportedCipherSuite};

/// The choice. The default is every suite there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CipherSuites(Option<Vec<CipherSuite>>);

/// There is no suite with this name here: it is weak, or none at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no cipher suite {name:?}; there are {}", known.join(", "))]
pub struct UnknownSuite {
    /// The name that was given.
    pub name: String,
    /// Those that there are.
    pub known: Vec<String>,
}

impl CipherSuites {
    /// Those with these names, as IANA has them: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. No name at all: every suite.
    ///
    /// # Errors
    /// The first name that is none.
    pub fn named<S: AsRef<str>>(names: &[S]) -> Result<Self, UnknownSuite> {
        if names.is_empty() {
            return Ok(Self::default());
        }
        let all = aws_lc_rs::default_provider().cipher_suites;
        let find = |name: &str| all.iter().map(SupportedCipherSuite::suite).find(|suite| iana_name(*suite) == name);
        let suites = names.iter().map(|name| {
            find(name.as_ref()).ok_or_else(|| UnknownSuite {
                name: name.as_ref().to_owned(),
                known: all.iter().map(|suite| iana_name(suite.suite())).collect(),
            })
        });
        Ok(Self(Some(suites.collect::<Result<_, _>>()?)))
    }

    /// The provider with these suites, and those of TLS 1.3.
    pub(super) fn provider(&self) -> CryptoProvider {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(chosen) = &self.0 {
            provider
                .cipher_suites
                .retain(|suite| matches!(suite, SupportedCipherSuite::Tls13(_)) || chosen.contains(&suite.suite()));
        }
        provider
    }
}

fn iana_name(suite: CipherSuite) -> String {
    // rustls calls those of TLS 1.3 `TLS13_…`; IANA says `TLS_…`.
    suite.as_str().map_or_else(String::new, |name| name.replacen("TLS13_", "TLS_", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA_128: &str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

    fn names(suites: &CipherSuites) -> Vec<String> {
        suites.provider().cipher_suites.iter().map(|suite| iana_name(suite.suite())).collect()
    }

    #[test]
    fn a_choice_narrows_tls_1_2_and_leaves_1_3_whole() {
        let all = names(&CipherSuites::default());
        let chosen = names(&CipherSuites::named(&[RSA_128]).unwrap());
        let (rest, of_1_2): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|name| !name.contains("_WITH_"));
        assert_eq!(of_1_2, [RSA_128]);
        assert_eq!(rest, all.iter().filter(|name| !name.contains("_WITH_")).cloned().collect::<Vec<_>>());
        assert_eq!(rest.len(), 3);
        assert_eq!(CipherSuites::named::<&str>(&[]).unwrap(), CipherSuites::default());
    }

    #[test]
    fn the_names_are_those_of_iana() {
        for name in ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", RSA_128] {
            assert!(CipherSuites::named(&[name]).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_weak_suite_is_refused_by_its_name() {
        for name in ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "", "aes"] {
            let error = CipherSuites::named(&[RSA_128, name]).unwrap_err();
            assert_eq!(error.name, name);
            assert!(error.known.contains(&RSA_128.to_owned()));
        }
    }
}
