//! Manifests and tags: storing, reading, deleting.
//!
//! The bytes are kept exactly. What a manifest names must be there when it is pushed, as far as the options ask for it.
//! Sources: OCI distribution-spec 1.1, "Pushing Manifests", "Deleting tags", "Deleting Manifests"; the seed's manifest
//! handlers and its index validation; `docs/behaviour.md`, "Storing a manifest".

use std::collections::BTreeSet;

use crate::blobs::settle;
use crate::content::Content;
use crate::manifest::{Descriptor, Kind, Manifest, derive, read, read_stored};
use crate::names::matches_digest;
use crate::options::{Dialect, Release};
use crate::outcome::{Code, ErrorItem, Outcome};
use crate::refusal::{Refusal, Why};
use crate::state::{Choice, State, Tag};
use crate::step::{Answer, At, Branch};

/// PUT.
pub(crate) fn put(
    at: &At,
    repo: &str,
    reference: &str,
    content_type: Option<&str>,
    tags: &[String],
    bytes: &Content,
) -> Answer {
    at.name(repo)?;
    at.reference(reference)?;
    tags.iter().try_for_each(|tag| at.tag(tag))?;
    let push = Push { at, repo, reference, content_type, tags, bytes };
    let accepted = push.understood().and_then(|manifest| {
        push.digest_agrees()?;
        references(at, repo, &manifest)?;
        Ok(manifest)
    });
    match accepted {
        Ok(manifest) => Ok(push.stored(push.rule(&manifest), Some(&manifest))),
        Err(refusal) if at.ours() => Err(refusal),
        Err(refusal) => {
            push.digest_agrees()?;
            let mut branches = vec![at.refuse(&refusal)];
            if push.may_be_lenient(&refusal) {
                branches.extend(push.stored("manifest.lenient", None));
            }
            Ok(branches)
        }
    }
}

/// One PUT.
struct Push<'a> {
    at: &'a At<'a>,
    repo: &'a str,
    reference: &'a str,
    content_type: Option<&'a str>,
    tags: &'a [String],
    bytes: &'a Content,
}

