//! Manifests and tags: storing, reading, deleting.
//!
//! The bytes are kept exactly. What a manifest names must be there when it is pushed, as far as the options ask for it.
//! Sources: OCI distribution-spec 1.1, "Pushing Manifests", "Deleting tags", "Deleting Manifests"; the seed's manifest
//! handlers and its index validation; `docs/behaviour.md`, "Storing a manifest".

use std::collections::BTreeSet;

use crate::blobs::deleted;
use crate::decoder::decodes;
use crate::manifest::{Descriptor, Kind, Manifest, derive, essence, loosely, read, read_stored};
use crate::names::{algorithm, matches_digest};
use crate::refusal::{Refusal, Why, refusal};
use crate::state::Choice;
use crate::step::{Answer, At};
use crate::{Branch, Code, Content, Dialect, ErrorItem, Outcome, Revision, State, digest_of};

/// One PUT.
pub(crate) struct Push<'a> {
    pub(crate) at: &'a At<'a>,
    pub(crate) reference: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) tags: &'a [String],
    pub(crate) bytes: &'a Content,
}

impl Push<'_> {
    /// Checks in the order of `docs/behaviour.md`, and stores.
    pub(crate) fn put(&self) -> Answer {
        self.at.reference(self.reference)?;
        match self.at.spec.dialect() {
            Dialect::Proofhouse => self.ours(),
            Dialect::Oci => Ok(self.oci()),
            Dialect::Distribution(_) => Ok(self.distribution()),
        }
    }

    fn ours(&self) -> Answer {
        self.tags.iter().try_for_each(|tag| self.at.tag(tag))?;
        let manifest = self.understood()?;
        self.digest_agrees()?;
        self.references(&manifest)?;
        Ok(vec![self.stored(self.rule(&manifest), manifest.subject().cloned(), self.tags)])
    }

    /// Go's decoder overlooks case, duplicates and nulls. It is not followed into that: what we refuse may go either way.
    /// What it cannot decode is refused before anything else is looked at.
    fn distribution(&self) -> Vec<Branch> {
        if self.content_type.and_then(Kind::of).is_some_and(|kind| self.at.v2() && !decodes(kind, self.bytes)) {
            let why = Why::Document("Go's decoder wants other types".to_owned());
            return vec![self.at.refuse(&refusal("manifest.structure", why))];
        }
        let checked = self.understood().and_then(|manifest| self.references(&manifest).map(|()| self.rule(&manifest)));
        let refused: Vec<Refusal> = self.digest_agrees().err().into_iter().chain(checked.clone().err()).collect();
        let rule = match (&refused[..], checked) {
            ([], Ok(rule)) => Some(rule),
            ([Refusal { why: Why::Document(_), .. }], _) => Some("manifest.lenient"),
            _ => None,
        };
        let stored = rule.map(|rule| self.stored(rule, None, &[]));
        refused.iter().map(|refusal| self.at.refuse(refusal)).chain(stored).collect()
    }

    /// The document as the type that was declared, or why it is none.
    pub(crate) fn understood(&self) -> Result<Manifest, Refusal> {
        // OCI's limit is a SHOULD, and in megabytes.
        let limit = self.at.options().max_manifest_bytes;
        if self.bytes.size() > if self.at.oci() { limit.min(4_000_000) } else { limit } {
            return Err(refusal("manifest.size", Why::ManifestTooLarge));
        }
        let kind = self.content_type.and_then(Kind::of).ok_or_else(|| refusal("manifest.type", Why::Type))?;
        read(kind, self.bytes)
    }

    /// A digest in the path is the digest of the bytes. (Distribution takes none but sha256.)
    pub(crate) fn digest_agrees(&self) -> Result<(), Refusal> {
        let refused = self.at.distribution() && algorithm(self.reference) != "sha256";
        if self.reference.contains(':') && (refused || !matches_digest(self.reference, self.bytes)) {
            return Err(refusal("manifest.digest", Why::Mismatch(self.reference.into())));
        }
        Ok(())
    }

    /// What a manifest names and must be there, in the order of the document; each problem is one error.
    fn references(&self, manifest: &Manifest) -> Result<(), Refusal> {
        let named = named(self.at, manifest).into_iter();
        let problems: Vec<_> = named.filter_map(|(it, problem)| Some((problem?, it.digest.clone()))).collect();
        let Some((rule, _)) = problems.first().cloned() else { return Ok(()) };
        // Distribution answers each refused URL with errors of its own.
        if self.at.distribution() && problems.iter().any(|(rule, _)| *rule == "manifest.urls") {
            return Err(refusal("manifest.urls", Why::Document("a layer's URLs are refused".to_owned())));
        }
        let code = |rule| if rule == "manifest.urls" { Code::ManifestInvalid } else { Code::ManifestBlobUnknown };
        let errors = problems.into_iter().map(|(rule, digest)| ErrorItem { code: code(rule), detail: Some(digest) });
        Err(refusal(rule, Why::References(errors.collect())))
    }

    /// What the manifest names and is not here.
    pub(crate) fn missing<'m>(&self, manifest: &'m Manifest) -> Vec<&'m Descriptor> {
        let state = self.at.state;
        let blobs = manifest.blobs().filter(|it| state.linked_blob(self.at.repo, &it.digest).is_none());
        let entries = manifest.entries.iter().filter(|it| state.revision(self.at.repo, &it.digest).is_none());
        blobs.chain(entries).collect()
    }

    /// The most particular rule that lets this manifest in.
    pub(crate) fn rule(&self, manifest: &Manifest) -> &'static str {
        let missing = !self.missing(manifest).is_empty();
        match manifest.kind {
            _ if !self.tags.is_empty() && !self.at.distribution() => "manifest.put.tags",
            _ if manifest.subject.is_some() => "manifest.put.subject",
            kind if missing && kind.is_list() => "index.sparse",
            _ if missing && !self.at.ours() => "manifest.lenient",
            _ if missing && self.at.options().skip_layer_verification => "manifest.unverified",
            _ if missing => "manifest.foreign",
            Kind::DockerManifest => "manifest.put.docker",
            Kind::DockerList => "manifest.put.docker-list",
            Kind::OciManifest => "manifest.put.oci",
            Kind::OciIndex => "manifest.put.oci-index",
        }
    }

    /// Stored, and tagged with every tag that was given.
    pub(crate) fn stored(&self, rule: &'static str, subject: Option<String>, tags: &[String]) -> Branch {
        let by_digest = self.reference.contains(':');
        let digest = if by_digest { self.reference.to_owned() } else { digest_of("sha256", self.bytes) };
        let mut next = self.at.state.clone();
        next.store(&digest, self.bytes);
        let linked_at = next.now;
        let repository = next.repo_mut(self.at.repo);
        repository.held_manifests = true;
        let declared = self.content_type.map(str::to_owned);
        repository.revisions.insert(digest.clone(), Revision { declared, linked_at });
        let reference = (!by_digest).then_some(self.reference);
        for tag in reference.into_iter().chain(tags.iter().map(String::as_str)) {
            repository.held_tags = true;
            let tag = repository.tags.entry(tag.to_owned()).or_default();
            tag.current.clone_from(&digest);
            tag.history.insert(digest.clone());
        }
        let outcome = Outcome::ManifestStored { digest: Some(digest), subject, tags: tags.to_vec() };
        self.at.branch(rule, outcome, next)
    }
}

