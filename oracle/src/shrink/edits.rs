//! The ways in which a case can get smaller besides losing actions.

use std::collections::BTreeSet;

use proofhouse_model::Options;

use crate::action::{Action, By, Chunk, ChunkRange, ContentType, PageSize, Repo, Tag};
use crate::case::Case;
use crate::pool::{
    Algorithm, Annotations, BlobSpec, Body, FRESH, LayerKind, Layout, ManifestSpec, Named, Payload, PlatformSpec, Pool,
    PoolSpec, RepoId, Size, TagId, Urls,
};

/// One edit. Each leaves fewer things, or simpler ones.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// The option of that number is as in `Options::default()`.
    Option(usize),
    /// One platform filter less.
    Platform(usize),
    /// Nothing is hidden.
    NoDeny,
    /// A blob is two letters, or as many as make it one that nobody has seen.
    Blob(usize),
    /// One thing about a manifest is simpler.
    Manifest(usize, ManifestEdit),
    /// One thing about an action is simpler.
    Action(usize, ActionEdit),
    /// What is done in one repository is done in another.
    Merge(RepoId, RepoId),
    /// The same for tags.
    MergeTags(TagId, TagId),
    /// Repositories are `a`, `b`, `c`, and tags `latest`, `v1`, ...
    PlainNames,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ManifestEdit {
    Empty,
    Sound,
    DropPart(usize),
    NoPlatform(usize),
    PlainLayer(usize),
    TrueSizes,
    NoSubject,
    NoArtifactType,
    NoAnnotations,
    Compact,
    NoSalt,
    Oci,
    UsualConfig,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ActionEdit {
    /// No extra tags, no range, no page size, no filter, no grace period.
    Plain,
    /// Only the last of what stands after something.
    NoLast,
    /// No last chunk.
    NoChunk,
    /// A blob comes in one request.
    PutBlob,
    /// By digest, not by tag.
    ByDigest,
    /// sha256.
    Usual,
    /// Not so long.
    Sooner,
    /// Keeps what is untagged.
    KeepUntagged,
}

const OPTIONS: usize = 12;

/// Every edit that might make the case smaller. What no action uses is left out, and so are options that are fixed.
pub(crate) fn all(case: &Case) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !case.options.fixed {
        edits.push(Edit::NoDeny);
        edits.extend((0..case.options.base.platforms.len()).map(Edit::Platform));
        edits.extend((0..OPTIONS).map(Edit::Option));
    }
    for (from, to) in [(2, 0), (1, 0), (2, 1)] {
        edits.push(Edit::Merge(RepoId(from), RepoId(to)));
    }
    for (from, to) in [(3, 0), (2, 0), (1, 0), (3, 1), (2, 1), (3, 2)] {
        edits.push(Edit::MergeTags(TagId(from), TagId(to)));
    }
    let action_edits = [
        ActionEdit::Plain,
        ActionEdit::NoLast,
        ActionEdit::PutBlob,
        ActionEdit::NoChunk,
        ActionEdit::Usual,
        ActionEdit::ByDigest,
        ActionEdit::Sooner,
        ActionEdit::KeepUntagged,
    ];
    for at in 0..case.actions.len() {
        edits.extend(action_edits.map(|edit| Edit::Action(at, edit)));
    }
    let used = used(case);
    for manifest in case.pool.manifest_ids().filter(|id| used.contains(&Payload::Manifest(*id))) {
        let spec = case.pool.manifest(manifest);
        let parts = match &spec.body {
            Body::Image { layers, .. } => layers.len(),
            Body::List(entries) => entries.len(),
        };
        let whole = [
            ManifestEdit::Empty,
            ManifestEdit::Sound,
            ManifestEdit::NoSubject,
            ManifestEdit::NoArtifactType,
            ManifestEdit::NoAnnotations,
            ManifestEdit::Compact,
            ManifestEdit::Oci,
            ManifestEdit::UsualConfig,
            ManifestEdit::NoSalt,
            ManifestEdit::TrueSizes,
        ];
        let mut add = |edit| edits.push(Edit::Manifest(manifest.0.into(), edit));
        whole.into_iter().for_each(&mut add);
        (0..parts).rev().map(ManifestEdit::DropPart).for_each(&mut add);
        (0..parts).map(ManifestEdit::NoPlatform).for_each(&mut add);
        (0..parts).map(ManifestEdit::PlainLayer).for_each(&mut add);
    }
    let blobs = case.pool.blob_ids().filter(|id| used.contains(&Payload::Blob(*id)));
    edits.extend(blobs.map(|blob| Edit::Blob(blob.0.into())));
    edits.push(Edit::PlainNames);
    edits
}

