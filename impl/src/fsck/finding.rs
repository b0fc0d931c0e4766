//! What a check can find, and what can be done about it, in words.

use std::fmt;

use crate::blob::UploadId;
use crate::digest::Digest;
use crate::driver::{Kind, StoragePath};
use crate::error::Obstacle;
use crate::name::{RepositoryName, Tag};

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub problem: Problem,
    /// What a repair does about it. None: nothing can be done here without guessing, and the problem's text says what else.
    pub remedy: Option<Remedy>,
    /// Whether that was done.
    pub repaired: bool,
    /// Why it could not be done, if it was tried.
    pub failure: Option<String>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something in the tree is not what must stand there. Collections stop at it.
    #[error(transparent)]
    Obstructed(Obstacle),
    /// Something else stands in place of a link.
    #[error("{path}: {found} stands in place of a link; remove it by hand")]
    LinkForeign {
        /// Where the link should be.
        path: StoragePath,
        /// What stands there.
        found: Kind,
    },
    /// A link file is empty, cut, or holds another digest than its place says.
    #[error("{path}: the link does not hold {expected}")]
    LinkTorn {
        /// The link.
        path: StoragePath,
        /// What its place says.
        expected: Digest,
    },
    /// A link leads to bytes that are gone or damaged, or a referrer's or tag entry's link to a manifest that is.
    #[error("{path}: what it links is gone")]
    LinkDangling {
        /// The link.
        path: StoragePath,
    },
    /// A tag's link to its manifest is empty, cut or gone.
    #[error("{repository}:{tag}: the tag points to nothing; push it again, or delete it")]
    TagTorn {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
    },
    /// A tag points to a manifest that the repository does not have.
    #[error(
        "{repository}:{tag}: the tag points to {digest}, which the repository does not have; push it again, or delete the tag"
    )]
    TagDangling {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// What it points to.
        digest: Digest,
    },
    /// A blob's bytes are not those of its digest.
    #[error("blob {digest}: its {size} bytes are not those of this digest; push it again")]
    BlobDamaged {
        /// The blob.
        digest: Digest,
        /// How many bytes there are.
        size: u64,
    },
    /// A repository's manifest is no manifest, though its bytes are those of its digest. Collections keep it, with every digest
    /// that is written in it.
    #[error("{repository}@{digest}: this is no manifest: {reason}; if nobody needs it, delete it by its digest")]
    ManifestUnreadable {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// Why it is none.
        reason: String,
    },
    /// An image's configuration or layer is not there, so the image cannot be pulled whole.
    #[error("{repository}@{manifest}: {part} is missing in the repository; push it again")]
    PartMissing {
        /// The repository.
        repository: RepositoryName,
        /// The image.
        manifest: Digest,
        /// What it lacks.
        part: Digest,
    },
    /// A manifest has a subject, and no link leads from the subject to it.
    #[error("{repository}@{digest}: the list of {subject}'s referrers lacks it")]
    ReferrerMissing {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// What it is about.
        subject: Digest,
    },
    /// Bytes of an upload without the time at which it started: no client can reach it, and purging leaves it alone.
    #[error("{repository}: upload {id} has no readable start; it is never purged")]
    UploadUndated {
        /// The repository.
        repository: RepositoryName,
        /// The upload.
        id: UploadId,
    },
}

/// What a repair does. None of these removes bytes that are whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Write the link anew, to this digest.
    Link(StoragePath, Digest),
    /// Write the link, to this digest, in place of an empty directory.
    Replace(StoragePath, Digest),
    /// Remove a link that leads nowhere, with its directory.
    Unlink(StoragePath),
    /// Remove a tag that points to nothing, with its history.
    Untag(StoragePath),
    /// Move the damaged bytes out of the way, to this place.
    SetAside(StoragePath, StoragePath),
    /// Give the upload the present as its start, so that purging takes it in time.
    Date(StoragePath),
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(_, digest) | Self::Replace(_, digest) => write!(f, "link it to {digest}"),
            Self::Unlink(_) => f.write_str("remove the link"),
            Self::Untag(_) => f.write_str("remove the tag"),
            Self::SetAside(_, to) => write!(f, "move the bytes to {to}"),
            Self::Date(_) => f.write_str("let its age begin now"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)?;
        match (&self.remedy, &self.failure) {
            (Some(remedy), Some(failure)) => write!(f, " (not repaired: could not {remedy}: {failure})"),
            (Some(remedy), None) if self.repaired => write!(f, " (repaired: {remedy})"),
            (Some(remedy), None) => write!(f, " (a repair would {remedy})"),
            (None, _) => Ok(()),
        }
    }
}