/// Everything that the manifest names, in the order of the document, and the rule that it breaks.
pub(crate) fn named<'m>(at: &At, manifest: &'m Manifest) -> Vec<(&'m Descriptor, Option<&'static str>)> {
    let config = manifest.config.iter().map(|it| (it, blob_problem(at, it)));
    let layers = manifest.layers.iter().map(|it| (it, layer_problem(at, manifest.kind, it)));
    let entries = manifest.entries.iter().map(|it| (it, entry_problem(at, it)));
    let all = config.chain(layers).chain(entries);
    let skipped = at.options().skip_layer_verification;
    all.map(|(it, problem)| (it, problem.filter(|_| !skipped))).collect()
}

pub(crate) const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const OCI_FOREIGN: [&str; 3] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
];

/// The rule that a config breaks: it must be linked, and access control must not hide it.
fn blob_problem(at: &At, blob: &Descriptor) -> Option<&'static str> {
    let linked = at.state.linked_blob(at.repo, &blob.digest).is_some() && !at.spec.hides(at.repo, &blob.digest);
    (!linked).then_some("manifest.references")
}

/// The rule that a layer breaks: it must be linked too, but for a foreign one with URLs that are permitted.
fn layer_problem(at: &At, kind: Kind, layer: &Descriptor) -> Option<&'static str> {
    let docker = layer.media_type == DOCKER_FOREIGN;
    let foreign = docker || OCI_FOREIGN.contains(&layer.media_type.as_str());
    let needs_url = docker && kind == Kind::DockerManifest && layer.urls.is_empty();
    let refused = foreign && (needs_url || layer.urls.iter().any(|url| !at.spec.permits_url(url)));
    // Which layers with URLs distribution checks depends on the type of manifest; none of them is held to one answer.
    if refused || at.distribution() && (docker || !layer.urls.is_empty()) {
        return Some("manifest.urls");
    }
    let elsewhere = foreign && !layer.urls.is_empty();
    blob_problem(at, layer).filter(|_| !elsewhere)
}