impl Push<'_> {
    /// The document as the type that was declared, or why it is none.
    fn understood(&self) -> Result<Manifest, Refusal> {
        if self.bytes.size() > self.at.options().max_manifest_bytes {
            return Err(Refusal::new("manifest.size", Why::ManifestTooLarge));
        }
        let Some(kind) = self.content_type.and_then(Kind::of) else {
            return Err(Refusal::new("manifest.type", Why::Type));
        };
        read(kind, self.bytes).map_err(|malformed| Refusal { rule: malformed.rule, why: Why::Document })
    }

    /// A digest in the path is the digest of the bytes.
    fn digest_agrees(&self) -> Result<(), Refusal> {
        let sha512_is_refused =
            matches!(self.at.spec.dialect(), Dialect::Distribution(_)) && self.reference.starts_with("sha512:");
        if self.reference.contains(':') && (sha512_is_refused || !matches_digest(self.reference, self.bytes)) {
            return Err(Refusal::new("manifest.digest", Why::Mismatch(self.reference.into())));
        }
        Ok(())
    }

    /// OCI lets a registry store what it does not understand. Go's decoder, in `distribution`, overlooks case, duplicates and
    /// nulls; it is not followed into that: there both are permitted.
    fn may_be_lenient(&self, refusal: &Refusal) -> bool {
        match refusal.why {
            Why::Document | Why::Url => true,
            Why::Type | Why::ManifestTooLarge | Why::References(_) => self.at.oci(),
            _ => false,
        }
    }

    /// The most particular rule that lets this manifest in.
    fn rule(&self, manifest: &Manifest) -> &'static str {
        let revisions = self.at.state.repos.get(self.repo).map(|it| &it.revisions);
        let missing = |entry: &Descriptor| revisions.is_none_or(|it| !it.contains_key(&entry.digest));
        let unlinked = |layer: &Descriptor| self.at.state.linked_blob(self.repo, &layer.digest).is_none();
        let blob_missing = manifest.config.iter().chain(&manifest.layers).any(unlinked);
        match manifest.kind {
            _ if !self.tags.is_empty() => "manifest.put.tags",
            _ if manifest.subject.is_some() => "manifest.put.subject",
            _ if blob_missing && self.at.options().skip_layer_verification => "manifest.unverified",
            _ if blob_missing => "manifest.foreign",
            _ if manifest.entries.iter().any(missing) => "index.sparse",
            Kind::DockerManifest => "manifest.put.docker",
            Kind::DockerList => "manifest.put.docker-list",
            Kind::OciManifest => "manifest.put.oci",
            Kind::OciIndex => "manifest.put.oci-index",
        }
    }

    /// Stored, and tagged with every tag that was given.
    fn stored(&self, rule: &'static str, manifest: Option<&Manifest>) -> Vec<Branch> {
        let at = self.at;
        let by_digest = self.reference.contains(':');
        let digest = if by_digest { self.reference.to_owned() } else { crate::digest_of("sha256", self.bytes) };
        let mut next = at.state.clone();
        next.store(&digest, self.bytes);
        let now = next.now;
        let repository = next.repo_mut(self.repo);
        repository.held_manifests = true;
        repository.revisions.insert(digest.clone(), now);
        if let (Some(declared), true) = (self.content_type, at.oci()) {
            repository.declared.insert(digest.clone(), declared.to_owned());
        }
        if !by_digest {
            set_tag(&mut next, self.repo, self.reference, &digest);
        }
        let untagged = next.clone();
        for tag in self.tags {
            set_tag(&mut next, self.repo, tag, &digest);
        }
        let answer = |rule, subject: Option<String>, tags: &[String], next: &State| {
            at.branch(
                rule,
                Outcome::ManifestStored { digest: Some(digest.clone()), subject, tags: tags.to_vec() },
                next.clone(),
            )
        };
        let subject = manifest.and_then(|it| it.subject.as_ref()).map(|it| it.digest.clone());
        match at.spec.dialect() {
            Dialect::Proofhouse => vec![answer(rule, subject, self.tags, &next)],
            Dialect::Distribution(_) => vec![answer(rule, None, &[], &untagged)],
            Dialect::Oci => {
                let tagged = |subject: Option<String>| {
                    if self.tags.is_empty() {
                        return vec![answer(rule, subject, &[], &untagged)];
                    }
                    let yes = vec![answer("manifest.put.tags", subject.clone(), self.tags, &next)];
                    settle(
                        at,
                        Choice::TagParameters,
                        yes,
                        vec![answer("manifest.put.tags.ignored", subject, &[], &untagged)],
                    )
                };
                match subject {
                    // For an index the text does not ask for the confirmation.
                    Some(subject) if manifest.is_some_and(|it| it.kind == Kind::OciIndex) => {
                        tagged(Some(subject)).into_iter().chain(tagged(None)).collect()
                    }
                    Some(subject) => settle(at, Choice::Referrers, tagged(Some(subject)), tagged(None)),
                    None => tagged(None),
                }
            }
        }
    }
}

fn set_tag(next: &mut State, repo: &str, tag: &str, digest: &str) {
    let repository = next.repo_mut(repo);
    repository.held_tags = true;
    let tag = repository
        .tags
        .entry(tag.to_owned())
        .or_insert_with(|| Tag { current: String::new(), history: BTreeSet::new() });
    tag.current = digest.to_owned();
    tag.history.insert(digest.to_owned());
}

