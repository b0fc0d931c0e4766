//! What a registry holds.
//!
//! A [`State`] is plain data: blobs, repositories with their links, uploads, the time. [`View`] is what of it must be
//! on disk, for an independent reader of the storage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::content::Content;
use crate::manifest::{Manifest, read_stored};
use crate::op::UploadRef;
use crate::rules::RuleId;

/// A digest, well-formed.
pub(crate) type Digest = String;

/// Bytes in the global store. A repository reaches them only through its links.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Blob {
    pub(crate) bytes: Content,
    pub(crate) stored_at: u64,
}

/// The link to a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision {
    /// The Content-Type with which it was pushed. The documents that we take say it themselves; other registries take more.
    pub(crate) declared: Option<String>,
    pub(crate) linked_at: u64,
}

/// A tag: where it points, and every digest that it ever pointed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Tag {
    pub(crate) current: Digest,
    pub(crate) history: BTreeSet<Digest>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Repository {
    /// Links to blobs, and when each was last written.
    pub(crate) layers: BTreeMap<Digest, u64>,
    pub(crate) revisions: BTreeMap<Digest, Revision>,
    pub(crate) tags: BTreeMap<String, Tag>,
    /// It has held a link to a blob at some time.
    pub(crate) held_layers: bool,
    /// It has held a manifest at some time.
    pub(crate) held_manifests: bool,
    /// It has held a tag at some time.
    pub(crate) held_tags: bool,
}

/// An upload, from its start to its end. Ended ones are kept, to tell that ids are fresh.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Upload {
    pub(crate) repo: String,
    /// The id that the registry chose.
    pub(crate) id: Option<String>,
    pub(crate) bytes: Content,
    pub(crate) started_at: u64,
    pub(crate) open: bool,
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
    Missing(String, Option<(String, String)>),
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
}

/// All that a registry holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct State {
    pub(crate) blobs: BTreeMap<Digest, Blob>,
    pub(crate) repos: BTreeMap<String, Repository>,
    pub(crate) uploads: BTreeMap<UploadRef, Upload>,
    /// Which of the ways each choice was settled.
    pub(crate) choices: BTreeMap<Choice, usize>,
    /// Seconds since the start.
    pub(crate) now: u64,
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

    /// The open upload of that name in that repository.
    pub(crate) fn open_upload(&self, repo: &str, upload: UploadRef) -> Option<&Upload> {
        self.uploads.get(&upload).filter(|upload| upload.open && upload.repo == repo)
    }

    /// This state after the upload has ended.
    pub(crate) fn ended(&self, upload: UploadRef) -> State {
        let mut next = self.clone();
        if let Some(upload) = next.uploads.get_mut(&upload) {
            upload.open = false;
            upload.bytes = Content::default();
        }
        next
    }

    /// What of this must be on disk.
    pub fn view(&self) -> View {
        let tag = |(name, tag): (&String, &Tag)| (name.clone(), (tag.current.clone(), tag.history.clone()));
        let repository = |repo: &Repository| RepositoryView {
            layers: repo.layers.keys().cloned().collect(),
            revisions: repo.revisions.keys().cloned().collect(),
            tags: repo.tags.iter().map(tag).collect(),
            held_manifests: repo.held_manifests,
        };
        let upload = |it: &Upload| UploadView { repo: it.repo.clone(), id: it.id.clone(), bytes: it.bytes.clone() };
        View {
            blobs: self.blobs.iter().map(|(digest, blob)| (digest.clone(), blob.bytes.clone())).collect(),
            repositories: self.repos.iter().map(|(name, repo)| (name.clone(), repository(repo))).collect(),
            uploads: self.uploads.iter().filter(|(_, it)| it.open).map(|(name, it)| (*name, upload(it))).collect(),
        }
    }
}

/// What must be on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Every blob, linked or not.
    pub blobs: BTreeMap<String, Content>,
    /// Every repository that ever had a link or an upload, and was not removed.
    pub repositories: BTreeMap<String, RepositoryView>,
    /// Every open upload.
    pub uploads: BTreeMap<UploadRef, UploadView>,
}

/// What must be on disk of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryView {
    /// Digests with a link in `_layers`.
    pub layers: BTreeSet<String>,
    /// Digests with a link in `_manifests/revisions`.
    pub revisions: BTreeSet<String>,
    /// For each tag: its current digest, and the digests in its index.
    pub tags: BTreeMap<String, (String, BTreeSet<String>)>,
    /// The directory `_manifests` is there.
    pub held_manifests: bool,
}

/// What must be on disk of one open upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadView {
    /// Its repository.
    pub repo: String,
    /// Its id.
    pub id: Option<String>,
    /// Its bytes so far.
    pub bytes: Content,
}
