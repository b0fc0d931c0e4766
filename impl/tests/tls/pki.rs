//! Authorities and certificates, made anew for each test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Signs certificates.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One that signs itself.
    pub(crate) fn new(name: &str) -> Self {
        let (params, key) = (authority_params(name), KeyPair::generate().unwrap());
        Self { certificate: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key) }
    }

    /// One that this one vouches for.
    pub(crate) fn authority(&self, name: &str) -> Self {
        let (params, key) = (authority_params(name), KeyPair::generate().unwrap());
        Self { certificate: params.signed_by(&key, &self.issuer).unwrap(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A server at `localhost`, with a key of a curve.
    pub(crate) fn server(&self) -> Leaf {
        self.leaf(&KeyPair::generate().unwrap(), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A server at `localhost`, with an RSA key.
    pub(crate) fn rsa_server(&self) -> Leaf {
        self.leaf(&KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(), ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub(crate) fn client(&self) -> Leaf {
        self.leaf(&KeyPair::generate().unwrap(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn leaf(&self, key: &KeyPair, purpose: ExtendedKeyUsagePurpose) -> Leaf {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        Leaf { der: certificate.der().clone(), chain: certificate.pem(), key: key.serialize_pem() }
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Leaf {
    pub(crate) fn into_pair(self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        (self.der, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }

    /// The same key out of its PKCS#8 wrapping, which holds the older encoding as its third element.
    pub(crate) fn with_key_as(&self, label: &str) -> Self {
        let PrivateKeyDer::Pkcs8(wrapped) = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap() else {
            panic!("not wrapped");
        };
        let (sequence, _) = element(wrapped.secret_pkcs8_der());
        let (_version, rest) = element(sequence);
        let (_algorithm, rest) = element(rest);
        let (key, _) = element(rest);
        let key = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(key));
        Self { key, ..self.clone() }
    }
}

/// The content of the first DER element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short @ ..0x80 => (usize::from(short), 2),
        long => {
            let digits = usize::from(long & 0x7f);
            let length = der[2..2 + digits].iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, 2 + digits)
        }
    };
    der[start..].split_at(length)
}
