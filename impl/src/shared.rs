//! What all parts of one registry share: the storage, the options, and the locks.
//!
//! Locks, outermost first: an upload's ([`Shared::upload_locks`]), the gate, what a repository has ([`Shared::reliance`]), a
//! tag's ([`Shared::tag_locks`]; several in their order). Whoever does something because a repository has a blob or a manifest
//! shares its reliance until it is done; whoever takes one away holds it alone. Whoever makes or removes links holds the gate
//! for reading; a collection, a purge and the removal of a repository hold it for writing, so nothing that was acknowledged is
//! swept from under its writer. Nobody waits for a client's bytes while holding the gate. Reading takes none of these.

use std::collections::HashSet;

use crate::blob::UploadId;
use crate::builder::{Options, UploadIds};
use crate::descriptor::{
    BlobDescriptor, BlobDescriptorCacheProvider, BlobDescriptorService, BlobDescriptorServiceFactory, DescriptorError,
    ServiceError,
};
use crate::digest::Digest;
use crate::driver::{Clock, Driver};
use crate::faults::{Fault, Faults};
use crate::name::{RepositoryName, Tag};
use crate::sync::{Arc, AsyncRwLock, AtomicU64, Generation, KeyedLocks, Mutex};

/// What of a repository is relied on. A mount need not wait for a manifest that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Relied {
    Blobs,
    Manifests,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) upload_ids: Arc<dyn UploadIds>,
    pub(crate) options: Options,
    pub(crate) controllers: Option<Arc<dyn BlobDescriptorServiceFactory>>,
    pub(crate) cache: Option<Arc<dyn BlobDescriptorCacheProvider>>,
    pub(crate) faults: Faults,
    /// Answers for the bytes themselves, whoever links them; through the global cache if there is one.
    pub(crate) statter: Arc<dyn BlobDescriptorService>,
    /// The same, past every cache.
    pub(crate) uncached_statter: Arc<dyn BlobDescriptorService>,
    /// Passes whenever a link or bytes go.
    pub(crate) removals: Arc<Generation>,
    pub(crate) gate: AsyncRwLock<()>,
    /// A collection does not wait at the gate: for suites that must notice.
    pub(crate) ungated: bool,
    /// How often uploads were removed past their locks. One that was busy meanwhile looks whether it was among them.
    pub(crate) uploads_removed: AtomicU64,
    pub(crate) upload_locks: Arc<KeyedLocks<(RepositoryName, UploadId)>>,
    pub(crate) reliance: Arc<KeyedLocks<(RepositoryName, Relied)>>,
    pub(crate) tag_locks: Arc<KeyedLocks<(RepositoryName, Tag)>>,
    /// One at a time makes the referrer links of a repository complete; after [`reliance`](Self::reliance).
    pub(crate) completing: Arc<KeyedLocks<RepositoryName>>,
    /// The repositories whose referrer links were found complete, or made so, by this instance.
    pub(crate) referrers_ready: Mutex<HashSet<RepositoryName>>,
}

/// What keeps concurrent requests apart, before there is a registry.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    pub(crate) uploads: Arc<KeyedLocks<(RepositoryName, UploadId)>>,
    pub(crate) reliance: Arc<KeyedLocks<(RepositoryName, Relied)>>,
    pub(crate) tags: Arc<KeyedLocks<(RepositoryName, Tag)>>,
    pub(crate) removals: Arc<Generation>,
    pub(crate) ungated: bool,
}

impl Shared {
    /// The cache of one repository, if there is a cache.
    pub(crate) fn scoped_cache(
        &self,
        name: &RepositoryName,
    ) -> Result<Option<Arc<dyn BlobDescriptorService>>, ServiceError> {
        let Some(cache) = &self.cache else { return Ok(None) };
        if self.faults.has(Fault::CacheShared) {
            let shared: Arc<dyn BlobDescriptorService> = Arc::<dyn BlobDescriptorCacheProvider>::clone(cache);
            return Ok(Some(shared));
        }
        cache.repository_scoped(name).map(Some)
    }

    /// Makes the global cache forget a blob.
    pub(crate) async fn forget_blob(&self, digest: &Digest) -> Result<(), DescriptorError> {
        match &self.cache {
            Some(cache) => cache.clear(digest).await,
            None => Ok(()),
        }
    }

    /// What the global store has under this digest, through the cache.
    pub(crate) async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        self.statter.stat(digest).await
    }

    /// The age in whole seconds of what was written at `modified`; 0 if that lies ahead.
    pub(crate) fn age(&self, modified: u64) -> u64 {
        self.clock.seconds().saturating_sub(modified)
    }
}
