//! Purging uploads that nobody finished.
//!
//! An upload's age is that of its `startedat`. One whose age cannot be read stays: it may be somebody else's.

use jiff::Timestamp;

use crate::blob::{UploadId, not_found_is_none, purge_incoming, read_small};
use crate::driver::{Driver, DriverError};
use crate::error::RepositoryError;
use crate::faults::Fault;
use crate::name::RepositoryName;
use crate::paths;
use crate::registry::Registry;
use crate::sync::Ordering;

impl Registry {
    /// Removes the uploads that started at least this many seconds ago, and gives their ids, sorted. One that is in use does not
    /// get to its end. What a large blob that came in one request has left behind goes with them, by the date of its last piece; it
    /// has no id to be told. A dry run removes nothing.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn purge_uploads(
        &self,
        older_than_seconds: u64,
        dry_run: bool,
    ) -> Result<Vec<UploadId>, RepositoryError> {
        let shared = self.shared();
        let mut purged = Vec::new();
        let mut walk = self.walk();
        while let Some(name) = walk.next().await? {
            for id in self.upload_ids(&name).await? {
                let _gate = shared.gate.write().await;
                let age = self.upload_age(&name, &id).await?;
                if age.is_some_and(|age| age >= older_than_seconds) || shared.faults.has(Fault::PurgeTakesAll) {
                    if !dry_run {
                        shared.uploads_removed.fetch_add(1, Ordering::AcqRel);
                        not_found_is_none(shared.driver.delete(&paths::upload(&name, &id)).await)?;
                    }
                    purged.push(id);
                }
            }
        }
        if !dry_run {
            let _gate = shared.gate.write().await;
            purge_incoming(shared, older_than_seconds).await?;
        }
        purged.sort();
        Ok(purged)
    }

    /// In whole seconds; nothing if it cannot be told or lies ahead.
    async fn upload_age(&self, name: &RepositoryName, id: &UploadId) -> Result<Option<u64>, RepositoryError> {
        let Some(started) = upload_start(&*self.shared().driver, name, id).await? else { return Ok(None) };
        let begun = i64::from(started.subsec_nanosecond() > 0);
        let now = i64::try_from(self.shared().clock.seconds()).unwrap_or(i64::MAX);
        Ok(now.checked_sub(started.as_second().saturating_add(begun)).and_then(|age| u64::try_from(age).ok()))
    }
}

/// When an upload was started; nothing if it cannot be told.
pub(crate) async fn upload_start(
    driver: &dyn Driver,
    name: &RepositoryName,
    id: &UploadId,
) -> Result<Option<Timestamp>, DriverError> {
    let text = read_small(driver, &paths::upload_started_at(name, id)).await?;
    Ok(text.as_deref().and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok()))
}
