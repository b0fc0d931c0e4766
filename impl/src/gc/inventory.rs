//! What there is before a collection: the revisions, tags and blob links of every repository.
//!
//! Whatever may be needed is taken to be: a revision whose link is no file stays, a repository with a tag that cannot be read
//! keeps all its revisions, what a tag points to is kept though it is no revision, and a document that is no manifest names
//! every digest that is written in it. What leaves no such way out is an obstacle, and nothing is collected.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::GcOptions;
use super::scan::digests_in;
use crate::blob::{bytes_exist, read_link};
use crate::digest::{Algorithm, Digest};
use crate::driver::Driver;
use crate::error::{CollectError, InTheWay, Obstacle};
use crate::faults::Fault;
use crate::manifest::{Descriptor, Manifest};
use crate::manifests::{Content, Hashing, read_content, too_large};
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::shared::Shared;
use crate::survey::{Standing, Surveyed, digests, standing};

/// What one repository has.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) name: RepositoryName,
    /// Whether each revision is young.
    pub(super) revisions: BTreeMap<Digest, bool>,
    /// Those of the revisions whose bytes are missing, each with its subject as far as a referrer link tells it.
    pub(super) missing: BTreeMap<Digest, Option<Digest>>,
    /// What the tags point to, and what those without `current` pointed to.
    pub(super) tagged: BTreeSet<Digest>,
    pub(super) tags: Vec<Tag>,
    /// Whether it is not known what some tag points to.
    pub(super) has_torn_tag: bool,
    pub(super) layers: Vec<Layer>,
}

/// A blob link.
#[derive(Debug)]
pub(super) struct Layer {
    /// Where it stands.
    pub(super) digest: Digest,
    /// What it holds; another digest only where distribution linked a sha512 digest to bytes it keeps under sha256.
    pub(super) target: Digest,
}

/// What a manifest names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    /// The blobs of an image.
    pub(super) blobs: Vec<Digest>,
    /// The entries of a list.
    pub(super) entries: Vec<Digest>,
    pub(super) subject: Option<Digest>,
    /// Why it is no manifest; then all that is written in it stands as blob and as entry.
    pub(super) unread: Option<String>,
}

impl Document {
    pub(super) fn of(manifest: Manifest) -> Self {
        let digests = |descriptors: Vec<Descriptor>| descriptors.into_iter().map(|named| named.digest);
        let blobs = digests(manifest.layers).chain(manifest.config.map(|config| config.digest)).collect();
        let entries = digests(manifest.entries).collect();
        Self { blobs, entries, subject: manifest.subject.map(|subject| subject.digest), unread: None }
    }
}

#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) repositories: Vec<Holdings>,
    /// What each revision says, and what else a tag points to.
    pub(super) documents: HashMap<Digest, Document>,
    /// The revisions that are no manifests, and why.
    pub(super) unread: Vec<(RepositoryName, Digest, String)>,
}

/// Reads everything that decides what stays.
pub(super) async fn take(
    shared: &Shared,
    surveyed: Vec<Surveyed>,
    options: GcOptions,
) -> Result<Inventory, CollectError> {
    let driver = &*shared.driver;
    let mut inventory = Inventory::default();
    let mut obstacles = Vec::new();
    for Surveyed { name, layers, revisions, tags, .. } in surveyed {
        let mut holdings = Holdings {
            revisions: BTreeMap::new(),
            missing: BTreeMap::new(),
            tagged: BTreeSet::new(),
            has_torn_tag: false,
            layers: holds(driver, &name, layers, &mut obstacles).await?,
            tags,
            name,
        };
        inventory.add_revisions(shared, &mut holdings, revisions, options, &mut obstacles).await?;
        let current = add_tags(driver, &mut holdings, &mut obstacles).await?;
        for digest in holdings.tagged.iter().filter(|digest| !holdings.revisions.contains_key(*digest)) {
            // What a tag without `current` pointed to may have been deleted since.
            if !inventory.add_document(driver, digest).await? && current.contains(digest) {
                obstacles.push(missing(&holdings.name, digest));
            }
        }
        inventory.repositories.push(holdings);
    }
    CollectError::unless_clear(obstacles)?;
    Ok(inventory)
}

impl Inventory {
    async fn add_revisions(
        &mut self,
        shared: &Shared,
        holdings: &mut Holdings,
        revisions: Vec<Digest>,
        options: GcOptions,
        obstacles: &mut Vec<Obstacle>,
    ) -> Result<(), CollectError> {
        let driver = &*shared.driver;
        for digest in revisions {
            let name = &holdings.name;
            let is_young = match standing(driver, &paths::revision_link(name, &digest)).await? {
                // That is how distribution leaves what it has deleted.
                Standing::Nothing => continue,
                Standing::File(link) => is_young(shared, link.modified, options),
                Standing::Foreign(_) => true,
            };
            if self.add_document(driver, &digest).await? {
                let reason = self.documents.get(&digest).and_then(|document| document.unread.clone());
                self.unread.extend(reason.map(|reason| (name.clone(), digest.clone(), reason)));
            } else {
                tracing::warn!(repository = %name, %digest, "a manifest's bytes are missing");
                holdings.missing.insert(digest.clone(), None);
            }
            holdings.revisions.insert(digest, is_young);
        }
        if holdings.missing.is_empty() { Ok(()) } else { find_subjects(driver, holdings, obstacles).await }
    }

