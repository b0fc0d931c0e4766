//! What stands in the tree of repositories, with nothing passed over.
//!
//! Who removes what nothing names must have read everything that could name something. The walk of the catalog passes over what
//! no client can reach; this one says of each such thing that it is in the way ([`Obstacle`]): a collection refuses then, and a
//! check tells. A directory with nothing in it names nothing, whatever it is called.
//!
//! Source: `docs/behaviour.md`, "Garbage collection".

use crate::blob::UploadId;
use crate::digest::{Algorithm, Digest};
use crate::driver::{Driver, DriverError, Entry, Kind, Stat, StoragePath};
use crate::error::{InTheWay, Obstacle};
use crate::name::{RepositoryName, Tag};
use crate::paths;
use crate::progress::Progress;
use crate::registry::Registry;

/// Everything below `repositories`.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// In the order of the catalog.
    pub(crate) repositories: Vec<Surveyed>,
    pub(crate) obstacles: Vec<Obstacle>,
}

/// What one repository has directories for. Whether there are links in them is another question.
#[derive(Debug)]
pub(crate) struct Surveyed {
    pub(crate) name: RepositoryName,
    pub(crate) layers: Vec<Digest>,
    pub(crate) revisions: Vec<Digest>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) uploads: Vec<UploadId>,
    /// Whether nothing in it is in the way.
    pub(crate) is_whole: bool,
}

/// Reads the tree. The caller holds the gate for writing.
///
/// # Errors
/// If the storage cannot even be asked whether a blob is stored. All else is an obstacle.
pub(crate) async fn take(registry: &Registry, progress: &dyn Progress) -> Result<Survey, DriverError> {
    let driver = &*registry.shared().driver;
    let mut survey = Survey::default();
    let top = match driver.entries(&paths::root()).await {
        // There is no registry yet.
        Err(error) if error.is_not_found() => return Ok(survey),
        top => survey.taken(&paths::root(), top),
    };
    let kind = |name: &str| top.iter().find(|entry| entry.name == name).map(|entry| entry.kind);
    if let Some(found) = kind(paths::BLOBS)
        && survey.must_be_directory(paths::blobs(), found)
    {
        let entries = driver.entries(&paths::blobs()).await;
        let algorithms = survey.taken(&paths::blobs(), entries).into_iter();
        for Entry { name, kind } in algorithms.filter(|entry| Algorithm::from_name(&entry.name).is_some()) {
            survey.must_be_directory(paths::blobs().join(&name)?, kind);
        }
    }
    let repositories = paths::repositories();
    match kind(paths::REPOSITORIES) {
        Some(Kind::Directory) => survey.walk(driver, progress).await?,
        Some(found) => {
            survey.must_be_directory(repositories.clone(), found);
        }
        None => {}
    }
    let knows_nothing = survey.repositories.is_empty() && survey.obstacles.is_empty();
    if knows_nothing && !has_entries(driver, &repositories).await? && registry.blobs().walk().next().await?.is_some() {
        survey.obstruct(repositories, InTheWay::NoRepositories);
    }
    Ok(survey)
}

/// Whether anything stands in a directory. In a missing one there is nothing.
async fn has_entries(driver: &dyn Driver, path: &StoragePath) -> Result<bool, DriverError> {
    let entries = crate::blob::not_found_is_none(driver.entries(path).await)?;
    Ok(entries.is_some_and(|entries| !entries.is_empty()))
}

impl Survey {
    fn obstruct(&mut self, path: StoragePath, what: InTheWay) {
        self.obstacles.push(Obstacle { path, what });
    }

    /// What was read of a directory; nothing if it could not be, which is an obstacle.
    fn taken(&mut self, path: &StoragePath, entries: Result<Vec<Entry>, DriverError>) -> Vec<Entry> {
        entries.unwrap_or_else(|error| {
            self.obstruct(path.clone(), InTheWay::unreadable(&error));
            Vec::new()
        })
    }

    fn must_be_directory(&mut self, path: StoragePath, found: Kind) -> bool {
        if found != Kind::Directory {
            self.obstruct(path, InTheWay::NoDirectory { found });
        }
        found == Kind::Directory
    }

