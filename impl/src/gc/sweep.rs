//! Removing what does not stay.
//!
//! The order makes every stop in between harmless: revisions, each before those that it names, lose their entries in tag
//! histories and their referrer links, then the revision link goes; then the links to blobs that will be swept; then the
//! blobs. Caches forget each before and after.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::inventory::{Holdings, Inventory, is_young};
use super::mark::Marked;
use super::order::parents_first;
use super::{GcOptions, GcReport};
use crate::blob::not_found_is_none;
use crate::descriptor::DescriptorError;
use crate::digest::{Algorithm, Digest};
use crate::driver::{Stat, StoragePath};
use crate::error::{CollectError, InTheWay, Obstacle, RepositoryError};
use crate::faults::Fault;
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::progress::{Progress, must_be_awaited};
use crate::registry::Registry;
use crate::shared::Shared;

/// What will be removed.
#[derive(Debug)]
pub(super) struct Plan {
    repositories: Vec<Losses>,
    /// With their sizes in bytes.
    blobs: BTreeMap<Digest, u64>,
    unread: Vec<(RepositoryName, Digest, String)>,
}

/// What one repository will lose.
#[derive(Debug)]
struct Losses {
    name: RepositoryName,
    tags: Vec<Tag>,
    /// Revisions, each with its subject.
    revisions: Vec<(Digest, Option<Digest>)>,
    layers: Vec<Digest>,
}

impl Plan {
    pub(super) fn report(self) -> GcReport {
        let bytes = self.blobs.values().sum();
        let mut report = GcReport { blobs: self.blobs.into_keys().collect(), bytes, ..GcReport::default() };
        for losses in self.repositories {
            let revisions = losses.revisions.into_iter();
            report.manifests.extend(revisions.map(|(digest, _)| (losses.name.clone(), digest)));
        }
        report.unread = self.unread;
        report.manifests.sort();
        report.unread.sort();
        report
    }
}

/// Every blob that is stored.
pub(super) async fn stored(
    registry: &Registry,
    progress: &dyn Progress,
) -> Result<BTreeMap<Digest, Stat>, CollectError> {
    progress.stage("looking at blobs", None);
    let mut stored = BTreeMap::new();
    let mut walk = registry.blobs().walk();
    while let Some((digest, stat)) = walk.next_with_stat().await? {
        progress.step();
        stored.insert(digest, stat);
    }
    CollectError::unless_clear(walk.obstacles().to_vec())?;
    Ok(stored)
}

/// Fails if there are links to an algorithm's blobs and not one such blob: all these links would go.
///
/// # Errors
/// [`CollectError::Obstructed`].
pub(super) fn must_have_blobs(repositories: &[Holdings], stored: &BTreeMap<Digest, Stat>) -> Result<(), CollectError> {
    let links = repositories.iter().flat_map(|holdings| &holdings.layers);
    let linked: BTreeSet<Algorithm> = links.map(|layer| layer.target.algorithm()).collect();
    let is_bare = |algorithm: &Algorithm| stored.keys().all(|digest| digest.algorithm() != *algorithm);
    let bare = linked.into_iter().filter(is_bare);
    let bare = bare.map(|algorithm| Obstacle { path: paths::blobs_of(algorithm), what: InTheWay::NoBlobs });
    CollectError::unless_clear(bare.collect())
}

