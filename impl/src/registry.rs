//! The registry: every repository, and the bytes they share.
//!
//! A [`Registry`] is what [`RegistryBuilder`](crate::builder::RegistryBuilder) builds. It is cheap to clone; clones are the same
//! registry. Two registries over one storage see each other's writes but not each other's locks: run collections where the
//! writers are.

use std::cmp::Ordering as Order;

use crate::blob::{BlobStore, linked_digests, not_found_is_none};
use crate::catalog::{RepositoryWalk, Visit};
use crate::descriptor::{BlobDescriptorService, DescriptorError};
use crate::digest::Digest;
use crate::driver::DriverError;
use crate::error::RepositoryError;
use crate::faults::Fault;
use crate::name::RepositoryName;
use crate::paths;
use crate::repository::Repository;
use crate::shared::Shared;
use crate::sync::{Arc, Ordering, lock};

/// Which repositories a registry serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Global,
}

impl Scope {
    /// Whether the repository is served.
    #[must_use]
    pub const fn contains(self, _name: &RepositoryName) -> bool {
        match self {
            Self::Global => true,
        }
    }
}

/// A registry.
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
}

impl Registry {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Which repositories it serves: all.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope::Global
    }

    /// A repository, whether or not it has anything yet.
    ///
    /// # Errors
    /// [`RepositoryError::Cache`] if the cache provider has no scope for it.
    pub fn repository(&self, name: &RepositoryName) -> Result<Repository, RepositoryError> {
        let cache =
            self.shared.scoped_cache(name).map_err(|source| RepositoryError::Cache { name: name.clone(), source })?;
        Ok(Repository::new(Arc::clone(&self.shared), name.clone(), cache))
    }

    /// The bytes of all repositories.
    #[must_use]
    pub fn blobs(&self) -> BlobStore {
        BlobStore::new(Arc::clone(&self.shared))
    }

    /// What is stored under a digest, past caches and access control.
    #[must_use]
    pub fn blob_statter(&self) -> Arc<dyn BlobDescriptorService> {
        Arc::clone(&self.shared.uncached_statter)
    }

    /// At most `limit` repositories that ever held a manifest and come strictly after `last` (any text), by path components; and
    /// whether more follow.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn repositories(
        &self,
        limit: usize,
        last: Option<&str>,
    ) -> Result<(Vec<RepositoryName>, bool), DriverError> {
        if self.shared.faults.has(Fault::CatalogByBytes) {
            return self.repositories_by_bytes(limit, last).await;
        }
        let mut walk = RepositoryWalk::new(Arc::clone(&self.shared), Visit::Listed, last);
        let mut names = Vec::new();
        while let Some(name) = walk.next().await? {
            if names.len() >= limit {
                return Ok((names, true));
            }
            names.push(name);
        }
        Ok((names, false))
    }

    async fn repositories_by_bytes(
        &self,
        limit: usize,
        last: Option<&str>,
    ) -> Result<(Vec<RepositoryName>, bool), DriverError> {
        let mut walk = RepositoryWalk::new(Arc::clone(&self.shared), Visit::Listed, None);
        let mut names = Vec::new();
        while let Some(name) = walk.next().await? {
            if last.is_none_or(|last| name.as_str().cmp(last) == Order::Greater) {
                names.push(name);
            }
        }
        names.sort();
        let more = names.len() > limit;
        names.truncate(limit);
        Ok((names, more))
    }

    /// Every repository that has anything, those that hold no manifest included, in the order of the catalog.
    #[must_use]
    pub fn walk(&self) -> RepositoryWalk {
        RepositoryWalk::new(Arc::clone(&self.shared), Visit::Every, None)
    }

    /// Removes a repository: its blob links, manifests, tags and uploads. Those nested below it stay, and so do the bytes until
    /// they are collected. Waits until nobody writes.
    ///
    /// # Errors
    /// [`RepositoryError::Unknown`] if it has nothing.
    pub async fn remove(&self, name: &RepositoryName) -> Result<(), RepositoryError> {
        let shared = &self.shared;
        let cache =
            shared.scoped_cache(name).map_err(|source| RepositoryError::Cache { name: name.clone(), source })?;
        let _gate = shared.gate.write().await;
        shared.uploads_removed.fetch_add(1, Ordering::AcqRel);
        lock(&shared.referrers_ready).remove(name);
        let linked = match &cache {
            Some(_) => linked_digests(&*shared.driver, &paths::layers(name)).await?,
            None => Vec::new(),
        };
        // Before, so that a cache that outlives a crash is right; after, for what was filled in between.
        forget_all(cache.as_deref(), name, &linked).await?;
        let mut found = false;
        for directory in [paths::manifests(name), paths::layers(name), paths::uploads(name)] {
            found |= not_found_is_none(shared.driver.delete(&directory).await)?.is_some();
        }
        if found && shared.faults.has(Fault::RemoveTakesNested) {
            not_found_is_none(shared.driver.delete(&paths::repository(name)).await)?;
        }
        shared.removals.pass().await;
        forget_all(cache.as_deref(), name, &linked).await?;
        if found { Ok(()) } else { Err(RepositoryError::Unknown(name.clone())) }
    }
}

async fn forget_all(
    cache: Option<&dyn BlobDescriptorService>,
    name: &RepositoryName,
    digests: &[Digest],
) -> Result<(), RepositoryError> {
    let Some(cache) = cache else { return Ok(()) };
    for digest in digests {
        match cache.clear(digest).await {
            Ok(()) | Err(DescriptorError::Unknown(_)) => {}
            Err(source) => return Err(RepositoryError::Cache { name: name.clone(), source: source.into() }),
        }
    }
    Ok(())
}
