//! Plans: short sequences that lead somewhere.
//!
//! A plan is made for what is there now. Others run in between, and may spoil it: that is wanted.

use proofhouse_model::Range;

use super::Generator;
use super::setup::ARTIFACT_TYPES;
use super::size;
use crate::action::{Action, By, Chunk, ChunkRange, ContentType, PageSize, Repo, Tag};
use crate::pool::{Algorithm, Body, ManifestId, Named, Payload, RepoId, TagId};

#[derive(Debug, Clone, Copy)]
enum Goal {
    Push,
    PushLarge,
    Upload,
    UploadAcrossRestart,
    Retag,
    LoseChild,
    LoseTag,
    DeleteBlob,
    Mount,
    Refer,
    Age,
    Purge,
    Pages,
    OtherAlgorithm,
    SecondThoughts,
    Remove,
    Odd,
}

const GOALS: &[(usize, Goal)] = &[
    (20, Goal::Push),
    (12, Goal::PushLarge),
    (14, Goal::Upload),
    (4, Goal::UploadAcrossRestart),
    (9, Goal::Retag),
    (7, Goal::LoseChild),
    (7, Goal::LoseTag),
    (7, Goal::DeleteBlob),
    (8, Goal::Mount),
    (9, Goal::Refer),
    (6, Goal::Age),
    (3, Goal::Purge),
    (4, Goal::Pages),
    (4, Goal::OtherAlgorithm),
    (3, Goal::SecondThoughts),
    (1, Goal::Remove),
    (9, Goal::Odd),
];

impl Generator<'_, '_> {
    pub(super) fn plan(&mut self) -> Vec<Action> {
        let repo = self.repo();
        let mut plan = Vec::new();
        match self.dice.weighted(GOALS) {
            Goal::Push => self.push_some(repo, false, &mut plan),
            Goal::PushLarge => self.push_some(repo, true, &mut plan),
            Goal::Upload => {
                let payload = self.payload();
                self.upload_in_chunks(repo, payload, false, &mut plan);
            }
            Goal::UploadAcrossRestart => {
                let payload = self.payload();
                self.upload_in_chunks(repo, payload, true, &mut plan);
            }
            Goal::Retag => self.retag(repo, &mut plan),
            Goal::LoseChild => self.lose_child(repo, &mut plan),
            Goal::LoseTag => self.lose_tag(repo, &mut plan),
            Goal::DeleteBlob => self.delete_blob(repo, &mut plan),
            Goal::Mount => self.mount_and_delete(repo, &mut plan),
            Goal::Refer => self.refer(repo, &mut plan),
            Goal::Age => {
                plan.push(Action::Advance { seconds: self.seconds() });
                plan.push(self.collect());
            }
            Goal::Purge => {
                let (upload, seconds) = (self.new_upload(), self.seconds());
                plan.push(Action::StartUpload { repo: repo.into(), upload });
                plan.push(Action::Advance { seconds });
                plan.push(Action::PurgeUploads { older_than: self.seconds(), dry_run: false });
                plan.push(Action::UploadStatus { repo: repo.into(), upload });
            }
            Goal::Pages => {
                for n in 1..=2 {
                    plan.push(Action::ListTags { repo: repo.into(), n: PageSize::Is(n), last: None });
                    let last = Some(Tag::Of(TagId(self.dice.byte() % 4)));
                    plan.push(Action::ListTags { repo: repo.into(), n: PageSize::Is(n), last });
                    let last = Some(Repo::Of(self.repo()));
                    plan.push(Action::ListRepositories { n: PageSize::Is(n), last });
                }
            }
            Goal::OtherAlgorithm => self.other_algorithm(repo, &mut plan),
            Goal::SecondThoughts => {
                let (upload, payload) = (self.new_upload(), self.payload());
                let (repo, chunk) = (repo.into(), Chunk::all(payload));
                let (wrong, right) = (Named::Unknown(0), Named::Of(payload, Algorithm::Sha256));
                let range = ChunkRange::Absent;
                self.intents.insert(upload, payload);
                plan.push(Action::StartUpload { repo, upload });
                plan.push(Action::FinishUpload { repo, upload, claimed: Some(wrong), chunk, range });
                plan.push(Action::UploadStatus { repo, upload });
                plan.push(Action::FinishUpload { repo, upload, claimed: Some(right), chunk: Chunk::none(), range });
                plan.push(Action::GetBlob { repo, what: right, range: None });
            }
            Goal::Odd => self.push_odd(repo, &mut plan),
            Goal::Remove => {
                plan.push(Action::RemoveRepository { repo: repo.into() });
                plan.push(Action::ListRepositories { n: PageSize::Absent, last: None });
                plan.push(self.collect());
            }
        }
        plan
    }

