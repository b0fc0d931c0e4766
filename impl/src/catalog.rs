//! Walking the tree of repositories, in the order of the catalog.
//!
//! Names nest as directories do, and siblings sorted by bytes, each followed by what is nested in it, are in the order of path
//! components. So the walk needs no sorting and holds only the names beside its path; it skips whole subtrees that come before
//! `last`, and stops when the caller has enough. Directories that are no part of a name (`_layers`, `lost+found`) are passed
//! over, and so are symbolic links.

use std::cmp::Ordering;

use crate::blob::{linked_digests, unreachable_is_none};
use crate::driver::{DriverError, StoragePath};
use crate::faults::Fault;
use crate::name::{RepositoryName, catalog_order};
use crate::paths;
use crate::shared::Shared;
use crate::sync::Arc;

/// Which repositories are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Those that the catalog lists: they have a `_manifests` directory.
    Listed,
    /// Those that have anything: blobs, manifests or uploads.
    Every,
}

/// Visits repositories in the order of the catalog. See [`Registry::walk`](crate::registry::Registry::walk).
#[derive(Debug)]
pub struct RepositoryWalk {
    shared: Arc<Shared>,
    visit: Visit,
    last: Option<String>,
    /// What is still to be visited, in the directories on the way to it; nothing before the root was listed.
    pending: Option<Vec<Siblings>>,
}

/// What stands in one directory and is still to be visited. Names are put together when their turn comes: most pages end long before.
#[derive(Debug)]
struct Siblings {
    /// What stands before the name of each, with its slash.
    prefix: String,
    /// The next one at the end.
    names: Vec<String>,
}

impl RepositoryWalk {
    pub(crate) fn new(shared: Arc<Shared>, visit: Visit, last: Option<&str>) -> Self {
        Self { shared, visit, last: last.map(ToOwned::to_owned), pending: None }
    }

    /// The next repository; nothing after the last.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn next(&mut self) -> Result<Option<RepositoryName>, DriverError> {
        let mut pending = match self.pending.take() {
            Some(pending) => pending,
            None => {
                let names = self.list(&paths::repositories()).await?;
                vec![self.siblings(String::new(), names)]
            }
        };
        let mut found = None;
        while let Some(name) = next_of(&mut pending) {
            let names = self.list(&paths::repository(&name)).await?;
            let is_wanted = self.is_wanted(&names);
            pending.push(self.siblings(format!("{name}/"), names));
            if is_wanted && self.is_after_last(name.as_str()) && !self.is_skipped(&name).await? {
                found = Some(name);
                break;
            }
        }
        self.pending = Some(pending);
        Ok(found)
    }

    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        Ok(unreachable_is_none(self.shared.driver.list(path).await)?.unwrap_or_default())
    }

    /// Those of the sorted names below `prefix` that are worth visiting: they, or something nested in them, may come after `last`. Where
    /// `last` is elsewhere, all of them do, or nobody would have come here.
    fn siblings(&self, prefix: String, mut names: Vec<String>) -> Siblings {
        if let Some(rest) = self.last.as_ref().and_then(|last| last.strip_prefix(&prefix)) {
            let component = rest.split_once('/').map_or(rest, |(component, _)| component);
            names.drain(..names.partition_point(|name| name.as_str() < component));
        }
        names.reverse();
        Siblings { prefix, names }
    }

    fn is_after_last(&self, name: &str) -> bool {
        let is_inclusive = self.visit == Visit::Listed && self.shared.faults.has(Fault::CatalogLastInclusive);
        self.last.as_ref().is_none_or(|last| match catalog_order(name, last) {
            Ordering::Greater => true,
            Ordering::Equal => is_inclusive,
            Ordering::Less => false,
        })
    }

    fn is_wanted(&self, names: &[String]) -> bool {
        names.iter().any(|name| match self.visit {
            Visit::Listed => name == paths::MANIFESTS,
            Visit::Every => matches!(name.as_str(), paths::MANIFESTS | paths::LAYERS | paths::UPLOADS),
        })
    }

    async fn is_skipped(&self, name: &RepositoryName) -> Result<bool, DriverError> {
        Ok(self.visit == Visit::Listed
            && self.shared.faults.has(Fault::CatalogSkipsEmpty)
            && linked_digests(&*self.shared.driver, &paths::revisions(name)).await?.is_empty())
    }
}

/// Takes the next one that may be a repository, or a part of its name, from the innermost directory on.
fn next_of(pending: &mut Vec<Siblings>) -> Option<RepositoryName> {
    loop {
        let Siblings { prefix, names } = pending.last_mut()?;
        match names.pop() {
            None => drop(pending.pop()),
            // What is no name is passed over.
            Some(name) => {
                if let Ok(name) = format!("{prefix}{name}").parse() {
                    return Some(name);
                }
            }
        }
    }
}
