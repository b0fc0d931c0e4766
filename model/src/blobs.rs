//! Blobs and their links.
//!
//! Bytes are stored once, for all; a repository reaches them only through its own link. Sources: OCI distribution-spec 1.1,
//! "Pulling blobs", "Mounting a blob from another repository", "Deleting Blobs"; the seed's `linkedBlobStore`.

use crate::names::{algorithm, matches_digest};
use crate::refusal::{Refusal, Why, refusal};
use crate::state::Choice;
use crate::step::{Answer, At};
use crate::{BlobBody, Branch, Content, Expect, Outcome, Range, RuleId, Span, UploadRef, digest_of};

/// HEAD, and GET of the whole.
pub(crate) fn read(at: &At, digest: &str) -> Answer {
    at.digest(digest)?;
    at.visible(digest)?;
    let rule = if at.head { "blob.head" } else { "blob.get" };
    match at.state.linked_blob(at.repo, digest) {
        Some(bytes) => {
            // Distribution links an alias to the sha256 digest, and fails when that is unlinked.
            if at.distribution() && at.state.linked_blob(at.repo, &digest_of("sha256", bytes)).is_none() {
                return Err(refusal("digest.alias", Why::Digest(Some(digest.into()))));
            }
            at.answer(rule, whole(at, digest, bytes))
        }
        None => Ok(unlinked(at, digest)),
    }
}

/// GET, perhaps of a part.
pub(crate) fn get(at: &At, digest: &str, range: Option<Range>) -> Answer {
    let found = read(at, digest)?;
    let linked = at.state.linked_blob(at.repo, digest).is_some();
    if let (Some(base), true, false) = (&at.options().redirect, linked, at.oci()) {
        return at.answer("blob.redirect", Outcome::Redirect { url: format!("{base}{}", data_path(digest)) });
    }
    let Some(range) = range else { return Ok(found) };
    let Some(bytes) = at.state.known(digest) else { return Ok([found, elsewhere(at, digest, true)].concat()) };
    let (refused, found): (Vec<Branch>, Vec<Branch>) =
        found.into_iter().partition(|branch| matches!(branch.expect, Expect::Refused { .. }));
    let parts = found.into_iter().flat_map(|whole| parts(at, range, digest, bytes, whole));
    Ok(parts.chain(refused).collect())
}

/// The part that is asked for. Serving parts is a SHOULD of OCI: a registry that does not serve them answers with the whole.
fn parts(at: &At, range: Range, digest: &str, bytes: &Content, whole: Branch) -> Vec<Branch> {
    let next = whole.next.clone();
    let ignored = Branch { rule: RuleId("blob.range.ignored"), ..whole };
    let Some((first, last)) = part(at, range, bytes.size()) else {
        let refused = Branch { next, ..at.refuse(&refusal("blob.range.unsatisfiable", Why::Unsatisfiable)) };
        return if at.oci() { vec![refused, ignored] } else { vec![refused] };
    };
    let cut = bytes.slice(index(first), index(last).saturating_add(1));
    let body = Some(BlobBody { bytes: cut, range: Some((first, last)) });
    let outcome = Outcome::Blob { digest: Some(answered(at, digest, bytes)), size: bytes.size(), body };
    at.either(&Choice::Ranges, vec![at.branch("blob.range", outcome, next)], vec![ignored])
}

/// Which part that is; none if there is nothing of it.
fn part(at: &At, range: Range, size: u64) -> Option<Span> {
    let end = size.checked_sub(1)?;
    match range {
        // Go reads no number that is larger.
        Range::FromTo(_, number) | Range::Last(number) if at.distribution() && i64::try_from(number).is_err() => None,
        Range::FromTo(first, last) if first <= last && first <= end => Some((first, last.min(end))),
        Range::From(first) if first <= end => Some((first, end)),
        Range::Last(count) if count > 0 => Some((size - count.min(size), end)),
        _ => None,
    }
}

fn whole(at: &At, digest: &str, bytes: &Content) -> Outcome {
    let body = (!at.head).then(|| BlobBody { bytes: bytes.clone(), range: None });
    Outcome::Blob { digest: Some(answered(at, digest, bytes)), size: bytes.size(), body }
}

/// The digest that the answer names: the one asked for; `distribution` knows content by its sha256.
fn answered(at: &At, digest: &str, bytes: &Content) -> String {
    if at.distribution() { digest_of("sha256", bytes) } else { digest.to_owned() }
}

/// The repository has no link: the blob is unknown here, even if its bytes are on disk. OCI does not say that
/// repositories are kept apart, so there a registry may share all blobs; then it does so always.
fn unlinked(at: &At, digest: &str) -> Vec<Branch> {
    let missing = vec![at.refuse(&unknown("blob.unlinked", digest))];
    let known = at.state.known(digest).filter(|_| at.oci());
    let Some(bytes) = known else { return [missing, elsewhere(at, digest, false)].concat() };
    let found = |rule| vec![at.same(rule, whole(at, digest, bytes))];
    let mut layers = at.state.repo(at.repo).layers.keys();
    if layers.any(|other| at.state.bytes(other).is_some_and(|bytes| matches_digest(digest, bytes))) {
        return [missing, found("digest.alias")].concat();
    }
    if at.state.linked_somewhere(digest) && at.state.revision(at.repo, digest).is_none() {
        return at.settle(&Choice::SharedBlobs, [missing, found("blob.shared")]);
    }
    [missing, found("blob.shared")].concat()
}