    fn manifest_where(&mut self, wanted: impl Fn(&Body) -> bool) -> ManifestId {
        let sound = |spec: &crate::pool::ManifestSpec| spec.oddity.is_none() && wanted(&spec.body);
        let ids: Vec<ManifestId> =
            self.pool.manifest_ids().filter(|manifest| sound(self.pool.manifest(*manifest))).collect();
        self.dice.pick_any(&ids).unwrap_or(ManifestId(0))
    }

    fn push_some(&mut self, repo: RepoId, list: bool, plan: &mut Vec<Action>) {
        let manifest = if list {
            self.manifest_where(|body| matches!(body, Body::List(entries) if !entries.is_empty()))
        } else {
            self.manifest_where(|_| true)
        };
        let tag = self.dice.percent(70).then(|| TagId(self.dice.byte() % 4));
        self.push(repo, manifest, tag, plan);
        if self.dice.percent(40) {
            let by = tag.map_or(By::Digest(Named::manifest(manifest)), |tag| By::Tag(Tag::Of(tag)));
            plan.push(Action::GetManifest { repo: repo.into(), by });
        }
    }

    /// Pushes a manifest that is, or looks, malformed; now and then with all that it names.
    fn push_odd(&mut self, repo: RepoId, plan: &mut Vec<Action>) {
        let odd: Vec<ManifestId> =
            self.pool.manifest_ids().filter(|id| self.pool.manifest(*id).oddity.is_some()).collect();
        let Some(manifest) = self.dice.pick_any(&odd) else { return self.push_some(repo, true, plan) };
        let tag = TagId(self.dice.byte() % 4);
        if self.dice.percent(40) {
            return self.push(repo, manifest, Some(tag), plan);
        }
        let (payload, by) = (Payload::Manifest(manifest), By::Tag(Tag::Of(tag)));
        plan.push(Action::PutManifest {
            repo: repo.into(),
            by,
            content_type: ContentType::Own,
            tags: Vec::new(),
            payload,
        });
        plan.push(Action::HeadManifest { repo: repo.into(), by });
    }

    /// Pushes a manifest after all that it names, as a client does.
    fn push(&mut self, repo: RepoId, manifest: ManifestId, tag: Option<TagId>, plan: &mut Vec<Action>) {
        let spec = self.pool.manifest(manifest);
        let is_list = matches!(spec.body, Body::List(_));
        let subjects = usize::from(spec.subject.is_some());
        let names = spec.names();
        for named in &names[..names.len() - subjects] {
            let already = |action: &Action| match action {
                Action::PutManifest { payload, .. } => Named::Of(*payload, Algorithm::Sha256) == *named,
                Action::PutBlob { claimed, .. } | Action::FinishUpload { claimed: Some(claimed), .. } => {
                    claimed == named
                }
                Action::MountBlob { what, .. } => what == named,
                _ => false,
            };
            if plan.iter().any(already) {
                continue;
            }
            match *named {
                // Now and then one is forgotten.
                _ if self.dice.percent(3) => {}
                Named::Of(Payload::Manifest(child), _) if is_list => {
                    let there = self.known.repo(repo).revisions.contains(named);
                    if child.0 < manifest.0 && !(there && self.dice.percent(80)) {
                        self.push(repo, child, None, plan);
                    }
                }
                Named::Of(payload, _) => {
                    let there = self.known.repo(repo).layers.contains(named);
                    if !(there && self.dice.percent(85)) {
                        self.bring_blob(repo, payload, plan);
                    }
                }
                Named::Unknown(_) | Named::Malformed(_) => {}
            }
        }
        let by = match tag {
            Some(tag) => By::Tag(Tag::Of(tag)),
            None => By::Digest(Named::manifest(manifest)),
        };
        let (payload, tags, content_type) = (Payload::Manifest(manifest), Vec::new(), ContentType::Own);
        plan.push(Action::PutManifest { repo: repo.into(), by, content_type, tags, payload });
    }

    /// Gets a blob into a repository, in one of the ways there are.
    fn bring_blob(&mut self, repo: RepoId, payload: Payload, plan: &mut Vec<Action>) {
        let what = Named::Of(payload, Algorithm::Sha256);
        let elsewhere: Vec<RepoId> = self
            .pool
            .repository_ids()
            .filter(|other| *other != repo && self.known.repo(*other).layers.contains(&what))
            .collect();
        match self.dice.pick_any(&elsewhere) {
            Some(from) if self.dice.percent(50) => {
                let upload = self.new_upload();
                plan.push(Action::MountBlob { repo: repo.into(), what, from: Some(from.into()), upload });
            }
            _ if self.dice.percent(25) => self.upload_in_chunks(repo, payload, false, plan),
            _ => {
                let upload = self.new_upload();
                plan.push(Action::PutBlob { repo: repo.into(), payload, claimed: what, upload });
            }
        }
    }

