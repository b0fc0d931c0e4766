//! Links: small files that hold a digest, and so give a repository something.
//!
//! [`LinkStatter`] is the innermost service of a repository: it answers for what the repository links and whose bytes exist,
//! and removes links. Writing them is left to whoever has made the bytes durable.

use async_trait::async_trait;
use bytes::Bytes;

use super::store::{not_found_is_none, unreachable_is_none};
use crate::descriptor::{BlobDescriptor, BlobDescriptorService, DescriptorError};
use crate::digest::{Algorithm, Digest};
use crate::driver::{Driver, DriverError, StoragePath};
use crate::faults::Fault;
use crate::name::RepositoryName;
use crate::paths;
use crate::shared::Shared;
use crate::sync::Arc;

/// The largest file that a link, or the start of an upload, is looked for in, in bytes. The longest digest has 135.
pub(crate) const SMALL: u64 = 1 << 10;

/// The digest that a link holds. A file that holds none (empty after another program's crash, say) is no link.
pub(crate) async fn read_link(driver: &dyn Driver, path: &StoragePath) -> Result<Option<Digest>, DriverError> {
    let Some(text) = read_small(driver, path).await? else { return Ok(None) };
    let digest = link_target(&text);
    if digest.is_none() {
        tracing::warn!(%path, "a link holds no digest and is passed over");
    }
    Ok(digest)
}

/// What a file of at most [`SMALL`] bytes holds. A larger one is as good as an empty one: neither holds what it should.
pub(crate) async fn read_small(driver: &dyn Driver, path: &StoragePath) -> Result<Option<Bytes>, DriverError> {
    match driver.read_at_most(path, SMALL).await {
        Err(DriverError::TooLarge { .. }) => Ok(Some(Bytes::new())),
        read => unreachable_is_none(read),
    }
}

/// The digest that these bytes of a link hold, if they hold one. White space may follow it.
#[must_use]
pub fn link_target(bytes: &[u8]) -> Option<Digest> {
    std::str::from_utf8(bytes).ok()?.trim_ascii_end().parse().ok()
}

/// A file that is to be written, and what it is to hold.
pub(crate) type File = (StoragePath, Bytes);

/// The file that a link is.
pub(crate) fn link(path: StoragePath, to: &Digest) -> File {
    (path, to.as_str().to_owned().into())
}

/// Writes a link. What it points to must be durable already.
pub(crate) async fn write_link(driver: &dyn Driver, path: &StoragePath, to: &Digest) -> Result<(), DriverError> {
    let (path, content) = link(path.clone(), to);
    driver.write(&path, content).await
}

/// The digests that have a directory `<alg>/<hex>` below this one, in the order of their text.
pub(crate) async fn linked_digests(driver: &dyn Driver, directory: &StoragePath) -> Result<Vec<Digest>, DriverError> {
    let mut digests = Vec::new();
    for algorithm in Algorithm::ALL {
        let names = driver.list(&directory.join(algorithm.as_str())?).await;
        let names = unreachable_is_none(names)?.unwrap_or_default();
        digests.extend(names.iter().filter_map(|hex| format!("{algorithm}:{hex}").parse::<Digest>().ok()));
    }
    Ok(digests)
}

/// Which links of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// Those that give it blobs.
    Layer,
    /// Those that give it manifests.
    Revision,
}

/// Answers for what one repository links.
#[derive(Debug)]
pub(crate) struct LinkStatter {
    shared: Arc<Shared>,
    name: RepositoryName,
    kind: LinkKind,
}

impl LinkStatter {
    pub(crate) fn new(shared: Arc<Shared>, name: RepositoryName, kind: LinkKind) -> Self {
        Self { shared, name, kind }
    }

    fn is_ignored(&self) -> bool {
        self.shared.faults.has(match self.kind {
            LinkKind::Layer => Fault::LinkIgnored,
            LinkKind::Revision => Fault::RevisionIgnored,
        })
    }

    fn link(&self, digest: &Digest) -> StoragePath {
        match self.kind {
            LinkKind::Layer => paths::layer_link(&self.name, digest),
            LinkKind::Revision => paths::revision_link(&self.name, digest),
        }
    }
}

#[async_trait]
impl BlobDescriptorService for LinkStatter {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        let unknown = || DescriptorError::Unknown(digest.clone());
        let target = match read_link(&*self.shared.driver, &self.link(digest)).await? {
            Some(target) => target,
            None if self.is_ignored() => digest.clone(),
            None => return Err(unknown()),
        };
        match self.shared.stat(&target).await {
            Err(DescriptorError::Unknown(_)) => Err(unknown()),
            other => other,
        }
    }

    async fn set_descriptor(&self, _digest: &Digest, _descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        Ok(())
    }

    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError> {
        if self.kind == LinkKind::Layer && self.shared.faults.has(Fault::BlobDeleteKeepsLink) {
            return Ok(());
        }
        let directory = match self.kind {
            LinkKind::Layer => paths::layer(&self.name, digest),
            LinkKind::Revision => paths::revision(&self.name, digest),
        };
        match not_found_is_none(self.shared.driver.delete(&directory).await)? {
            Some(()) => Ok(()),
            None => Err(DescriptorError::Unknown(digest.clone())),
        }
    }
}
