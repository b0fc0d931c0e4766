//! What can be deleted: blobs, manifests, tags.

use proofhouse_model::{Op, Outcome, UploadRef};

use super::{
    Asking, BLOB_DELETION, CONFIG, IMAGE, Inference, MANIFEST_DELETION, REPOSITORY, TAG, TAG_DELETION, image,
    is_unsupported, push, put, sha256,
};

/// The option, and to OCI (`apart`), which leaves it to a target to delete one and not the other, each by itself.
///
/// The option says that blobs and manifests are deleted. Where only one is, it is not inferred: then OCI's dialect holds a target
/// to what it did first.
pub(super) async fn found(target: &mut Asking<'_>, apart: bool) -> Vec<Inference> {
    let blobs = blob(target).await;
    let mut found = Vec::new();
    if !apart {
        found.extend(blobs.map(|deletes| {
            let said = if deletes { "a blob was deleted" } else { "deleting a blob was refused as unsupported" };
            Inference::new("delete", deletes.to_string(), said)
        }));
        return found;
    }
    let tags = tag(target).await;
    let manifests = manifest(target).await;
    match (blobs, manifests) {
        (Some(true), Some(true)) => found.push(Inference::new("delete", "true", "a blob and a manifest were deleted")),
        (Some(false), Some(false)) => {
            found.push(Inference::new("delete", "false", "deleting a blob and a manifest was refused"));
        }
        _ => {}
    }
    let parts =
        [(BLOB_DELETION, "blob", blobs), (MANIFEST_DELETION, "manifest", manifests), (TAG_DELETION, "tag", tags)];
    for (key, what, deletes) in parts {
        found.extend(deletes.map(|deletes| {
            let said = if deletes { format!("a {what} was deleted") } else { format!("deleting a {what} was refused") };
            Inference::part(key, deletes, said)
        }));
    }
    found
}

/// Is a blob deleted? One is pushed first.
async fn blob(target: &mut Asking<'_>) -> Option<bool> {
    let (repo, digest) = (REPOSITORY.to_owned(), sha256("probe"));
    if !push(target, UploadRef(0), "probe").await {
        return None;
    }
    deleted(&target.perform(&Op::DeleteBlob { repo, digest }).await)
}

/// Is a tag deleted?
async fn tag(target: &mut Asking<'_>) -> Option<bool> {
    if !push(target, UploadRef(5), CONFIG).await || !put(target, TAG, IMAGE, &doomed()).await.succeeded() {
        return None;
    }
    deleted(&target.perform(&Op::DeleteManifest { repo: REPOSITORY.to_owned(), reference: TAG.to_owned() }).await)
}

/// Is a manifest deleted? It is pushed again: whoever deletes a tag may have taken it along.
async fn manifest(target: &mut Asking<'_>) -> Option<bool> {
    if !put(target, TAG, IMAGE, &doomed()).await.succeeded() {
        return None;
    }
    let reference = sha256(&doomed());
    deleted(&target.perform(&Op::DeleteManifest { repo: REPOSITORY.to_owned(), reference }).await)
}

/// An image that is like no other that is pushed here.
fn doomed() -> String {
    image("", r#","annotations":{"probe":"to be deleted"}"#)
}

/// The standard has 400 and 405 for deletion that is disabled; 2.8 answers 400 for a tag.
fn deleted(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Outcome::Done => Some(true),
        outcome if is_unsupported(outcome) => Some(false),
        Outcome::Refused { status: 400, .. } => Some(false),
        _ => None,
    }
}