    fn upload_in_chunks(&mut self, repo: RepoId, of: Payload, restart: bool, plan: &mut Vec<Action>) {
        let upload = self.new_upload();
        self.intents.insert(upload, of);
        let repo = Repo::Of(repo);
        let size = size(self.pool, of);
        let mut cuts: Vec<u32> = (0..self.dice.below(4)).map(|_| self.dice.up_to(size)).collect();
        cuts.sort_unstable();
        plan.push(Action::StartUpload { repo, upload });
        let mut first = 0;
        for end in cuts {
            let range = if self.dice.percent(70) { ChunkRange::Fitting } else { ChunkRange::Absent };
            plan.push(Action::Append { repo, upload, chunk: Chunk { of, first, end }, range });
            first = end;
            if self.dice.percent(20) {
                plan.push(Action::UploadStatus { repo, upload });
            }
        }
        if restart {
            plan.push(Action::Restart);
            plan.push(Action::UploadStatus { repo, upload });
        }
        let chunk = Chunk { of, first, end: u32::MAX };
        let claimed = Some(self.claim(of));
        plan.push(Action::FinishUpload { repo, upload, claimed, chunk, range: ChunkRange::Fitting });
    }

    fn revision_with(&mut self, repo: RepoId, wanted: impl Fn(&Body) -> bool) -> Option<(Named, ManifestId)> {
        let fits = |named: &Named| match named {
            Named::Of(Payload::Manifest(id), _) if wanted(&self.pool.manifest(*id).body) => Some((*named, *id)),
            _ => None,
        };
        let fitting: Vec<(Named, ManifestId)> = self.known.repo(repo).revisions.iter().filter_map(fits).collect();
        self.dice.pick_any(&fitting)
    }

    /// Points a tag to another manifest, or another tag to the same, and asks for the history.
    fn retag(&mut self, repo: RepoId, plan: &mut Vec<Action>) {
        let Some((named, manifest)) = self.revision_with(repo, |_| true) else {
            return self.push_some(repo, false, plan);
        };
        let tag = Tag::Of(TagId(self.dice.byte() % 4));
        let (payload, content_type) = (Payload::Manifest(manifest), ContentType::Own);
        let repo = Repo::Of(repo);
        let (by, tags) = if self.dice.percent(70) {
            (By::Tag(tag), Vec::new())
        } else {
            (By::Digest(named), vec![tag, Tag::Of(TagId(self.dice.byte() % 4))])
        };
        plan.push(Action::PutManifest { repo, by, content_type, tags, payload });
        plan.push(Action::GetManifest { repo, by: By::Tag(tag) });
        if self.dice.percent(60) {
            plan.push(Action::TagsOf { repo, what: named });
            plan.push(Action::TagHistory { repo, tag });
        }
        if self.dice.percent(40) {
            plan.push(Action::ListTags { repo, n: PageSize::Absent, last: None });
        }
    }

    /// Deletes what an index names, collects, and asks for the rest.
    fn lose_child(&mut self, repo: RepoId, plan: &mut Vec<Action>) {
        let nonempty = |body: &Body| matches!(body, Body::List(entries) if !entries.is_empty());
        let Some((index, id)) = self.revision_with(repo, nonempty) else {
            return self.push_some(repo, true, plan);
        };
        let names = self.pool.manifest(id).names();
        let child = self.dice.pick(&names);
        let repo = Repo::Of(repo);
        if self.dice.percent(60) {
            plan.push(Action::DeleteManifest { repo, by: By::Digest(child) });
        }
        plan.push(self.collect());
        plan.push(Action::GetManifest { repo, by: By::Digest(index) });
        plan.push(Action::HeadManifest { repo, by: By::Digest(self.dice.pick(&names)) });
    }

    fn lose_tag(&mut self, repo: RepoId, plan: &mut Vec<Action>) {
        let Some((tag, named)) = self.dice.pick_any(&self.known.repo(repo).tags) else {
            return self.push_some(repo, false, plan);
        };
        let repo = Repo::Of(repo);
        plan.push(Action::DeleteManifest { repo, by: By::Tag(Tag::Of(tag)) });
        plan.push(self.collect());
        if let Some(named) = named {
            plan.push(Action::GetManifest { repo, by: By::Digest(named) });
        }
    }

