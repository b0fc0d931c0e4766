//! An access controller that hides one digest from the readers of one repository.

use std::sync::Arc;

use async_trait::async_trait;
use proofhouse_model::Deny;
use proofhouse_registry::descriptor::{
    BlobDescriptor, BlobDescriptorService, BlobDescriptorServiceFactory, DescriptorError,
};
use proofhouse_registry::digest::Digest;
use proofhouse_registry::name::RepositoryName;

/// Makes the controllers.
#[derive(Debug)]
pub(super) struct Denying {
    repo: String,
    digest: Arc<str>,
}

impl Denying {
    pub(super) fn new(deny: &Deny) -> Denying {
        Denying { repo: deny.repo.clone(), digest: deny.digest.as_str().into() }
    }
}

impl BlobDescriptorServiceFactory for Denying {
    fn blob_access_controller(
        &self,
        repository: &RepositoryName,
        inner: Arc<dyn BlobDescriptorService>,
    ) -> Arc<dyn BlobDescriptorService> {
        if repository.to_string() == self.repo {
            Arc::new(Hiding { digest: Arc::clone(&self.digest), inner })
        } else {
            inner
        }
    }
}

#[derive(Debug)]
struct Hiding {
    digest: Arc<str>,
    inner: Arc<dyn BlobDescriptorService>,
}

#[async_trait]
impl BlobDescriptorService for Hiding {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        if digest.to_string() == *self.digest {
            return Err(DescriptorError::Denied(digest.clone()));
        }
        self.inner.stat(digest).await
    }

    async fn set_descriptor(&self, digest: &Digest, descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        self.inner.set_descriptor(digest, descriptor).await
    }

    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError> {
        self.inner.clear(digest).await
    }
}
