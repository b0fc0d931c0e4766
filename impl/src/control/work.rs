//! What can be done to a directory as a whole, and how it is told.

use serde::{Deserialize, Serialize};

use crate::driver::DriverError;
use crate::error::{CollectError, RepositoryError};
use crate::fsck::FsckOptions;
use crate::gc::GcOptions;
use crate::paths;
use crate::progress::{Abandoned, Progress, while_awaited};
use crate::registry::Registry;

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Collect garbage.
    CollectGarbage(GcOptions),
    /// Remove uploads that started at least this many seconds ago.
    PurgeUploads {
        /// The age in seconds.
        older_than_seconds: u64,
        /// Only say which.
        dry_run: bool,
    },
    /// Check the directory.
    Check(FsckOptions),
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// One line for each thing that was removed or found.
    pub lines: Vec<String>,
    /// All of it in one line.
    pub summary: String,
    /// Whether something was found that is still not as it must be. Only a check finds such.
    pub damaged: bool,
    /// Whether the directory was not locked, because it is read-only here. Nothing was written, and if others wrote meanwhile, what
    /// they had half done may be told as damage.
    #[serde(default)]
    pub is_unlocked: bool,
    /// Why what was asked for was not done as a whole.
    #[serde(default)]
    pub refusal: Option<String>,
}

/// Why a work stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// The collection stopped.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The purge stopped.
    #[error(transparent)]
    Purge(#[from] RepositoryError),
    /// The check stopped.
    #[error(transparent)]
    Check(#[from] DriverError),
    /// Nobody waited for the check any more.
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

impl Work {
    /// The command of that name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CollectGarbage(_) => "gc",
            Self::PurgeUploads { .. } => "purge-uploads",
            Self::Check(_) => "fsck",
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub const fn only_reads(&self) -> bool {
        match self {
            Self::CollectGarbage(options) => options.dry_run,
            Self::PurgeUploads { dry_run, .. } => *dry_run,
            Self::Check(options) => !options.repair,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// As [`Registry::collect_garbage`], [`Registry::purge_uploads`] and [`Registry::check`] say.
    pub async fn run(self, registry: &Registry, progress: &dyn Progress) -> Result<Done, WorkError> {
        match self {
            Self::CollectGarbage(options) => collect(registry, options, progress).await,
            Self::PurgeUploads { older_than_seconds, dry_run } => {
                progress.stage("reading uploads", None);
                let purged = registry.purge_uploads(older_than_seconds, dry_run).await?;
                let lines = purged.iter().map(|id| format!("upload {id}")).collect();
                let summary = format!("{} uploads {}", purged.len(), removed(dry_run));
                Ok(Done { lines, summary, ..Done::default() })
            }
            Self::Check(options) => check(registry, options, progress).await,
        }
    }
}

const fn removed(dry_run: bool) -> &'static str {
    if dry_run { "would be removed" } else { "removed" }
}

async fn collect(registry: &Registry, options: GcOptions, progress: &dyn Progress) -> Result<Done, WorkError> {
    let report = registry.collect_garbage_watched(options, progress).await?;
    let manifests = report.manifests.iter().map(|(name, digest)| format!("manifest {name}@{digest}"));
    let blobs = report.blobs.iter().map(|digest| format!("blob {digest}"));
    let unread = report.unread.iter().map(|(name, digest, reason)| {
        format!("kept with every digest that is written in it: {name}@{digest}, which is no manifest: {reason}")
    });
    let lines = manifests.chain(blobs).chain(unread).collect();
    let (manifests, blobs, bytes) = (report.manifests.len(), report.blobs.len(), report.bytes);
    let summary = format!("{manifests} manifests and {blobs} blobs with {bytes} bytes {}", removed(options.dry_run));
    Ok(Done { lines, summary, ..Done::default() })
}

async fn check(registry: &Registry, options: FsckOptions, progress: &dyn Progress) -> Result<Done, WorkError> {
    let checking = registry.check(options, progress);
    // A repair is not dropped halfway.
    let report = if options.repair { checking.await? } else { while_awaited(progress, checking).await?? };
    let left = report.findings.iter().filter(|finding| !finding.repaired).count();
    let summary = format!(
        "{} repositories, {} blobs ({} read): {} problems, {} of them repaired",
        report.repositories,
        report.blobs,
        report.hashed,
        report.findings.len(),
        report.findings.len() - left
    );
    let unreadable = (report.unreadable > 0).then(|| {
        format!("{} places could not be read, so it is not known whether all is well there", report.unreadable)
    });
    let bare = report.bare.first().filter(|_| options.repair);
    let refusal = bare.map(|algorithm| {
        format!(
            "nothing is stored below {}, so no link to a {algorithm} digest was removed; mount or restore the blobs, then \
             repair again",
            paths::blobs_of(*algorithm)
        )
    });
    let lines = report.findings.iter().map(ToString::to_string).collect();
    Ok(Done { lines, summary, damaged: left > 0, refusal: refusal.or(unreadable), ..Done::default() })
}
