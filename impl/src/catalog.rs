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
    /// What is still to be visited, the next one at the end; nothing before the root was listed.
    pending: Option<Vec<RepositoryName>>,
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
                self.children("", &names).collect()
            }
        };
        let mut found = None;
        while let Some(name) = pending.pop() {
            let names = self.list(&paths::repository(&name)).await?;
            pending.extend(self.children(&format!("{name}/"), &names));
            if self.is_wanted(&names) && self.is_after_last(name.as_str()) && !self.is_skipped(&name).await? {
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

    /// The names below `prefix` that are worth visiting, last one first.
    fn children<'c>(&'c self, prefix: &'c str, names: &'c [String]) -> impl Iterator<Item = RepositoryName> + 'c {
        let names = names.iter().rev().filter(|name| !name.starts_with('_'));
        names.filter_map(move |name| format!("{prefix}{name}").parse().ok()).filter(|name| self.is_worth_visiting(name))
    }

    /// Whether it, or something nested in it, comes after `last`.
    fn is_worth_visiting(&self, name: &RepositoryName) -> bool {
        let Some(last) = &self.last else { return true };
        catalog_order(name.as_str(), last) != Ordering::Less
            || last.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/'))
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
