//! What may be there after a crash that came in the middle of an operation.
//!
//! An operation that was not acknowledged is there whole or not at all, as far as one thing goes: a blob, a manifest, a tag, an
//! upload. One that does several things has done some of them, in the order in which the registry promises to do them
//! ([`parts`]). A collection, a purge and a removal take many things in an order that nobody needs to know: of each thing it is
//! asked whether it is there as before or as after.

use proofhouse_model::{Content, Expect, Model, Op, Outcome, State, UploadRef, digest_of};

/// The operations that an operation consists of, in order; the last is itself. `arrived`: how many bytes the upload has that it
/// appends to, if it does.
pub(crate) fn parts(op: &Op, before: &State, arrived: Option<u64>) -> Vec<Op> {
    let mut parts = Vec::new();
    match op {
        Op::PutManifest { repo, reference, content_type, tags, bytes } => {
            let put = |reference: &str, tags: &[String]| Op::PutManifest {
                repo: repo.clone(),
                reference: reference.to_owned(),
                content_type: content_type.clone(),
                tags: tags.to_vec(),
                bytes: bytes.clone(),
            };
            let is_tag = !reference.contains(':');
            let digest = if is_tag { digest_of("sha256", bytes) } else { reference.clone() };
            parts.push(put(&digest, &[]));
            parts.extend((0..tags.len()).map(|count| put(reference, &tags[..count])));
        }
        Op::DeleteManifest { repo, reference } if reference.contains(':') => {
            let tags = before.repos.get(repo).into_iter().flat_map(|repo| &repo.tags);
            let pointing = tags.filter(|(_, tag)| tag.current == *reference);
            parts.extend(pointing.map(|(tag, _)| Op::DeleteManifest { repo: repo.clone(), reference: tag.clone() }));
        }
        Op::Append { repo, upload, bytes, .. } | Op::FinishUpload { repo, upload, bytes, .. } => {
            let Some(open) = before.uploads.get(upload) else { return vec![op.clone()] };
            let had = open.bytes.size();
            if let Some(arrived) = arrived.and_then(|arrived| arrived.checked_sub(had)).filter(|more| *more > 0) {
                let bytes = bytes.slice(0, usize::try_from(arrived).unwrap_or(usize::MAX));
                parts.push(Op::Append { repo: repo.clone(), upload: *upload, range: None, bytes });
            }
            if let Op::FinishUpload { digest: Some(digest), .. } = op {
                // The blob is there before the upload goes.
                let whole = Content::from([&open.bytes[..], &bytes[..]].concat());
                let spare = UploadRef(u32::MAX);
                parts.push(Op::PutBlob { repo: repo.clone(), digest: digest.clone(), bytes: whole, upload: spare });
            }
        }
        _ => {}
    }
    parts.push(op.clone());
    parts
}

/// Whether an operation takes so many things that they are looked at one by one.
pub(crate) const fn takes_many(op: &Op) -> bool {
    matches!(op, Op::CollectGarbage { .. } | Op::RemoveRepository { .. } | Op::PurgeUploads { .. })
}

/// Whether the answer is one that a registry may give whatever it has done of an operation that it did not acknowledge: a
/// repository's name may be there before, and after, what it was for; and of orphans nobody asked.
pub(crate) fn is_open(question: &Op, answer: &Outcome) -> bool {
    let is_empty = match answer {
        Outcome::Broken { .. } => return false,
        Outcome::Names { names, .. } => names.is_empty(),
        answer => matches!(answer, Outcome::Refused { status: 404, .. }),
    };
    match question {
        Op::WalkRepositories { .. } | Op::ListRepositories { .. } | Op::ListBlobs | Op::TagHistory { .. } => true,
        Op::ListTags { .. } => is_empty,
        _ => false,
    }
}

/// Whether the model permits no refusal: what is asked for must be there.
pub(crate) fn must_be_there(model: &Model, question: &Op) -> bool {
    let refused = |expect: &Expect| matches!(expect, Expect::Refused { .. } | Expect::Exactly(Outcome::Refused { .. }));
    !model.expected(question).iter().any(|branch| refused(&branch.expect))
}
