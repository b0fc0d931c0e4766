//! Uploads, from their start to their end.
//!
//! Bytes become a blob only when they hash to the digest that the client finishes with; nothing is visible before. Sources: OCI
//! distribution-spec 1.1, "Pushing blobs"; distribution v3 for what stays open after a refusal.

use crate::content::Content;
use crate::names::matches_digest;
use crate::op::UploadRef;
use crate::options::{Dialect, Release};
use crate::outcome::Outcome;
use crate::refusal::{Refusal, Why};
use crate::state::{Choice, State};
use crate::step::{Answer, At, Branch};

/// POST.
pub(crate) fn start(at: &At, repo: &str, upload: UploadRef) -> Answer {
    at.name(repo)?;
    Ok(vec![at.open("upload.start", repo, upload, at.state.clone())])
}

/// POST with a digest and the whole blob.
pub(crate) fn put_blob(at: &At, repo: &str, digest: &str, bytes: &Content, upload: UploadRef) -> Answer {
    at.name(repo)?;
    let started = at.open("upload.single.started", repo, upload, at.state.clone());
    if let Dialect::Distribution(_) = at.spec.dialect() {
        return Ok(vec![started]);
    }
    let mut touched = at.state.clone();
    touched.repo_mut(repo);
    let stored = match at.digest(digest) {
        Err(refusal) => at.refuse(&refusal),
        Ok(()) if !matches_digest(digest, bytes) => Branch { next: touched, ..at.refuse(&mismatch(digest)) },
        Ok(()) => at.branch(
            "upload.single",
            Outcome::BlobStored { digest: Some(digest.into()) },
            stored(touched, repo, digest, bytes),
        ),
    };
    if !at.oci() {
        return Ok(vec![stored]);
    }
    Ok(crate::blobs::settle(at, Choice::SinglePost, vec![stored], vec![started]))
}

/// PATCH.
pub(crate) fn append(at: &At, repo: &str, upload: UploadRef, range: Option<(u64, u64)>, bytes: &Content) -> Answer {
    at.name(repo)?;
    known(at, repo, upload)?;
    let appended = at.still_open("upload.append", upload, with_chunk(at.state, upload, bytes));
    match chunk_fits(at, upload, range, bytes) {
        Ok(()) => Ok(vec![appended]),
        // OCI does not say what a length that lies leads to.
        Err(refusal) if at.oci() && refusal.why == Why::ChunkLength => Ok(vec![at.refuse(&refusal), appended]),
        Err(refusal) => Err(refusal),
    }
}

/// GET.
pub(crate) fn status(at: &At, repo: &str, upload: UploadRef) -> Answer {
    at.name(repo)?;
    known(at, repo, upload)?;
    Ok(vec![at.still_open("upload.status", upload, at.state.clone())])
}

/// PUT with the digest, perhaps with a last chunk.
pub(crate) fn finish(
    at: &At,
    repo: &str,
    upload: UploadRef,
    digest: Option<&str>,
    range: Option<(u64, u64)>,
    bytes: &Content,
) -> Answer {
    at.name(repo)?;
    known(at, repo, upload)?;
    let gone = ended(at.state, upload);
    let Some(digest) = digest.filter(|digest| crate::is_digest(digest)) else {
        let refused = at.refuse(&Refusal::new("upload.finish.malformed", Why::Digest(digest.map(Into::into))));
        return Ok(if at.oci() { vec![refused.clone(), Branch { next: gone, ..refused }] } else { vec![refused] });
    };
    if !matches!(at.spec.dialect(), Dialect::Distribution(_)) {
        match chunk_fits(at, upload, range, bytes) {
            Err(refusal) if !(at.oci() && refusal.why == Why::ChunkLength) => return Err(refusal),
            _ => {}
        }
    }
    let whole = with_chunk(at.state, upload, bytes);
    let content = whole.uploads.get(&upload).map(|upload| upload.bytes.clone()).unwrap_or_default();
    if matches_digest(digest, &content) {
        let next = stored(ended(&whole, upload), repo, digest, &content);
        return Ok(vec![finished(at, repo, digest, &content, next)]);
    }
    let refused = at.refuse(&mismatch(digest));
    let open = Branch { next: whole, ..refused.clone() };
    match at.spec.dialect() {
        // The chunk is there, but no location with the new offset is ever given.
        Dialect::Distribution(Release::V2_8) if !bytes.is_empty() => return Ok(vec![Branch { next: gone, ..refused }]),
        Dialect::Proofhouse | Dialect::Distribution(_) => return Ok(vec![open]),
        Dialect::Oci => {}
    }
    // OCI does not say whether the upload lives on, nor whether it has the chunk.
    Ok(vec![open, Branch { next: gone, ..refused.clone() }, refused])
}

