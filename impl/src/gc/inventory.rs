//! What there is before a collection: the revisions, tags and blob links of every repository.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::GcOptions;
use crate::blob::{linked_digests, not_found_is_none, read_limited, read_link};
use crate::digest::{Algorithm, Digest};
use crate::driver::DriverError;
use crate::error::CollectError;
use crate::faults::Fault;
use crate::manifest;
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::progress::Progress;
use crate::registry::Registry;
use crate::shared::Shared;

/// What one repository has.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) name: RepositoryName,
    /// Whether each revision is young.
    pub(super) revisions: BTreeMap<Digest, bool>,
    /// What the tags point to.
    pub(super) tagged: BTreeSet<Digest>,
    pub(super) tags: Vec<Tag>,
    pub(super) layers: Vec<Layer>,
}

/// A blob link.
#[derive(Debug)]
pub(super) struct Layer {
    /// Where it stands.
    pub(super) digest: Digest,
    /// What it holds; another digest only where distribution linked a sha512 digest to bytes it keeps under sha256.
    pub(super) target: Digest,
    pub(super) is_young: bool,
}

/// What a manifest names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    /// The blobs of an image.
    pub(super) blobs: Vec<Digest>,
    /// The entries of a list.
    pub(super) entries: Vec<Digest>,
    pub(super) subject: Option<Digest>,
}

#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) repositories: Vec<Holdings>,
    /// What each revision says.
    pub(super) documents: HashMap<Digest, Document>,
    pub(super) dangling: Vec<(RepositoryName, Digest)>,
}

/// Reads everything that decides what stays.
pub(super) async fn take(
    registry: &Registry,
    options: GcOptions,
    progress: &dyn Progress,
) -> Result<Inventory, CollectError> {
    progress.stage("reading repositories", None);
    let shared = registry.shared();
    let mut inventory = Inventory { repositories: Vec::new(), documents: HashMap::new(), dangling: Vec::new() };
    let mut walk = registry.walk();
    while let Some(name) = walk.next().await? {
        progress.step();
        let mut holdings = Holdings {
            revisions: BTreeMap::new(),
            tagged: BTreeSet::new(),
            tags: Vec::new(),
            layers: layers(shared, &name, options).await?,
            name,
        };
        inventory.add_revisions(shared, &mut holdings, options).await?;
        add_tags(shared, &mut holdings).await?;
        inventory.repositories.push(holdings);
    }
    Ok(inventory)
}

impl Inventory {
    async fn add_revisions(
        &mut self,
        shared: &Shared,
        holdings: &mut Holdings,
        options: GcOptions,
    ) -> Result<(), CollectError> {
        let name = &holdings.name;
        for digest in linked_digests(&*shared.driver, &paths::revisions(name)).await? {
            let link = shared.driver.stat(&paths::revision_link(name, &digest)).await;
            let Some(link) = not_found_is_none(link)? else { continue };
            if !self.documents.contains_key(&digest) {
                match read_document(shared, &digest).await? {
                    Content::Document(document) => {
                        self.documents.insert(digest.clone(), document);
                    }
                    Content::Other => return Err(CollectError::Unreadable { repository: name.clone(), digest }),
                    Content::Missing => {
                        tracing::warn!(repository = %name, %digest, "a manifest's bytes are gone");
                        self.dangling.push((name.clone(), digest));
                        continue;
                    }
                }
            }
            holdings.revisions.insert(digest, is_young(shared, link.modified, options));
        }
        Ok(())
    }
}

async fn add_tags(shared: &Shared, holdings: &mut Holdings) -> Result<(), CollectError> {
    let names = not_found_is_none(shared.driver.list(&paths::tags(&holdings.name)).await)?.unwrap_or_default();
    holdings.tags = names.iter().filter_map(|tag| tag.parse().ok()).collect();
    for tag in &holdings.tags {
        let current = read_link(&*shared.driver, &paths::tag_current(&holdings.name, tag)).await?;
        holdings.tagged.extend(current);
    }
    Ok(())
}

async fn layers(shared: &Shared, name: &RepositoryName, options: GcOptions) -> Result<Vec<Layer>, DriverError> {
    let mut layers = Vec::new();
    for digest in linked_digests(&*shared.driver, &paths::layers(name)).await? {
        let path = paths::layer_link(name, &digest);
        let Some(link) = not_found_is_none(shared.driver.stat(&path).await)? else { continue };
        let target = match digest.algorithm() {
            Algorithm::Sha256 => digest.clone(),
            Algorithm::Sha512 => read_link(&*shared.driver, &path).await?.unwrap_or_else(|| digest.clone()),
        };
        layers.push(Layer { digest, target, is_young: is_young(shared, link.modified, options) });
    }
    Ok(layers)
}

/// Whether what was written then is protected by the grace period.
pub(super) fn is_young(shared: &Shared, modified: u64, options: GcOptions) -> bool {
    shared.age(modified) < options.grace_seconds && !shared.faults.has(Fault::CollectTakesYoung)
}

/// What stands under a digest.
#[derive(Debug)]
pub(super) enum Content {
    Missing,
    /// Bytes that are no manifest.
    Other,
    Document(Document),
}

/// Reads what stands under a digest as a manifest.
pub(super) async fn read_document(shared: &Shared, digest: &Digest) -> Result<Content, DriverError> {
    let driver = &*shared.driver;
    let Some(bytes) = read_limited(driver, digest).await? else {
        let exists = crate::blob::bytes_exist(driver, digest).await?.is_some();
        return Ok(if exists { Content::Other } else { Content::Missing });
    };
    let Some(manifest) = manifest::derive_type(&bytes).and_then(|kind| manifest::read(kind, &bytes).ok()) else {
        return Ok(Content::Other);
    };
    let digests = |descriptors: &[manifest::Descriptor]| descriptors.iter().map(|named| named.digest.clone()).collect();
    let mut blobs: Vec<Digest> = digests(&manifest.layers);
    blobs.extend(manifest.config.map(|config| config.digest));
    let entries = digests(&manifest.entries);
    Ok(Content::Document(Document { blobs, entries, subject: manifest.subject.map(|subject| subject.digest) }))
}
