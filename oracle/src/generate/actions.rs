//! One action at random: mostly on what exists, sometimes on what nearly does.

use proofhouse_model::Range;

use super::Generator;
use super::known::OpenUpload;
use super::setup::ARTIFACT_TYPES;
use super::size;
use crate::action::{Action, By, CONTENT_TYPES, Chunk, ChunkRange, ContentType, ODD_PAGE_SIZES, PageSize, Repo, Tag};
use crate::pool::{Algorithm, BlobId, ManifestId, Named, Payload, RepoId, TagId};

#[derive(Debug, Clone, Copy)]
enum What {
    HeadBlob,
    GetBlob,
    DeleteBlob,
    MountBlob,
    StartUpload,
    PutBlob,
    Append,
    UploadStatus,
    FinishUpload,
    CancelUpload,
    PutManifest,
    HeadManifest,
    GetManifest,
    DeleteManifest,
    ListTags,
    ListRepositories,
    WalkRepositories,
    Referrers,
    TagsOf,
    TagHistory,
    ListBlobs,
    RemoveRepository,
    CollectGarbage,
    PurgeUploads,
    Advance,
    Restart,
}

/// How often each is drawn.
const WEIGHTS: &[(usize, What)] = &[
    (60, What::HeadBlob),
    (110, What::GetBlob),
    (35, What::DeleteBlob),
    (50, What::MountBlob),
    (30, What::StartUpload),
    (90, What::PutBlob),
    (60, What::Append),
    (35, What::UploadStatus),
    (50, What::FinishUpload),
    (12, What::CancelUpload),
    (150, What::PutManifest),
    (60, What::HeadManifest),
    (100, What::GetManifest),
    (50, What::DeleteManifest),
    (60, What::ListTags),
    (35, What::ListRepositories),
    (8, What::WalkRepositories),
    (70, What::Referrers),
    (25, What::TagsOf),
    (25, What::TagHistory),
    (4, What::ListBlobs),
    (3, What::RemoveRepository),
    (20, What::CollectGarbage),
    (5, What::PurgeUploads),
    (25, What::Advance),
    (8, What::Restart),
];

impl Generator<'_, '_> {
    pub(super) fn any_action(&mut self) -> Action {
        let home = self.repo();
        let repo = self.nearly_repo(home);
        match self.dice.weighted(WEIGHTS) {
            What::HeadBlob => Action::HeadBlob { repo, what: self.blob_digest(home) },
            What::GetBlob => {
                let what = self.blob_digest(home);
                Action::GetBlob { repo, what, range: self.range(what) }
            }
            What::DeleteBlob => Action::DeleteBlob { repo, what: self.blob_digest(home) },
            What::MountBlob => self.mount(home, repo),
            What::StartUpload => Action::StartUpload { repo, upload: self.new_upload() },
            What::PutBlob => self.put_blob(repo),
            What::Append => self.append(repo),
            What::UploadStatus => {
                let (repo, upload) = self.upload(repo);
                Action::UploadStatus { repo, upload: upload.upload }
            }
            What::FinishUpload => self.finish(repo),
            What::CancelUpload => {
                let (repo, upload) = self.upload(repo);
                Action::CancelUpload { repo, upload: upload.upload }
            }
            What::PutManifest => self.put_manifest(home, repo),
            What::HeadManifest => Action::HeadManifest { repo, by: self.reference(home) },
            What::GetManifest => Action::GetManifest { repo, by: self.reference(home) },
            What::DeleteManifest => Action::DeleteManifest { repo, by: self.reference(home) },
            What::ListTags => {
                let last = self.dice.percent(40).then(|| self.tag());
                Action::ListTags { repo, n: self.page_size(4), last }
            }
            What::ListRepositories => {
                let last = self.dice.percent(40).then(|| self.repo());
                let most = u32::try_from(self.options().catalog_max + 1).unwrap_or(u32::MAX).min(4);
                let last = last.map(|last| self.nearly_repo(last));
                Action::ListRepositories { n: self.page_size(most), last }
            }
            What::WalkRepositories => Action::WalkRepositories { n: self.dice.pick(&[1, 2]) },
            What::Referrers => {
                let artifact_type = self
                    .dice
                    .percent(35)
                    .then(|| if self.dice.percent(92) { self.dice.pick(&ARTIFACT_TYPES) } else { "" });
                Action::Referrers { repo, what: self.subject(home), artifact_type }
            }
            What::TagsOf => Action::TagsOf { repo, what: self.revision_digest(home) },
            What::TagHistory => Action::TagHistory { repo, tag: self.known_tag(home) },
            What::ListBlobs => Action::ListBlobs,
            What::RemoveRepository => Action::RemoveRepository { repo },
            What::CollectGarbage => self.collect(),
            What::PurgeUploads => Action::PurgeUploads { older_than: self.seconds(), dry_run: self.dice.percent(30) },
            What::Advance => Action::Advance { seconds: self.seconds() },
            What::Restart => Action::Restart,
        }
    }

