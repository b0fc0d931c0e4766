//! Whoever makes tokens: keys, certificates and signatures, made anew for each test.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, date_time_ymd,
};
use serde_json::{Value, json};

/// A key that signs.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
    name: &'static str,
    pair: KeyPair,
}

impl Signer {
    /// A key for this algorithm; certificates for it have this name.
    pub(crate) fn new(name: &'static str, algorithm: Algorithm) -> Self {
        let kind = match algorithm {
            Algorithm::ES256 => &PKCS_ECDSA_P256_SHA256,
            Algorithm::ES384 => &PKCS_ECDSA_P384_SHA384,
            Algorithm::EdDSA => &PKCS_ED25519,
            _ => &PKCS_RSA_SHA256,
        };
        let pair = KeyPair::generate_for(kind).unwrap();
        let der = pair.serialized_der();
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(der),
            Algorithm::EdDSA => EncodingKey::from_ed_der(der),
            _ => EncodingKey::from_rsa_der(&pkcs1(der)),
        };
        Self { algorithm, key, name, pair }
    }

    /// The public key, as a set may hold it: good for every algorithm of its kind.
    pub(crate) fn jwk(&self) -> Value {
        let raw = self.pair.public_key_raw();
        let key = match self.algorithm {
            Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_der(raw),
            Algorithm::EdDSA => DecodingKey::from_ed_der(raw),
            _ => DecodingKey::from_rsa_der(raw),
        };
        serde_json::to_value(Jwk::from_decoding_key(&key, None).unwrap()).unwrap()
    }

    pub(crate) fn thumbprint(&self) -> String {
        serde_json::from_value::<Jwk>(self.jwk()).unwrap().thumbprint(ThumbprintHash::SHA256).unwrap()
    }

    /// What everybody may know of the key, in PEM.
    pub(crate) fn public_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    /// A token with this header, but for the algorithm.
    pub(crate) fn sign(&self, header: Header, claims: &Value) -> String {
        let header = Header { alg: self.algorithm, ..header };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }

    /// A certificate that vouches for itself, from 2000 to 2100.
    pub(crate) fn self_signed(&self) -> Certificate {
        self.params(true, (2000, 2100)).self_signed(&self.pair).unwrap()
    }

    /// A certificate for another, which this signer's vouches for.
    pub(crate) fn certify(&self, other: &Self, authority: bool, years: (i32, i32)) -> Certificate {
        let params = self.params(true, years);
        let issuer = Issuer::from_params(&params, &self.pair);
        other.params(authority, years).signed_by(&other.pair, &issuer).unwrap()
    }

    fn params(&self, authority: bool, years: (i32, i32)) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, self.name);
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        }
        params
    }
}

/// A header with a key's name.
pub(crate) fn kid(id: &str) -> Header {
    Header { kid: Some(id.to_owned()), ..Header::default() }
}

/// A header with a chain of certificates.
pub(crate) fn x5c(chain: &[&Certificate]) -> Header {
    let chain = chain.iter().map(|certificate| STANDARD.encode(certificate.der())).collect();
    Header { x5c: Some(chain), ..Header::default() }
}

/// A token of any header at all, with this signature.
pub(crate) fn raw(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}

/// A set with these keys.
pub(crate) fn set(keys: &[(&str, Value)]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|(id, jwk)| {
            let mut jwk = jwk.clone();
            jwk["kid"] = json!(id);
            jwk
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

/// The key within its PKCS#8 wrapping.
fn pkcs1(wrapped: &[u8]) -> Vec<u8> {
    use x509_parser::der_parser::der::parse_der_sequence;
    let (_, sequence) = parse_der_sequence(wrapped).unwrap();
    sequence.as_sequence().unwrap()[2].as_slice().unwrap().to_vec()
}
