//! Uploads: bytes that arrive in chunks and become a blob in the end.
//!
//! What was acknowledged is durable: the data is synced before an append answers, and only then is the hasher put to sleep
//! beside it. Whoever holds a [`BlobUpload`] holds the upload's lock. A finish renames the data to its place among the blobs. If
//! some of it had been acknowledged before, it leaves a link `moved` first, by which a finish that was cut short is undone: the
//! bytes are copied back when the upload is taken up again.

use futures::StreamExt;
use jiff::Timestamp;

use super::source::{End, Source};
use super::store::{bytes_stay, not_found_is_none, unreachable_is_none};
use super::{Body, HashState, LinkedBlobStore, UploadId, read_link, read_small, write_link};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::driver::{ContentStream, DriverError, Stat, StoragePath};
use crate::error::UploadError;
use crate::faults::Fault;
use crate::name::RepositoryName;
use crate::paths;
use crate::shared::Shared;
use crate::sync::{Arc, KeyedGuard, Ordering};

type UploadLock = KeyedGuard<(RepositoryName, UploadId)>;

/// An open upload, held by one user at a time.
#[derive(Debug)]
pub struct BlobUpload {
    store: LinkedBlobStore,
    id: UploadId,
    size: u64,
    /// Whether earlier requests were told that some of the bytes are safe.
    acknowledged: bool,
    /// Whether this request has made all the bytes durable. Those of an earlier one, that was cut short, may not be.
    is_durable: bool,
    /// Has seen all `size` bytes, if it is there.
    hasher: Option<Hasher>,
    uploads_removed: u64,
    _lock: UploadLock,
}

