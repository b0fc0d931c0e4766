//! One repository: its blobs, its manifests, its tags.
//!
//! A [`Repository`] is cheap and made anew for each request. It puts the chains of services together, the access controller
//! outermost: `controller(cache(link lookup))` for blobs, `controller(link lookup)` for manifests.

use crate::blob::{LinkKind, LinkStatter, LinkedBlobStore};
use crate::cache::CachedStatter;
use crate::descriptor::BlobDescriptorService;
use crate::faults::Fault;
use crate::manifests::ManifestStore;
use crate::name::RepositoryName;
use crate::referrers::ReferrerStore;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::tags::TagStore;

/// How a manifest service behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestServiceOption {
    /// What a manifest names is not checked: neither whether it exists nor its URLs.
    SkipLayerVerification,
}

/// One repository. See [`Registry::repository`](crate::registry::Registry::repository).
#[derive(Clone, Debug)]
pub struct Repository {
    shared: Arc<Shared>,
    name: RepositoryName,
    cache: Option<Arc<dyn BlobDescriptorService>>,
}

impl Repository {
    pub(crate) fn new(
        shared: Arc<Shared>,
        name: RepositoryName,
        cache: Option<Arc<dyn BlobDescriptorService>>,
    ) -> Self {
        Self { shared, name, cache }
    }

    /// Its name.
    #[must_use]
    pub const fn named(&self) -> &RepositoryName {
        &self.name
    }

    /// Its blobs.
    #[must_use]
    pub fn blobs(&self) -> LinkedBlobStore {
        let outside = self.shared.faults.has(Fault::CacheOutsideAccessControl);
        let mut statter = self.link_statter(LinkKind::Layer);
        if !outside {
            statter = self.cached(statter);
        }
        statter = self.controlled(statter);
        if outside {
            statter = self.cached(statter);
        }
        LinkedBlobStore::new(Arc::clone(&self.shared), self.name.clone(), statter)
    }

    /// Its manifests.
    #[must_use]
    pub fn manifests(&self, options: &[ManifestServiceOption]) -> ManifestStore {
        let skip = options.contains(&ManifestServiceOption::SkipLayerVerification);
        let statter = self.controlled(self.link_statter(LinkKind::Revision));
        ManifestStore::new(Arc::clone(&self.shared), self.name.clone(), statter, self.blobs(), skip)
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> TagStore {
        TagStore::new(Arc::clone(&self.shared), self.name.clone())
    }

    /// Which of its manifests are about another.
    #[must_use]
    pub fn referrers(&self) -> ReferrerStore {
        ReferrerStore::new(Arc::clone(&self.shared), self.name.clone())
    }

    fn link_statter(&self, kind: LinkKind) -> Arc<dyn BlobDescriptorService> {
        Arc::new(LinkStatter::new(Arc::clone(&self.shared), self.name.clone(), kind))
    }

    fn cached(&self, inner: Arc<dyn BlobDescriptorService>) -> Arc<dyn BlobDescriptorService> {
        match &self.cache {
            Some(cache) => {
                let removals = Arc::clone(&self.shared.removals);
                Arc::new(CachedStatter::new(Arc::clone(cache), inner, removals, self.shared.faults))
            }
            None => inner,
        }
    }

    fn controlled(&self, inner: Arc<dyn BlobDescriptorService>) -> Arc<dyn BlobDescriptorService> {
        match &self.shared.controllers {
            Some(controllers) => controllers.blob_access_controller(&self.name, inner),
            None => inner,
        }
    }
}