    /// Something stands here that should not, unless it is a directory with nothing in it.
    async fn stray(&mut self, driver: &dyn Driver, path: StoragePath, found: Kind, what: InTheWay) {
        let is_empty = found == Kind::Directory && driver.entries(&path).await.is_ok_and(|below| below.is_empty());
        if !is_empty {
            self.obstruct(path, what);
        }
    }

    async fn walk(&mut self, driver: &dyn Driver, progress: &dyn Progress) -> Result<(), DriverError> {
        let mut pending: Vec<Option<RepositoryName>> = vec![None];
        while let Some(at) = pending.pop() {
            let place = at.as_ref().map_or_else(paths::repositories, paths::repository);
            let entries = driver.entries(&place).await;
            let (own, nested): (Vec<Entry>, Vec<Entry>) =
                self.taken(&place, entries).into_iter().partition(|entry| at.is_some() && is_own(&entry.name));
            if let Some(name) = at.clone().filter(|_| !own.is_empty()) {
                progress.step();
                self.repository(driver, name, own).await?;
            }
            let before = pending.len();
            for Entry { name, kind } in nested {
                let path = place.join(&name)?;
                let full = at.as_ref().map_or_else(|| name.clone(), |above| format!("{above}/{name}"));
                match full.parse() {
                    Ok(nested) if self.must_be_directory(path.clone(), kind) => pending.push(Some(nested)),
                    Ok(_) => {}
                    Err(_) => self.stray(driver, path, kind, InTheWay::NoRepositoryName).await,
                }
            }
            // The first one is taken next.
            pending[before..].reverse();
        }
        Ok(())
    }

    async fn repository(
        &mut self,
        driver: &dyn Driver,
        name: RepositoryName,
        own: Vec<Entry>,
    ) -> Result<(), DriverError> {
        let before = self.obstacles.len();
        let mut surveyed = Surveyed {
            layers: Vec::new(),
            revisions: Vec::new(),
            tags: Vec::new(),
            uploads: Vec::new(),
            is_whole: false,
            name,
        };
        for Entry { name: own, kind } in own {
            let path = paths::repository(&surveyed.name).join(&own)?;
            if !self.must_be_directory(path.clone(), kind) {
                continue;
            }
            match own.as_str() {
                paths::LAYERS => surveyed.layers = digests(driver, &path, &mut self.obstacles).await?,
                paths::MANIFESTS => self.manifests(driver, &mut surveyed).await?,
                _ => {
                    let entries = driver.entries(&path).await;
                    let entries = self.taken(&path, entries).into_iter();
                    let uploads = entries.filter(|entry| entry.kind == Kind::Directory);
                    surveyed.uploads = uploads.filter_map(|entry| entry.name.parse().ok()).collect();
                }
            }
        }
        surveyed.is_whole = self.obstacles.len() == before;
        self.repositories.push(surveyed);
        Ok(())
    }

    async fn manifests(&mut self, driver: &dyn Driver, surveyed: &mut Surveyed) -> Result<(), DriverError> {
        let name = &surveyed.name;
        let place = paths::manifests(name);
        let entries = driver.entries(&place).await;
        let is_readable = entries.is_ok();
        let entries = self.taken(&place, entries);
        let kind =
            |path: &StoragePath| entries.iter().find(|entry| entry.name == path.file_name()).map(|entry| entry.kind);
        let (revisions, tags, referrers) = (paths::revisions(name), paths::tags(name), paths::all_referrers(name));
        match kind(&revisions) {
            Some(found) if self.must_be_directory(revisions.clone(), found) => {
                surveyed.revisions = digests(driver, &revisions, &mut self.obstacles).await?;
            }
            // Without any link, a first push was cut short.
            None if is_readable && !holds_no_file(driver, &place, &entries).await? => {
                self.obstruct(revisions, InTheWay::Missing);
            }
            _ => {}
        }
        if let Some(found) = kind(&referrers) {
            self.must_be_directory(referrers, found);
        }
        let Some(found) = kind(&tags) else { return Ok(()) };
        if !self.must_be_directory(tags.clone(), found) {
            return Ok(());
        }
        let entries = driver.entries(&tags).await;
        for Entry { name, kind } in self.taken(&tags, entries) {
            let path = tags.join(&name)?;
            match name.parse() {
                Ok(tag) if self.must_be_directory(path.clone(), kind) => surveyed.tags.push(tag),
                Ok(_) => {}
                Err(_) => self.stray(driver, path, kind, InTheWay::NoTag).await,
            }
        }
        Ok(())
    }
}