impl BlobUpload {
    pub(super) async fn start(shared: &Shared, name: &RepositoryName, id: &UploadId) -> Result<(), DriverError> {
        let seconds = i64::try_from(shared.clock.seconds()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        shared.driver.write(&paths::upload_started_at(name, id), now.to_string().into()).await
    }

    /// Waits until nobody else uses the upload.
    pub(super) async fn resume(store: LinkedBlobStore, id: UploadId) -> Result<Self, UploadError> {
        let lock = store.shared.upload_locks.lock((store.name.clone(), id.clone())).await;
        Self::resume_locked(store, id, lock).await
    }

    /// Brings an upload that nobody uses back to rest, if a finish of it was cut short. See [`LinkedBlobStore::settle`].
    pub(super) async fn settle(store: LinkedBlobStore, id: UploadId) -> Result<Option<Digest>, UploadError> {
        let Some(lock) = store.shared.upload_locks.try_lock((store.name.clone(), id.clone())) else {
            return Ok(read_link(&*store.shared.driver, &paths::upload_moved(&store.name, &id)).await?);
        };
        match Self::resume_locked(store, id, lock).await {
            Ok(_) | Err(UploadError::Unknown) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn resume_locked(store: LinkedBlobStore, id: UploadId, lock: UploadLock) -> Result<Self, UploadError> {
        let shared = &store.shared;
        let uploads_removed = shared.uploads_removed.load(Ordering::Acquire);
        let started = shared.driver.stat(&paths::upload_started_at(&store.name, &id)).await;
        if unreachable_is_none(started)?.is_none() {
            return Err(UploadError::Unknown);
        }
        let data = not_found_is_none(shared.driver.stat(&paths::upload_data(&store.name, &id)).await)?;
        let mut upload = Self {
            store,
            id,
            size: 0,
            acknowledged: false,
            is_durable: false,
            hasher: None,
            uploads_removed,
            _lock: lock,
        };
        upload.size = match data {
            Some(stat) => stat.size,
            None => {
                let size = upload.undo_move().await?;
                // The data may have gone with all the rest since the start was seen. Then this is no empty upload.
                if unreachable_is_none(upload.started().await)?.is_none() {
                    return Err(UploadError::Unknown);
                }
                size
            }
        };
        upload.acknowledged = upload.size > 0;
        Ok(upload)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &UploadId {
        &self.id
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a chunk: whole, or not at all if `range` (first and last byte, inclusive) does not fit.
    ///
    /// If the client stops sending halfway, what came stays, and is durable. `finishing`: a commit follows, to a digest of this
    /// algorithm; then no hasher is put to sleep.
    ///
    /// # Errors
    /// [`UploadError::OutOfOrder`], then [`UploadError::Length`], then [`UploadError::Body`]; [`UploadError::Unknown`] if the
    /// upload was removed meanwhile, by a purge or with its repository.
    pub async fn append(
        &mut self,
        range: Option<(u64, u64)>,
        body: Body,
        finishing: Option<Algorithm>,
    ) -> Result<(), UploadError> {
        let expected = self.expected_length(range, body.length)?;
        if finishing.is_some() && self.shared().faults.has(Fault::LastChunkDropped) {
            return Ok(());
        }
        let before = self.size;
        self.wake_hasher(finishing.unwrap_or(Algorithm::Sha256)).await?;
        let received = self.receive(body, expected).await;
        match received {
            Err(UploadError::Length { .. }) => self.cut_back(before).await?,
            Ok(()) | Err(UploadError::Body(_)) if self.size == before => {}
            Ok(()) | Err(UploadError::Body(_)) if finishing.is_some() => self.must_be_open().await?,
            Ok(()) | Err(UploadError::Body(_)) => self.put_hasher_to_sleep(before).await?,
            Err(_) => {}
        }
        received
    }

    /// Ends the upload: its content becomes the blob `digest` of the repository.
    ///
    /// # Errors
    /// [`UploadError::DigestMismatch`] and [`UploadError::Denied`]: the upload stays open.
    pub async fn commit(mut self, digest: &Digest) -> Result<(), UploadError> {
        let fault_early = self.shared().faults.has(Fault::LinkBeforeVerify);
        let is_refused = self.size == 0 && self.shared().faults.has(Fault::EmptyBlobRefused);
        if is_refused || (self.hash(digest.algorithm()).await? != *digest && !fault_early) {
            if self.shared().faults.has(Fault::WrongDigestClosesUpload) {
                self.remove().await?;
            }
            return Err(UploadError::DigestMismatch { expected: digest.clone() });
        }
        let store = self.store.clone();
        let shared = &store.shared;
        let _gate = shared.gate.read().await;
        self.must_be_open().await?;
        let mut moved = false;
        let moving = async {
            moved = self.move_to_blobs(digest).await?;
            Ok(Vec::new())
        };
        store.link_locked(digest, self.size, moving).await?;
        if fault_early && self.hash_of(digest).await? != *digest {
            return Err(UploadError::DigestMismatch { expected: digest.clone() });
        }
        if shared.faults.has(Fault::FinishKeepsUpload) {
            if moved {
                self.bring_back(digest).await?;
            }
            return Ok(());
        }
        self.remove().await
    }

    /// Ends the upload; its bytes are gone.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn cancel(self) -> Result<(), UploadError> {
        if self.shared().faults.has(Fault::CancelKeepsUpload) {
            return Ok(());
        }
        self.remove().await
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.store.shared
    }

    fn data(&self) -> StoragePath {
        paths::upload_data(&self.store.name, &self.id)
    }

    async fn remove(&self) -> Result<(), UploadError> {
        not_found_is_none(self.shared().driver.delete(&paths::upload(&self.store.name, &self.id)).await)?;
        Ok(())
    }

    /// How many bytes a range promises, if it fits the upload and what is known of the body.
    fn expected_length(&self, range: Option<(u64, u64)>, length: Option<u64>) -> Result<Option<u64>, UploadError> {
        let Some((first, last)) = range else { return Ok(None) };
        if last < first || (first != self.size && !self.shared().faults.has(Fault::ChunkOrderIgnored)) {
            return Err(UploadError::OutOfOrder { size: self.size });
        }
        let expected = (last - first).saturating_add(1);
        if self.shared().faults.has(Fault::ChunkLengthIgnored) {
            return Ok(None);
        }
        if length.is_some_and(|length| length != expected) {
            return Err(UploadError::Length { expected });
        }
        Ok(Some(expected))
    }

    /// Appends what the client sends, and makes it durable. An error says why it is not all there is.
    async fn receive(&mut self, body: Body, expected: Option<u64>) -> Result<(), UploadError> {
        let (before, data) = (self.size, self.data());
        let mut source = Source::new(body.stream, self.hasher.as_mut(), expected);
        if let Some(first) = source.piece().await {
            let mut appender = self.store.shared.driver.append(&data).await?;
            self.is_durable = false;
            source.pour(first, &mut *appender).await?;
            // Not what the file has now: somebody may have removed the upload, and this file is a new one.
            self.size += source.received();
            appender.sync().await?;
            self.is_durable = true;
        }
        match (source.end(), expected) {
            (End::Broken(error), _) => Err(UploadError::Body(error)),
            (End::TooMuch, Some(expected)) => Err(UploadError::Length { expected }),
            (End::All, Some(expected)) if self.size - before != expected => Err(UploadError::Length { expected }),
            (End::All | End::TooMuch, _) => Ok(()),
        }
    }

    /// Wakes the hasher that has seen the data so far, if there is one. Without, the content is hashed at the end.
    async fn wake_hasher(&mut self, algorithm: Algorithm) -> Result<(), UploadError> {
        if self.size == 0 {
            self.hasher = Some(Hasher::new(algorithm));
            return Ok(());
        }
        if !self.shared().options.digest_resumption {
            return Ok(());
        }
        let Some(file) = self.sleeping_hasher(algorithm).await? else { return Ok(()) };
        let state = HashState::decode(algorithm, &file);
        let trusted = self.shared().faults.has(Fault::HashStateOffsetIgnored);
        self.hasher = state.filter(|state| state.offset == self.size || trusted).map(|state| state.hasher);
        Ok(())
    }

    async fn sleeping_hasher(&self, algorithm: Algorithm) -> Result<Option<bytes::Bytes>, DriverError> {
        let (driver, name) = (&self.shared().driver, &self.store.name);
        if self.shared().faults.has(Fault::HashStateOffsetIgnored) {
            let directory = paths::hash_states(name, &self.id, algorithm);
            let names = not_found_is_none(driver.list(&directory).await)?.unwrap_or_default();
            let Some(first) = names.first() else { return Ok(None) };
            return driver.read(&directory.join(first)?).await.map(Some);
        }
        read_small(&**driver, &paths::hash_state(name, &self.id, algorithm, self.size)).await
    }

    /// Stores the hasher for the next request, in place of the one that had seen `before` bytes. The data is durable by now.
    async fn put_hasher_to_sleep(&self, before: u64) -> Result<(), UploadError> {
        let shared = self.shared();
        if !shared.options.digest_resumption {
            return self.must_be_open().await;
        }
        let _gate = shared.gate.read().await;
        self.must_be_open().await?;
        let Some(hasher) = &self.hasher else { return Ok(()) };
        let algorithm = hasher.algorithm();
        let Some(file) = (HashState { hasher: hasher.clone(), offset: self.size }).encode() else { return Ok(()) };
        let at = |offset| paths::hash_state(&self.store.name, &self.id, algorithm, offset);
        shared.driver.write(&at(self.size), file.into()).await?;
        if before > 0 && !shared.faults.has(Fault::HashStateOffsetIgnored) {
            not_found_is_none(shared.driver.delete(&at(before)).await)?;
        }
        Ok(())
    }

    /// What tells that there is this upload.
    async fn started(&self) -> Result<Stat, DriverError> {
        self.shared().driver.stat(&paths::upload_started_at(&self.store.name, &self.id)).await
    }

    /// Fails if somebody removed the upload since it was taken up, and leaves nothing of it behind.
    async fn must_be_open(&self) -> Result<(), UploadError> {
        let shared = self.shared();
        if shared.uploads_removed.load(Ordering::Acquire) == self.uploads_removed {
            return Ok(());
        }
        if not_found_is_none(self.started().await)?.is_none() {
            self.remove().await?;
            return Err(UploadError::Unknown);
        }
        Ok(())
    }

    /// What the content hashes to.
    async fn hash(&mut self, algorithm: Algorithm) -> Result<Digest, UploadError> {
        if self.hasher.is_none() {
            self.wake_hasher(algorithm).await?;
        }
        if let Some(hasher) = self.hasher.take_if(|hasher| hasher.algorithm() == algorithm) {
            return Ok(hasher.finish());
        }
        let content = self.shared().driver.reader(&self.data(), 0, None).await?;
        Ok(hash_stream(algorithm, content).await?)
    }

    /// What the stored bytes of a digest really hash to.
    async fn hash_of(&self, digest: &Digest) -> Result<Digest, UploadError> {
        let content = self.shared().driver.reader(&paths::blob_data(digest), 0, None).await?;
        Ok(hash_stream(digest.algorithm(), content).await?)
    }

    /// Gives the blobs the content, unless they have it. Whether the data was moved.
    async fn move_to_blobs(&self, digest: &Digest) -> Result<bool, UploadError> {
        let driver = &self.shared().driver;
        if bytes_stay(&**driver, digest).await?.is_some_and(|stat| stat.size == self.size) {
            return Ok(false);
        }
        let blob = paths::blob_data(digest);
        if self.size == 0 {
            driver.write(&blob, bytes::Bytes::new()).await?;
            return Ok(false);
        }
        if self.acknowledged {
            write_link(&**driver, &paths::upload_moved(&self.store.name, &self.id), digest).await?;
        }
        if !self.is_durable {
            driver.append(&self.data()).await?.sync().await?;
        }
        driver.rename(&self.data(), &blob).await?;
        Ok(true)
    }

    /// Undoes a finish that has moved the data away and was cut short. Gives the size that the data has now.
    async fn undo_move(&self) -> Result<u64, UploadError> {
        let moved = paths::upload_moved(&self.store.name, &self.id);
        match read_link(&*self.shared().driver, &moved).await? {
            Some(digest) => self.bring_back(&digest).await,
            None => Ok(0),
        }
    }

    /// Copies the data back from among the blobs. Gives its size.
    async fn bring_back(&self, digest: &Digest) -> Result<u64, UploadError> {
        let driver = &self.shared().driver;
        let content = driver.reader(&paths::blob_data(digest), 0, None).await;
        let Some(content) = not_found_is_none(content)? else { return Ok(0) };
        let size = self.rewrite(content).await?;
        not_found_is_none(driver.delete(&paths::upload_moved(&self.store.name, &self.id)).await)?;
        Ok(size)
    }

    /// Cuts the data back to its first `size` bytes.
    async fn cut_back(&mut self, size: u64) -> Result<(), UploadError> {
        self.hasher = None;
        if self.size > size {
            let shared = Arc::clone(self.shared());
            let _gate = shared.gate.read().await;
            self.must_be_open().await?;
            let content = self.shared().driver.reader(&self.data(), 0, Some(size)).await?;
            self.size = self.rewrite(content).await?;
        }
        Ok(())
    }

    /// Puts this content in place of the data, atomically. Gives its size.
    async fn rewrite(&self, mut content: ContentStream) -> Result<u64, UploadError> {
        let driver = &self.shared().driver;
        let rewritten = paths::upload_rewritten(&self.store.name, &self.id);
        not_found_is_none(driver.delete(&rewritten).await)?;
        let mut appender = driver.append(&rewritten).await?;
        while let Some(chunk) = content.next().await {
            appender.write(chunk?).await?;
        }
        appender.sync().await?;
        driver.rename(&rewritten, &self.data()).await?;
        Ok(appender.size())
    }
}

pub(crate) async fn hash_stream(algorithm: Algorithm, mut content: ContentStream) -> Result<Digest, DriverError> {
    let mut hasher = Hasher::new(algorithm);
    while let Some(chunk) = content.next().await {
        hasher.update(&chunk?);
    }
    Ok(hasher.finish())
}
