//! The keys that are trusted, and finding the one that a token says it is signed with.
//!
//! There are two sources: a JWKS file, whose keys are found by their `kid`, and a bundle of certificates. A certificate of the
//! bundle is found by the thumbprint of its key (RFC 7638), and vouches for the certificates that a token brings along (`x5c`).
//! A key that a token brings along without a certificate (`jwk`) is never looked at.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::TokenError;

/// The longest chain of certificates that a token may bring along.
const MAX_CHAIN: usize = 8;

/// A public key, and what it may be used for.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    /// The one algorithm it is for, if it says so.
    algorithm: Option<KeyAlgorithm>,
    /// From when to when, in seconds since 1970, both included, if it is a certificate's.
    validity: Option<(i64, i64)>,
}

impl Key {
    fn good_at(&self, now: u64) -> bool {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.validity.is_none_or(|(from, to)| from <= now && now <= to)
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm.into())
    }
}

/// A certificate of the bundle.
struct Root {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    key: Key,
}

/// Every key that is trusted.
#[derive(Default)]
pub(super) struct Keys {
    by_id: HashMap<String, Key>,
    roots: Vec<Root>,
}

impl Keys {
    /// Reads the files; at least one key comes of it.
    pub(super) fn load(bundle: Option<&Path>, jwks: Option<&Path>) -> Result<Self, TokenError> {
        let mut keys = Self::default();
        if let Some(path) = bundle {
            keys.add_bundle(path)?;
        }
        if let Some(path) = jwks {
            keys.add_jwks(path)?;
        }
        if keys.by_id.is_empty() && keys.roots.is_empty() { Err(TokenError::NoKey) } else { Ok(keys) }
    }

    fn add_bundle(&mut self, path: &Path) -> Result<(), TokenError> {
        let bytes = read(path)?;
        let problem = |problem: &'static str| TokenError::Bundle { path: path.to_owned(), problem };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|_| problem("a block of it is no PEM"))?;
        if certificates.is_empty() {
            return Err(problem("there is no certificate in it"));
        }
        for der in certificates {
            let key = certified_key(&der).ok_or_else(|| problem("a certificate of it has a key of no use here"))?;
            let anchor = anchor_from_trusted_cert(&der).map_err(|_| problem("a certificate of it cannot be read"))?;
            let anchor = anchor.to_owned();
            if let Ok(id) = thumbprint(&key.decoding) {
                self.by_id.insert(id, key.clone());
            }
            self.roots.push(Root { der, anchor, key });
        }
        Ok(())
    }

    fn add_jwks(&mut self, path: &Path) -> Result<(), TokenError> {
        let problem = |problem: String| TokenError::Jwks { path: path.to_owned(), problem };
        let set: JwkSet = serde_json::from_slice(&read(path)?).map_err(|error| problem(error.to_string()))?;
        for (jwk, number) in set.keys.iter().zip(1..) {
            if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
                return Err(problem(format!("key {number} is a shared secret; only public keys are taken")));
            }
            let Some(key) = signing_key(jwk) else {
                tracing::warn!(path = %path.display(), number, "a key is passed over: it cannot verify tokens here");
                continue;
            };
            let id = match &jwk.common.key_id {
                Some(id) if !id.is_empty() => id.clone(),
                _ => thumbprint(&key.decoding).map_err(|error| problem(format!("key {number}: {error}")))?,
            };
            if self.by_id.insert(id, key).is_some() {
                return Err(problem(format!("key {number} has the kid of another")));
            }
        }
        Ok(())
    }

    /// The key that a token with this header must be signed with; else why there is none.
    pub(super) fn find(&self, header: &Header, now: u64) -> Result<Key, &'static str> {
        let key = match (&header.x5c, &header.kid) {
            (Some(chain), _) if !chain.is_empty() => self.certified(chain, now)?,
            (_, Some(id)) if !id.is_empty() => self.by_id.get(id).cloned().ok_or("the token's key is not trusted")?,
            _ => return Err("the token does not say which key it is signed with"),
        };
        if !key.good_at(now) {
            return Err("the certificate of the token's key is not valid now");
        }
        if key.is_for(header.alg) { Ok(key) } else { Err("the token's key is for another algorithm") }
    }

    /// The key of the first certificate, if the bundle vouches for it.
    fn certified(&self, chain: &[String], now: u64) -> Result<Key, &'static str> {
        if chain.len() > MAX_CHAIN {
            return Err("the token's chain of certificates is too long");
        }
        let decoded = chain.iter().map(|text| STANDARD.decode(text).map(CertificateDer::from));
        let chain: Vec<_> = decoded.collect::<Result<_, _>>().map_err(|_| "the token's certificates are malformed")?;
        let [leaf, between @ ..] = &chain[..] else { return Err("the token has no certificate") };
        // Such as a self-signed one, which is no leaf of any other.
        if let Some(root) = self.roots.iter().find(|root| root.der == *leaf) {
            return Ok(root.key.clone());
        }
        let anchors: Vec<_> =
            self.roots.iter().filter(|root| root.key.good_at(now)).map(|root| root.anchor.clone()).collect();
        EndEntityCert::try_from(leaf)
            .and_then(|leaf| {
                leaf.verify_for_usage(
                    webpki::ALL_VERIFICATION_ALGS,
                    &anchors,
                    between,
                    UnixTime::since_unix_epoch(Duration::from_secs(now)),
                    AnyUsage,
                    None,
                    None,
                )
                .map(|_| ())
            })
            .map_err(|_| "nobody who is trusted vouches for the token's certificate")?;
        certified_key(leaf).ok_or("the token's certificate has a key of no use here")
    }
}

/// `distribution` asks for no particular usage.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TokenError> {
    fs::read(path).map_err(|source| TokenError::File { path: PathBuf::from(path), source })
}

/// A public key that verifies signatures with an algorithm that there is here.
fn signing_key(jwk: &Jwk) -> Option<Key> {
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { decoding, algorithm: jwk.common.key_algorithm, validity: None })
}

fn certified_key(der: &CertificateDer<'_>) -> Option<Key> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    let info = certificate.public_key();
    let bits = &info.subject_public_key.data;
    let decoding = match info.parsed().ok()? {
        PublicKey::RSA(_) => DecodingKey::from_rsa_der(bits),
        PublicKey::EC(_) => DecodingKey::from_ec_der(bits),
        _ if info.algorithm.algorithm == x509_parser::oid_registry::OID_SIG_ED25519 => DecodingKey::from_ed_der(bits),
        _ => return None,
    };
    let validity = certificate.validity();
    let validity = Some((validity.not_before.timestamp(), validity.not_after.timestamp()));
    rest.is_empty().then_some(Key { decoding, algorithm: None, validity })
}

/// As RFC 7638 has it, in base64url.
fn thumbprint(key: &DecodingKey) -> jsonwebtoken::errors::Result<String> {
    Jwk::from_decoding_key(key, None)?.thumbprint(ThumbprintHash::SHA256)
}
