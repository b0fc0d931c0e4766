//! Blobs and their links.
//!
//! Bytes are stored once, for all; a repository reaches them only through its own link. Sources: OCI distribution-spec 1.1,
//! "Pulling blobs", "Mounting a blob from another repository", "Deleting Blobs"; the seed's `linkedBlobStore`.

use crate::content::Content;
use crate::op::{Range, UploadRef};
use crate::options::Dialect;
use crate::outcome::{BlobBody, Outcome};
use crate::refusal::{Refusal, Why};
use crate::state::{Choice, State};
use crate::step::{Answer, At, Branch};

/// HEAD.
pub(crate) fn head(at: &At, repo: &str, digest: &str) -> Answer {
    checks(at, repo, digest)?;
    let found =
        |bytes: &Content| Outcome::Blob { digest: Some(answered(at, digest, bytes)), size: bytes.size(), body: None };
    match at.state.linked_blob(repo, digest) {
        Some(bytes) => at.answer("blob.head", found(bytes)),
        None => unlinked(at, digest, found),
    }
}

/// GET, perhaps of a part.
pub(crate) fn get(at: &At, repo: &str, digest: &str, range: Option<Range>) -> Answer {
    checks(at, repo, digest)?;
    let whole = |bytes: &Content| Outcome::Blob {
        digest: Some(answered(at, digest, bytes)),
        size: bytes.size(),
        body: Some(BlobBody { bytes: bytes.clone(), range: None }),
    };
    let Some(bytes) = at.state.linked_blob(repo, digest) else { return unlinked(at, digest, whole) };
    if let (Some(base), false) = (&at.options().redirect, at.oci()) {
        return at.answer("blob.redirect", Outcome::Redirect { url: format!("{base}{}", data_path(digest)) });
    }
    let Some(range) = range else { return at.answer("blob.get", whole(bytes)) };
    let part = match part(range, bytes.size()) {
        Some((first, last)) => {
            let cut = bytes.slice(index(first), index(last).saturating_add(1));
            let body = Some(BlobBody { bytes: cut, range: Some((first, last)) });
            at.branch(
                "blob.range",
                Outcome::Blob { digest: Some(answered(at, digest, bytes)), size: bytes.size(), body },
                at.state.clone(),
            )
        }
        None => at.refuse(&Refusal::new("blob.range.unsatisfiable", Why::Unsatisfiable)),
    };
    if !at.oci() {
        return Ok(vec![part]);
    }
    // Serving parts is a SHOULD; a registry that does not serve them answers with the whole.
    let ignored = at.branch("blob.range.ignored", whole(bytes), at.state.clone());
    let malformed = matches!(range, Range::FromTo(first, last) if last < first) || bytes.is_empty();
    if malformed {
        return Ok(vec![part, ignored]);
    }
    Ok(settle(at, Choice::Ranges, vec![part], vec![ignored]))
}

/// The digest that the answer names: the one asked for; `distribution` knows content by its sha256.
fn answered(at: &At, digest: &str, bytes: &Content) -> String {
    let canonical = matches!(at.spec.dialect(), Dialect::Distribution(_));
    if canonical { crate::digest_of("sha256", bytes) } else { digest.to_owned() }
}

/// The first and last byte of the part, both inclusive; none if there is nothing of it.
fn part(range: Range, size: u64) -> Option<(u64, u64)> {
    let end = size.checked_sub(1)?;
    match range {
        Range::FromTo(first, last) if first <= last && first <= end => Some((first, last.min(end))),
        Range::From(first) if first <= end => Some((first, end)),
        Range::Last(count) if count > 0 => Some((size - count.min(size), end)),
        _ => None,
    }
}

/// DELETE: the link goes, the bytes stay.
pub(crate) fn delete(at: &At, repo: &str, digest: &str) -> Answer {
    at.name(repo)?;
    at.digest(digest)?;
    at.deletion()?;
    at.visible(repo, digest)?;
    let off = at.refuse(&Refusal::new("delete.off", Why::DeleteOff));
    if at.state.linked_blob(repo, digest).is_none() {
        let missing = at.refuse(&unknown("blob.delete.missing", digest));
        let done = at.branch("blob.shared", Outcome::Done, at.state.clone());
        let elsewhere = at.state.blobs.contains_key(digest);
        let lenient = if elsewhere { vec![missing.clone(), done] } else { vec![missing.clone()] };
        let may_be_off = settle(at, Choice::BlobDelete, lenient, vec![off]);
        return Ok(if at.oci() && !at.options().delete { may_be_off } else { vec![missing] });
    }
    let mut next = at.state.clone();
    next.repo_mut(repo).layers.remove(digest);
    let deleted = at.branch("blob.delete", Outcome::Done, next);
    Ok(if at.oci() && !at.options().delete {
        settle(at, Choice::BlobDelete, vec![deleted], vec![off])
    } else {
        vec![deleted]
    })
}

