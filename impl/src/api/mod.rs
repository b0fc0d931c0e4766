//! The registry as its clients see it: text in, text out, without HTTP.
//!
//! An [`Api`] parses what a client wrote in the order that `docs/behaviour.md` prescribes, asks the [`Registry`], and turns every
//! failure into an [`ApiError`] with code, class and detail. The HTTP server and the in-process checker stand on it alike, so
//! what the checker finds right is right over HTTP too.

mod answers;
mod blobs;
mod error;
mod lists;
mod maintenance;
mod manifests;
pub(crate) mod parse;
mod uploads;

use crate::sync::Arc;

pub use crate::blob::Body;
pub use crate::driver::ContentStream;
pub use crate::gc::{GcOptions, GcReport};
pub use crate::referrers::Referrer;
pub use answers::{BlobAnswer, BlobInfo, ByteRange, ManifestInfo, MountAnswer, Page, StoredManifest, UploadInfo};
pub use error::{ApiError, ApiErrorItem, Class, Code};

use crate::name::RepositoryName;
use crate::registry::Registry;
use crate::repository::{ManifestServiceOption, Repository};

/// What of the answers the operator can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// The largest manifest that is taken, in bytes. Default: 4 MiB.
    pub max_manifest_bytes: u64,
    /// How many repositories a page of the catalog has when the client does not say. Default: 100.
    pub catalog_default: usize,
    /// The largest page of the catalog that a client may ask for. Default: 1,000.
    pub catalog_max: usize,
    /// The largest page of tags. A client that asks for more gets this many, and is told that more follow; one that asks for no
    /// number gets all. `None`, the default: there is no such bound.
    pub tags_max: Option<usize>,
    /// Whether manifests are taken without checking what they name. Default: no.
    pub skip_layer_verification: bool,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            max_manifest_bytes: 4 << 20,
            catalog_default: 100,
            catalog_max: 1_000,
            tags_max: None,
            skip_layer_verification: false,
        }
    }
}

/// The registry as its clients see it. A clone is the same registry.
#[derive(Clone, Debug)]
pub struct Api {
    registry: Registry,
    config: Arc<ApiConfig>,
}

impl Api {
    /// Puts a front before a registry.
    #[must_use]
    pub fn new(registry: Registry, config: ApiConfig) -> Self {
        Self { registry, config: Arc::new(config) }
    }

    /// The registry behind it.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What the operator chose.
    #[must_use]
    pub fn config(&self) -> &ApiConfig {
        &self.config
    }

    fn repository(&self, name: &RepositoryName) -> Result<Repository, ApiError> {
        self.registry.repository(name).map_err(ApiError::internal)
    }

    fn manifest_options(&self) -> &'static [ManifestServiceOption] {
        if self.config.skip_layer_verification { &[ManifestServiceOption::SkipLayerVerification] } else { &[] }
    }
}
