//! Who comes, and whom it trusts: the credentials and authorities of a client.
//!
//! Credentials are found once (the command line, [`authfile`]) and handed in. What they are good for is in `entry`, how a registry
//! asks for them in `challenge`, whose certificates are believed in `trust`, what a registry repeats of them in `mask`. Nothing here shows a secret, not to `Debug` either.

use std::fmt;
use std::path::PathBuf;

pub mod authfile;
pub(super) mod challenge;
pub(super) mod entry;
mod mask;
pub(super) mod trust;

pub use trust::Trust;

/// How a client gets in.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Who it says it is.
    pub credentials: Credentials,
    /// Whose certificates it believes.
    pub trust: Trust,
}

/// What is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    fn told(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Who a client says it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody.
    #[default]
    Nobody,
    /// Nobody, for these are kept by a helper program, which is not run.
    Helper {
        /// The file that says so.
        file: PathBuf,
        /// The helper's name.
        helper: String,
    },
    /// Told as they are, or given for tokens.
    Password {
        /// Without a colon, which no header can say.
        username: String,
        /// Any text.
        password: Secret,
    },
    /// A token that is good for tokens, as `docker login` keeps it.
    Identity(Secret),
    /// A token of the registry, shown with every request.
    Token(Secret),
}

/// Why there are no credentials or no authority to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of authorities has none, or is cut off.
    #[error("{} has no certificate in PEM, or one that cannot be read", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// An auth file is no JSON.
    #[error("{} is no JSON: line {line}, column {column}", path.display())]
    NoJson {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// An auth file is JSON, and no object.
    #[error("{} is no auth file: it must be an object with `auths`, as docker login and podman login write it", path.display())]
    NoAuthFile {
        /// The file.
        path: PathBuf,
    },
    /// An entry of an auth file cannot be used.
    #[error("{}: the entry {entry} {reason}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry's key.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A user name that no header can say.
    #[error("the user name {0:?} cannot be sent: it must not be empty and must have no colon")]
    Username(String),
}

impl Credentials {
    /// A user and a password.
    ///
    /// # Errors
    /// [`AccessError::Username`]: there is a colon in the name, or nothing.
    pub fn password(username: &str, password: Secret) -> Result<Credentials, AccessError> {
        if username.is_empty() || username.contains(':') {
            return Err(AccessError::Username(username.to_owned()));
        }
        Ok(Credentials::Password { username: username.to_owned(), password })
    }

    /// Is there something to show?
    pub(super) fn any(&self) -> bool {
        !matches!(self, Credentials::Nobody | Credentials::Helper { .. })
    }

    /// What somebody can do who has none.
    pub(super) fn advice(&self) -> String {
        let flags = "use --username NAME --password-stdin, PROOFHOUSE_USERNAME and PROOFHOUSE_PASSWORD, or --authfile";
        match self {
            Credentials::Helper { file, helper } => {
                format!("{} leaves them to the helper {helper:?}, which is not run; {flags}", file.display())
            }
            _ => flags.to_owned(),
        }
    }
}