    /// A repository; some more often than others, so that operations meet.
    pub(super) fn repo(&mut self) -> RepoId {
        RepoId(self.dice.weighted(&[(5, 0), (3, 1), (2, 2)]))
    }

    fn nearly_repo(&mut self, home: RepoId) -> Repo {
        match self.dice.below(100) {
            0 => Repo::Odd(self.dice.byte()),
            1 => Repo::Absent,
            2 if self.dice.percent(30) => Repo::Long(self.dice.pick(&[255, 256])),
            _ => Repo::Of(home),
        }
    }

    fn tag(&mut self) -> Tag {
        match self.dice.below(100) {
            0 | 1 => Tag::Odd(self.dice.byte()),
            2 => Tag::Long(self.dice.pick(&[128, 129])),
            3 => Tag::Absent,
            _ => Tag::Of(TagId(self.dice.pick(&[0, 0, 1, 1, 2, 3]))),
        }
    }

    /// Mostly one that is set.
    fn known_tag(&mut self, home: RepoId) -> Tag {
        let set: Vec<TagId> = self.known.repo(home).tags.iter().map(|(tag, _)| *tag).collect();
        match self.dice.pick_any(&set) {
            Some(tag) if self.dice.percent(80) => Tag::Of(tag),
            _ => self.tag(),
        }
    }

    fn any_blob(&mut self) -> BlobId {
        BlobId(u8::try_from(self.dice.below(self.pool.spec().blobs.len())).unwrap_or(0))
    }

    fn any_manifest(&mut self) -> ManifestId {
        ManifestId(u8::try_from(self.dice.below(self.pool.spec().manifests.len())).unwrap_or(0))
    }

    /// Bytes to push as a blob.
    pub(super) fn payload(&mut self) -> Payload {
        if self.dice.percent(93) { Payload::Blob(self.any_blob()) } else { Payload::Manifest(self.any_manifest()) }
    }

    fn nearly_digest(&mut self) -> Named {
        let algorithm = self.dice.weighted(&[(4, Algorithm::Sha256), (2, Algorithm::Sha512)]);
        match self.dice.below(10) {
            0 => Named::Malformed(self.dice.byte()),
            1 => Named::Unknown(self.dice.byte() % 2),
            2..=4 => Named::Of(Payload::Manifest(self.any_manifest()), algorithm),
            _ => Named::Of(Payload::Blob(self.any_blob()), algorithm),
        }
    }

    /// Mostly one that the repository links.
    pub(super) fn blob_digest(&mut self, home: RepoId) -> Named {
        let linked = self.dice.pick_any(&self.known.repo(home).layers);
        match linked {
            Some(linked) if self.dice.percent(80) => linked,
            _ => self.nearly_digest(),
        }
    }

