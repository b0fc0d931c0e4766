//! Tags: names that move from manifest to manifest.
//!
//! A tag is a directory with `current/link`, and an index of everything it ever pointed to. The index entry is written first;
//! a tag exists exactly while `current/link` does. A tag is changed under its lock, by whoever shares what the repository's manifests
//! are relied on for; or by who holds that alone.

use futures::{StreamExt, TryStreamExt, stream};

use crate::blob::{File, link, linked_digests, not_found_is_none, read_link, unreachable_is_none};
use crate::digest::Digest;
use crate::driver::{DriverError, Stat};
use crate::error::TagError;
use crate::faults::Fault;
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::shared::{Relied, Shared};
use crate::sync::Arc;

/// How many tags are looked at together.
const AT_ONCE: usize = 256;

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
        let faults = self.shared.faults;
        let limit = limit.map(|limit| limit.saturating_add(usize::from(faults.has(Fault::TagsOneMore))));
        let is_full = |tags: &Vec<Tag>| limit.is_some_and(|limit| tags.len() >= limit);
        let mut tags = Vec::new();
        if let Some(last) = last.filter(|_| faults.has(Fault::TagsLastRequired) || faults.has(Fault::TagsLastInclusive))
        {
            let names = self.names_after("", usize::MAX).await?.unwrap_or_default();
            let named = names.iter().find(|name| *name == last);
            if named.is_none() && faults.has(Fault::TagsLastRequired) {
                return Ok((tags, false));
            }
            let included = named.filter(|_| faults.has(Fault::TagsLastInclusive));
            tags.extend(included.and_then(|name| name.parse::<Tag>().ok()));
        }
        let mut after = last.unwrap_or_default().to_owned();
        let mut least = 0;
        loop {
            // One more tells whether more follow. And if some are no tags any more, not one name after the other.
            let more = |limit: usize| limit.saturating_sub(tags.len()).saturating_add(1);
            let wanted = limit.map_or(usize::MAX, |limit| more(limit).max(least));
            least = AT_ONCE;
            let Some(names) = self.names_after(&after, wanted).await? else { break };
            let Some(end) = names.last().cloned() else { break };
            let named: Vec<Tag> = names.iter().filter_map(|name| name.parse().ok()).collect();
            for some in named.chunks(AT_ONCE) {
                let places: Vec<_> = some.iter().map(|tag| paths::tag_current(&self.name, tag)).collect();
                for (tag, stat) in some.iter().zip(self.shared.driver.stat_each(&places).await) {
                    if is_file(stat)? {
                        if is_full(&tags) {
                            return Ok((tags, true));
                        }
                        tags.push(tag.clone());
                    }
                }
            }
            if limit.is_none() {
                break;
            }
            after = end;
        }
        let has_more = is_full(&tags) && faults.has(Fault::TagsNextWhenFull);
        Ok((tags, has_more))
    }

    /// Names in the directory of the tags; nothing, if it is not there.
    async fn names_after(&self, after: &str, limit: usize) -> Result<Option<Vec<String>>, TagError> {
        let names = self.shared.driver.list_after(&paths::tags(&self.name), after, limit).await;
        if let Some(names) = unreachable_is_none(names)? {
            return Ok(Some(names));
        }
        // Pushed by digest only, or nothing ever was.
        let manifests = self.shared.driver.stat(&paths::manifests(&self.name)).await;
        match unreachable_is_none(manifests)? {
            Some(_) => Ok(None),
            None => Err(TagError::RepositoryUnknown(self.name.clone())),
        }
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
        let _manifests = self.shared.reliance.share((self.name.clone(), Relied::Manifests)).await;
        let _lock = self.shared.tag_locks.lock((self.name.clone(), tag.clone())).await;
        // The tag must not outlive it in a crash.
        not_found_is_none(self.shared.driver.confirm(&paths::revision_link(&self.name, digest)).await)?;
        let files = self.files_locked(tag, digest).await?;
        Ok(self.shared.driver.write_steps(files.into_iter().flatten().map(|file| vec![file]).collect()).await?)
    }

    /// The files that make a tag point to a digest: its entry in the index, then the one that counts. Nothing, if nothing is to be done.
    /// For whoever holds the gate and the lock.
    pub(crate) async fn files_locked(&self, tag: &Tag, digest: &Digest) -> Result<Option<[File; 2]>, DriverError> {
        if unreachable_is_none(self.shared.driver.stat(&paths::tag(&self.name, tag)).await)?.is_some() {
            let exists = self.exists(tag).await?;
            if exists && self.shared.faults.has(Fault::TagNotMoved) {
                return Ok(None);
            }
            if !exists {
                // A push that a crash cut short has left an index entry, perhaps.
                not_found_is_none(self.shared.driver.delete(&paths::tag(&self.name, tag)).await)?;
            }
        }
        let places = [paths::tag_entry_link(&self.name, tag, digest), paths::tag_current(&self.name, tag)];
        Ok(Some(places.map(|path| link(path, digest))))
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
        let _manifests = self.shared.reliance.share((self.name.clone(), Relied::Manifests)).await;
        let _lock = self.shared.tag_locks.lock((self.name.clone(), tag.clone())).await;
        if !self.exists(tag).await? {
            return Err(TagError::Unknown(tag.clone()));
        }
        if !self.shared.faults.has(Fault::TagDeleteKeepsTag) {
            self.untag_locked(tag).await?;
        }
        Ok(())
    }

    /// [`untag`](Self::untag), for whoever holds the gate, and the lock or the repository's manifests alone. What is not there stays so.
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
        is_file(self.shared.driver.stat(&paths::tag_current(&self.name, tag)).await)
    }
}

/// Whether a tag's link is there.
fn is_file(stat: Result<Stat, DriverError>) -> Result<bool, DriverError> {
    Ok(unreachable_is_none(stat)?.is_some_and(|stat| !stat.is_dir))
}
