//! Uploads, from their start to their end.
//!
//! Bytes become a blob only when they hash to the digest that the client finishes with; nothing is visible before. Sources: OCI
//! distribution-spec 1.1, "Pushing blobs"; distribution v3 for what stays open after a refusal.

use crate::names::matches_digest;
use crate::refusal::{Refusal, Why, refusal};
use crate::state::Choice;
use crate::step::{Answer, At};
use crate::{Branch, Content, Expect, Outcome, Span, State, Upload, UploadRef, digest_of};

/// POST.
pub(crate) fn start(at: &At, upload: UploadRef) -> Answer {
    Ok(vec![at.open("upload.start", upload, at.state.clone())])
}

/// POST with a digest and the whole blob.
pub(crate) fn put_blob(at: &At, digest: &str, bytes: &Content, upload: UploadRef) -> Answer {
    let started = vec![at.open("upload.single.started", upload, at.state.clone())];
    if at.distribution() {
        return Ok(started);
    }
    if let Err(malformed) = at.digest(digest) {
        // Whoever looks at the digest does not yet promise to store the body.
        return if at.oci() { Ok([started, vec![at.refuse(&malformed)]].concat()) } else { Err(malformed) };
    }
    let answer = if matches_digest(digest, bytes) {
        let mut next = at.state.clone();
        next.store_and_link(at.repo, digest, bytes);
        at.branch("upload.single", Outcome::BlobStored { digest: Some(digest.into()) }, next)
    } else {
        at.refuse(&mismatch(digest))
    };
    Ok(at.either(&Choice::SinglePost, vec![answer], started))
}

/// PATCH.
pub(crate) fn append(at: &At, upload: UploadRef, range: Option<Span>, bytes: &Content) -> Answer {
    known(at, upload)?;
    let appended = vec![at.still_open("upload.append", upload, with_chunk(at.state, upload, bytes))];
    let refused = vec![at.refuse(&refusal("upload.chunk.unranged", Why::ChunkLength))];
    match chunk_fits(at, upload, range, bytes) {
        Ok(()) if range.is_some() => Ok(appended),
        Ok(()) => Ok(at.either(&Choice::Streaming, appended, refused)),
        // OCI does not say what a range that lies leads to.
        Err(wrong) if at.oci() && wrong.why == Why::ChunkLength => Ok([vec![at.refuse(&wrong)], appended].concat()),
        Err(wrong) => Err(wrong),
    }
}

/// GET.
pub(crate) fn status(at: &At, upload: UploadRef) -> Answer {
    known(at, upload)?;
    Ok(vec![at.still_open("upload.status", upload, at.state.clone())])
}

/// PUT with the digest, perhaps with a last chunk.
pub(crate) fn finish(at: &At, upload: UploadRef, digest: Option<&str>, range: Option<Span>, bytes: &Content) -> Answer {
    known(at, upload)?;
    let wellformed = digest.filter(|digest| at.digest(digest).is_ok());
    let malformed = refusal("upload.finish.malformed", Why::Digest(digest.map(Into::into)));
    let mut finished = match wellformed {
        Some(digest) => finished(at, upload, digest, bytes),
        None => not_finished(at, &malformed, upload, bytes),
    };
    let Err(wrong) = chunk_fits(at, upload, range, bytes) else { return Ok(finished) };
    if at.oci() && wrong.why == Why::ChunkOrder {
        // Nothing says whether the order or the digest is looked at first: it is refused for either.
        finished.retain(|it| matches!(it.expect, Expect::Refused { .. }));
        finished.push(at.refuse(&wrong));
    } else if at.oci() && wellformed.is_some() {
        // What a range that lies leads to is unsaid.
        finished.extend(not_finished(at, &wrong, upload, bytes));
    } else if !at.distribution() && wellformed.is_some() {
        return Err(wrong);
    }
    // Distribution does not look at the range here, and ours not where the digest is malformed.
    Ok(finished)
}

/// The chunk is appended; if the whole hashes to the digest, it is a blob.
fn finished(at: &At, upload: UploadRef, digest: &str, chunk: &Content) -> Vec<Branch> {
    let whole = with_chunk(at.state, upload, chunk);
    let content = whole.uploads.get(&upload).map(|upload| upload.bytes.clone()).unwrap_or_default();
    if !matches_digest(digest, &content) {
        return not_finished(at, &mismatch(digest), upload, chunk);
    }
    let mut next = whole.ended(upload);
    next.store_and_link(at.repo, digest, &content);
    let mut answered = digest.to_owned();
    if at.distribution() {
        // It stores the blob under sha256, links it under both digests, and answers with sha256.
        answered = digest_of("sha256", &content);
        next.store_and_link(at.repo, &answered, &content);
    }
    vec![at.branch("upload.finish", Outcome::BlobStored { digest: Some(answered) }, next)]
}

