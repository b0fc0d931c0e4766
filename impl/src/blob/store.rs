//! The bytes of every repository, by digest.
//!
//! Bytes are written once and never change: a temporary file, then a rename, both durable. Storing what is there already does
//! not touch it. Who may see what is not decided here.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;

use super::link::File;
use crate::descriptor::{BlobDescriptor, BlobDescriptorService, DescriptorError};
use crate::digest::{Algorithm, Digest};
use crate::driver::{ContentStream, Driver, DriverError, Entry, Kind, Stat, StoragePath};
use crate::error::{BlobError, InTheWay, Obstacle};
use crate::paths;
use crate::shared::Shared;
use crate::survey::{Standing, kind_of, standing};
use crate::sync::Arc;

/// Turns "not found" into nothing.
pub(crate) fn not_found_is_none<T>(result: Result<T, DriverError>) -> Result<Option<T>, DriverError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Turns "not found" into nothing, and what is behind a symbolic link as well: none is ever followed, and the log says so. For
/// whoever serves what is there. Who removes something because something else is not there must know the difference.
pub(crate) fn unreachable_is_none<T>(result: Result<T, DriverError>) -> Result<Option<T>, DriverError> {
    match result {
        Err(error @ DriverError::SymbolicLink { .. }) => {
            tracing::warn!(%error, "passed over");
            Ok(None)
        }
        other => not_found_is_none(other),
    }
}

/// The file that holds the bytes of a digest, if there is one. Past every cache.
pub(crate) async fn bytes_exist(driver: &dyn Driver, digest: &Digest) -> Result<Option<Stat>, DriverError> {
    let stat = not_found_is_none(driver.stat(&paths::blob_data(digest)).await)?;
    Ok(stat.filter(|stat| !stat.is_dir))
}

/// The same, made to stay: for whoever acknowledges something because it is there.
pub(crate) async fn bytes_stay(driver: &dyn Driver, digest: &Digest) -> Result<Option<Stat>, DriverError> {
    let Some(stat) = bytes_exist(driver, digest).await? else { return Ok(None) };
    Ok(not_found_is_none(driver.confirm(&paths::blob_data(digest)).await)?.map(|()| stat))
}

/// Answers for bytes, whoever links them.
#[derive(Debug)]
pub(crate) struct GlobalStatter {
    driver: Arc<dyn Driver>,
}

impl GlobalStatter {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Self {
        Self { driver }
    }
}

#[async_trait]
impl BlobDescriptorService for GlobalStatter {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        let stat = unreachable_is_none(self.driver.stat(&paths::blob_data(digest)).await)?;
        match stat.filter(|stat| !stat.is_dir) {
            Some(stat) => Ok(BlobDescriptor { digest: digest.clone(), size: stat.size }),
            None => Err(DescriptorError::Unknown(digest.clone())),
        }
    }

    async fn set_descriptor(&self, _digest: &Digest, _descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        Ok(())
    }

    async fn clear(&self, _digest: &Digest) -> Result<(), DescriptorError> {
        Ok(())
    }
}

/// The global store. See [`Registry::blobs`](crate::registry::Registry::blobs).
#[derive(Clone, Debug)]
pub struct BlobStore {
    shared: Arc<Shared>,
}

impl BlobStore {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What is stored under this digest; through the global cache, if there is one.
    ///
    /// # Errors
    /// [`BlobError::Unknown`] if nothing is.
    pub async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, BlobError> {
        Ok(self.shared.stat(digest).await?)
    }

    /// The bytes from `offset` on, at most `length` of them.
    ///
    /// # Errors
    /// [`BlobError::Unknown`] if nothing is stored under this digest.
    pub async fn reader(&self, digest: &Digest, offset: u64, length: Option<u64>) -> Result<ContentStream, BlobError> {
        let reader = self.shared.driver.reader(&paths::blob_data(digest), offset, length).await;
        not_found_is_none(reader)?.ok_or_else(|| BlobError::Unknown(digest.clone()))
    }

