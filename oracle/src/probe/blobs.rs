//! What a target does with blobs: in another repository, mounted, by another algorithm.

use proofhouse_model::{Content, Op, Outcome};

use super::{Asking, ELSEWHERE, Inference, REPOSITORY, SHARED, push, sha256};
use crate::facts::{MOUNTS, SHA512};
use crate::pool::{self, Algorithm};

/// Does every repository see every blob? One was pushed to one repository, and is asked for in another, to which nothing was.
pub(super) async fn sharing(target: &mut Asking<'_>) -> Option<Inference> {
    if !push(target, SHARED).await {
        return None;
    }
    let (repo, digest) = (ELSEWHERE.to_owned(), sha256(SHARED));
    let (value, evidence) = match target.perform(&Op::HeadBlob { repo, digest }).await {
        Outcome::Blob { .. } => ("true", "a blob that was pushed to one repository is there in another"),
        Outcome::Refused { status: 404, .. } => ("false", "a blob that was pushed to one repository is 404 in another"),
        _ => return None,
    };
    Some(Inference::new("shared_blobs", value, evidence))
}

/// Are blobs mounted? The one that was pushed is asked for in the other repository.
pub(super) async fn mounts(target: &mut Asking<'_>) -> Option<Inference> {
    if !push(target, SHARED).await {
        return None;
    }
    let (repo, from) = (ELSEWHERE.to_owned(), Some(REPOSITORY.to_owned()));
    let upload = target.upload();
    match target.perform(&Op::MountBlob { repo: repo.clone(), digest: sha256(SHARED), from, upload }).await {
        Outcome::BlobStored { .. } => {
            Some(Inference::part(MOUNTS, true, "a blob was mounted from one repository in another"))
        }
        Outcome::Upload { .. } => {
            // Nobody will finish it.
            target.perform(&Op::CancelUpload { repo, upload }).await;
            Some(Inference::part(MOUNTS, false, "an upload was started where a mount was asked for"))
        }
        _ => None,
    }
}

/// Is sha512 known? A blob that was pushed by its sha256 is pushed by it. The standard asks for sha256 only.
pub(super) async fn sha512(target: &mut Asking<'_>) -> Option<Inference> {
    if !push(target, SHARED).await {
        return None;
    }
    let (repo, upload) = (REPOSITORY.to_owned(), target.upload());
    let digest = Some(pool::digest(Algorithm::Sha512, SHARED.as_bytes()));
    target.perform(&Op::StartUpload { repo: repo.clone(), upload }).await;
    let finish = Op::FinishUpload { repo: repo.clone(), upload, digest, range: None, bytes: Content::from(SHARED) };
    match target.perform(&finish).await {
        Outcome::BlobStored { .. } => Some(Inference::part(SHA512, true, "a blob was pushed by its sha512")),
        Outcome::Refused { status: 400 | 404 | 405, .. } => {
            target.perform(&Op::CancelUpload { repo, upload }).await;
            Some(Inference::part(SHA512, false, "a blob was refused that was pushed by its sha512"))
        }
        _ => None,
    }
}
