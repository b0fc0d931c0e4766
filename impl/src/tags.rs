//! Tags: names that move from manifest to manifest.
//!
//! A tag is a directory with `current/link`, and an index of everything it ever pointed to. The index entry is written first;
//! a tag exists exactly while `current/link` does. Tags are changed under the repository's manifest lock.

use std::cmp::Ordering;

use futures::{StreamExt, TryStreamExt, stream};

use crate::blob::{linked_digests, not_found_is_none, read_link, unreachable_is_none, write_link};
use crate::digest::Digest;
use crate::driver::DriverError;
use crate::error::TagError;
use crate::faults::Fault;
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::shared::Shared;
use crate::sync::Arc;

/// The tags of one repository. See [`Repository::tags`](crate::repository::Repository::tags).
#[derive(Clone, Debug)]
pub struct TagStore {
    shared: Arc<Shared>,
    name: RepositoryName,
}

impl TagStore {
    pub(crate) fn new(shared: Arc<Shared>, name: RepositoryName) -> Self {
        Self { shared, name }
    }

    /// Every tag, sorted by bytes.
    ///
    /// # Errors
    /// [`TagError::RepositoryUnknown`] if the repository never held a manifest.
    pub async fn all(&self) -> Result<Vec<Tag>, TagError> {
        Ok(self.list(None, None).await?.0)
    }

    /// At most `limit` tags that come strictly after `last` (any text, compared by bytes), sorted by bytes; and whether more
    /// follow.
    ///
    /// # Errors
    /// [`TagError::RepositoryUnknown`] if the repository never held a manifest.
    pub async fn list(&self, limit: Option<usize>, last: Option<&str>) -> Result<(Vec<Tag>, bool), TagError> {
        let names = unreachable_is_none(self.shared.driver.list(&paths::tags(&self.name)).await)?;
        let Some(names) = names else {
            // Pushed by digest only, or nothing ever was.
            let manifests = self.shared.driver.stat(&paths::manifests(&self.name)).await;
            return match unreachable_is_none(manifests)? {
                Some(_) => Ok((Vec::new(), false)),
                None => Err(TagError::RepositoryUnknown(self.name.clone())),
            };
        };
        let faults = self.shared.faults;
        if faults.has(Fault::TagsLastRequired) && last.is_some_and(|last| !names.iter().any(|name| name == last)) {
            return Ok((Vec::new(), false));
        }
        let is_before = |name: &str, last: &str| match name.cmp(last) {
            Ordering::Less => true,
            Ordering::Equal => !faults.has(Fault::TagsLastInclusive),
            Ordering::Greater => false,
        };
        let start = names.partition_point(|name| last.is_some_and(|last| is_before(name, last)));
        let limit = limit.map(|limit| limit + usize::from(faults.has(Fault::TagsOneMore)));
        let mut tags = Vec::new();
        for name in &names[start..] {
            let Ok(tag) = name.parse::<Tag>() else { continue };
            let full = limit.is_some_and(|limit| tags.len() >= limit);
            if full && faults.has(Fault::TagsNextWhenFull) {
                return Ok((tags, true));
            }
            if self.exists(&tag).await? {
                if full {
                    return Ok((tags, true));
                }
                tags.push(tag);
            }
        }
        let full = limit.is_some_and(|limit| tags.len() >= limit);
        Ok((tags, full && faults.has(Fault::TagsNextWhenFull)))
    }

    /// What a tag points to.
    ///
    /// # Errors
    /// [`TagError::Unknown`].
    pub async fn get(&self, tag: &Tag) -> Result<Digest, TagError> {
        let current = read_link(&*self.shared.driver, &paths::tag_current(&self.name, tag)).await?;
        current.ok_or_else(|| TagError::Unknown(tag.clone()))
    }

