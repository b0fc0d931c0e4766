//! A storage that gives way to other clients before each call and after it.
//!
//! Between two calls of the storage a request works alone, in the registry as in these tests: whatever several requests can do to one
//! another, they do at its calls. How long each waits is for the schedule to say.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use proofhouse_registry::driver::{Appender, ContentStream, Driver, DriverError, Entry, Stat, StoragePath};

/// Ends when the caller's turn has come.
pub(crate) type Turn = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The storage.
#[derive(Clone)]
pub(crate) struct GivingWay {
    inner: Arc<dyn Driver>,
    turn: Turn,
}

impl GivingWay {
    pub(crate) fn new(inner: Arc<dyn Driver>, turn: Turn) -> Self {
        Self { inner, turn }
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        (self.turn)().await;
        let result = call.await;
        (self.turn)().await;
        result
    }
}

impl fmt::Debug for GivingWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GivingWay({:?})", self.inner)
    }
}

#[async_trait]
impl Driver for GivingWay {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        self.around(self.inner.read_at_most(path, limit)).await
    }

    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError> {
        self.around(self.inner.reader(path, offset, length)).await
    }

    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        self.around(self.inner.write(path, content)).await
    }

    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        let inner = self.around(self.inner.append(path)).await?;
        Ok(Box::new(Appending { inner, storage: self.clone() }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.around(self.inner.stat(path)).await
    }

    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        self.around(self.inner.list(path)).await
    }

    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        self.around(self.inner.entries(path)).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        self.around(self.inner.rename(from, to)).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.around(self.inner.delete(path)).await
    }
}

#[derive(Debug)]
struct Appending {
    inner: Box<dyn Appender>,
    storage: GivingWay,
}

#[async_trait]
impl Appender for Appending {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), DriverError> {
        self.storage.around(self.inner.write(chunk)).await
    }

    async fn sync(&mut self) -> Result<(), DriverError> {
        self.storage.around(self.inner.sync()).await
    }
}