    /// Mostly one that the repository has.
    fn revision_digest(&mut self, home: RepoId) -> Named {
        let there = self.dice.pick_any(&self.known.repo(home).revisions);
        match there {
            Some(there) if self.dice.percent(80) => there,
            _ => self.nearly_digest(),
        }
    }

    fn reference(&mut self, home: RepoId) -> By {
        if self.dice.percent(45) && !self.known.repo(home).tags.is_empty() {
            By::Tag(self.known_tag(home))
        } else {
            By::Digest(self.revision_digest(home))
        }
    }

    /// Mostly something that manifests of the pool have for their subject.
    fn subject(&mut self, home: RepoId) -> Named {
        let subjects: Vec<Named> =
            self.pool.spec().manifests.iter().filter_map(|spec| spec.subject).map(|subject| subject.to).collect();
        match self.dice.pick_any(&subjects) {
            Some(subject) if self.dice.percent(80) => subject,
            _ => self.revision_digest(home),
        }
    }

    fn page_size(&mut self, most: u32) -> PageSize {
        match self.dice.below(20) {
            0 => PageSize::Odd(u8::try_from(self.dice.below(ODD_PAGE_SIZES.len())).unwrap_or(0)),
            1 => PageSize::Is(0),
            2 => PageSize::Is(self.dice.pick(&[100, 1_000, 1_001])),
            3..=9 => PageSize::Absent,
            _ => PageSize::Is(1 + u32::try_from(self.dice.below(most.max(1) as usize)).unwrap_or(0)),
        }
    }

    fn range(&mut self, what: Named) -> Option<Range> {
        if self.dice.percent(55) {
            return None;
        }
        let size = match what {
            Named::Of(payload, _) => self.pool.bytes(payload).size(),
            Named::Unknown(_) | Named::Malformed(_) => 7,
        };
        let end = usize::try_from(size).unwrap_or(0) + 1;
        let at = |dice: &mut super::Dice| {
            let past = if dice.percent(12) { 2 } else { 0 };
            (dice.below(end) + past) as u64
        };
        let (first, second) = (at(self.dice), at(self.dice));
        Some(match self.dice.below(20) {
            0 => Range::FromTo(second.max(first) + 1, first.min(second)),
            1 => Range::Last(0),
            2 => Range::FromTo(0, u64::MAX),
            3 => Range::From(u64::MAX),
            4 => Range::Last(u64::MAX),
            5..=8 => Range::From(first.saturating_sub(1)),
            9..=12 => Range::Last(first.max(1)),
            _ => Range::FromTo(first.min(second).saturating_sub(1), second.max(first)),
        })
    }

    fn mount(&mut self, home: RepoId, repo: Repo) -> Action {
        let source = RepoId((home.0 + 1 + self.dice.byte() % 2) % 3);
        let source = if self.dice.percent(8) { home } else { source };
        let what = self.blob_digest(source);
        let from = self.dice.percent(95).then(|| self.nearly_repo(source));
        Action::MountBlob { repo, what, from, upload: self.new_upload() }
    }

    pub(super) fn claim(&mut self, payload: Payload) -> Named {
        match self.dice.below(100) {
            0..=5 => Named::Of(payload, Algorithm::Sha512),
            6..=8 => self.nearly_digest(),
            _ => Named::Of(payload, Algorithm::Sha256),
        }
    }

    fn put_blob(&mut self, repo: Repo) -> Action {
        let payload = self.payload();
        Action::PutBlob { repo, payload, claimed: self.claim(payload), upload: self.new_upload() }
    }

    /// Mostly an open upload, in its own repository.
    fn upload(&mut self, repo: Repo) -> (Repo, OpenUpload) {
        match self.dice.pick_any(&self.known.uploads) {
            Some(open) if self.dice.percent(96) => (Repo::Of(open.repo), open),
            Some(open) if self.dice.percent(50) => (repo, open),
            _ => {
                let number = u32::try_from(self.dice.below(self.next_upload as usize + 1)).unwrap_or(0);
                let upload = proofhouse_model::UploadRef(number);
                (repo, OpenUpload { repo: RepoId(0), upload, size: 0 })
            }
        }
    }

