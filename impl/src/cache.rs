//! Remembering descriptors without ever changing an answer.
//!
//! `CachedStatter` puts a cache before a service: it asks the cache, else the service, and tells the cache what it learnt,
//! unless something was removed meanwhile (`sync::Generation`). [`InMemoryCache`] is the cache that comes with the registry. A
//! cache that fails is passed over; only when it is to forget does its failure count.

use async_trait::async_trait;

use crate::descriptor::{
    BlobDescriptor, BlobDescriptorCacheProvider, BlobDescriptorService, DescriptorError, ServiceError,
};
use crate::digest::Digest;
use crate::faults::{Fault, Faults};
use crate::name::RepositoryName;
use crate::sync::{Arc, Generation};

/// A service with a cache before it.
#[derive(Debug)]
pub(crate) struct CachedStatter {
    cache: Arc<dyn BlobDescriptorService>,
    inner: Arc<dyn BlobDescriptorService>,
    removals: Arc<Generation>,
    faults: Faults,
}

impl CachedStatter {
    pub(crate) fn new(
        cache: Arc<dyn BlobDescriptorService>,
        inner: Arc<dyn BlobDescriptorService>,
        removals: Arc<Generation>,
        faults: Faults,
    ) -> Self {
        Self { cache, inner, removals, faults }
    }

    async fn remember(&self, digest: &Digest, descriptor: BlobDescriptor) {
        if let Err(error) = self.cache.set_descriptor(digest, descriptor).await {
            tracing::warn!(%digest, %error, "the descriptor cache did not take an entry");
        }
    }

    async fn forget(&self, digest: &Digest) -> Result<(), DescriptorError> {
        if self.faults.has(Fault::CacheKeepsDeleted) {
            return Ok(());
        }
        match self.cache.clear(digest).await {
            Err(DescriptorError::Unknown(_)) => Ok(()),
            other => other,
        }
    }
}

#[async_trait]
impl BlobDescriptorService for CachedStatter {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        match self.cache.stat(digest).await {
            Ok(descriptor) => return Ok(descriptor),
            Err(DescriptorError::Unknown(_)) => {}
            Err(error) => {
                tracing::warn!(%digest, %error, "the descriptor cache did not answer");
                return self.inner.stat(digest).await;
            }
        }
        let seen = self.removals.now();
        let descriptor = self.inner.stat(digest).await?;
        self.removals.unless_passed(seen, self.remember(digest, descriptor.clone())).await;
        Ok(descriptor)
    }

    /// Remembers nothing: nothing is stored yet, and perhaps never will be. Who asks for it then finds out.
    async fn set_descriptor(&self, digest: &Digest, descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        if self.faults.has(Fault::CacheOutsideAccessControl) {
            self.remember(digest, descriptor.clone()).await;
        }
        self.inner.set_descriptor(digest, descriptor).await
    }

    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError> {
        // Before, so that a cache that outlives a crash is right; after, for what was filled in between.
        self.forget(digest).await?;
        self.inner.clear(digest).await?;
        self.removals.pass().await;
        self.forget(digest).await
    }
}

/// A cache in this process's memory. When it is full, entries that were not asked for lately go.
#[derive(Clone, Debug)]
pub struct InMemoryCache(moka::sync::Cache<Key, BlobDescriptor>);

/// No repository: the global service.
type Key = (Option<RepositoryName>, Digest);

impl InMemoryCache {
    /// A cache of at most about this many descriptors (some 200 bytes each).
    #[must_use]
    pub fn new(max_entries: u64) -> Self {
        Self(moka::sync::Cache::new(max_entries))
    }

    fn scope(&self, repository: Option<RepositoryName>) -> Scope {
        Scope { cache: self.0.clone(), repository }
    }
}

#[async_trait]
impl BlobDescriptorService for InMemoryCache {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        self.scope(None).stat(digest).await
    }

    async fn set_descriptor(&self, digest: &Digest, descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        self.scope(None).set_descriptor(digest, descriptor).await
    }

    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError> {
        self.scope(None).clear(digest).await
    }
}

impl BlobDescriptorCacheProvider for InMemoryCache {
    fn repository_scoped(&self, repository: &RepositoryName) -> Result<Arc<dyn BlobDescriptorService>, ServiceError> {
        Ok(Arc::new(self.scope(Some(repository.clone()))))
    }
}

#[derive(Debug)]
struct Scope {
    cache: moka::sync::Cache<Key, BlobDescriptor>,
    repository: Option<RepositoryName>,
}

impl Scope {
    fn key(&self, digest: &Digest) -> Key {
        (self.repository.clone(), digest.clone())
    }
}

#[async_trait]
impl BlobDescriptorService for Scope {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        self.cache.get(&self.key(digest)).ok_or_else(|| DescriptorError::Unknown(digest.clone()))
    }

    async fn set_descriptor(&self, digest: &Digest, descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        self.cache.insert(self.key(digest), descriptor);
        Ok(())
    }

    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError> {
        self.cache.invalidate(&self.key(digest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;
    use crate::sync::{AtomicU64, Ordering};

    /// Knows every digest, and counts how often it is asked.
    #[derive(Debug, Default)]
    struct Asked(AtomicU64);

    #[async_trait]
    impl BlobDescriptorService for Asked {
        async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(BlobDescriptor { digest: digest.clone(), size: 1 })
        }

        async fn set_descriptor(&self, _: &Digest, _: BlobDescriptor) -> Result<(), DescriptorError> {
            Ok(())
        }

        async fn clear(&self, _: &Digest) -> Result<(), DescriptorError> {
            Ok(())
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_answered_once_is_not_asked_again_until_it_is_removed_and_what_was_only_told_is() {
        let inner = Arc::new(Asked::default());
        let (cache, removals) = (Arc::new(InMemoryCache::new(10)), Arc::new(Generation::default()));
        let statter = CachedStatter::new(cache, inner.clone(), removals, Faults::default());
        let asked = || inner.0.load(Ordering::Relaxed);
        let (answered, told) = (Digest::of(Algorithm::Sha256, b"x"), Digest::of(Algorithm::Sha256, b"y"));
        let descriptor = |digest: &Digest| BlobDescriptor { digest: digest.clone(), size: 1 };
        statter.set_descriptor(&told, descriptor(&told)).await.unwrap();
        for (digest, times) in [(&told, 1), (&told, 1), (&answered, 2), (&answered, 2)] {
            assert_eq!(statter.stat(digest).await.unwrap(), descriptor(digest));
            assert_eq!(asked(), times);
        }
        statter.clear(&answered).await.unwrap();
        statter.stat(&answered).await.unwrap();
        assert_eq!(asked(), 3);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_scopes_of_a_cache_share_nothing() {
        let cache = InMemoryCache::new(10);
        let digest = Digest::of(Algorithm::Sha256, b"x");
        let descriptor = BlobDescriptor { digest: digest.clone(), size: 1 };
        let a = cache.repository_scoped(&"a".parse().unwrap()).unwrap();
        let b = cache.repository_scoped(&"b".parse().unwrap()).unwrap();
        a.set_descriptor(&digest, descriptor.clone()).await.unwrap();
        assert_eq!(a.stat(&digest).await.unwrap(), descriptor);
        assert!(matches!(b.stat(&digest).await, Err(DescriptorError::Unknown(_))));
        assert!(matches!(cache.stat(&digest).await, Err(DescriptorError::Unknown(_))));
        b.clear(&digest).await.unwrap();
        assert_eq!(a.stat(&digest).await.unwrap(), descriptor);
        a.clear(&digest).await.unwrap();
        assert!(a.stat(&digest).await.is_err());
    }
}