/// The rule that an entry breaks: it must be a manifest of the repository if validation is on and its platform is selected.
fn entry_problem(at: &At, entry: &Descriptor) -> Option<&'static str> {
    let must_exist = at.v2() || at.spec.selects(entry.platform.as_ref());
    let exists = manifest_bytes(at, &entry.digest).is_some() && !at.spec.hides(at.repo, &entry.digest);
    let filtered = !at.v2() && !at.options().platforms.is_empty();
    let rule = if filtered { "index.entries.platform" } else { "index.entries" };
    (must_exist && !exists).then_some(rule)
}

/// The bytes under a revision link; 2.8 takes a layer link for one, too.
fn manifest_bytes<'a>(at: &'a At, digest: &str) -> Option<&'a Content> {
    let layer = || at.state.linked_blob(at.repo, digest).filter(|_| at.v2());
    at.state.revision(at.repo, digest).or_else(layer)
}

fn unknown(rule: &'static str, reference: &str) -> Refusal {
    refusal(rule, Why::ManifestUnknown(reference.into()))
}

/// HEAD and GET, by tag or by digest.
pub(crate) fn get(at: &At, reference: &str) -> Answer {
    at.reference(reference)?;
    let repository = at.state.repo(at.repo);
    let tagged = repository.tags.get(reference).map(|tag| tag.current.as_str());
    let digest = if reference.contains(':') { Some(reference) } else { tagged };
    let missing = || unknown("manifest.unknown", reference);
    let digest = digest.ok_or_else(missing)?;
    at.visible(digest)?;
    let rule = match (at.head, reference.contains(':')) {
        (true, _) => "manifest.head",
        (false, true) => "manifest.get.digest",
        (false, false) => "manifest.get.tag",
    };
    if let Some(bytes) = manifest_bytes(at, digest) {
        return Ok(found(at, rule, digest, bytes));
    }
    let mut stored = repository.revisions.keys().filter_map(|other| at.state.bytes(other));
    match stored.find(|bytes| matches_digest(digest, bytes)) {
        Some(bytes) if at.oci() => Ok([vec![at.refuse(&missing())], found(at, "digest.alias", digest, bytes)].concat()),
        _ => Err(missing()),
    }
}