/// What a manifest names and must be there, in the order of the document; each problem is one error.
pub(crate) fn references(at: &At, repo: &str, manifest: &Manifest) -> Result<(), Refusal> {
    if at.options().skip_layer_verification {
        return Ok(());
    }
    let mut problems = Vec::new();
    for blob in manifest.config.iter().chain(&manifest.layers) {
        let is_layer = !manifest.config.iter().any(|config| std::ptr::eq(config, blob));
        problems.extend(blob_problem(at, repo, manifest.kind, blob, is_layer).map(|problem| (problem, &blob.digest)));
    }
    for entry in &manifest.entries {
        problems.extend(entry_problem(at, repo, entry).map(|problem| (problem, &entry.digest)));
    }
    let Some((first, _)) = problems.first() else { return Ok(()) };
    let code =
        |problem: Problem| if problem == Problem::Url { Code::ManifestInvalid } else { Code::ManifestBlobUnknown };
    let rule = match first {
        Problem::Url => "manifest.urls",
        Problem::Missing => "manifest.references",
        Problem::Entry => "index.entries",
        Problem::SelectedEntry => "index.entries.platform",
    };
    if !at.ours() && problems.iter().any(|(problem, _)| *problem == Problem::Url) {
        return Err(Refusal::new("manifest.urls", Why::Url));
    }
    let errors =
        problems.iter().map(|(problem, digest)| ErrorItem { code: code(*problem), detail: Some((*digest).clone()) });
    Err(Refusal::new(rule, Why::References(errors.collect())))
}

/// What can be wrong with one reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A foreign layer has a URL that is refused, or none.
    Url,
    /// A blob is not linked.
    Missing,
    /// An entry is no manifest of the repository.
    Entry,
    /// The same, and a platform filter selects it.
    SelectedEntry,
}

const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const OCI_FOREIGN: [&str; 3] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
];

/// Config and layers must be linked; a foreign layer with URLs that are permitted need not be.
pub(crate) fn blob_problem(at: &At, repo: &str, kind: Kind, blob: &Descriptor, is_layer: bool) -> Option<Problem> {
    let docker_foreign = is_layer && blob.media_type == DOCKER_FOREIGN;
    let foreign = docker_foreign || is_layer && OCI_FOREIGN.contains(&blob.media_type.as_str());
    // Which layers with URLs distribution checks depends on the type of manifest; none of them is held to one answer.
    if matches!(at.spec.dialect(), Dialect::Distribution(_)) && is_layer && (docker_foreign || !blob.urls.is_empty()) {
        return Some(Problem::Url);
    }
    let without_url = docker_foreign && kind == Kind::DockerManifest && blob.urls.is_empty();
    if foreign && (without_url || blob.urls.iter().any(|url| !at.spec.permits_url(url))) {
        return Some(Problem::Url);
    }
    let elsewhere = foreign && !blob.urls.is_empty();
    let linked = at.state.linked_blob(repo, &blob.digest).is_some() && !at.spec.hides(repo, &blob.digest);
    (!elsewhere && !linked).then_some(Problem::Missing)
}

/// An entry must be a manifest of the repository if index validation is on and its platform is selected.
pub(crate) fn entry_problem(at: &At, repo: &str, entry: &Descriptor) -> Option<Problem> {
    let always = at.spec.dialect() == Dialect::Distribution(Release::V2_8);
    let must_exist = always || at.spec.selects(entry.platform.as_ref());
    let exists = manifest_bytes(at, repo, &entry.digest).is_some() && !at.spec.hides(repo, &entry.digest);
    let problem = if at.options().platforms.is_empty() { Problem::Entry } else { Problem::SelectedEntry };
    (must_exist && !exists).then_some(problem)
}

/// The bytes under a revision link; 2.8 takes a layer link for one, too.
fn manifest_bytes<'a>(at: &'a At, repo: &str, digest: &str) -> Option<&'a Content> {
    let old = at.spec.dialect() == Dialect::Distribution(Release::V2_8);
    let layer = || at.state.linked_blob(repo, digest).filter(|_| old);
    at.state.revision(repo, digest).or_else(layer)
}

/// HEAD and GET, by tag or by digest.
pub(crate) fn get(at: &At, repo: &str, reference: &str) -> Answer {
    let digest = resolve(at, repo, reference)?;
    let unknown = || Refusal::new("manifest.unknown", Why::ManifestUnknown(reference.into()));
    let bytes = manifest_bytes(at, repo, &digest).ok_or_else(unknown)?;
    let rule = match (at.head, reference.contains(':')) {
        (true, _) => "manifest.head",
        (false, true) => "manifest.get.digest",
        (false, false) => "manifest.get.tag",
    };
    let found = |media_type: String| {
        let bytes_seen = (!at.head).then(|| bytes.clone());
        at.branch(
            rule,
            Outcome::Manifest { digest: Some(digest.clone()), media_type, size: bytes.size(), bytes: bytes_seen },
            at.state.clone(),
        )
    };
    let derived = derive(bytes).map(|kind| kind.media_type().to_owned());
    if !at.ours() && !at.oci() && read_stored(bytes).is_none() {
        let broken = Refusal::new("manifest.lenient", Why::Document);
        return Ok(vec![found(derived.unwrap_or_default()), at.refuse(&broken)]);
    }
    let declared = at.state.repos.get(repo).and_then(|it| it.declared.get(&digest)).cloned();
    let types: BTreeSet<String> = derived.into_iter().chain(declared).collect();
    Ok(types.into_iter().map(found).collect())
}