/// Whether these entries of a directory are directories with nothing below them but directories.
async fn holds_no_file(driver: &dyn Driver, place: &StoragePath, entries: &[Entry]) -> Result<bool, DriverError> {
    let mut pending = vec![(place.clone(), entries.to_vec())];
    while let Some((place, entries)) = pending.pop() {
        for Entry { name, kind } in entries {
            if kind != Kind::Directory {
                return Ok(false);
            }
            let below = place.join(&name)?;
            match driver.entries(&below).await {
                Ok(entries) => pending.push((below, entries)),
                Err(_) => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// Whether a directory of this name is a repository's own, and no part of the names nested in it.
fn is_own(name: &str) -> bool {
    matches!(name, paths::LAYERS | paths::MANIFESTS | paths::UPLOADS)
}

/// The digests that have a directory `<alg>/<hex>` below this one, in the order of their text. What else stands there is an
/// obstacle; a directory that is missing has none.
pub(crate) async fn digests(
    driver: &dyn Driver,
    directory: &StoragePath,
    obstacles: &mut Vec<Obstacle>,
) -> Result<Vec<Digest>, DriverError> {
    let mut survey = Survey { repositories: Vec::new(), obstacles: std::mem::take(obstacles) };
    let mut found = Vec::new();
    let algorithms = match kind_of(driver, directory).await {
        Err(error) => survey.taken(directory, Err(error)),
        Ok(Some(kind)) if survey.must_be_directory(directory.clone(), kind) => {
            let entries = driver.entries(directory).await;
            survey.taken(directory, entries)
        }
        Ok(Some(_) | None) => Vec::new(),
    };
    for Entry { name, kind } in algorithms {
        let path = directory.join(&name)?;
        let Some(algorithm) = Algorithm::from_name(&name) else {
            survey.stray(driver, path, kind, InTheWay::NoAlgorithm).await;
            continue;
        };
        if !survey.must_be_directory(path.clone(), kind) {
            continue;
        }
        let entries = driver.entries(&path).await;
        for Entry { name: hex, kind } in survey.taken(&path, entries) {
            let path = path.join(&hex)?;
            match format!("{algorithm}:{hex}").parse() {
                Ok(digest) if survey.must_be_directory(path.clone(), kind) => found.push(digest),
                Ok(_) => {}
                Err(_) => survey.stray(driver, path, kind, InTheWay::NoDigest).await,
            }
        }
    }
    *obstacles = survey.obstacles;
    Ok(found)
}

/// What stands where a file should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing at all.
    Nothing,
    /// A file.
    File(Stat),
    /// Something else, there or in place of one of its directories.
    Foreign(Kind),
}

/// Looks at what stands where a file should.
///
/// # Errors
/// If the storage fails.
pub(crate) async fn standing(driver: &dyn Driver, path: &StoragePath) -> Result<Standing, DriverError> {
    match driver.stat(path).await {
        Ok(stat) if stat.is_dir => Ok(Standing::Foreign(Kind::Directory)),
        Ok(stat) => Ok(Standing::File(stat)),
        Err(DriverError::SymbolicLink { .. }) => Ok(Standing::Foreign(Kind::SymbolicLink)),
        Err(error) if error.is_not_found() => {
            Ok(kind_of(driver, path).await?.map_or(Standing::Nothing, Standing::Foreign))
        }
        Err(error) => Err(error),
    }
}

/// What stands at a path, or else in place of the nearest directory above it.
///
/// # Errors
/// If the storage fails.
pub(crate) async fn kind_of(driver: &dyn Driver, path: &StoragePath) -> Result<Option<Kind>, DriverError> {
    let mut at = path.clone();
    while let Some(above) = at.parent() {
        match driver.entries(&above).await {
            Ok(entries) => {
                let kind = entries.into_iter().find(|entry| entry.name == at.file_name()).map(|entry| entry.kind);
                // A directory above it that was there when it was looked at is in nobody's way.
                return Ok(kind.filter(|kind| at == *path || *kind != Kind::Directory));
            }
            Err(DriverError::SymbolicLink { .. }) => return Ok(Some(Kind::SymbolicLink)),
            Err(error) if error.is_not_found() => at = above,
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
