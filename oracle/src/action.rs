//! Operations in terms of a pool.
//!
//! An [`Action`] names its subjects by their place in a [`Pool`], well-formed or nearly so; [`Action::resolve`] makes the
//! [`Op`] of it. Actions are total: each means something whatever stands before it, so a sequence can lose any of its
//! actions and still be one. An upload is named by a number given once to the action that opens it.

use std::collections::BTreeSet;

use proofhouse_model::{Content, Op, Range, State, UploadRef};

use crate::pool::{Algorithm, BlobId, Named, ODD_REPOSITORIES, ODD_TAGS, Payload, Pool, RepoId, TagId, pick};

/// A repository, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repo {
    /// One of the pool.
    Of(RepoId),
    /// Well-formed, and never written to.
    Absent,
    /// A number into [`ODD_REPOSITORIES`].
    Odd(u8),
    /// So many bytes long: 255 are allowed.
    Long(u16),
}

impl Repo {
    /// The name.
    pub fn resolve(self, pool: &Pool) -> String {
        match self {
            Repo::Of(repo) => pool.repository(repo).to_owned(),
            Repo::Absent => "nobody/was/here".to_owned(),
            Repo::Odd(at) => pick(ODD_REPOSITORIES, at).to_owned(),
            Repo::Long(length) => "l".repeat(length.into()),
        }
    }
}

impl From<RepoId> for Repo {
    fn from(repo: RepoId) -> Self {
        Repo::Of(repo)
    }
}

/// A tag, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// One of the pool.
    Of(TagId),
    /// Well-formed, and never set.
    Absent,
    /// A number into [`ODD_TAGS`].
    Odd(u8),
    /// So many bytes long: 128 are allowed.
    Long(u16),
}

impl Tag {
    /// The text.
    pub fn resolve(self, pool: &Pool) -> String {
        match self {
            Tag::Of(tag) => pool.tag(tag).to_owned(),
            Tag::Absent => "m".to_owned(),
            Tag::Odd(at) => pick(ODD_TAGS, at).to_owned(),
            Tag::Long(length) => "L".repeat(length.into()),
        }
    }
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A tag.
    Tag(Tag),
    /// A digest.
    Digest(Named),
}

impl By {
    fn resolve(self, pool: &Pool) -> String {
        match self {
            By::Tag(tag) => tag.resolve(pool),
            By::Digest(named) => pool.digest(named),
        }
    }
}

/// Content-Type of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// That of the payload.
    Own,
    /// The same in upper case, with white space and a parameter.
    OwnDressed,
    /// A number into [`CONTENT_TYPES`].
    Other(u8),
    /// None.
    Missing,
}

/// The four types, and some that are not.
pub const CONTENT_TYPES: &[&str] = &[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "",
    ";",
    "text/html; application/vnd.oci.image.manifest.v1+json",
];

/// A part of a payload: from `first` to before `end`, cut to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Of what.
    pub of: Payload,
    /// The first byte.
    pub first: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Chunk {
    /// Nothing.
    pub fn none() -> Chunk {
        Chunk { of: Payload::Blob(BlobId(0)), first: 0, end: 0 }
    }

    /// All of it.
    pub fn all(of: Payload) -> Chunk {
        Chunk { of, first: 0, end: u32::MAX }
    }

    fn resolve(self, pool: &Pool) -> Content {
        let at = |byte: u32| usize::try_from(byte).unwrap_or(usize::MAX);
        pool.bytes(self.of).slice(at(self.first), at(self.end))
    }
}

/// Content-Range of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkRange {
    /// None.
    Absent,
    /// Where the chunk stands in its payload.
    Fitting,
    /// The first and last byte are off by so much.
    Off(i8, i8),
    /// The last byte is before the first.
    Backwards,
}