/// What the actions are about, and what that names.
fn used(case: &Case) -> BTreeSet<Payload> {
    let mut used = BTreeSet::new();
    let mut open: Vec<Payload> = case.actions.iter().flat_map(subjects).collect();
    open.extend(case.options.deny.and_then(|(_, named)| payload(named)));
    while let Some(next) = open.pop() {
        if used.insert(next) {
            match next {
                Payload::Manifest(id) => open.extend(case.pool.manifest(id).names().into_iter().filter_map(payload)),
                Payload::Blob(id) => match case.pool.blob(id) {
                    BlobSpec::Index { names: Some(blob) } | BlobSpec::Image { config: blob } => {
                        open.push(Payload::Blob(blob));
                    }
                    _ => {}
                },
            }
        }
    }
    used
}

fn payload(named: Named) -> Option<Payload> {
    if let Named::Of(payload, _) = named { Some(payload) } else { None }
}

fn subjects(action: &Action) -> Vec<Payload> {
    let digest = |named: &Named| payload(*named).into_iter().collect();
    match action {
        Action::HeadBlob { what, .. }
        | Action::GetBlob { what, .. }
        | Action::DeleteBlob { what, .. }
        | Action::MountBlob { what, .. }
        | Action::Referrers { what, .. }
        | Action::TagsOf { what, .. } => digest(what),
        Action::PutBlob { payload: of, claimed, .. } => [*of].into_iter().chain(payload(*claimed)).collect(),
        Action::Append { chunk, .. } => vec![chunk.of],
        Action::FinishUpload { chunk, claimed, .. } => {
            [chunk.of].into_iter().chain(claimed.and_then(payload)).collect()
        }
        Action::PutManifest { payload: of, by, .. } => [*of].into_iter().chain(by_payload(*by)).collect(),
        Action::HeadManifest { by, .. } | Action::GetManifest { by, .. } | Action::DeleteManifest { by, .. } => {
            by_payload(*by).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn by_payload(by: By) -> Option<Payload> {
    if let By::Digest(named) = by { payload(named) } else { None }
}

impl Edit {
    /// The smaller case; none if the edit changes nothing.
    pub(crate) fn apply(&self, case: &Case) -> Option<Case> {
        let mut next = case.clone();
        match self {
            Edit::NoDeny => next.options.deny = None,
            Edit::Platform(at) => {
                if *at < next.options.base.platforms.len() {
                    next.options.base.platforms.remove(*at);
                }
            }
            Edit::Option(at) => default_option(&mut next.options.base, *at),
            Edit::Action(at, edit) => {
                let action = next.actions.get_mut(*at)?;
                *action = edit.apply(action)?;
            }
            Edit::Merge(from, to) => {
                let target = |repo: &mut Repo| {
                    if *repo == Repo::Of(*from) {
                        *repo = Repo::Of(*to);
                    }
                };
                next.actions.iter_mut().for_each(|action| repositories(action, &target));
                if let Some((repo, _)) = &mut next.options.deny
                    && repo == from
                {
                    *repo = *to;
                }
            }
            Edit::MergeTags(from, to) => {
                let target = |tag: &mut Tag| {
                    if *tag == Tag::Of(*from) {
                        *tag = Tag::Of(*to);
                    }
                };
                next.actions.iter_mut().for_each(|action| tags(action, &target));
            }
            Edit::Blob(at) => {
                let salt = u8::try_from(*at).unwrap_or(0);
                let size = if case.pool.spec().salt == 0 { 2 } else { FRESH };
                return with_pool(next, |spec| spec.blobs[*at] = BlobSpec::Text { size, salt });
            }
            Edit::Manifest(at, edit) => return with_pool(next, |spec| edit.apply(&mut spec.manifests[*at])),
            Edit::PlainNames => {
                return with_pool(next, |spec| {
                    spec.repositories = vec!["a", "b", "c"];
                    spec.tags = vec!["latest", "v1", "v2", "v3"];
                });
            }
        }
        (next.options != case.options || next.actions != case.actions).then_some(next)
    }
}

fn with_pool(mut case: Case, edit: impl FnOnce(&mut PoolSpec)) -> Option<Case> {
    let mut spec = case.pool.spec().clone();
    edit(&mut spec);
    if spec == *case.pool.spec() {
        return None;
    }
    case.pool = Pool::new(spec);
    Some(case)
}

fn default_option(options: &mut Options, at: usize) {
    let default = Options::default();
    match at {
        0 => options.cache = default.cache,
        1 => options.redirect = default.redirect,
        2 => options.digest_resumption = default.digest_resumption,
        3 => options.tag_lookup_limit = default.tag_lookup_limit,
        4 => options.skip_layer_verification = default.skip_layer_verification,
        5 => options.urls_allow = default.urls_allow,
        6 => options.urls_deny = default.urls_deny,
        7 => options.validate_index = default.validate_index,
        8 => options.max_manifest_bytes = default.max_manifest_bytes,
        9 => options.catalog_default = default.catalog_default,
        10 => options.catalog_max = default.catalog_max,
        _ => options.delete = default.delete,
    }
}

impl ManifestEdit {
    fn apply(self, spec: &mut ManifestSpec) {
        match self {
            ManifestEdit::Empty => *spec = ManifestSpec { salt: spec.salt, ..ManifestSpec::default() },
            ManifestEdit::Sound => spec.oddity = None,
            ManifestEdit::DropPart(at) => match &mut spec.body {
                Body::Image { layers, .. } if at < layers.len() => drop(layers.remove(at)),
                Body::List(entries) if at < entries.len() => drop(entries.remove(at)),
                _ => {}
            },
            ManifestEdit::NoPlatform(at) => {
                if let Body::List(entries) = &mut spec.body
                    && let Some(entry) = entries.get_mut(at)
                {
                    entry.platform = PlatformSpec::Absent;
                }
            }
            ManifestEdit::PlainLayer(at) => {
                if let Body::Image { layers, .. } = &mut spec.body
                    && let Some(layer) = layers.get_mut(at)
                {
                    layer.urls = Urls::Absent;
                    layer.kind = if spec.docker { LayerKind::Docker } else { LayerKind::Oci };
                }
            }
            ManifestEdit::TrueSizes => match &mut spec.body {
                Body::Image { config, layers, .. } => {
                    config.size = Size::True;
                    layers.iter_mut().for_each(|layer| layer.what.size = Size::True);
                }
                Body::List(entries) => entries.iter_mut().for_each(|entry| entry.what.size = Size::True),
            },
            ManifestEdit::NoSubject => spec.subject = None,
            ManifestEdit::NoArtifactType => spec.artifact_type = None,
            ManifestEdit::NoAnnotations => spec.annotations = Annotations::Absent,
            ManifestEdit::Compact => spec.layout = Layout::Compact,
            ManifestEdit::NoSalt => spec.salt = None,
            ManifestEdit::Oci => (spec.docker, spec.says_type) = (false, true),
            ManifestEdit::UsualConfig => {
                if let Body::Image { config_type, .. } = &mut spec.body {
                    *config_type = 0;
                }
            }
        }
    }
}

impl ActionEdit {
    fn apply(self, action: &Action) -> Option<Action> {
        let mut next = action.clone();
        match (self, &mut next) {
            (ActionEdit::Plain, Action::GetBlob { range, .. }) => *range = None,
            (ActionEdit::Plain, Action::Append { range, .. } | Action::FinishUpload { range, .. }) => {
                *range = ChunkRange::Absent;
            }
            (ActionEdit::Plain, Action::PutManifest { tags, content_type, .. }) => {
                tags.clear();
                *content_type = ContentType::Own;
            }
            (ActionEdit::Plain, Action::ListTags { n, .. } | Action::ListRepositories { n, .. }) => {
                *n = PageSize::Absent;
            }
            (ActionEdit::Plain, Action::Referrers { artifact_type, .. }) => *artifact_type = None,
            (ActionEdit::Plain, Action::CollectGarbage { grace_seconds, .. }) => *grace_seconds = 0,
            (ActionEdit::NoLast, Action::ListTags { last, .. }) => *last = None,
            (ActionEdit::NoLast, Action::ListRepositories { last, .. }) => *last = None,
            (ActionEdit::NoChunk, Action::FinishUpload { chunk, range, .. } | Action::Append { chunk, range, .. }) => {
                *chunk = Chunk::none();
                *range = ChunkRange::Absent;
            }
            (ActionEdit::PutBlob, Action::FinishUpload { repo, upload, claimed: Some(claimed), chunk, .. }) => {
                next = Action::PutBlob { repo: *repo, payload: chunk.of, claimed: *claimed, upload: *upload };
            }
            (ActionEdit::PutBlob, Action::MountBlob { repo, what, upload, .. }) => {
                next = Action::PutBlob { repo: *repo, payload: payload(*what)?, claimed: *what, upload: *upload };
            }
            (ActionEdit::ByDigest, Action::PutManifest { by, payload, .. }) => {
                *by = By::Digest(Named::Of(*payload, Algorithm::Sha256));
            }
            (
                ActionEdit::Usual,
                Action::HeadBlob { what, .. }
                | Action::GetBlob { what, .. }
                | Action::DeleteBlob { what, .. }
                | Action::MountBlob { what, .. }
                | Action::PutBlob { claimed: what, .. }
                | Action::FinishUpload { claimed: Some(what), .. }
                | Action::PutManifest { by: By::Digest(what), .. }
                | Action::GetManifest { by: By::Digest(what), .. }
                | Action::HeadManifest { by: By::Digest(what), .. }
                | Action::DeleteManifest { by: By::Digest(what), .. },
            ) => *what = usual(*what),
            (ActionEdit::Sooner, Action::Advance { seconds }) => *seconds = (*seconds).min(1),
            (ActionEdit::KeepUntagged, Action::CollectGarbage { delete_untagged, .. }) => *delete_untagged = false,
            _ => return None,
        }
        (next != *action).then_some(next)
    }
}

fn usual(named: Named) -> Named {
    match named {
        Named::Of(payload, _) => Named::Of(payload, Algorithm::Sha256),
        Named::Unknown(_) => Named::Unknown(0),
        Named::Malformed(_) => Named::Malformed(0),
    }
}

fn repositories(action: &mut Action, edit: &dyn Fn(&mut Repo)) {
    match action {
        Action::HeadBlob { repo, .. }
        | Action::GetBlob { repo, .. }
        | Action::DeleteBlob { repo, .. }
        | Action::StartUpload { repo, .. }
        | Action::PutBlob { repo, .. }
        | Action::Append { repo, .. }
        | Action::UploadStatus { repo, .. }
        | Action::FinishUpload { repo, .. }
        | Action::CancelUpload { repo, .. }
        | Action::PutManifest { repo, .. }
        | Action::HeadManifest { repo, .. }
        | Action::GetManifest { repo, .. }
        | Action::DeleteManifest { repo, .. }
        | Action::ListTags { repo, .. }
        | Action::Referrers { repo, .. }
        | Action::TagsOf { repo, .. }
        | Action::TagHistory { repo, .. }
        | Action::RemoveRepository { repo } => edit(repo),
        Action::MountBlob { repo, from, .. } => {
            edit(repo);
            from.iter_mut().for_each(edit);
        }
        Action::ListRepositories { last, .. } => last.iter_mut().for_each(edit),
        Action::WalkRepositories { .. }
        | Action::ListBlobs
        | Action::CollectGarbage { .. }
        | Action::PurgeUploads { .. }
        | Action::Advance { .. }
        | Action::Restart => {}
    }
}

fn tags(action: &mut Action, edit: &dyn Fn(&mut Tag)) {
    match action {
        Action::PutManifest { by, tags, .. } => {
            tags.iter_mut().for_each(edit);
            if let By::Tag(tag) = by {
                edit(tag);
            }
        }
        Action::HeadManifest { by: By::Tag(tag), .. }
        | Action::GetManifest { by: By::Tag(tag), .. }
        | Action::DeleteManifest { by: By::Tag(tag), .. }
        | Action::TagHistory { tag, .. } => edit(tag),
        Action::ListTags { last, .. } => last.iter_mut().for_each(edit),
        _ => {}
    }
}