/// Mount; where that fails, an upload is started.
pub(crate) fn mount(at: &At, repo: &str, digest: &str, from: Option<&str>, upload: UploadRef) -> Answer {
    at.name(repo)?;
    let started = at.open("mount.fallback", repo, upload, at.state.clone());
    let arguments = from.map_or(Ok(()), |from| at.name(from)).and_then(|()| at.digest(digest));
    if let Err(refusal) = arguments {
        if matches!(at.spec.dialect(), Dialect::Distribution(_)) {
            return Ok(vec![started]);
        }
        return if at.oci() { Ok(vec![started, at.refuse(&refusal)]) } else { Err(refusal) };
    }
    let mounted = |rule| {
        let mut next = at.state.clone();
        next.repo_mut(repo);
        // Distribution's link to a sha512 alias points to itself, and so nowhere.
        if at.ours() || at.oci() || digest.starts_with("sha256:") {
            next.link(repo, digest);
        }
        at.branch(rule, Outcome::BlobStored { digest: Some(digest.into()) }, next)
    };
    let source =
        from.filter(|from| at.spec.hides(from, digest).eq(&false)).and_then(|from| at.state.linked_blob(from, digest));
    let anywhere = at.oci() && at.state.blobs.contains_key(digest);
    Ok(match (source.is_some(), anywhere) {
        (true, false) => vec![mounted("mount.linked")],
        (true, true) => settle(at, Choice::Mounts, vec![mounted("mount.linked")], vec![started]),
        (false, true) if from.is_none() => {
            settle(at, Choice::MountAnywhere, vec![mounted("mount.anywhere")], vec![started])
        }
        (false, true) => vec![started, mounted("mount.anywhere")],
        (false, false) => vec![started],
    })
}

fn checks(at: &At, repo: &str, digest: &str) -> Result<(), Refusal> {
    at.name(repo)?;
    at.digest(digest)?;
    at.visible(repo, digest)
}

fn unknown(rule: &'static str, digest: &str) -> Refusal {
    Refusal::new(rule, Why::BlobUnknown(digest.into()))
}

/// The repository has no link: the blob is unknown here, even if its bytes are on disk. OCI does not say that
/// repositories are kept apart, so there a registry may share all blobs; then it does so always.
fn unlinked(at: &At, digest: &str, found: impl Fn(&Content) -> Outcome) -> Answer {
    let missing = at.refuse(&unknown("blob.unlinked", digest));
    let Some(blob) = at.state.blobs.get(digest).filter(|_| at.oci()) else { return Ok(vec![missing]) };
    let shared = at.branch("blob.shared", found(&blob.bytes), at.state.clone());
    let linked_elsewhere = at.state.repos.values().any(|repo| repo.layers.contains_key(digest));
    if linked_elsewhere {
        Ok(settle(at, Choice::SharedBlobs, vec![shared], vec![missing]))
    } else {
        Ok(vec![missing, shared])
    }
}

/// A MAY: the branches of yes and of no, each keeping the registry to its choice from then on.
pub(crate) fn settle(at: &At, choice: Choice, yes: Vec<Branch>, no: Vec<Branch>) -> Vec<Branch> {
    let ways = yes.into_iter().map(|branch| (true, branch)).chain(no.into_iter().map(|branch| (false, branch)));
    let keep = |(way, branch): (bool, Branch)| {
        let next: State =
            at.state.choose(choice, way).map(|settled| State { choices: settled.choices, ..branch.next.clone() })?;
        Some(Branch { next, ..branch })
    };
    ways.filter_map(keep).collect()
}

/// The path of a blob's bytes, as in the layout of `distribution`.
fn data_path(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, ""));
    format!("/docker/registry/v2/blobs/{algorithm}/{}/{hex}/data", hex.get(..2).unwrap_or_default())
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