/// The digest that a reference names, if access control lets it be seen.
fn resolve(at: &At, repo: &str, reference: &str) -> Result<String, Refusal> {
    at.name(repo)?;
    at.reference(reference)?;
    let tag = || at.state.repos.get(repo).and_then(|it| it.tags.get(reference)).map(|tag| tag.current.clone());
    let digest = if reference.contains(':') { Some(reference.to_owned()) } else { tag() };
    let digest = digest.ok_or_else(|| Refusal::new("manifest.unknown", Why::ManifestUnknown(reference.into())))?;
    at.visible(repo, &digest)?;
    Ok(digest)
}

/// DELETE, by tag or by digest.
pub(crate) fn delete(at: &At, repo: &str, reference: &str) -> Answer {
    at.name(repo)?;
    at.reference(reference)?;
    at.deletion()?;
    let by_digest = reference.contains(':');
    let choice = if by_digest { Choice::ManifestDelete } else { Choice::TagDelete };
    let off = at.refuse(&Refusal::new("delete.off", Why::DeleteOff));
    let may_be_off = at.oci() && !(at.options().delete && by_digest);
    let answer = if by_digest { delete_digest(at, repo, reference) } else { delete_tag(at, repo, reference) };
    let mut branches = answer.unwrap_or_else(|refusal| vec![at.refuse(&refusal)]);
    if at.oci() && branches.iter().all(|branch| branch.rule.0 == "manifest.delete.unknown") {
        // Deleting what is gone already may count as done: only for blobs does the text say 404.
        branches.push(at.branch("manifest.delete.unknown", Outcome::Done, at.state.clone()));
    }
    Ok(if may_be_off { settle(at, choice, branches, vec![off]) } else { branches })
}

/// The tag goes, the manifest stays.
fn delete_tag(at: &At, repo: &str, tag: &str) -> Answer {
    if at.spec.dialect() == Dialect::Distribution(Release::V2_8) {
        return Err(Refusal::new("manifest.delete.tag", Why::Digest(Some(tag.into()))));
    }
    let mut next = at.state.clone();
    match next.repos.get_mut(repo).and_then(|it| it.tags.remove(tag)) {
        Some(_) => at.change("manifest.delete.tag", Outcome::Done, next),
        None => Err(Refusal::new("manifest.delete.unknown", Why::ManifestUnknown(tag.into()))),
    }
}

/// The revision goes, and every tag that points to it. Nothing checks who names it.
fn delete_digest(at: &At, repo: &str, digest: &str) -> Answer {
    at.visible(repo, digest)?;
    let mut next = at.state.clone();
    let removed = next.repos.get_mut(repo).and_then(|it| it.revisions.remove(digest));
    let old_layer = at.spec.dialect() == Dialect::Distribution(Release::V2_8);
    let removed =
        removed.or_else(|| next.repos.get_mut(repo).filter(|_| old_layer).and_then(|it| it.layers.remove(digest)));
    if removed.is_none() {
        return Err(Refusal::new("manifest.delete.unknown", Why::ManifestUnknown(digest.into())));
    }
    let tags_left = at.branch("manifest.delete", Outcome::Done, next.clone());
    next.repo_mut(repo).tags.retain(|_, tag| tag.current != digest);
    let tags_gone = at.branch("manifest.delete", Outcome::Done, next);
    // OCI does not say what becomes of the tags.
    Ok(if at.oci() && tags_left != tags_gone { vec![tags_gone, tags_left] } else { vec![tags_gone] })
}