impl ChunkRange {
    fn resolve(self, chunk: Chunk, bytes: &Content) -> Option<(u64, u64)> {
        let first = u64::from(chunk.first);
        let last = (first + bytes.size()).saturating_sub(1);
        let shift = |number: u64, by: i8| number.saturating_add_signed(by.into());
        match self {
            ChunkRange::Absent => None,
            // No range says "no bytes".
            ChunkRange::Fitting if bytes.is_empty() => None,
            ChunkRange::Fitting => Some((first, last)),
            ChunkRange::Off(by_first, by_last) => Some((shift(first, by_first), shift(last, by_last))),
            ChunkRange::Backwards => Some((last + 1, first)),
        }
    }
}

/// The size of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSize {
    /// Not given.
    Absent,
    /// A number.
    Is(u32),
    /// A number into [`ODD_PAGE_SIZES`].
    Odd(u8),
}

/// Page sizes that make no sense, or hardly.
pub const ODD_PAGE_SIZES: &[&str] =
    &["-1", "x", "", "1.5", "1e1", "99999999999999999999", "0x1", "-0", "9223372036854775808", " 1", "+1", "01"];

impl PageSize {
    fn resolve(self) -> Option<String> {
        match self {
            PageSize::Absent => None,
            PageSize::Is(number) => Some(number.to_string()),
            PageSize::Odd(at) => Some(pick(ODD_PAGE_SIZES, at).to_owned()),
        }
    }
}

/// One operation on the things of a pool. The variants are those of [`Op`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of Op, in terms of the pool")]
pub enum Action {
    HeadBlob {
        repo: Repo,
        what: Named,
    },
    GetBlob {
        repo: Repo,
        what: Named,
        range: Option<Range>,
    },
    DeleteBlob {
        repo: Repo,
        what: Named,
    },
    MountBlob {
        repo: Repo,
        what: Named,
        from: Option<Repo>,
        upload: UploadRef,
    },
    StartUpload {
        repo: Repo,
        upload: UploadRef,
    },
    PutBlob {
        repo: Repo,
        payload: Payload,
        claimed: Named,
        upload: UploadRef,
    },
    Append {
        repo: Repo,
        upload: UploadRef,
        chunk: Chunk,
        range: ChunkRange,
    },
    UploadStatus {
        repo: Repo,
        upload: UploadRef,
    },
    FinishUpload {
        repo: Repo,
        upload: UploadRef,
        claimed: Option<Named>,
        chunk: Chunk,
        range: ChunkRange,
    },
    CancelUpload {
        repo: Repo,
        upload: UploadRef,
    },
    PutManifest {
        repo: Repo,
        by: By,
        content_type: ContentType,
        tags: Vec<Tag>,
        payload: Payload,
    },
    HeadManifest {
        repo: Repo,
        by: By,
    },
    GetManifest {
        repo: Repo,
        by: By,
    },
    DeleteManifest {
        repo: Repo,
        by: By,
    },
    ListTags {
        repo: Repo,
        n: PageSize,
        last: Option<Tag>,
    },
    ListRepositories {
        n: PageSize,
        last: Option<Repo>,
    },
    WalkRepositories {
        n: u32,
    },
    Referrers {
        repo: Repo,
        what: Named,
        artifact_type: Option<&'static str>,
    },
    TagsOf {
        repo: Repo,
        what: Named,
    },
    TagHistory {
        repo: Repo,
        tag: Tag,
    },
    ListBlobs,
    RemoveRepository {
        repo: Repo,
    },
    /// `watched`: what can be fetched is looked at before and after, and compared.
    CollectGarbage {
        delete_untagged: bool,
        dry_run: bool,
        grace_seconds: u64,
        watched: bool,
    },
    PurgeUploads {
        older_than: u64,
        dry_run: bool,
    },
    Advance {
        seconds: u64,
    },
    Restart,
}

