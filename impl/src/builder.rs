//! Building a registry: a method for each functional option of the seed, by the same name in snake case.
//!
//! Options apply in the order in which they are called. Clock and upload ids come in here as well, so that a run can be
//! repeated exactly; their defaults are the machine's clock and random ids.

use std::fmt::Debug;
use std::num::NonZero;

use regex::Regex;

use crate::blob::{GlobalStatter, UploadId};
use crate::cache::CachedStatter;
use crate::descriptor::{
    BlobDescriptorCacheProvider, BlobDescriptorService, BlobDescriptorServiceFactory, ServiceError,
};
use crate::driver::{Clock, Driver, SystemClock};
use crate::faults::Faults;
use crate::manifest::{IndexValidation, PlatformFilter, UrlRules};
use crate::registry::Registry;
use crate::shared::{Guards, Shared};
use crate::sync::{Arc, LazyLock};
#[cfg(feature = "faults")]
use crate::sync::{Generation, KeyedLocks};

/// Gives each upload its id.
pub trait UploadIds: Send + Sync + Debug + 'static {
    /// An id that no upload in this storage has: letters, digits and `_ - . =`, not beginning with a dot or dash, at most 128.
    /// What is none of that is replaced by a random id.
    fn fresh(&self) -> String;
}

/// Random ids: UUIDs, version 4.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomUploadIds;

