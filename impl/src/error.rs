//! Why something could not be done, one enum for each subject.
//!
//! An error carries what it is about, parsed, so that the front (HTTP, the checker, a test) can say it its own way. What a
//! client did wrong and what the storage failed at are different variants; `Driver` and `Service` are never a client's fault.

use std::{fmt, io};

use crate::descriptor::{DescriptorError, ServiceError};
use crate::digest::Digest;
use crate::driver::{DriverError, Kind, StoragePath};
use crate::manifest::Malformed;
use crate::name::{Reference, RepositoryName, Tag};
use crate::paths::{BLOBS, ROOT};
use crate::progress::Abandoned;

/// Why a blob could not be served, mounted or deleted.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The repository does not link it, or its bytes are gone.
    #[error("blob {0} is not known to the repository")]
    Unknown(Digest),
    /// The access controller refuses.
    #[error("access to blob {0} is refused")]
    Denied(Digest),
    /// Deletion is off.
    #[error("deletion is disabled; build the registry with enable_delete")]
    DeleteDisabled,
    /// The storage failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A descriptor service failed.
    #[error("a descriptor service failed: {0}")]
    Service(#[source] ServiceError),
}

impl From<DescriptorError> for BlobError {
    fn from(error: DescriptorError) -> Self {
        match error {
            DescriptorError::Unknown(digest) => Self::Unknown(digest),
            DescriptorError::Denied(digest) => Self::Denied(digest),
            DescriptorError::Driver(error) => Self::Driver(error),
            DescriptorError::Service(error) => Self::Service(error),
        }
    }
}

/// Why an upload could not go on. Unless it says otherwise, the upload is as it was.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// No such open upload in this repository.
    #[error("no such open upload in this repository")]
    Unknown,
    /// The chunk does not begin where the upload ends, or ends before it begins.
    #[error("the chunk does not begin at {size}, where the upload ends")]
    OutOfOrder {
        /// The size of the upload in bytes.
        size: u64,
    },
    /// The chunk's length is not what its range says.
    #[error("the chunk has not the {expected} bytes that its range says")]
    Length {
        /// What the range says.
        expected: u64,
    },
    /// The content hashes to another digest. The upload stays open, with the chunk.
    #[error("the content does not hash to {expected}")]
    DigestMismatch {
        /// What was asked for.
        expected: Digest,
    },
    /// The access controller refuses. The upload stays open, with the chunk.
    #[error("access to blob {0} is refused")]
    Denied(Digest),
    /// The client's bytes stopped coming. What had come is part of the upload.
    #[error("the body could not be read: {0}")]
    Body(#[source] io::Error),
    /// The storage failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A descriptor service failed.
    #[error("a descriptor service failed: {0}")]
    Service(#[source] ServiceError),
}

/// Why a manifest could not be served, stored or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// No such tag, or no such revision in this repository.
    #[error("manifest {0} is not known to the repository")]
    Unknown(Reference),
    /// The access controller refuses.
    #[error("access to manifest {0} is refused")]
    Denied(Digest),
    /// Deletion is off.
    #[error("deletion is disabled; build the registry with enable_delete")]
    DeleteDisabled,
    /// The document is no manifest of its type.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The bytes hash to another digest than the one they were sent under.
    #[error("the manifest does not hash to {expected}")]
    DigestMismatch {
        /// What was asked for.
        expected: Digest,
    },
    /// Something that it names is refused or missing: each in document order. Never empty.
    #[error("the manifest names {} things that are refused or missing", .0.len())]
    References(Vec<BadReference>),
    /// Bytes are stored under this digest that are no manifest.
    #[error("what is stored as manifest {0} is none")]
    Unreadable(Digest),
    /// The storage failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A descriptor service failed.
    #[error("a descriptor service failed: {0}")]
    Service(#[source] ServiceError),
}

/// What is wrong with something that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// The layer has a refused URL, or lacks one.
    #[error("layer {digest} is refused: {reason}")]
    RefusedLayer {
        /// The layer.
        digest: Digest,
        /// Why.
        reason: crate::manifest::RefusedLayer,
    },
    /// It must exist in the repository and does not.
    #[error("{0} is named by the manifest but not known to the repository")]
    Missing(Digest),
}