impl Action {
    /// The operation. A function of the action and the pool alone.
    pub fn resolve(&self, pool: &Pool) -> Op {
        match self {
            Action::HeadBlob { repo, what } => Op::HeadBlob { repo: repo.resolve(pool), digest: pool.digest(*what) },
            Action::GetBlob { repo, what, range } => {
                Op::GetBlob { repo: repo.resolve(pool), digest: pool.digest(*what), range: *range }
            }
            Action::DeleteBlob { repo, what } => {
                Op::DeleteBlob { repo: repo.resolve(pool), digest: pool.digest(*what) }
            }
            Action::MountBlob { repo, what, from, upload } => Op::MountBlob {
                repo: repo.resolve(pool),
                digest: pool.digest(*what),
                from: from.map(|from| from.resolve(pool)),
                upload: *upload,
            },
            Action::StartUpload { repo, upload } => Op::StartUpload { repo: repo.resolve(pool), upload: *upload },
            Action::PutBlob { repo, payload, claimed, upload } => Op::PutBlob {
                repo: repo.resolve(pool),
                digest: pool.digest(*claimed),
                bytes: pool.bytes(*payload).clone(),
                upload: *upload,
            },
            Action::Append { repo, upload, chunk, range } => {
                let bytes = chunk.resolve(pool);
                let range = range.resolve(*chunk, &bytes);
                Op::Append { repo: repo.resolve(pool), upload: *upload, range, bytes }
            }
            Action::UploadStatus { repo, upload } => Op::UploadStatus { repo: repo.resolve(pool), upload: *upload },
            Action::FinishUpload { repo, upload, claimed, chunk, range } => {
                let bytes = chunk.resolve(pool);
                let range = range.resolve(*chunk, &bytes);
                let digest = claimed.map(|claimed| pool.digest(claimed));
                Op::FinishUpload { repo: repo.resolve(pool), upload: *upload, digest, range, bytes }
            }
            Action::CancelUpload { repo, upload } => Op::CancelUpload { repo: repo.resolve(pool), upload: *upload },
            Action::PutManifest { repo, by, content_type, tags, payload } => Op::PutManifest {
                repo: repo.resolve(pool),
                reference: by.resolve(pool),
                content_type: content_type.resolve(pool, *payload),
                tags: tags.iter().map(|tag| tag.resolve(pool)).collect(),
                bytes: pool.bytes(*payload).clone(),
            },
            Action::HeadManifest { repo, by } => {
                Op::HeadManifest { repo: repo.resolve(pool), reference: by.resolve(pool) }
            }
            Action::GetManifest { repo, by } => {
                Op::GetManifest { repo: repo.resolve(pool), reference: by.resolve(pool) }
            }
            Action::DeleteManifest { repo, by } => {
                Op::DeleteManifest { repo: repo.resolve(pool), reference: by.resolve(pool) }
            }
            Action::ListTags { repo, n, last } => {
                Op::ListTags { repo: repo.resolve(pool), n: n.resolve(), last: last.map(|last| last.resolve(pool)) }
            }
            Action::ListRepositories { n, last } => {
                Op::ListRepositories { n: n.resolve(), last: last.map(|last| last.resolve(pool)) }
            }
            Action::WalkRepositories { n } => Op::WalkRepositories { n: *n },
            Action::Referrers { repo, what, artifact_type } => Op::Referrers {
                repo: repo.resolve(pool),
                digest: pool.digest(*what),
                artifact_type: artifact_type.map(str::to_owned),
            },
            Action::TagsOf { repo, what } => Op::TagsOf { repo: repo.resolve(pool), digest: pool.digest(*what) },
            Action::TagHistory { repo, tag } => Op::TagHistory { repo: repo.resolve(pool), tag: tag.resolve(pool) },
            Action::ListBlobs => Op::ListBlobs,
            Action::RemoveRepository { repo } => Op::RemoveRepository { repo: repo.resolve(pool) },
            Action::CollectGarbage { delete_untagged, dry_run, grace_seconds, .. } => Op::CollectGarbage {
                delete_untagged: *delete_untagged,
                dry_run: *dry_run,
                grace_seconds: *grace_seconds,
            },
            Action::PurgeUploads { older_than, dry_run } => {
                Op::PurgeUploads { older_than: *older_than, dry_run: *dry_run }
            }
            Action::Advance { seconds } => Op::Advance { seconds: *seconds },
            Action::Restart => Op::Restart,
        }
    }
}

