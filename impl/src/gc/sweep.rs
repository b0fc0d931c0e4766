//! Removing what does not stay.
//!
//! The order makes every stop in between harmless: revisions, each before those that it names, lose their entries in tag
//! histories and their referrer links, then the revision link goes; then the links to blobs that will be swept; then the
//! blobs. Caches forget each before and after.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::inventory::{Holdings, Inventory, Layer, is_young};
use super::mark::Marked;
use super::order::parents_first;
use super::{GcOptions, GcReport};
use crate::blob::{bytes_exist, not_found_is_none};
use crate::descriptor::DescriptorError;
use crate::digest::{Algorithm, Digest};
use crate::driver::{Driver, StoragePath};
use crate::error::{CollectError, InTheWay, Obstacle, RepositoryError};
use crate::faults::Fault;
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::progress::{Progress, must_be_awaited};
use crate::registry::Registry;
use crate::shared::Shared;
use crate::survey::{Standing, standing};

/// How many links or blobs are removed together.
const AT_ONCE: usize = 256;

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

impl Losses {
    /// Where the links to the blobs stand.
    fn links(&self) -> impl Iterator<Item = StoragePath> {
        self.layers.iter().map(|digest| paths::layer(&self.name, digest))
    }
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

/// Decides what will be removed. Of the blobs, only those are held.
pub(super) async fn plan(
    registry: &Registry,
    inventory: Inventory,
    marked: &Marked,
    options: GcOptions,
    progress: &dyn Progress,
) -> Result<Plan, CollectError> {
    let shared = registry.shared();
    let Inventory { mut repositories, unread, .. } = inventory;
    let young = unneeded_links(shared, &mut repositories, marked, options).await?;
    let (blobs, stored) = unneeded_blobs(registry, progress, marked, &young, options).await?;
    must_have_blobs(shared, &repositories, &stored).await?;
    let mut losses = Vec::with_capacity(repositories.len());
    for (holdings, stays) in repositories.into_iter().zip(&marked.stays) {
        losses.push(losses_of(&*shared.driver, holdings, stays, marked, &blobs).await?);
    }
    Ok(Plan { repositories: losses, blobs, unread })
}

/// Leaves those blob links that nothing needs, and answers what the young ones of them hold.
async fn unneeded_links(
    shared: &Shared,
    repositories: &mut [Holdings],
    marked: &Marked,
    options: GcOptions,
) -> Result<HashSet<Digest>, CollectError> {
    let mut young = HashSet::new();
    for holdings in repositories {
        let unneeded = holdings.layers.extract_if(.., |layer| !marked.digests.contains(&layer.digest));
        let mut layers = Vec::new();
        for layer in unneeded {
            let is_young = match standing(&*shared.driver, &paths::layer_link(&holdings.name, &layer.digest)).await? {
                Standing::Nothing => continue,
                Standing::File(link) => is_young(shared, link.modified, options),
                Standing::Foreign(_) => true,
            };
            if is_young {
                young.insert(layer.target.clone());
            }
            layers.push(layer);
        }
        holdings.layers = layers;
    }
    Ok(young)
}

/// The blobs that do not stay, with their sizes in bytes; and of which algorithms there are blobs at all.
async fn unneeded_blobs(
    registry: &Registry,
    progress: &dyn Progress,
    marked: &Marked,
    young: &HashSet<Digest>,
    options: GcOptions,
) -> Result<(BTreeMap<Digest, u64>, BTreeSet<Algorithm>), CollectError> {
    progress.stage("looking at blobs", None);
    let (mut unneeded, mut stored) = (BTreeMap::new(), BTreeSet::new());
    let mut walk = registry.blobs().walk();
    while let Some((digest, stat)) = walk.next_with_stat().await? {
        progress.step();
        stored.insert(digest.algorithm());
        let stays = marked.digests.contains(&digest)
            || young.contains(&digest)
            || is_young(registry.shared(), stat.modified, options);
        if !stays {
            unneeded.insert(digest, stat.size);
        }
    }
    CollectError::unless_clear(walk.obstacles().to_vec())?;
    Ok((unneeded, stored))
}

/// The algorithms that there are blobs of, or at least places for some.
///
/// # Errors
/// [`CollectError::Obstructed`] if something stands where those should.
pub(super) async fn stored_algorithms(registry: &Registry) -> Result<BTreeSet<Algorithm>, CollectError> {
    let mut stored = BTreeSet::new();
    let mut walk = registry.blobs().walk();
    while let Some(digest) = walk.next_place().await? {
        stored.insert(digest.algorithm());
    }
    CollectError::unless_clear(walk.obstacles().to_vec())?;
    Ok(stored)
}

/// Fails if there are links to an algorithm's blobs and not one such blob is `stored`: all these links would go.
///
/// # Errors
/// [`CollectError::Obstructed`].
pub(super) async fn must_have_blobs(
    shared: &Shared,
    repositories: &[Holdings],
    stored: &BTreeSet<Algorithm>,
) -> Result<(), CollectError> {
    let mut bare = BTreeSet::new();
    for Holdings { name, layers, .. } in repositories {
        for Layer { digest, target } in layers.iter().filter(|layer| !stored.contains(&layer.target.algorithm())) {
            if standing(&*shared.driver, &paths::layer_link(name, digest)).await? != Standing::Nothing {
                bare.insert(target.algorithm());
            }
        }
    }
    let bare = bare.into_iter();
    let bare = bare.map(|algorithm| Obstacle { path: paths::blobs_of(algorithm), what: InTheWay::NoBlobs });
    CollectError::unless_clear(bare.collect())
}

async fn losses_of(
    driver: &dyn Driver,
    holdings: Holdings,
    stays: &BTreeSet<Digest>,
    marked: &Marked,
    blobs: &BTreeMap<Digest, u64>,
) -> Result<Losses, CollectError> {
    let Holdings { name, revisions, missing, tags, layers, .. } = holdings;
    let lost: BTreeSet<Digest> = revisions.into_keys().filter(|digest| !stays.contains(digest)).collect();
    let subject = |digest: &Digest| match marked.documents.get(digest) {
        Some(document) => document.subject.clone(),
        None => missing.get(digest).cloned().flatten(),
    };
    let lost = parents_first(&lost, &marked.documents).into_iter();
    let mut unlinked = Vec::new();
    for layer in layers {
        // One that is not among those that go is young; or its bytes are missing, and the link is of no use.
        if blobs.contains_key(&layer.target) || bytes_exist(driver, &layer.target).await?.is_none() {
            unlinked.push(layer.digest);
        }
    }
    Ok(Losses {
        name,
        tags,
        revisions: lost.map(|digest| (digest.clone(), subject(&digest))).collect(),
        layers: unlinked,
    })
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
        delete_each(shared, plan.repositories.iter().flat_map(Losses::links), progress, |_| ()).await?;
    }
    // In the order in which they stand, so that a directory is made durable once for many.
    let blobs = plan.blobs.keys().map(paths::blob);
    delete_each(shared, blobs, progress, |_| progress.step()).await
}

/// Removes what the order does not matter of.
async fn delete_each(
    shared: &Shared,
    mut paths: impl Iterator<Item = StoragePath> + Send,
    progress: &dyn Progress,
    removed: impl FnMut(&StoragePath) + Copy + Send,
) -> Result<(), CollectError> {
    loop {
        must_be_awaited(progress)?;
        let some: Vec<_> = paths.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        shared.driver.delete_each(&some).await?;
        some.iter().for_each(removed);
    }
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