    fn chunk_range(&mut self) -> ChunkRange {
        match self.dice.below(20) {
            0 => ChunkRange::Off(1, 1),
            1 => self.dice.pick(&[ChunkRange::Off(-1, -1), ChunkRange::Off(0, 1), ChunkRange::Off(0, -1)]),
            2 if self.dice.percent(30) => ChunkRange::Backwards,
            3..=9 => ChunkRange::Absent,
            _ => ChunkRange::Fitting,
        }
    }

    fn append(&mut self, repo: Repo) -> Action {
        if self.known.uploads.is_empty() && self.dice.percent(85) {
            return Action::StartUpload { repo, upload: self.new_upload() };
        }
        let (repo, open) = self.upload(repo);
        let of = self.intents.get(&open.upload).copied().unwrap_or(Payload::Blob(BlobId(0)));
        let first = if self.dice.percent(96) { open.size } else { 0 };
        let end = first + self.dice.up_to(size(self.pool, of).saturating_sub(first));
        Action::Append { repo, upload: open.upload, chunk: Chunk { of, first, end }, range: self.chunk_range() }
    }

    fn finish(&mut self, repo: Repo) -> Action {
        if self.known.uploads.is_empty() && self.dice.percent(85) {
            return self.put_blob(repo);
        }
        let (repo, open) = self.upload(repo);
        let of = self.intents.get(&open.upload).copied().unwrap_or(Payload::Blob(BlobId(0)));
        let chunk = if self.dice.percent(95) { Chunk { of, first: open.size, end: u32::MAX } } else { Chunk::none() };
        let claimed = if self.dice.percent(98) { Some(self.claim(of)) } else { None };
        Action::FinishUpload { repo, upload: open.upload, claimed, chunk, range: self.chunk_range() }
    }

    pub(super) fn content_type(&mut self) -> ContentType {
        match self.dice.below(100) {
            0 => ContentType::Missing,
            1 | 2 => ContentType::Other(u8::try_from(self.dice.below(CONTENT_TYPES.len())).unwrap_or(0)),
            3..=6 => ContentType::OwnDressed,
            _ => ContentType::Own,
        }
    }

    fn put_manifest(&mut self, home: RepoId, repo: Repo) -> Action {
        let ready: Vec<ManifestId> =
            self.pool.manifest_ids().filter(|manifest| self.known.complete(self.pool, home, *manifest)).collect();
        let payload = match self.dice.pick_any(&ready) {
            Some(manifest) if self.dice.percent(80) => Payload::Manifest(manifest),
            _ if self.dice.percent(92) => Payload::Manifest(self.any_manifest()),
            _ => Payload::Blob(self.any_blob()),
        };
        let by = match self.dice.below(10) {
            0..=5 => By::Tag(self.tag()),
            _ => By::Digest(self.claim(payload)),
        };
        let tags = self.dice.weighted(&[(16, 0), (3, 1), (1, 2)]);
        let tags = (0..tags).map(|_| self.tag()).collect();
        Action::PutManifest { repo, by, content_type: self.content_type(), tags, payload }
    }

    /// Around the grace period of the case.
    pub(super) fn seconds(&mut self) -> u64 {
        match self.dice.below(6) {
            0 => 0,
            1 => self.grace.saturating_sub(1),
            2 => self.grace / 2,
            3 => self.grace + 1,
            _ => self.grace,
        }
    }

    pub(super) fn collect(&mut self) -> Action {
        Action::CollectGarbage {
            delete_untagged: self.dice.percent(55),
            dry_run: self.dice.percent(12),
            grace_seconds: if self.dice.percent(50) { 0 } else { self.seconds() },
            watched: self.dice.percent(40),
        }
    }
}