    /// Every blob that is stored, in the order of the digests' text, one after the other.
    #[must_use]
    pub fn walk(&self) -> BlobWalk {
        BlobWalk {
            driver: Arc::clone(&self.shared.driver),
            algorithms: Algorithm::ALL.into(),
            prefixes: VecDeque::new(),
            digests: VecDeque::new(),
            obstacles: Vec::new(),
        }
    }

    /// What must be written to store these bytes, which hash to `digest`: nothing, if they are there already.
    pub(crate) async fn data(&self, digest: &Digest, bytes: Bytes) -> Result<Vec<File>, DriverError> {
        Ok(match bytes_stay(&*self.shared.driver, digest).await? {
            Some(stat) if stat.size == bytes.len() as u64 => Vec::new(),
            _ => vec![(paths::blob_data(digest), bytes)],
        })
    }
}

/// Visits every stored blob. Holds the names of one directory of each level, never all of them.
#[derive(Debug)]
pub struct BlobWalk {
    driver: Arc<dyn Driver>,
    algorithms: VecDeque<Algorithm>,
    prefixes: VecDeque<(Algorithm, String)>,
    digests: VecDeque<Digest>,
    obstacles: Vec<Obstacle>,
}

impl BlobWalk {
    /// The next blob; nothing after the last.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn next(&mut self) -> Result<Option<Digest>, DriverError> {
        Ok(self.next_with_stat().await?.map(|(digest, _)| digest))
    }

    /// What stood where blobs should, as far as the walk has come: there may be blobs behind it.
    #[must_use]
    pub fn obstacles(&self) -> &[Obstacle] {
        &self.obstacles
    }

    pub(crate) async fn next_with_stat(&mut self) -> Result<Option<(Digest, Stat)>, DriverError> {
        while let Some(digest) = self.next_place().await? {
            let path = paths::blob_data(&digest);
            match standing(&*self.driver, &path).await? {
                Standing::File(stat) => return Ok(Some((digest, stat))),
                Standing::Nothing => {}
                Standing::Foreign(found) => self.obstacles.push(Obstacle { path, what: InTheWay::NoFile { found } }),
            }
        }
        Ok(None)
    }

    /// The next digest that there is a directory for. Whether there are bytes in it is not looked at.
    pub(crate) async fn next_place(&mut self) -> Result<Option<Digest>, DriverError> {
        loop {
            if let Some(digest) = self.digests.pop_front() {
                return Ok(Some(digest));
            } else if let Some((algorithm, prefix)) = self.prefixes.pop_front() {
                let path = paths::blobs_of(algorithm).join(&prefix)?;
                let digest = |hex: &str| format!("{algorithm}:{hex}").parse().ok();
                let digest = |hex: &str| digest(hex).filter(|digest: &Digest| digest.hex().starts_with(&prefix));
                self.digests = self.directories(&path, digest).await?;
            } else if let Some(algorithm) = self.algorithms.pop_front() {
                let is_prefix = |name: &str| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
                let prefix = |name: &str| is_prefix(name).then(|| (algorithm, name.to_owned()));
                self.prefixes = self.directories(&paths::blobs_of(algorithm), prefix).await?;
            } else {
                return Ok(None);
            }
        }
    }

    /// The directories in a directory that have a meaning. What else stands there under such a name is in the way. In a missing
    /// directory there are none.
    async fn directories<T>(
        &mut self,
        path: &StoragePath,
        meaning: impl Fn(&str) -> Option<T>,
    ) -> Result<VecDeque<T>, DriverError> {
        let mut found = VecDeque::new();
        let mut obstruct = |path, found| self.obstacles.push(Obstacle { path, what: InTheWay::NoDirectory { found } });
        match kind_of(&*self.driver, path).await? {
            None => return Ok(found),
            Some(Kind::Directory) => {}
            Some(other) => {
                obstruct(path.clone(), other);
                return Ok(found);
            }
        }
        for Entry { name, kind } in not_found_is_none(self.driver.entries(path).await)?.unwrap_or_default() {
            match meaning(&name) {
                Some(meaning) if kind == Kind::Directory => found.push_back(meaning),
                Some(_) => obstruct(path.join(&name)?, kind),
                None => {}
            }
        }
        Ok(found)
    }
}
