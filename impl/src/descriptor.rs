//! The middleware points: who is asked about a digest, and in which order.
//!
//! A [`BlobDescriptorService`] answers what is known of a digest. The registry's own one looks up a repository's link; a cache
//! and an access controller wrap it, the controller outermost, so that no cache can answer past it:
//! blobs `controller(cache(link lookup))`, manifests `controller(link lookup)`.
//!
//! Source: the seed's `BlobDescriptorServiceFactory` and `BlobDescriptorCacheProvider`.

use std::error::Error;
use std::fmt::Debug;

use async_trait::async_trait;

use crate::digest::Digest;
use crate::driver::DriverError;
use crate::name::RepositoryName;
use crate::sync::Arc;

/// What is known of stored bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobDescriptor {
    /// The digest under which the bytes are stored. It differs from the one asked for where distribution linked a sha512
    /// digest to bytes that it keeps under sha256.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// Why a service has no answer.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// It does not know the digest.
    #[error("{0} is not known here")]
    Unknown(Digest),
    /// It knows better than to say.
    #[error("access to {0} is refused")]
    Denied(Digest),
    /// The storage failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The service itself failed.
    #[error("a descriptor service failed: {0}")]
    Service(#[source] ServiceError),
}

/// A failure inside a service that somebody else wrote.
pub type ServiceError = Box<dyn Error + Send + Sync>;

/// Answers what is known of digests, and is told what changes.
#[async_trait]
pub trait BlobDescriptorService: Send + Sync + Debug {
    /// What is known of this digest.
    ///
    /// # Errors
    /// [`DescriptorError::Unknown`] if nothing is; [`DescriptorError::Denied`] from access control.
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError>;

    /// Is told that the digest is about to be there: a blob's or a manifest's content was verified, and is stored and linked next.
    ///
    /// # Errors
    /// [`DescriptorError::Denied`] refuses the push: the client sees DENIED, and nothing is stored. An upload stays open then, with
    /// its bytes.
    async fn set_descriptor(&self, digest: &Digest, descriptor: BlobDescriptor) -> Result<(), DescriptorError>;

    /// Forgets the digest. In the chain of a repository this is what removes the link.
    ///
    /// # Errors
    /// [`DescriptorError::Unknown`] if it was not there (a cache answers `Ok`); [`DescriptorError::Denied`] from access control.
    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError>;
}

/// Makes the access controller of each repository.
pub trait BlobDescriptorServiceFactory: Send + Sync + Debug {
    /// Wraps `inner`, the services of `repository`. Called anew for every use; should be cheap.
    fn blob_access_controller(
        &self,
        repository: &RepositoryName,
        inner: Arc<dyn BlobDescriptorService>,
    ) -> Arc<dyn BlobDescriptorService>;
}

/// A cache of descriptors: itself the global service, and one for each repository.
///
/// A cache only ever says what it was told: [`stat`](BlobDescriptorService::stat) gives what the last
/// [`set_descriptor`](BlobDescriptorService::set_descriptor) said unless a [`clear`](BlobDescriptorService::clear) came since, or
/// [`DescriptorError::Unknown`], whenever it likes. A cache that fails is passed over, except when it is to forget.
pub trait BlobDescriptorCacheProvider: BlobDescriptorService {
    /// The cache of one repository. It shares nothing with those of others.
    ///
    /// # Errors
    /// Whatever keeps the cache from serving; [`Registry::repository`](crate::registry::Registry::repository) fails with it.
    fn repository_scoped(&self, repository: &RepositoryName) -> Result<Arc<dyn BlobDescriptorService>, ServiceError>;
}
