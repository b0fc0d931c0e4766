//! stub
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Appender, Clock, ContentStream, Driver, DriverError, Stat, StoragePath};

/// How calls into the operating system are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offload {
    /// On tokio's pool of blocking threads. For servers.
    #[default]
    Pool,
    /// In place. For a current-thread runtime in a checker, where a hop to another thread costs more than the call.
    Inline,
}

/// How a [`Filesystem`] works.
#[derive(Clone, Debug)]
pub struct FilesystemOptions {
    /// Whether what was acknowledged survives a crash of the machine (and not only of the process). On by default.
    pub fsync: bool,
    /// How calls into the operating system are made.
    pub offload: Offload,
    /// Dates files by this clock. None: the filesystem dates them.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Default for FilesystemOptions {
    fn default() -> Self {
        Self { fsync: true, offload: Offload::Pool, clock: None }
    }
}

/// Keeps everything in a directory.
#[derive(Clone, Debug)]
pub struct Filesystem {
    _root: PathBuf,
}

impl Filesystem {
    /// Keeps everything below `root`, which is made by the first write if it is missing.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, options: FilesystemOptions) -> Self {
        let _ = options;
        Self { _root: root.into() }
    }
}

#[async_trait]
impl Driver for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }
    async fn read(&self, path: &StoragePath) -> Result<Bytes, DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
    async fn reader(&self, path: &StoragePath, _: u64, _: Option<u64>) -> Result<ContentStream, DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
    async fn write(&self, path: &StoragePath, _: Bytes) -> Result<(), DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
    async fn rename(&self, path: &StoragePath, _: &StoragePath) -> Result<(), DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        Err(DriverError::NotFound { path: path.clone() })
    }
}
