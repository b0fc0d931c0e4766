//! What a registry holds.
//!
//! A [`State`] is plain data: blobs, repositories with their links, uploads, the time. All of it is public, for whoever
//! compares it with what is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::manifest::{Manifest, read_stored};
use crate::names::matches_digest;
use crate::{Content, Platform, RuleId, UploadRef};

/// A digest, well-formed.
pub type Digest = String;

/// Bytes in the global store. A repository reaches them only through its links.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// The bytes.
    pub bytes: Content,
    /// When they were first stored.
    pub stored_at: u64,
}

/// The link to a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// The Content-Type with which it was pushed. The documents that we take say it themselves; other registries take more.
    pub declared: Option<String>,
    /// When it was last pushed.
    pub linked_at: u64,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tag {
    /// Where it points.
    pub current: Digest,
    /// Every digest that it ever pointed to.
    pub history: BTreeSet<Digest>,
}

/// A repository. It is there from its first link or upload until it is removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Repository {
    /// Links to blobs, and when each was last written.
    pub layers: BTreeMap<Digest, u64>,
    /// Links to manifests.
    pub revisions: BTreeMap<Digest, Revision>,
    /// Tags, by their name.
    pub tags: BTreeMap<String, Tag>,
    /// It has held a link to a blob at some time.
    pub held_layers: bool,
    /// It has held a manifest at some time.
    pub held_manifests: bool,
    /// It has held a tag at some time.
    pub held_tags: bool,
}

/// An upload, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upload {
    /// Its repository.
    pub repo: String,
    /// The id that the registry chose.
    pub id: Option<String>,
    /// Its bytes so far.
    pub bytes: Content,
    /// When it was started.
    pub started_at: u64,
}

/// What a standard leaves to the registry, which settles it once and keeps to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Choice {
    /// A digest algorithm besides sha256 is known.
    Algorithm(String),
    /// A blob can be read in every repository, wherever it was pushed.
    SharedBlobs,
    /// Parts of blobs are served.
    Ranges,
    /// Blobs are mounted without `from`.
    MountAnywhere,
    /// Blobs are mounted at all.
    Mounts,
    /// A blob is stored with one request.
    SinglePost,
    /// Chunks are taken without a range.
    Streaming,
    /// What becomes of an upload when its finish is refused by this rule.
    Refused { rule: RuleId, with_chunk: bool },
    /// Uploads can be cancelled.
    Cancel,
    /// Manifests of this type are taken.
    Takes(&'static str),
    /// A manifest may name content of this type, for this platform, that is not there.
    Missing(String, Option<Platform>),
    /// The referrers endpoint is there.
    Referrers,
    /// Referrers are filtered.
    ReferrersFilter,
    /// `tag=` parameters are honoured.
    TagParameters,
    /// Blobs can be deleted.
    BlobDelete,
    /// Tags can be deleted.
    TagDelete,
    /// Manifests can be deleted.
    ManifestDelete,
    /// Tags of a deleted manifest are listed no more.
    TagsOfDeleted,
    /// Tags are in the order of their bytes, or of their letters.
    TagOrder,
    /// Where `_` comes among tags that are sorted without regard to case: before letters, or after.
    UnderscoreOrder,
}

/// All that a registry holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct State {
    /// Every blob, linked or not.
    pub blobs: BTreeMap<Digest, Blob>,
    /// Every repository, by its name.
    pub repos: BTreeMap<String, Repository>,
    /// Every open upload.
    pub uploads: BTreeMap<UploadRef, Upload>,
    /// The id of every upload that there ever was.
    pub(crate) used_ids: BTreeSet<String>,
    /// Which of the ways each choice was settled.
    pub(crate) choices: BTreeMap<Choice, usize>,
    /// Seconds since the start.
    pub now: u64,
}

/// What a repository holds that is not there.
static NOTHING: LazyLock<Repository> = LazyLock::new(Repository::default);

impl State {
    /// The repository; one that is not there holds nothing.
    pub(crate) fn repo(&self, name: &str) -> &Repository {
        self.repos.get(name).unwrap_or(&NOTHING)
    }

    pub(crate) fn repo_mut(&mut self, name: &str) -> &mut Repository {
        self.repos.entry(name.to_owned()).or_default()
    }

    /// Stores bytes; what is there already keeps its age.
    pub(crate) fn store(&mut self, digest: &str, bytes: &Content) {
        let stored_at = self.now;
        self.blobs.entry(digest.to_owned()).or_insert_with(|| Blob { bytes: bytes.clone(), stored_at });
    }

    /// Stores bytes, and links them into a repository.
    pub(crate) fn store_and_link(&mut self, repo: &str, digest: &str, bytes: &Content) {
        self.store(digest, bytes);
        let now = self.now;
        let repository = self.repo_mut(repo);
        repository.held_layers = true;
        repository.layers.insert(digest.to_owned(), now);
    }

    /// The bytes of a blob that the repository links.
    pub(crate) fn linked_blob(&self, repo: &str, digest: &str) -> Option<&Content> {
        self.repo(repo).layers.get(digest)?;
        self.bytes(digest)
    }

    /// The bytes in the global store, whoever links them.
    pub(crate) fn bytes(&self, digest: &str) -> Option<&Content> {
        self.blobs.get(digest).map(|blob| &blob.bytes)
    }

    /// The same, under whatever digest they were stored.
    pub(crate) fn known(&self, digest: &str) -> Option<&Content> {
        let mut others = self.blobs.values().map(|blob| &blob.bytes).filter(|bytes| matches_digest(digest, bytes));
        self.bytes(digest).or_else(|| others.next())
    }

    /// Does any repository link the blob?
    pub(crate) fn linked_somewhere(&self, digest: &str) -> bool {
        self.repos.values().any(|repo| repo.layers.contains_key(digest))
    }

    /// The bytes of a manifest of the repository.
    pub(crate) fn revision(&self, repo: &str, digest: &str) -> Option<&Content> {
        self.repo(repo).revisions.get(digest)?;
        self.bytes(digest)
    }

    /// Every manifest of the repository that can be read.
    pub(crate) fn manifests(&self, repo: &str) -> BTreeMap<&Digest, Manifest> {
        let revisions = self.repo(repo).revisions.keys();
        revisions.filter_map(|digest| Some((digest, read_stored(self.bytes(digest)?)?))).collect()
    }

    /// This state after the upload has ended.
    pub(crate) fn ended(&self, upload: UploadRef) -> State {
        let mut next = self.clone();
        next.uploads.remove(&upload);
        next
    }
}