    /// Reads what stands under a digest. Whether anything does.
    async fn add_document(&mut self, driver: &dyn Driver, digest: &Digest) -> Result<bool, CollectError> {
        if self.documents.contains_key(digest) {
            return Ok(true);
        }
        let document = match read_content(driver, digest, Hashing::Checked).await? {
            Content::Missing => {
                return match standing(driver, &paths::blob_data(digest)).await? {
                    Standing::Foreign(found) => Err(in_the_way(digest, InTheWay::NoFile { found })),
                    Standing::Nothing | Standing::File(_) => Ok(false),
                };
            }
            Content::Damaged => return Err(in_the_way(digest, InTheWay::Damaged)),
            Content::TooLarge { size } => return Err(in_the_way(digest, too_large(size))),
            Content::Manifest(manifest, _) => Document::of(*manifest),
            Content::Other { reason } => {
                tracing::warn!(%digest, reason, "no manifest; all digests that are written in it are kept");
                let named: Vec<Digest> = digests_in(driver, digest).await?.into_iter().collect();
                Document { blobs: named.clone(), entries: named, subject: None, unread: Some(reason) }
            }
        };
        self.documents.insert(digest.clone(), document);
        Ok(true)
    }
}

/// A manifest whose bytes are not what they were is in the way: what it named may be all that is left of an image.
pub(super) fn in_the_way(digest: &Digest, what: InTheWay) -> CollectError {
    CollectError::Obstructed { obstacle: Obstacle { path: paths::blob_data(digest), what }, others: 0 }
}

/// So is one whose bytes are missing, unless the repository was to lose it anyway.
pub(super) fn missing(repository: &RepositoryName, digest: &Digest) -> Obstacle {
    let what = InTheWay::ManifestMissing { repository: repository.clone() };
    Obstacle { path: paths::blob_data(digest), what }
}

/// Only the referrer links still say what the missing manifests were about.
async fn find_subjects(
    driver: &dyn Driver,
    holdings: &mut Holdings,
    obstacles: &mut Vec<Obstacle>,
) -> Result<(), CollectError> {
    for subject in digests(driver, &paths::all_referrers(&holdings.name), obstacles).await? {
        for digest in digests(driver, &paths::referrers(&holdings.name, &subject), obstacles).await? {
            if let Some(known) = holdings.missing.get_mut(&digest) {
                *known = Some(subject.clone());
            }
        }
    }
    Ok(())
}

/// Reads the tags. Answers what those point to that have a `current`.
async fn add_tags(
    driver: &dyn Driver,
    holdings: &mut Holdings,
    obstacles: &mut Vec<Obstacle>,
) -> Result<BTreeSet<Digest>, CollectError> {
    let mut pointed_to = BTreeSet::new();
    for tag in &holdings.tags {
        let path = paths::tag_current(&holdings.name, tag);
        match standing(driver, &path).await? {
            // A push that was cut short has its entry, perhaps.
            Standing::Nothing => {
                let history = digests(driver, &paths::tag_index(&holdings.name, tag), obstacles).await?;
                holdings.tagged.extend(history);
            }
            Standing::File(_) => match read_link(driver, &path).await? {
                Some(current) => {
                    pointed_to.insert(current);
                }
                None => holdings.has_torn_tag = true,
            },
            Standing::Foreign(_) => holdings.has_torn_tag = true,
        }
    }
    holdings.tagged.extend(pointed_to.iter().cloned());
    Ok(pointed_to)
}

/// What the blob links of a repository hold. Whether there is a link in each directory is only asked where it matters.
async fn holds(
    driver: &dyn Driver,
    name: &RepositoryName,
    digests: Vec<Digest>,
    obstacles: &mut Vec<Obstacle>,
) -> Result<Vec<Layer>, CollectError> {
    let mut layers = Vec::new();
    for digest in digests {
        let target = match digest.algorithm() {
            Algorithm::Sha256 => digest.clone(),
            Algorithm::Sha512 => {
                let path = paths::layer_link(name, &digest);
                match read_link(driver, &path).await {
                    Ok(Some(target)) => target,
                    _ if standing(driver, &path).await? == Standing::Nothing => continue,
                    _ if bytes_exist(driver, &digest).await?.is_some() => digest.clone(),
                    _ => {
                        obstacles.push(Obstacle { path, what: InTheWay::Torn });
                        continue;
                    }
                }
            }
        };
        layers.push(Layer { digest, target });
    }
    Ok(layers)
}

/// Whether what was written then is protected by the grace period.
pub(super) fn is_young(shared: &Shared, modified: u64, options: GcOptions) -> bool {
    shared.age(modified) < options.grace_seconds && !shared.faults.has(Fault::CollectTakesYoung)
}