    /// Deletes a blob, reads it, and pushes it again.
    fn delete_blob(&mut self, repo: RepoId, plan: &mut Vec<Action>) {
        let Some(what) = self.dice.pick_any(&self.known.repo(repo).layers) else {
            return self.push_some(repo, false, plan);
        };
        let repo = Repo::Of(repo);
        if self.dice.percent(50) {
            // A cache, if there is one, knows it now.
            plan.push(Action::HeadBlob { repo, what });
        }
        plan.push(Action::DeleteBlob { repo, what });
        if self.dice.percent(50) {
            plan.push(Action::GetBlob { repo, what, range: Some(Range::From(0)) });
        }
        if self.dice.percent(50) {
            plan.push(self.collect());
        }
        if let Named::Of(payload, _) = what {
            plan.push(Action::PutBlob { repo, payload, claimed: what, upload: self.new_upload() });
            plan.push(Action::GetBlob { repo, what, range: None });
        }
    }

    /// Mounts a blob, deletes it at its source, and reads it.
    fn mount_and_delete(&mut self, source: RepoId, plan: &mut Vec<Action>) {
        let Some(what) = self.dice.pick_any(&self.known.repo(source).layers) else {
            return self.push_some(source, false, plan);
        };
        let target = Repo::Of(RepoId((source.0 + 1 + self.dice.byte() % 2) % 3));
        let from = Repo::Of(source);
        plan.push(Action::MountBlob { repo: target, what, from: Some(from), upload: self.new_upload() });
        if self.dice.percent(60) {
            plan.push(Action::DeleteBlob { repo: from, what });
            plan.push(Action::GetBlob { repo: target, what, range: None });
        }
        if self.dice.percent(40) {
            plan.push(self.collect());
        }
        plan.push(Action::HeadBlob { repo: target, what });
    }

    /// Pushes a manifest with a subject, and asks for the referrers.
    fn refer(&mut self, repo: RepoId, plan: &mut Vec<Action>) {
        let referring: Vec<ManifestId> = self
            .pool
            .manifest_ids()
            .filter(|id| self.pool.manifest(*id).subject.is_some() && self.pool.manifest(*id).oddity.is_none())
            .collect();
        let Some(manifest) = self.dice.pick_any(&referring) else { return self.push_some(repo, false, plan) };
        let Some(subject) = self.pool.manifest(manifest).subject else { return };
        self.push(repo, manifest, None, plan);
        if let Named::Of(Payload::Manifest(id), _) = subject.to
            && self.dice.percent(50)
        {
            let tag = Some(TagId(self.dice.byte() % 4));
            self.push(repo, id, tag, plan);
        }
        let repo = Repo::Of(repo);
        let artifact_type = self.pool.manifest(manifest).artifact_type;
        let artifact_type = if self.dice.percent(70) { artifact_type } else { Some(self.dice.pick(&ARTIFACT_TYPES)) };
        plan.push(Action::Referrers { repo, what: subject.to, artifact_type: None });
        plan.push(Action::Referrers { repo, what: subject.to, artifact_type });
        if self.dice.percent(35) {
            let gone = if self.dice.percent(50) { Named::manifest(manifest) } else { subject.to };
            plan.push(Action::DeleteManifest { repo, by: By::Digest(gone) });
        }
        match self.dice.below(4) {
            // What nothing but its subject keeps.
            0 => plan.push(Action::CollectGarbage {
                delete_untagged: true,
                dry_run: false,
                grace_seconds: 0,
                watched: self.dice.percent(50),
            }),
            1 => plan.push(self.collect()),
            _ => {}
        }
        plan.push(Action::Referrers { repo, what: subject.to, artifact_type: None });
    }

    /// The same bytes under sha512.
    fn other_algorithm(&mut self, repo: RepoId, plan: &mut Vec<Action>) {
        let at = repo;
        let repo = Repo::Of(repo);
        if self.dice.percent(50) {
            let payload = self.payload();
            let what = Named::Of(payload, Algorithm::Sha512);
            plan.push(Action::PutBlob { repo, payload, claimed: what, upload: self.new_upload() });
            plan.push(Action::GetBlob { repo, what, range: None });
            plan.push(Action::HeadBlob { repo, what: Named::Of(payload, Algorithm::Sha256) });
        } else {
            let Some((_, manifest)) = self.revision_with(at, |_| true) else {
                return self.push_some(at, false, plan);
            };
            let payload = Payload::Manifest(manifest);
            let by = By::Digest(Named::Of(payload, Algorithm::Sha512));
            let tags = vec![Tag::Of(TagId(self.dice.byte() % 4))];
            plan.push(Action::PutManifest { repo, by, content_type: ContentType::Own, tags, payload });
            plan.push(Action::GetManifest { repo, by });
            plan.push(Action::DeleteManifest { repo, by });
        }
    }
}