/// Why tags could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// No such tag.
    #[error("tag {0} is not known to the repository")]
    Unknown(Tag),
    /// The repository never held a manifest.
    #[error("repository {0} is not known")]
    RepositoryUnknown(RepositoryName),
    /// Deletion is off.
    #[error("deletion is disabled; build the registry with enable_delete")]
    DeleteDisabled,
    /// The storage failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// Why a repository cannot be used or removed.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// It has neither blobs, nor manifests, nor uploads.
    #[error("repository {0} is not known")]
    Unknown(RepositoryName),
    /// Its cache cannot serve.
    #[error("the descriptor cache of {name} failed: {source}")]
    Cache {
        /// The repository.
        name: RepositoryName,
        /// Why.
        source: ServiceError,
    },
    /// The storage failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// Something in the tree that is not what must stand there, so that it cannot be known what it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", path.as_str().escape_debug())]
pub struct Obstacle {
    /// Where. Of a name that is not UTF-8, as far as it can be written.
    pub path: StoragePath,
    /// What is wrong with it.
    pub what: InTheWay,
}

/// What is wrong with what stands somewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InTheWay {
    /// Something else stands where a directory must.
    #[error("{found} stands where a directory must; put the directory back")]
    NoDirectory {
        /// What stands there.
        found: Kind,
    },
    /// A directory that must be there is not.
    #[error("it is missing; put it back")]
    Missing,
    /// Blobs are stored, and there is no repository.
    #[error(
        "there is no repository, though blobs are stored; put the repositories back, or, if all of them were to go, remove \
         {ROOT}/{BLOBS} as well"
    )]
    NoRepositories,
    /// No blob is stored, and there are links to some.
    #[error(
        "nothing is stored there, though repositories have links to it; put the blobs back (is a disk not mounted?)"
    )]
    NoBlobs,
    /// No repository can have this name.
    #[error("no repository can have this name; move it out of the way, or rename it")]
    NoRepositoryName,
    /// No tag can have this name.
    #[error("no tag can have this name; move it out of the way, or rename it")]
    NoTag,
    /// No digest algorithm that is known has this name.
    #[error("this is no digest algorithm that is known here; move it out of the way")]
    NoAlgorithm,
    /// No digest of its algorithm is written so.
    #[error("this is no digest; move it out of the way")]
    NoDigest,
    /// Something else stands where a file must.
    #[error("{found} stands where a file must; put the file back")]
    NoFile {
        /// What stands there.
        found: Kind,
    },
    /// A link below sha512 holds nothing, so it is not known which bytes it gives.
    #[error("the link holds no digest; push the blob again, or remove the link's directory")]
    Torn,
    /// The bytes of a manifest are not those of its digest, so it is not known what it named.
    #[error(
        "these are not the bytes of that digest, so what the manifest named is not known; push it again, or run `proofhouse fsck --repair`"
    )]
    Damaged,
    /// A repository has a manifest, or a tag points to one, and its bytes are missing, so it is not known what it named.
    #[error(
        "it is missing, though {repository} has it as a manifest, so what the manifest named is not known; push it again, or run \
         `proofhouse fsck --repair`, which removes what leads to it"
    )]
    ManifestMissing {
        /// The repository.
        repository: RepositoryName,
    },
    /// What should be a manifest is larger than any, so it was not read.
    #[error(
        "it has {size} bytes, and what has more than {limit} is not read as a manifest, so what it named is not known; push the \
         manifest again, or move the file out of the way and run `proofhouse fsck --repair`"
    )]
    TooLarge {
        /// How many bytes it claims to have.
        size: u64,
        /// How many are read.
        limit: u64,
    },
    /// It cannot be read.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// What the storage says.
        reason: String,
    },
}

impl InTheWay {
    pub(crate) fn unreadable(error: &DriverError) -> Self {
        let reason = match error {
            DriverError::Io { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        Self::Unreadable { reason }
    }
}

struct Others(usize);

impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " (there are {} more such)", self.0) }
    }
}

/// Why a collection stopped.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Something is in the way of knowing all that is needed, so nothing was swept.
    #[error(
        "{obstacle}; nothing was collected, for it might be needed{}: `proofhouse fsck` tells all that is in the way",
        Others(*.others)
    )]
    Obstructed {
        /// The first thing that is in the way.
        obstacle: Obstacle,
        /// How many more there are.
        others: usize,
    },
    /// A repository's cache cannot serve.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Nobody waited for it any more. What was removed until then is gone, and everything is still whole.
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
    /// An upload could not be brought back to rest.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A cache would not forget.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// The storage failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

impl CollectError {
    /// Fails if anything is in the way.
    pub(crate) fn unless_clear(obstacles: Vec<Obstacle>) -> Result<(), Self> {
        let others = obstacles.len().saturating_sub(1);
        match obstacles.into_iter().next() {
            Some(obstacle) => Err(Self::Obstructed { obstacle, others }),
            None => Ok(()),
        }
    }
}