/// A finish that is refused: for a digest that is malformed, or else for content that does not hash to it.
pub(crate) fn not_finished(at: &At, why: &Refusal, upload: UploadRef, chunk: &Content) -> Vec<Branch> {
    let refused = |next| vec![Branch { next, ..at.refuse(why) }];
    let with_chunk = with_chunk(at.state, upload, chunk);
    if at.oci() {
        // Unsaid: the upload may go on without the chunk, go on with it, or be gone.
        let kept = if chunk.is_empty() { Vec::new() } else { refused(with_chunk) };
        let choice = Choice::Refused { rule: why.rule, with_chunk: !chunk.is_empty() };
        return at.settle(&choice, [refused(at.state.clone()), kept, refused(at.state.ended(upload))]);
    }
    match why.why {
        Why::Digest(_) => refused(at.state.clone()),
        // The chunk is there, but no location with the new offset is ever given.
        _ if at.v2() && !chunk.is_empty() => refused(at.state.ended(upload)),
        _ => refused(with_chunk),
    }
}

/// DELETE. OCI 1.1.1 does not have it.
pub(crate) fn cancel(at: &At, upload: UploadRef) -> Answer {
    let absent = vec![at.refuse(&refusal("upload.cancel.absent", Why::Absent))];
    match known(at, upload) {
        Err(unknown) if at.oci() => {
            Ok([vec![at.refuse(&unknown), at.same("delete.again", Outcome::Done)], absent].concat())
        }
        Err(unknown) => Err(unknown),
        Ok(()) => {
            let cancelled = vec![at.branch("upload.cancel", Outcome::Done, at.state.ended(upload))];
            Ok(at.either(&Choice::Cancel, cancelled, absent))
        }
    }
}

/// Operator: remove old uploads.
pub(crate) fn purge(at: &At, older_than: u64, dry_run: bool) -> Answer {
    let old = |upload: &Upload| at.state.now - upload.started_at >= older_than;
    let purged = at.state.uploads.values().filter(|it| old(it));
    let mut purged: Vec<String> = purged.filter_map(|it| it.id.clone()).collect();
    purged.sort();
    let purged = Outcome::Purged { uploads: purged };
    if dry_run {
        return at.answer("purge.dry-run", purged);
    }
    let mut next = at.state.clone();
    next.uploads.retain(|_, it| !old(it));
    Ok(vec![at.branch("purge", purged, next)])
}

/// Operator: the registry stops and starts again. OCI does not say that an upload outlives that.
pub(crate) fn restart(at: &At) -> Answer {
    let ended = State { uploads: Default::default(), ..at.state.clone() };
    let kept = at.same("restart", Outcome::Done);
    let lost = at.oci().then(|| at.branch("restart", Outcome::Done, ended));
    Ok([kept].into_iter().chain(lost).collect())
}

/// The upload is open, and of this repository.
fn known(at: &At, upload: UploadRef) -> Result<(), Refusal> {
    let open = at.state.uploads.get(&upload).is_some_and(|it| it.repo == at.repo);
    if open { Ok(()) } else { Err(refusal("upload.unknown", Why::UploadUnknown)) }
}

/// A chunk with a range starts where the upload ends, and is as long as it says. (2.8 does not look at the range.)
fn chunk_fits(at: &At, upload: UploadRef, range: Option<Span>, bytes: &Content) -> Result<(), Refusal> {
    let Some((start, end)) = range.filter(|_| !at.v2()) else { return Ok(()) };
    let size = at.state.uploads.get(&upload).map_or(0, |upload| upload.bytes.size());
    // To OCI a range that ends before it starts is none, and what it leads to is unsaid.
    let backwards = end < start;
    if (backwards || start != size) && !(backwards && at.oci()) {
        return Err(refusal("upload.chunk.order", Why::ChunkOrder));
    }
    if backwards || bytes.size().checked_sub(1) != Some(end - start) {
        return Err(refusal("upload.chunk.length", Why::ChunkLength));
    }
    Ok(())
}

fn mismatch(digest: &str) -> Refusal {
    refusal("upload.digest", Why::Mismatch(digest.into()))
}

fn with_chunk(state: &State, upload: UploadRef, bytes: &Content) -> State {
    let mut next = state.clone();
    if let Some(upload) = next.uploads.get_mut(&upload) {
        upload.bytes = upload.bytes.and(bytes);
    }
    next
}
