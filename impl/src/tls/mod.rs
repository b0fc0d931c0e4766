//! TLS for the server: from files to a configuration of rustls, and again when the files change.
//!
//! [`ServerTls::load`] reads certificate, key and client authorities. A server asks for [`config`](ServerTls::config) at each
//! connection, so that the one that follows a [`reload`](ServerTls::reload) has the new files. Files that cannot be used leave
//! what was there before in force. All cryptography is that of aws-lc-rs.

use std::path::PathBuf;
use std::time::Duration;

use rustls::ServerConfig;

use crate::sync::{Arc, PoisonError, RwLock, blocking};

mod build;
mod files;
mod suites;

pub use suites::{CipherSuites, UnknownSuite};

/// What of a server's TLS its operator chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM: the server's certificate, then those that lead to an authority.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key, as PKCS#8, SEC1 or PKCS#1, without a password.
    pub key: PathBuf,
    /// PEM files with the authorities of client certificates. None: clients need no certificate.
    pub client_cas: Vec<PathBuf>,
    /// Whether a client must have a certificate of one of these authorities. Without authorities it means nothing.
    pub client_auth: ClientAuth,
    /// The oldest version that is spoken. Default: 1.2.
    pub minimum: TlsVersion,
    /// Which suites are used with TLS 1.2. Those of 1.3 are always all there.
    pub suites: CipherSuites,
}

impl TlsOptions {
    /// A certificate and its key; all else at its default.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_cas: Vec::new(),
            client_auth: ClientAuth::default(),
            minimum: TlsVersion::default(),
            suites: CipherSuites::default(),
        }
    }
}

/// Whether a client must show a certificate. One that is shown must be good in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// No connection without one.
    #[default]
    Required,
    /// A client may come without one.
    Optional,
}

/// A version of TLS that is still safe to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Why TLS cannot be had from these files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no PEM, or holds none of what it should.
    #[error("{} has no {wanted} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be there.
        wanted: &'static str,
    },
    /// The key is of a kind that is not known, or is not the certificate's.
    #[error("{} does not go with {}: {source}", key.display(), certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// A client authority cannot be used.
    #[error("{}: {source}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// What is left of versions and suites cannot work.
    #[error("these versions and cipher suites do not go together: {0}")]
    Suites(rustls::Error),
    /// No verifier of client certificates could be made.
    #[error("client certificates cannot be verified: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// A server's TLS. It is shared; what is reloaded is new for everybody.
#[derive(Debug)]
pub struct ServerTls {
    options: TlsOptions,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    /// What was read last, good or not: the same bytes are not tried twice.
    seen: files::Files,
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Reads the files. It blocks for as long as the disk does.
    ///
    /// # Errors
    /// A file cannot be read or used, or the options cannot work together.
    pub fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let seen = files::Files::read(&options)?;
        let config = Arc::new(build::server_config(&options, &seen)?);
        Ok(Self { options, current: RwLock::new(Current { seen, config }) })
    }

    /// What the next connection is to be accepted with. Ask for each connection anew.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the files again. If any has changed and all can be used, they are what the next connection gets. Says whether they
    /// are. It blocks for as long as the disk does.
    ///
    /// # Errors
    /// As [`load`](Self::load). What was there before stays in force. Bytes that could not be used are told once; reading them
    /// again is no change.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let files = files::Files::read(&self.options)?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).seen == files {
            return Ok(false);
        }
        let built = build::server_config(&self.options, &files);
        // Nothing that is done under the lock can panic, so it is never poisoned half way.
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.seen = files;
        current.config = Arc::new(built?);
        Ok(true)
    }

    /// Reloads every `period`, for ever; what goes wrong is logged. Drop the future to end it.
    pub async fn watch(self: Arc<Self>, period: Duration) {
        loop {
            tokio::time::sleep(period).await;
            let this = Arc::clone(&self);
            match blocking(move || this.reload()).await {
                Ok(true) => {
                    let certificate = self.options.certificate.display();
                    tracing::info!(%certificate, "new TLS files are in use");
                }
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the TLS files cannot be used; those from before stay in use"),
            }
        }
    }
}