impl ContentType {
    fn resolve(self, pool: &Pool, payload: Payload) -> Option<String> {
        match self {
            ContentType::Own => Some(own_type(pool, payload).to_owned()),
            ContentType::OwnDressed => {
                Some(format!(" {} ; charset=utf-8", own_type(pool, payload).to_ascii_uppercase()))
            }
            ContentType::Other(at) => Some(pick(CONTENT_TYPES, at).to_owned()),
            ContentType::Missing => None,
        }
    }
}

/// The type under which a payload may be taken for a manifest.
fn own_type(pool: &Pool, payload: Payload) -> &'static str {
    match payload {
        Payload::Manifest(manifest) => pool.manifest(manifest).kind().media_type(),
        Payload::Blob(blob) => pool.blob(blob).manifest_type(),
    }
}

/// Reads back everything of a pool from every repository, through the same questions that a client asks.
///
/// What the state holds under sha512 is read back too, and the uploads that are open in it are asked for their status.
pub fn sweep(pool: &Pool, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    for id in pool.repository_ids() {
        let repo = Repo::Of(id);
        let there = state.repos.get(pool.repository(id));
        for blob in pool.blob_ids() {
            let what = Named::blob(blob);
            actions.push(Action::GetBlob { repo, what, range: None });
            actions.push(Action::HeadBlob { repo, what });
            actions.push(Action::HeadManifest { repo, by: By::Digest(what) });
        }
        for manifest in pool.manifest_ids() {
            let what = Named::manifest(manifest);
            actions.push(Action::GetManifest { repo, by: By::Digest(what) });
            actions.push(Action::HeadBlob { repo, what });
            actions.push(Action::Referrers { repo, what, artifact_type: None });
            actions.push(Action::TagsOf { repo, what });
        }
        let links = there.iter().flat_map(|there| there.layers.keys().chain(there.revisions.keys()));
        for digest in links.collect::<BTreeSet<_>>() {
            if let Some((payload, Algorithm::Sha512)) = pool.find(digest) {
                let what = Named::Of(payload, Algorithm::Sha512);
                actions.push(Action::GetBlob { repo, what, range: None });
                actions.push(Action::GetManifest { repo, by: By::Digest(what) });
            }
        }
        for tag in pool.tag_ids().map(Tag::Of) {
            actions.push(Action::GetManifest { repo, by: By::Tag(tag) });
            actions.push(Action::TagHistory { repo, tag });
        }
        actions.push(Action::ListTags { repo, n: PageSize::Absent, last: None });
    }
    for (upload, it) in &state.uploads {
        let repo = pool.repository_ids().find(|repo| pool.repository(*repo) == it.repo);
        actions.extend(repo.map(|repo| Action::UploadStatus { repo: repo.into(), upload: *upload }));
    }
    actions.push(Action::WalkRepositories { n: 2 });
    actions.push(Action::ListBlobs);
    actions
}

/// What can be fetched: every manifest and blob from every repository. Asked before and after a collection.
pub fn probe(pool: &Pool) -> Vec<Action> {
    let ask = |id: RepoId, payload: Payload| {
        let (repo, what) = (Repo::Of(id), Named::Of(payload, Algorithm::Sha256));
        match payload {
            Payload::Blob(_) => Action::HeadBlob { repo, what },
            Payload::Manifest(_) => Action::GetManifest { repo, by: By::Digest(what) },
        }
    };
    pool.repository_ids().flat_map(|repo| pool.payloads().map(move |payload| ask(repo, payload))).collect()
}

/// What can be fetched, in bytes: every manifest by digest and by tag, and every blob, from every repository.
pub fn fetch(pool: &Pool) -> Vec<Action> {
    let whole = |action: Action| match action {
        Action::HeadBlob { repo, what } => Action::GetBlob { repo, what, range: None },
        action => action,
    };
    let tagged = |id: RepoId| pool.tag_ids().map(move |tag| (Repo::Of(id), By::Tag(Tag::Of(tag))));
    let tags = pool.repository_ids().flat_map(tagged).map(|(repo, by)| Action::GetManifest { repo, by });
    probe(pool).into_iter().map(whole).chain(tags).collect()
}
