//! Removing single things for good, past every check: for operators' tools.
//!
//! Nothing asks here whether something else still needs what goes. Each operation waits until nobody writes.
//!
//! Source: distribution's `storage.Vacuum`.

use crate::blob::{linked_digests, not_found_is_none};
use crate::digest::Digest;
use crate::error::{CollectError, RepositoryError};
use crate::name::RepositoryName;
use crate::paths;
use crate::registry::Registry;

/// Removes things for good.
#[derive(Clone, Debug)]
pub struct Vacuum {
    registry: Registry,
}

impl Vacuum {
    /// For this registry.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { registry }
    }

    /// Removes the bytes of a digest, whoever links them. Whether there were any.
    ///
    /// # Errors
    /// If the storage or the cache fails.
    pub async fn remove_blob(&self, digest: &Digest) -> Result<bool, CollectError> {
        let shared = self.registry.shared();
        let _gate = shared.gate.write().await;
        let mut linking = Vec::new();
        if shared.cache.is_some() {
            let mut walk = self.registry.walk();
            while let Some(name) = walk.next().await? {
                let link = shared.driver.stat(&paths::layer_link(&name, digest)).await;
                if not_found_is_none(link)?.is_some() {
                    linking.push(name);
                }
            }
        }
        self.forget(&linking, digest).await?;
        let existed = not_found_is_none(shared.driver.delete(&paths::blob(digest)).await)?.is_some();
        shared.removals.pass().await;
        self.forget(&linking, digest).await?;
        Ok(existed)
    }

    /// Removes a revision and its entries in the histories of all tags; tags that point to it stay, and point to nothing. Whether
    /// it was there.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn remove_manifest(&self, name: &RepositoryName, digest: &Digest) -> Result<bool, CollectError> {
        let shared = self.registry.shared();
        let _gate = shared.gate.write().await;
        let tags = not_found_is_none(shared.driver.list(&paths::tags(name)).await)?.unwrap_or_default();
        for tag in tags.iter().filter_map(|tag| tag.parse().ok()) {
            let entries = linked_digests(&*shared.driver, &paths::tag_index(name, &tag)).await?;
            if entries.contains(digest) {
                not_found_is_none(shared.driver.delete(&paths::tag_entry(name, &tag, digest)).await)?;
            }
        }
        Ok(not_found_is_none(shared.driver.delete(&paths::revision(name, digest)).await)?.is_some())
    }

    /// Removes a repository; see [`Registry::remove`].
    ///
    /// # Errors
    /// As [`Registry::remove`].
    pub async fn remove_repository(&self, name: &RepositoryName) -> Result<(), RepositoryError> {
        self.registry.remove(name).await
    }

    async fn forget(&self, linking: &[RepositoryName], digest: &Digest) -> Result<(), CollectError> {
        let shared = self.registry.shared();
        for name in linking {
            let cache =
                shared.scoped_cache(name).map_err(|source| RepositoryError::Cache { name: name.clone(), source })?;
            if let Some(cache) = cache {
                cache.clear(digest).await?;
            }
        }
        Ok(shared.forget_blob(digest).await?)
    }
}
