//! Whose certificates are believed.
//!
//! Those of the authorities that the system knows, and of those that the user names; or anybody's. All cryptography is that
//! of aws-lc-rs.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::AccessError;
use crate::file;

/// The authorities that the system knows; it takes a while to read them. What cannot be read or parsed is not trusted.
static SYSTEM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
});

/// Whose certificates are believed. By default those that the system's authorities have signed.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    authorities: Vec<CertificateDer<'static>>,
    anybody: bool,
}

impl Trust {
    /// Also whom the authorities of a PEM file have signed.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate.
    pub fn with_authorities(path: &Path) -> Result<Trust, AccessError> {
        let none = || AccessError::NoCertificate { path: path.to_owned() };
        let text = file::read(path).map_err(|source| AccessError::File { path: path.to_owned(), source })?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let authorities = read.ok().filter(|read| !read.is_empty()).ok_or_else(none)?;
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(authorities.iter().cloned()).1 > 0 {
            return Err(none());
        }
        Ok(Trust { authorities, anybody: false })
    }

    /// Anybody. Credentials may go unencrypted, too.
    pub fn anybody() -> Trust {
        Trust { authorities: Vec::new(), anybody: true }
    }

    pub(in super::super) fn is_anybody(&self) -> bool {
        self.anybody
    }

    /// What connections are made with. None: nothing is verified.
    ///
    /// Without any authority nobody is trusted, which is seen when somebody must be.
    pub(in super::super) fn config(&self) -> Result<Option<ClientConfig>, rustls::Error> {
        if self.anybody {
            return Ok(None);
        }
        let mut roots = SYSTEM.clone();
        roots.add_parsable_certificates(self.authorities.iter().cloned());
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(config))
    }
}

/// What is wrong with a server's certificate, in words.
pub(in super::super) fn distrust(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "no authority that is known here has signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        // rustls takes no authority for a server, also where it is the one that --ca names; OpenSSL does.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is an authority's own (CA:TRUE), as `openssl req -x509` makes them, and no server's; make one without, \
             -addext basicConstraints=critical,CA:FALSE, or have the authority sign one for the server"
                .to_owned()
        }
        CertificateError::Revoked => "it is revoked".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_of_authorities_that_has_none_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let refused = || Trust::with_authorities(&path).unwrap_err().to_string();
        assert!(refused().starts_with(&format!("cannot read {}: ", path.display())), "{}", refused());
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            fs::write(&path, text).unwrap();
            assert!(refused().ends_with("has no certificate in PEM, or one that cannot be read"), "{}", refused());
        }
        let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        fs::write(&path, format!("{authority}-----BEGIN CERTIFICATE-----\nAAAA")).unwrap();
        assert!(matches!(Trust::with_authorities(&path), Err(AccessError::NoCertificate { .. })));
        fs::write(&path, authority).unwrap();
        assert_eq!(Trust::with_authorities(&path).unwrap().authorities.len(), 1);
    }
}
