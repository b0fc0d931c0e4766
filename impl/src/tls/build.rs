//! From the bytes of files to a configuration of rustls.

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::files::Files;
use super::{ClientAuth, TlsError, TlsOptions, TlsVersion};
use crate::sync::Arc;

/// What is spoken over the connection.
const PROTOCOL: &[u8] = b"http/1.1";

pub(super) fn server_config(options: &TlsOptions, files: &Files) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(options.suites.provider());
    let versions: &[&rustls::SupportedProtocolVersion] = match options.minimum {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(TlsError::Suites)?;
    let builder = if options.client_cas.is_empty() {
        builder.with_no_client_auth()
    } else {
        let roots = Arc::new(authorities(options, files)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
        builder.with_client_cert_verifier(match options.client_auth {
            ClientAuth::Required => verifier.build()?,
            ClientAuth::Optional => verifier.allow_unauthenticated().build()?,
        })
    };
    let chain = certificates(&files.certificate)
        .ok_or_else(|| TlsError::Pem { path: options.certificate.clone(), wanted: "certificate" })?;
    let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|_: pem::Error| TlsError::Pem {
        path: options.key.clone(),
        wanted: "private key without a password",
    })?;
    let mut config = builder.with_single_cert(chain, key).map_err(|source| TlsError::Pair {
        certificate: options.certificate.clone(),
        key: options.key.clone(),
        source,
    })?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn authorities(options: &TlsOptions, files: &Files) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for (path, bytes) in options.client_cas.iter().zip(&files.client_cas) {
        let found = certificates(bytes).ok_or_else(|| TlsError::Pem { path: path.clone(), wanted: "certificate" })?;
        for certificate in found {
            roots.add(certificate).map_err(|source| TlsError::Authority { path: path.clone(), source })?;
        }
    }
    Ok(roots)
}

/// Nothing if there is none, or if any of them is malformed.
fn certificates(bytes: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}