impl UploadIds for RandomUploadIds {
    fn fresh(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// The next id of an upload.
pub(crate) fn next_upload_id(ids: &dyn UploadIds) -> UploadId {
    ids.fresh().parse().unwrap_or_else(|_| UploadId::random())
}

/// The options that are plain values.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) redirect: bool,
    pub(crate) delete: bool,
    pub(crate) digest_resumption: bool,
    pub(crate) tag_lookup_limit: usize,
    pub(crate) urls: UrlRules,
    pub(crate) indexes: IndexValidation,
}

/// Why a registry could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An option failed: the first one that did.
    #[error("an option of the registry failed: {0}")]
    Option(#[source] ServiceError),
}

/// Builds a [`Registry`].
///
/// ```
/// # use std::sync::Arc;
/// # use proofhouse_registry::{builder::RegistryBuilder, driver::Memory};
/// let registry = RegistryBuilder::new(Arc::new(Memory::default()))
///     .enable_delete()
///     .enable_validate_image_index_images_exist()
///     .add_validate_image_index_images_exist_platform("amd64", "linux")
///     .build()?;
/// # Ok::<(), proofhouse_registry::builder::BuildError>(())
/// ```
#[derive(Debug)]
#[must_use = "call build"]
pub struct RegistryBuilder {
    driver: Arc<dyn Driver>,
    clock: Arc<dyn Clock>,
    upload_ids: Arc<dyn UploadIds>,
    options: Options,
    controllers: Option<Arc<dyn BlobDescriptorServiceFactory>>,
    cache: Option<Arc<dyn BlobDescriptorCacheProvider>>,
    faults: Faults,
    guards: Guards,
    failed: Option<ServiceError>,
}

impl RegistryBuilder {
    /// A registry over this storage, with every option at its default. Nothing is read or written before the first request.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self {
            driver,
            clock: Arc::new(SystemClock),
            upload_ids: Arc::new(RandomUploadIds),
            options: Options {
                redirect: false,
                delete: false,
                digest_resumption: true,
                tag_lookup_limit: default_lookup_limit(),
                urls: UrlRules::default(),
                indexes: IndexValidation::default(),
            },
            controllers: None,
            cache: None,
            faults: Faults::default(),
            guards: Guards::default(),
            failed: None,
        }
    }

    /// Serves blobs by the driver's URL where it has one. Default: off.
    pub fn enable_redirect(mut self) -> Self {
        self.options.redirect = true;
        self
    }

    /// Bounds how many links are read at once when the tags of a digest are looked up. Zero or less: the default, the number of
    /// cores. The answers are the same whatever the limit.
    pub fn tag_lookup_concurrency_limit(mut self, limit: i64) -> Self {
        self.options.tag_lookup_limit = match usize::try_from(limit) {
            Ok(0) => default_lookup_limit(),
            Ok(limit) => limit,
            // Either below zero, or more than this machine can count.
            Err(_) if limit < 0 => default_lookup_limit(),
            Err(_) => usize::MAX,
        };
        self
    }

    /// Lets clients delete blobs, manifests and tags. Default: off, each answers that deletion is unsupported.
    pub fn enable_delete(mut self) -> Self {
        self.options.delete = true;
        self
    }

    /// Stores no hash state between the chunks of an upload; the whole is hashed when it is finished. Default: states are stored.
    pub fn disable_digest_resumption(mut self) -> Self {
        self.options.digest_resumption = false;
        self
    }

    /// URLs of foreign layers must match this, anywhere in the URL. Default: no such condition.
    pub fn manifest_urls_allow_regexp(mut self, pattern: Regex) -> Self {
        self.options.urls.allow = Some(pattern);
        self
    }

    /// URLs of foreign layers must not match this, anywhere in the URL. Default: no such condition.
    pub fn manifest_urls_deny_regexp(mut self, pattern: Regex) -> Self {
        self.options.urls.deny = Some(pattern);
        self
    }

    /// An index or list is only taken if the manifests it names are in the repository. Default: off (the seed's comment says on,
    /// its code off; the code counts).
    pub fn enable_validate_image_index_images_exist(mut self) -> Self {
        self.options.indexes.enabled = true;
        self
    }

    /// Narrows that validation to the entries with exactly this platform, or another one that was added. Without
    /// [`enable_validate_image_index_images_exist`](Self::enable_validate_image_index_images_exist) it does nothing.
    pub fn add_validate_image_index_images_exist_platform(
        mut self,
        architecture: impl Into<String>,
        os: impl Into<String>,
    ) -> Self {
        self.options.indexes.platforms.push(PlatformFilter::new(architecture, os));
        self
    }

    /// Wraps the services of every repository in an access controller.
    pub fn blob_descriptor_service_factory(mut self, factory: Arc<dyn BlobDescriptorServiceFactory>) -> Self {
        self.controllers = Some(factory);
        self
    }

    /// Remembers descriptors. `None` does nothing: an earlier provider stays.
    pub fn blob_descriptor_cache_provider(mut self, provider: Option<Arc<dyn BlobDescriptorCacheProvider>>) -> Self {
        if provider.is_some() {
            self.cache = provider;
        }
        self
    }

    /// Who says what time it is. It should be the clock that the driver stamps files with. Default: the machine.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Who names uploads. Default: [`RandomUploadIds`].
    pub fn upload_ids(mut self, ids: Arc<dyn UploadIds>) -> Self {
        self.upload_ids = ids;
        self
    }

    /// Applies an option that may fail, such as one that connects to something. After a failure no later one is applied, and
    /// [`build`](Self::build) fails with it.
    pub fn option<E: Into<ServiceError>>(mut self, apply: impl FnOnce(&mut Self) -> Result<(), E>) -> Self {
        if self.failed.is_none() {
            self.failed = apply(&mut self).err().map(Into::into);
        }
        self
    }

    /// Breaks a rule on purpose.
    #[cfg(feature = "faults")]
    pub fn fault(mut self, fault: crate::faults::Fault) -> Self {
        self.faults.add(fault);
        self
    }

    /// Takes a guard away on purpose.
    #[cfg(feature = "faults")]
    pub fn race(mut self, race: crate::races::Race) -> Self {
        use crate::races::Race;
        match race {
            Race::UploadsUnlocked => self.guards.uploads = Arc::new(KeyedLocks::open()),
            Race::RelianceUnlocked => self.guards.reliance = Arc::new(KeyedLocks::open()),
            Race::TagsUnlocked => self.guards.tags = Arc::new(KeyedLocks::open()),
            Race::CacheFilledLate => self.guards.removals = Arc::new(Generation::blind()),
            Race::CollectionUngated => self.guards.ungated = true,
        }
        self
    }

    /// The registry.
    ///
    /// # Errors
    /// [`BuildError::Option`] if an [`option`](Self::option) failed.
    pub fn build(self) -> Result<Registry, BuildError> {
        if let Some(error) = self.failed {
            return Err(BuildError::Option(error));
        }
        let Guards { uploads, reliance, tags, removals, ungated } = self.guards;
        let uncached_statter: Arc<dyn BlobDescriptorService> = Arc::new(GlobalStatter::new(Arc::clone(&self.driver)));
        let statter: Arc<dyn BlobDescriptorService> = match &self.cache {
            None => Arc::clone(&uncached_statter),
            Some(cache) => Arc::new(CachedStatter::new(
                Arc::<dyn BlobDescriptorCacheProvider>::clone(cache),
                Arc::clone(&uncached_statter),
                Arc::clone(&removals),
                self.faults,
            )),
        };
        Ok(Registry::new(Arc::new(Shared {
            driver: self.driver,
            clock: self.clock,
            upload_ids: self.upload_ids,
            options: self.options,
            controllers: self.controllers,
            cache: self.cache,
            faults: self.faults,
            statter,
            uncached_statter,
            removals,
            gate: Default::default(),
            ungated,
            uploads_removed: Default::default(),
            upload_locks: uploads,
            reliance,
            tag_locks: tags,
            completing: Arc::default(),
            referrers_ready: Default::default(),
        })))
    }
}

/// Asked for once: the answer is in files.
fn default_lookup_limit() -> usize {
    static PROCESSORS: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    *PROCESSORS
}
