//! What a registry holds.
//!
//! A [`State`] is plain data: blobs, repositories with their links, uploads, the time. [`View`] is what of it must be
//! on disk, for an independent reader of the storage.

use std::collections::{BTreeMap, BTreeSet};

use crate::content::Content;
use crate::op::UploadRef;

/// A digest, well-formed.
pub(crate) type Digest = String;

/// Bytes in the global store. A repository reaches them only through its links.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Blob {
    pub(crate) bytes: Content,
    pub(crate) stored_at: u64,
}

/// A tag: where it points, and every digest that it ever pointed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag {
    pub(crate) current: Digest,
    pub(crate) history: BTreeSet<Digest>,
}

/// A repository. The numbers are when the link was last written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Repository {
    pub(crate) layers: BTreeMap<Digest, u64>,
    pub(crate) revisions: BTreeMap<Digest, u64>,
    pub(crate) tags: BTreeMap<String, Tag>,
    /// The Content-Type with which each revision was pushed. Only OCI, which leaves documents alone, needs it.
    pub(crate) declared: BTreeMap<Digest, String>,
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

/// A MAY that a registry settles once and keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Choice {
    /// A blob can be read in every repository, wherever it was pushed.
    SharedBlobs,
    /// Parts of blobs are served.
    Ranges,
    /// Blobs are mounted without `from`, or from where `from` does not have them.
    MountAnywhere,
    /// Blobs are mounted at all.
    Mounts,
    /// A blob is stored with one request.
    SinglePost,
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
    /// Uploads can be cancelled.
    Cancel,
    /// Tags are in the order of their bytes, not of their letters.
    TagOrder,
}

/// All that a registry holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct State {
    pub(crate) blobs: BTreeMap<Digest, Blob>,
    pub(crate) repos: BTreeMap<String, Repository>,
    pub(crate) uploads: BTreeMap<UploadRef, Upload>,
    pub(crate) choices: BTreeMap<Choice, bool>,
    /// Seconds since the start.
    pub(crate) now: u64,
}

impl State {
    pub(crate) fn repo_mut(&mut self, name: &str) -> &mut Repository {
        self.repos.entry(name.to_owned()).or_default()
    }

    /// Stores bytes; what is there already keeps its age.
    pub(crate) fn store(&mut self, digest: &str, bytes: &Content) {
        let stored_at = self.now;
        self.blobs.entry(digest.to_owned()).or_insert_with(|| Blob { bytes: bytes.clone(), stored_at });
    }

    /// Links a blob into a repository.
    pub(crate) fn link(&mut self, repo: &str, digest: &str) {
        let now = self.now;
        self.repo_mut(repo).layers.insert(digest.to_owned(), now);
    }

    /// The bytes of a blob that the repository links.
    pub(crate) fn linked_blob(&self, repo: &str, digest: &str) -> Option<&Content> {
        self.repos.get(repo)?.layers.get(digest)?;
        self.blobs.get(digest).map(|blob| &blob.bytes)
    }

    /// The bytes of a manifest of the repository.
    pub(crate) fn revision(&self, repo: &str, digest: &str) -> Option<&Content> {
        self.repos.get(repo)?.revisions.get(digest)?;
        self.blobs.get(digest).map(|blob| &blob.bytes)
    }

    /// The open upload of that name in that repository.
    pub(crate) fn open_upload(&self, repo: &str, upload: UploadRef) -> Option<&Upload> {
        self.uploads.get(&upload).filter(|upload| upload.open && upload.repo == repo)
    }

    /// This state with the choice settled, unless it was settled the other way before.
    pub(crate) fn choose(&self, choice: Choice, way: bool) -> Option<State> {
        if self.choices.get(&choice).is_some_and(|settled| *settled != way) {
            return None;
        }
        let mut next = self.clone();
        next.choices.insert(choice, way);
        Some(next)
    }

    /// What of this must be on disk.
    pub fn view(&self) -> View {
        let repository = |repo: &Repository| RepositoryView {
            layers: repo.layers.keys().cloned().collect(),
            revisions: repo.revisions.keys().cloned().collect(),
            tags: repo
                .tags
                .iter()
                .map(|(name, tag)| (name.clone(), (tag.current.clone(), tag.history.clone())))
                .collect(),
            held_manifests: repo.held_manifests,
        };
        let upload = |upload: &Upload| UploadView {
            repo: upload.repo.clone(),
            id: upload.id.clone(),
            bytes: upload.bytes.clone(),
        };
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