/// Distribution stores a sha512 blob under sha256, links both, and answers with sha256.
fn finished(at: &At, repo: &str, digest: &str, content: &Content, mut next: State) -> Branch {
    let mut answered = digest.to_owned();
    if let Dialect::Distribution(_) = at.spec.dialect() {
        answered = crate::digest_of("sha256", content);
        next = stored(next, repo, &answered, content);
    }
    at.branch("upload.finish", Outcome::BlobStored { digest: Some(answered) }, next)
}

/// DELETE.
pub(crate) fn cancel(at: &At, repo: &str, upload: UploadRef) -> Answer {
    at.name(repo)?;
    known(at, repo, upload)?;
    let cancelled = at.branch("upload.cancel", Outcome::Done, ended(at.state, upload));
    if !at.oci() {
        return Ok(vec![cancelled]);
    }
    let absent = at.refuse(&Refusal::new("upload.cancel.absent", Why::Absent));
    Ok(crate::blobs::settle(at, Choice::Cancel, vec![cancelled], vec![absent]))
}

/// Operator: remove old uploads.
pub(crate) fn purge(at: &At, older_than: u64, dry_run: bool) -> Answer {
    let mut next = at.state.clone();
    let mut purged = Vec::new();
    for upload in next.uploads.values_mut().filter(|it| it.open && it.started_at + older_than <= at.state.now) {
        purged.extend(upload.id.clone());
        upload.open = dry_run;
    }
    purged.sort();
    at.change(if dry_run { "purge.dry-run" } else { "purge" }, Outcome::Purged { uploads: purged }, next)
}

/// The upload is open, and of this repository.
fn known(at: &At, repo: &str, upload: UploadRef) -> Result<(), Refusal> {
    match at.state.open_upload(repo, upload) {
        Some(_) => Ok(()),
        None => Err(Refusal::new("upload.unknown", Why::UploadUnknown)),
    }
}

/// A chunk with a range starts where the upload ends, and is as long as it says.
fn chunk_fits(at: &At, upload: UploadRef, range: Option<(u64, u64)>, bytes: &Content) -> Result<(), Refusal> {
    let Some((start, end)) = range else { return Ok(()) };
    if at.spec.dialect() == Dialect::Distribution(Release::V2_8) {
        return Ok(());
    }
    let size = at.state.uploads.get(&upload).map_or(0, |upload| upload.bytes.size());
    if end < start || start != size {
        return Err(Refusal::new("upload.chunk.order", Why::ChunkOrder));
    }
    if end - start != bytes.size().wrapping_sub(1) {
        return Err(Refusal::new("upload.chunk.length", Why::ChunkLength));
    }
    Ok(())
}

fn mismatch(digest: &str) -> Refusal {
    Refusal::new("upload.digest", Why::Mismatch(digest.into()))
}

fn with_chunk(state: &State, upload: UploadRef, bytes: &Content) -> State {
    let mut next = state.clone();
    if let Some(upload) = next.uploads.get_mut(&upload) {
        upload.bytes = upload.bytes.and(bytes);
    }
    next
}

fn ended(state: &State, upload: UploadRef) -> State {
    let mut next = state.clone();
    if let Some(upload) = next.uploads.get_mut(&upload) {
        upload.open = false;
        upload.bytes = Content::default();
    }
    next
}

fn stored(mut next: State, repo: &str, digest: &str, bytes: &Content) -> State {
    next.store(digest, bytes);
    next.link(repo, digest);
    next
}
