//! A driver with a front: clients fetch files elsewhere, for instance from a CDN that reads the same storage.
//!
//! Everything goes to the driver behind it, except [`redirect_url`](Driver::redirect_url): that answers `<base><path>`. It
//! serves registries whose data directory is published by a web server, and the tests of `EnableRedirect`.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Appender, ContentStream, Driver, DriverError, Entry, Stat, StoragePath};
use crate::sync::Arc;

/// Wraps a driver and knows a URL for every path.
#[derive(Debug, Clone)]
pub struct Redirecting {
    inner: Arc<dyn Driver>,
    base: String,
}

impl Redirecting {
    /// Fronts `inner` with `base`, a URL without a slash at its end (one is dropped): `https://cdn.example`.
    #[must_use]
    pub fn new(inner: Arc<dyn Driver>, base: impl Into<String>) -> Self {
        let mut base = base.into();
        base.truncate(base.trim_end_matches('/').len());
        Self { inner, base }
    }
}

#[async_trait]
impl Driver for Redirecting {
    fn name(&self) -> &'static str {
        "redirecting"
    }

    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        self.inner.read_at_most(path, limit).await
    }

    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError> {
        self.inner.reader(path, offset, length).await
    }

    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        self.inner.write(path, content).await
    }

    async fn write_steps(&self, steps: Vec<Vec<(StoragePath, Bytes)>>) -> Result<(), DriverError> {
        self.inner.write_steps(steps).await
    }

    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        self.inner.append(path).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.inner.stat(path).await
    }

    async fn stat_each(&self, paths: &[StoragePath]) -> Vec<Result<Stat, DriverError>> {
        self.inner.stat_each(paths).await
    }

    async fn list_after(&self, path: &StoragePath, after: &str, limit: usize) -> Result<Vec<String>, DriverError> {
        self.inner.list_after(path, after, limit).await
    }

    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        self.inner.list(path).await
    }

    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        self.inner.entries(path).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        self.inner.rename(from, to).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.inner.delete(path).await
    }

    async fn delete_each(&self, paths: &[StoragePath]) -> Result<(), DriverError> {
        self.inner.delete_each(paths).await
    }

    async fn confirm(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.inner.confirm(path).await
    }

    async fn ready(&self) -> Result<(), DriverError> {
        self.inner.ready().await
    }

    async fn redirect_url(&self, path: &StoragePath) -> Result<Option<String>, DriverError> {
        Ok(Some(format!("{}{path}", self.base)))
    }
}
