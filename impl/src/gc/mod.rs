//! Garbage collection: removing what nothing that can be fetched needs.
//!
//! First the tree is surveyed (anything that is in the way ends it here) and an inventory of every repository is taken, then it is
//! decided which revisions stay and which digests are marked (`mark`); then one blob after the other is looked at, and those that
//! nothing needs are swept (`sweep`): links before the bytes that they point to. All of it happens with the gate held for writing,
//! so that no push is half done meanwhile; reading goes on. What must hold afterwards: a manifest that can be fetched can be
//! fetched with everything of it that could be fetched before.
//!
//! Source of the rules: `docs/behaviour.md`, "Garbage collection".

mod inventory;
mod mark;
mod order;
mod scan;
mod sweep;

use serde::{Deserialize, Serialize};

use self::sweep::Plan;
use crate::blob::UploadId;
use crate::digest::Digest;
use crate::driver::DriverError;
use crate::error::{CollectError, InTheWay, Obstacle};
use crate::faults::Fault;
use crate::name::RepositoryName;
use crate::progress::{Progress, must_be_awaited, while_awaited};
use crate::registry::Registry;
use crate::survey::{self, Surveyed};

/// What a collection does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcOptions {
    /// Remove manifests that no tag reaches. Default: every manifest stays.
    pub delete_untagged: bool,
    /// Only say what would be removed.
    pub dry_run: bool,
    /// What is younger than this many seconds stays: a push uploads its blobs first. 0: nothing is young.
    pub grace_seconds: u64,
}

/// What a collection removed; each list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// The revisions that were removed.
    pub manifests: Vec<(RepositoryName, Digest)>,
    /// The blobs that were swept, manifests' bytes included.
    pub blobs: Vec<Digest>,
    /// Revisions that are no manifests, and why. They stay, with every digest that is written in them.
    pub unread: Vec<(RepositoryName, Digest, String)>,
    /// How many bytes the swept blobs have.
    pub bytes: u64,
}

impl Registry {
    /// Collects garbage. Waits until nobody writes, and keeps writers waiting while it runs.
    ///
    /// # Errors
    /// [`CollectError::Obstructed`] before anything is swept, if it cannot be known what is needed. If the storage fails halfway, what was removed until then is gone,
    /// and everything is still whole.
    pub async fn collect_garbage(&self, options: GcOptions) -> Result<GcReport, CollectError> {
        self.collect_garbage_watched(options, &()).await
    }

    /// Collects garbage, and tells how it goes on.
    ///
    /// # Errors
    /// As [`collect_garbage`](Self::collect_garbage); and [`CollectError::Abandoned`].
    pub async fn collect_garbage_watched(
        &self,
        options: GcOptions,
        progress: &dyn Progress,
    ) -> Result<GcReport, CollectError> {
        let shared = self.shared();
        let _gate = match shared.ungated {
            true => None,
            false => Some(while_awaited(progress, shared.gate.write()).await?),
        };
        progress.stage("reading repositories", None);
        let survey = while_awaited(progress, survey::take(self, progress)).await??;
        let mut obstacles = survey.obstacles;
        if shared.faults.has(Fault::CollectStopsWithoutLayers) {
            let bare = survey.repositories.iter().filter(|surveyed| surveyed.layers.is_empty());
            obstacles.extend(
                bare.map(|surveyed| Obstacle { path: crate::paths::layers(&surveyed.name), what: InTheWay::Missing }),
            );
        }
        CollectError::unless_clear(obstacles)?;
        let in_use = match options.dry_run {
            true => Vec::new(),
            false => self.settle_uploads(&survey.repositories, progress).await?,
        };
        let plan = while_awaited(progress, self.plan(survey.repositories, in_use, options, progress)).await??;
        if !options.dry_run || shared.faults.has(Fault::CollectDryRunSweeps) {
            sweep::sweep(shared, &plan, progress).await?;
        }
        Ok(plan.report())
    }

    /// Reads everything, and decides what goes; what is `in_use` stays.
    async fn plan(
        &self,
        repositories: Vec<Surveyed>,
        in_use: Vec<Digest>,
        options: GcOptions,
        progress: &dyn Progress,
    ) -> Result<Plan, CollectError> {
        let shared = self.shared();
        let stored = sweep::stored_algorithms(self).await?;
        progress.stage("reading manifests", None);
        let mut inventory = inventory::take(shared, repositories, options).await?;
        sweep::must_have_blobs(shared, &inventory.repositories, &stored).await?;
        let documents = std::mem::take(&mut inventory.documents);
        let marked = mark::mark(shared, &inventory.repositories, documents, in_use, options).await?;
        sweep::plan(self, inventory, &marked, options, progress).await
    }

    /// Undoes finishes that were cut short, so that no upload relies on a blob that may be swept. One that is in use waits for the
    /// gate, or for its client, and has moved nothing yet; or it is undoing such a finish itself, from a blob that is answered here.
    async fn settle_uploads(
        &self,
        surveyed: &[Surveyed],
        progress: &dyn Progress,
    ) -> Result<Vec<Digest>, CollectError> {
        let mut in_use = Vec::new();
        for Surveyed { name, uploads, .. } in surveyed.iter().filter(|surveyed| !surveyed.uploads.is_empty()) {
            let blobs = self.repository(name)?.blobs();
            for id in uploads {
                must_be_awaited(progress)?;
                in_use.extend(blobs.settle(id).await?);
            }
        }
        Ok(in_use)
    }

    /// The uploads of a repository, open or torn.
    pub(crate) async fn upload_ids(&self, name: &RepositoryName) -> Result<Vec<UploadId>, DriverError> {
        let names = self.shared().driver.list(&crate::paths::uploads(name)).await;
        let names = crate::blob::unreachable_is_none(names)?.unwrap_or_default();
        Ok(names.iter().filter_map(|id| id.parse().ok()).collect())
    }
}