/// The manifest under its type: for every standard one that it says itself, but others store more than that.
fn found(at: &At, rule: &'static str, digest: &str, bytes: &Content) -> Vec<Branch> {
    let answer = |media_type: String| {
        let digest = Some(digest.to_owned());
        let (size, bytes) = (bytes.size(), (!at.head).then(|| bytes.clone()));
        at.same(rule, Outcome::Manifest { digest, media_type, size, bytes })
    };
    let declared = at.state.repo(at.repo).revisions.get(digest).and_then(|it| it.declared.as_deref());
    let derived = derive(bytes);
    let broken = || at.refuse(&refusal("manifest.lenient", Why::Document("it is none".to_owned())));
    if derived.is_some_and(|kind| at.v2() && !decodes(kind, bytes)) {
        return vec![broken()];
    }
    let agreed = read_stored(bytes).is_some() && declared.is_none_or(|it| Kind::of(it) == derived);
    let derived = derived.map(|kind| kind.media_type().to_owned());
    if at.ours() || agreed {
        return derived.into_iter().map(answer).collect();
    }
    let essence = declared.map(essence);
    // Distribution guesses one of these from what Go has decoded.
    let guesses: &[Kind] =
        if at.distribution() && derived.is_some() { &[Kind::OciIndex, Kind::OciManifest] } else { &[] };
    let own = loosely(bytes).0.map(|said| crate::manifest::essence(&said).to_owned());
    let said = [essence.map(str::to_lowercase), essence.map(str::to_owned), derived, own];
    let guessed = guesses.iter().map(|kind| kind.media_type().to_owned());
    let said: BTreeSet<String> = said.into_iter().flatten().chain(guessed).collect();
    let usual = ["", "application/json", "application/octet-stream"].map(str::to_owned);
    let types = if said.is_empty() { usual.into() } else { said };
    types.into_iter().map(answer).chain(at.distribution().then(broken)).collect()
}

/// DELETE, by tag or by digest.
pub(crate) fn delete(at: &At, reference: &str) -> Answer {
    at.reference(reference)?;
    at.deletion()?;
    if reference.contains(':') {
        deleted(at, &Choice::ManifestDelete, delete_digest(at, reference), true)
    } else {
        deleted(at, &Choice::TagDelete, delete_tag(at, reference), true)
    }
}

/// The tag goes, the manifest stays.
fn delete_tag(at: &At, tag: &str) -> Answer {
    if at.v2() {
        return Err(refusal("manifest.delete.tag", Why::Digest(Some(tag.into()))));
    }
    let mut next = at.state.clone();
    match next.repos.get_mut(at.repo).and_then(|it| it.tags.remove(tag)) {
        Some(_) => Ok(vec![at.branch("manifest.delete.tag", Outcome::Done, next)]),
        None => Err(unknown("manifest.delete.unknown", tag)),
    }
}

/// The revision goes, and every tag that points to it. Nothing checks who names it.
fn delete_digest(at: &At, digest: &str) -> Answer {
    at.visible(digest)?;
    let gone = |next: State| vec![at.branch("manifest.delete", Outcome::Done, next)];
    let mut next = at.state.clone();
    let Some(repository) = next.repos.get_mut(at.repo) else { return Err(unknown("manifest.delete.unknown", digest)) };
    // 2.8 takes a layer link for a manifest's, and removes it too.
    let layer = at.v2() && repository.layers.remove(digest).is_some();
    if repository.revisions.remove(digest).is_none() && !layer {
        return Err(unknown("manifest.delete.unknown", digest));
    }
    let dangling = next.clone();
    next.repo_mut(at.repo).tags.retain(|_, tag| tag.current != digest);
    // OCI has the tags answer 404 then, but does not say whether they are still listed.
    if at.oci() && next != dangling {
        return Ok(at.settle(&Choice::TagsOfDeleted, [gone(next), gone(dangling)]));
    }
    Ok(gone(next))
}
