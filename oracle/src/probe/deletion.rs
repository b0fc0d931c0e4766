//! What can be deleted: blobs, manifests, tags.

use proofhouse_model::{Dialect, Op, Outcome};

use super::{Asking, CONFIG, IMAGE, Inference, REPOSITORY, TAG, image, is_unsupported, push, put, sha256};
use crate::config::Said;
use crate::facts::{BLOB_DELETION, MANIFEST_DELETION, TAG_DELETION, Value};

/// The option, of what is known of its parts. To OCI it says that blobs and manifests are deleted; where only one is, it is not inferred:
/// then OCI's dialect holds a target to what it did first. Of others only a blob was asked.
pub(super) fn option(said: &Said, dialect: Dialect, found: &[Inference]) -> Option<Inference> {
    let known = |key: &str| match said.facts.fixed(key) {
        Some(Value::Flag(deletes)) => Some(deletes),
        _ => found.iter().find(|one| one.key == key).map(|one| one.value == "true"),
    };
    let blobs = known(BLOB_DELETION)?;
    let what = match dialect {
        Dialect::Oci if known(MANIFEST_DELETION)? != blobs => return None,
        Dialect::Oci => "a blob and a manifest",
        Dialect::Proofhouse | Dialect::Distribution(_) => "a blob",
    };
    if said.by(BLOB_DELETION).is_some() || dialect == Dialect::Oci && said.by(MANIFEST_DELETION).is_some() {
        return Some(Inference::new("delete", blobs.to_string(), "what is said of its parts"));
    }
    let were = if dialect == Dialect::Oci { "were" } else { "was" };
    let evidence = if blobs { format!("{what} {were} deleted") } else { format!("deleting {what} was refused") };
    Some(Inference::new("delete", blobs.to_string(), evidence))
}

/// Is a blob deleted? One is pushed first.
pub(super) async fn blob(target: &mut Asking<'_>) -> Option<Inference> {
    let (repo, digest) = (REPOSITORY.to_owned(), sha256("probe"));
    if !push(target, "probe").await {
        return None;
    }
    deleted(BLOB_DELETION, "blob", &target.perform(&Op::DeleteBlob { repo, digest }).await)
}

/// Is a tag deleted?
pub(super) async fn tag(target: &mut Asking<'_>) -> Option<Inference> {
    if !pushed(target).await {
        return None;
    }
    let op = Op::DeleteManifest { repo: REPOSITORY.to_owned(), reference: TAG.to_owned() };
    deleted(TAG_DELETION, "tag", &target.perform(&op).await)
}

/// Is a manifest deleted?
pub(super) async fn manifest(target: &mut Asking<'_>) -> Option<Inference> {
    if !pushed(target).await {
        return None;
    }
    let op = Op::DeleteManifest { repo: REPOSITORY.to_owned(), reference: sha256(&doomed()) };
    deleted(MANIFEST_DELETION, "manifest", &target.perform(&op).await)
}

/// Stores what is to be deleted. Each time: whoever deletes a tag may have taken its manifest along.
async fn pushed(target: &mut Asking<'_>) -> bool {
    push(target, CONFIG).await && put(target, TAG, IMAGE, &doomed()).await.succeeded()
}

/// An image that is like no other that is pushed here.
fn doomed() -> String {
    image("", r#","annotations":{"probe":"to be deleted"}"#)
}

/// The standard has 400 and 405 for deletion that is disabled; 2.8 answers 400 for a tag.
fn deleted(key: &'static str, what: &str, outcome: &Outcome) -> Option<Inference> {
    match outcome {
        Outcome::Done => Some(Inference::part(key, true, format!("a {what} was deleted"))),
        outcome if is_unsupported(outcome) || matches!(outcome, Outcome::Refused { status: 400, .. }) => {
            Some(Inference::part(key, false, format!("deleting a {what} was refused")))
        }
        _ => None,
    }
}