    /// Points a tag to a digest, which is a revision of the repository.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn tag(&self, tag: &Tag, digest: &Digest) -> Result<(), TagError> {
        let _gate = self.shared.gate.read().await;
        let _lock = self.shared.manifest_locks.lock(self.name.clone()).await;
        // The tag must not outlive it in a crash.
        not_found_is_none(self.shared.driver.confirm(&paths::revision_link(&self.name, digest)).await)?;
        Ok(self.tag_locked(tag, digest).await?)
    }

    /// [`tag`](Self::tag), for whoever holds the gate and the lock.
    pub(crate) async fn tag_locked(&self, tag: &Tag, digest: &Digest) -> Result<(), DriverError> {
        let driver = &*self.shared.driver;
        let exists = self.exists(tag).await?;
        if exists && self.shared.faults.has(Fault::TagNotMoved) {
            return Ok(());
        }
        if !exists {
            // A push that a crash cut short has left an index entry, perhaps.
            not_found_is_none(driver.delete(&paths::tag(&self.name, tag)).await)?;
        }
        write_link(driver, &paths::tag_entry_link(&self.name, tag, digest), digest).await?;
        write_link(driver, &paths::tag_current(&self.name, tag), digest).await
    }

    /// Removes a tag and its history. The manifest stays.
    ///
    /// # Errors
    /// [`TagError::DeleteDisabled`] before anything is looked up; [`TagError::Unknown`].
    pub async fn untag(&self, tag: &Tag) -> Result<(), TagError> {
        if !self.shared.options.delete && !self.shared.faults.has(Fault::DeleteAlwaysOn) {
            return Err(TagError::DeleteDisabled);
        }
        let _gate = self.shared.gate.read().await;
        let _lock = self.shared.manifest_locks.lock(self.name.clone()).await;
        if !self.exists(tag).await? {
            return Err(TagError::Unknown(tag.clone()));
        }
        if !self.shared.faults.has(Fault::TagDeleteKeepsTag) {
            self.untag_locked(tag).await?;
        }
        Ok(())
    }

    /// [`untag`](Self::untag), for whoever holds the gate and the lock. What is not there stays so.
    pub(crate) async fn untag_locked(&self, tag: &Tag) -> Result<(), DriverError> {
        not_found_is_none(self.shared.driver.delete(&paths::tag(&self.name, tag)).await)?;
        Ok(())
    }

    /// The tags that point to a digest, sorted. At most so many links are read at once as the registry's limit says. Empty for a
    /// repository that is not known.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn lookup(&self, digest: &Digest) -> Result<Vec<Tag>, TagError> {
        let names = self.shared.driver.list(&paths::tags(&self.name)).await;
        let names = unreachable_is_none(names)?.unwrap_or_default();
        let limit = self.shared.options.tag_lookup_limit;
        let count = if self.shared.faults.has(Fault::LookupStopsAtLimit) { limit } else { usize::MAX };
        let tags = names.into_iter().filter_map(|name| name.parse::<Tag>().ok()).take(count);
        let mut found: Vec<Tag> = stream::iter(tags)
            .map(|tag| async move {
                let current = read_link(&*self.shared.driver, &paths::tag_current(&self.name, &tag)).await?;
                Ok::<_, DriverError>((current.as_ref() == Some(digest)).then_some(tag))
            })
            .buffer_unordered(limit)
            .try_filter_map(|tag| std::future::ready(Ok(tag)))
            .try_collect()
            .await?;
        found.sort();
        Ok(found)
    }

    /// Every digest that a tag ever pointed to and that was not collected since, sorted.
    ///
    /// # Errors
    /// [`TagError::Unknown`].
    pub async fn manifest_digests(&self, tag: &Tag) -> Result<Vec<Digest>, TagError> {
        let current = self.get(tag).await?;
        if self.shared.faults.has(Fault::HistoryForgotten) {
            return Ok(vec![current]);
        }
        Ok(linked_digests(&*self.shared.driver, &paths::tag_index(&self.name, tag)).await?)
    }

    async fn exists(&self, tag: &Tag) -> Result<bool, DriverError> {
        let current = self.shared.driver.stat(&paths::tag_current(&self.name, tag)).await;
        Ok(unreachable_is_none(current)?.is_some_and(|stat| !stat.is_dir))
    }
}