/// What another case or other people left, where all blobs are shared: any bytes that hash to the digest. They are not learned,
/// because whoever pushed them may delete them.
fn elsewhere(at: &At, digest: &str, part: bool) -> Vec<Branch> {
    if !at.may_share() {
        return Vec::new();
    }
    let expect = Expect::Hashing { digest: digest.to_owned(), body: !at.head, part };
    let found = vec![at.expecting("blob.shared", expect, at.state.clone())];
    let nothing = part.then(|| refusal("blob.range.unsatisfiable", Why::Unsatisfiable));
    at.settle(&Choice::SharedBlobs, [Vec::new(), [found, at.refusals(nothing)].concat()])
}

/// DELETE: the link goes, the bytes stay. Where all blobs are shared it may go from every repository: the text speaks of one blob
/// that is deleted, and of nobody's claim to it under another name.
pub(crate) fn delete(at: &At, digest: &str) -> Answer {
    at.digest(digest)?;
    at.deletion()?;
    at.visible(digest)?;
    let gone = |rule, from: &dyn Fn(&String) -> bool| {
        let mut next = at.state.clone();
        let repos = next.repos.iter_mut().filter(|(name, _)| from(name));
        let links = repos.filter_map(|(_, repo)| repo.layers.remove(digest)).count();
        if links > 0 { vec![at.branch(rule, Outcome::Done, next)] } else { Vec::new() }
    };
    let here = gone("blob.delete", &|name| name == at.repo);
    let everywhere = gone("blob.shared", &|_| at.may_share());
    let linked = !here.is_empty();
    let done = if at.may_share() { at.settle(&Choice::SharedBlobs, [here, everywhere]) } else { here };
    let answer = if linked { Ok(done.clone()) } else { Err(unknown("blob.delete.missing", digest)) };
    let again = at.state.known(digest).is_some() || at.may_share();
    let answer = deleted(at, &Choice::BlobDelete, answer, again)?;
    Ok(if linked { answer } else { [answer, done].concat() })
}

/// OCI: a registry may have deletion off, and then always. Deleting what is not there is refused, or (`again`) may be done.
pub(crate) fn deleted(at: &At, choice: &Choice, answer: Answer, again: bool) -> Answer {
    if !at.oci() {
        return answer;
    }
    let off = vec![at.refuse(&refusal("delete.off", Why::DeleteOff))];
    // The option says that blobs and manifests can be deleted, not that tags can.
    let on = at.options().delete && *choice != Choice::TagDelete || at.state.choices.get(choice) == Some(&0);
    let missing = match answer {
        Ok(branches) if on => return Ok(branches),
        Ok(branches) => return Ok(at.settle(choice, [branches, off])),
        Err(missing) => vec![at.refuse(&missing)],
    };
    let done = vec![at.same("delete.again", Outcome::Done)];
    let done = if again { done } else { Vec::new() };
    Ok([missing, done, if on { Vec::new() } else { off }].concat())
}

/// Mount; where that fails, an upload is started.
pub(crate) fn mount(at: &At, digest: &str, from: Option<&str>, upload: UploadRef) -> Answer {
    let arguments = from.map_or(Ok(()), |from| at.name(from)).and_then(|()| at.digest(digest));
    if at.ours() {
        arguments.clone()?;
    }
    let started = vec![at.open("mount.fallback", upload, at.state.clone())];
    let mounted = |rule, bytes: &Content| {
        let mut next = at.state.clone();
        next.store_and_link(at.repo, digest, bytes);
        // Distribution's link to an alias points to itself, and so nowhere.
        if at.distribution() && algorithm(digest) != "sha256" {
            next.repo_mut(at.repo).layers.remove(digest);
        }
        vec![at.branch(rule, Outcome::BlobStored { digest: Some(digest.into()) }, next)]
    };
    let source = from.filter(|from| !at.spec.hides(from, digest));
    if let Some(bytes) = source.and_then(|from| at.state.linked_blob(from, digest)) {
        return Ok(at.either(&Choice::Mounts, mounted("mount.linked", bytes), started));
    }
    if !at.oci() {
        return Ok(started);
    }
    let left = || vec![at.same("mount.anywhere", Outcome::BlobStored { digest: Some(digest.into()) })];
    // Whoever else pushes there: the blob without bytes is everybody's.
    let empty = matches_digest(digest, &[]).then(Content::default);
    let anywhere = at.state.known(digest).or(empty.as_ref()).map(|bytes| mounted("mount.anywhere", bytes));
    let anywhere = anywhere.unwrap_or_else(|| at.settle(&Choice::SharedBlobs, [Vec::new(), left()]));
    if from.is_none() && at.state.linked_somewhere(digest) {
        return Ok(at.settle(&Choice::MountAnywhere, [anywhere, started]));
    }
    Ok([started, anywhere, at.refusals(arguments.err())].concat())
}

fn unknown(rule: &'static str, digest: &str) -> Refusal {
    refusal(rule, Why::BlobUnknown(digest.into()))
}

/// The path of a blob's bytes, as in the layout of `distribution`.
fn data_path(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, ""));
    format!("/docker/registry/v2/blobs/{algorithm}/{}/{hex}/data", hex.get(..2).unwrap_or_default())
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
