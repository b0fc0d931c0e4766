//! What a server does by itself: removing uploads that nobody will finish.

use std::time::Duration;

use crate::registry::Registry;

/// When uploads are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPurging {
    /// How long ago an upload must have started. Default: a week.
    pub age: Duration,
    /// How long after one purge the next begins. Default: a day.
    pub interval: Duration,
    /// Only log what would be removed. Default: off.
    pub dry_run: bool,
}

impl Default for UploadPurging {
    /// As distribution's.
    fn default() -> Self {
        Self { age: Duration::from_secs(168 * 3_600), interval: Duration::from_secs(24 * 3_600), dry_run: false }
    }
}

impl UploadPurging {
    /// The age in whole seconds, as [`purge_uploads`](Registry::purge_uploads) wants it: never younger than said.
    #[must_use]
    pub fn age_seconds(&self) -> u64 {
        self.age.saturating_add(Duration::from_nanos(999_999_999)).as_secs()
    }
}

/// Purges at once and then again and again, until it is dropped. What fails is logged and tried again the next time.
pub async fn purge(registry: Registry, purging: UploadPurging) {
    loop {
        match registry.purge_uploads(purging.age_seconds(), purging.dry_run).await {
            Ok(purged) => tracing::info!(uploads = purged.len(), dry_run = purging.dry_run, "purged uploads"),
            Err(error) => tracing::error!(%error, "uploads could not be purged"),
        }
        tokio::time::sleep(purging.interval).await;
    }
}
