//! The bytes of all files that TLS is made of, read at once, so that one can tell whether any has changed.
//!
//! Bytes are compared and not dates: the files are small, and a date says nothing about a file that was put in place by a link.

use std::fmt;
use std::fs;
use std::path::Path;

use super::{TlsError, TlsOptions};

/// What was read.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    /// In the order of the options.
    pub(super) client_cas: Vec<Vec<u8>>,
}

/// There is a private key in it.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    pub(super) fn read(options: &TlsOptions) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&options.certificate)?,
            key: read(&options.key)?,
            client_cas: options.client_cas.iter().map(|path| read(path)).collect::<Result<_, _>>()?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}
