//! What a configuration says, once it is read.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use url::Url;

use crate::auth::{HtpasswdOptions, TokenOptions};
use crate::manifest::{IndexValidation, UrlRules};
use crate::server::UploadPurging;
use crate::tls::TlsOptions;

/// What a server is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept, and how.
    pub storage: Storage,
    /// How it is served.
    pub http: Http,
    /// Who may enter; `None`: everybody.
    pub auth: Option<Auth>,
    /// What of a manifest is checked.
    pub validation: Validation,
    /// The largest page of the catalog.
    pub catalog_max: usize,
    /// The largest page of tags.
    pub tags_max: usize,
    /// What is logged.
    pub log: Log,
}

/// Where everything is kept, and how.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Where.
    pub driver: StorageDriver,
    /// Whether clients may delete.
    pub delete: bool,
    /// Whether a blob may be served by the driver's URL for it.
    pub redirect: bool,
    /// How many links are read at once when a digest's tags are looked up. Zero: the number of cores.
    pub tag_lookup_limit: u32,
    /// How many descriptors are remembered; `None`: none.
    pub cached_descriptors: Option<u64>,
    /// `None`: uploads that nobody finished stay.
    pub upload_purging: Option<UploadPurging>,
    /// Whether nothing may be written or deleted.
    pub read_only: bool,
}

/// How many threads work on a directory at once if nothing is said.
pub(super) const DEFAULT_THREADS: usize = 100;

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageDriver {
    /// In a directory.
    Filesystem {
        /// The directory.
        root: PathBuf,
        /// How many threads work on it at once.
        max_threads: usize,
    },
    /// In memory.
    InMemory,
}

impl StorageDriver {
    /// In this directory instead, with as many threads as were said.
    pub fn move_to(&mut self, directory: PathBuf) {
        let max_threads = match self {
            Self::Filesystem { max_threads, .. } => *max_threads,
            Self::InMemory => DEFAULT_THREADS,
        };
        *self = Self::Filesystem { root: directory, max_threads };
    }
}

/// How the registry is served.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where to listen. `None`: nothing is said.
    pub address: Option<Address>,
    /// The URL under which clients reach the registry, for absolute Locations.
    pub host: Option<Url>,
    /// The path above `v2`: `/`, or with a slash at both ends.
    pub prefix: String,
    /// Signs what clients hold for the registry. `None`: nothing is said, so a random one will do.
    pub secret: Option<Secret>,
    /// Whether Locations have no host.
    pub relative_urls: bool,
    /// How long requests may take to end when the registry stops. `None`: nothing is said.
    pub drain_timeout: Option<Duration>,
    /// `None`: no TLS.
    pub tls: Option<TlsOptions>,
    /// Headers that every answer gets, with each of their values.
    pub headers: HeaderMap,
    /// The server for operators. `None`: there is none.
    pub debug: Option<Debugging>,
}

/// A server for operators, beside that for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debugging {
    /// Where it listens.
    pub address: Address,
    /// The path of the metrics; `None`: they are not served there.
    pub metrics: Option<String>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, without brackets. `None`: every address of the machine.
    pub host: Option<String>,
    /// 0: any that is free.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{}:{}", host.as_deref().unwrap_or_default(), self.port),
        }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Who may enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Users with passwords.
    Htpasswd(HtpasswdOptions),
    /// Whoever has a token.
    Token(TokenOptions),
}

/// What of a manifest is checked.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Which URLs a foreign layer may have.
    pub urls: UrlRules,
    /// Which entries of an index must exist.
    pub indexes: IndexValidation,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important that is.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
    /// Whether each request is.
    pub access: bool,
    /// Names and values that every line has, in the order of the names.
    pub fields: Vec<(String, String)>,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may fail.
    Warn,
    /// What goes on.
    Info,
    /// All of it.
    Debug,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}