/// Decides what will be removed.
pub(super) fn plan(
    shared: &Shared,
    inventory: Inventory,
    stored: &BTreeMap<Digest, Stat>,
    marked: &Marked,
    options: GcOptions,
) -> Plan {
    let Inventory { repositories, unread, .. } = inventory;
    let links = repositories.iter().flat_map(|holdings| &holdings.layers);
    let young: HashSet<&Digest> = links.filter(|layer| layer.is_young).map(|layer| &layer.target).collect();
    let stays = |digest: &Digest, stat: &Stat| {
        marked.digests.contains(digest) || young.contains(digest) || is_young(shared, stat.modified, options)
    };
    let swept = stored.iter().filter(|(digest, stat)| !stays(digest, stat));
    let blobs: BTreeMap<Digest, u64> = swept.map(|(digest, stat)| (digest.clone(), stat.size)).collect();
    let losses = |(holdings, stays): (Holdings, &BTreeSet<Digest>)| {
        let Holdings { revisions, missing, .. } = holdings;
        let lost: BTreeSet<Digest> = revisions.into_keys().filter(|digest| !stays.contains(digest)).collect();
        let subject = |digest: &Digest| match marked.documents.get(digest) {
            Some(document) => document.subject.clone(),
            None => missing.get(digest).cloned().flatten(),
        };
        let lost = parents_first(&lost, &marked.documents).into_iter();
        let layers = holdings.layers.into_iter().filter(|layer| {
            let is_missing = !stored.contains_key(&layer.target);
            blobs.contains_key(&layer.target) || (is_missing && !marked.digests.contains(&layer.digest))
        });
        Losses {
            name: holdings.name,
            tags: holdings.tags,
            revisions: lost.map(|digest| (digest.clone(), subject(&digest))).collect(),
            layers: layers.map(|layer| layer.digest).collect(),
        }
    };
    let repositories = repositories.into_iter().zip(&marked.stays).map(losses).collect();
    Plan { repositories, blobs, unread }
}

/// Removes it.
pub(super) async fn sweep(shared: &Shared, plan: &Plan, progress: &dyn Progress) -> Result<(), CollectError> {
    progress.stage("removing", Some(plan.blobs.len() as u64));
    forget(shared, plan).await?;
    let removed = remove(shared, plan, progress).await;
    // However far it came, somebody may have looked at it meanwhile.
    shared.removals.pass().await;
    forget(shared, plan).await?;
    removed
}

async fn remove(shared: &Shared, plan: &Plan, progress: &dyn Progress) -> Result<(), CollectError> {
    for losses in &plan.repositories {
        let name = &losses.name;
        for (digest, subject) in &losses.revisions {
            must_be_awaited(progress)?;
            for tag in &losses.tags {
                delete(shared, &paths::tag_entry(name, tag, digest)).await?;
            }
            if let Some(subject) = subject {
                delete(shared, &paths::referrer(name, subject, digest)).await?;
            }
            delete(shared, &paths::revision(name, digest)).await?;
        }
    }
    if !shared.faults.has(Fault::CollectKeepsLinks) {
        for losses in &plan.repositories {
            for digest in &losses.layers {
                must_be_awaited(progress)?;
                delete(shared, &paths::layer(&losses.name, digest)).await?;
            }
        }
    }
    for digest in plan.blobs.keys() {
        must_be_awaited(progress)?;
        progress.step();
        delete(shared, &paths::blob(digest)).await?;
    }
    Ok(())
}

async fn delete(shared: &Shared, path: &StoragePath) -> Result<(), CollectError> {
    not_found_is_none(shared.driver.delete(path).await)?;
    Ok(())
}

/// Makes the caches forget what is removed.
async fn forget(shared: &Shared, plan: &Plan) -> Result<(), CollectError> {
    if shared.cache.is_none() || shared.faults.has(Fault::CollectKeepsCached) {
        return Ok(());
    }
    for losses in plan.repositories.iter().filter(|losses| !losses.layers.is_empty()) {
        let cache = shared
            .scoped_cache(&losses.name)
            .map_err(|source| RepositoryError::Cache { name: losses.name.clone(), source })?;
        for digest in &losses.layers {
            if let Some(cache) = &cache {
                unknown_is_forgotten(cache.clear(digest).await)?;
            }
        }
    }
    for digest in plan.blobs.keys() {
        unknown_is_forgotten(shared.forget_blob(digest).await)?;
    }
    Ok(())
}

fn unknown_is_forgotten(result: Result<(), DescriptorError>) -> Result<(), DescriptorError> {
    match result {
        Err(DescriptorError::Unknown(_)) => Ok(()),
        other => other,
    }
}
