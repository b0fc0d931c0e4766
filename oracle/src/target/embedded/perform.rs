//! Operations as calls of the registry's api, and its answers as outcomes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt as _;
use proofhouse_model::{BlobBody, Code, Content, ErrorItem, Op, Outcome, Range, Referrer, UploadRef};
use proofhouse_registry::api::{
    Api, ApiError, BlobAnswer, Body, ByteRange, GcOptions, GcReport, MountAnswer, Page, UploadInfo,
};
use proofhouse_registry::digest::Digest;
use proofhouse_registry::name::RepositoryName;

/// No walk over the repositories of a case takes so many pages.
const MOST_PAGES: usize = 1_000;

pub(super) async fn perform(api: &Api, uploads: &RefCell<BTreeMap<UploadRef, String>>, op: &Op) -> Outcome {
    let outcome = match answer(api, uploads, op).await {
        Ok(outcome) => outcome,
        Err(error) => return refused(op, &error),
    };
    if let (
        Op::StartUpload { upload, .. } | Op::MountBlob { upload, .. } | Op::PutBlob { upload, .. },
        Outcome::Upload { id, .. },
    ) = (op, &outcome)
    {
        uploads.borrow_mut().insert(*upload, id.clone());
    }
    outcome
}

async fn answer(api: &Api, uploads: &RefCell<BTreeMap<UploadRef, String>>, op: &Op) -> Result<Outcome, ApiError> {
    // An upload that was never opened is asked for by an id that none has.
    let id =
        |upload: &UploadRef| uploads.borrow().get(upload).cloned().unwrap_or_else(|| format!("never-{}", upload.0));
    Ok(match op {
        Op::HeadBlob { repo, digest } => {
            let info = api.head_blob(repo, digest).await?;
            Outcome::Blob { digest: text(&info.digest), size: info.size, body: None }
        }
        Op::GetBlob { repo, digest, range } => blob(api.get_blob(repo, digest, range.map(byte_range)).await?).await,
        Op::DeleteBlob { repo, digest } => done(api.delete_blob(repo, digest).await?),
        Op::MountBlob { repo, digest, from, .. } => match api.mount_blob(repo, digest, from.as_deref()).await? {
            MountAnswer::Mounted(digest) => Outcome::BlobStored { digest: text(&digest) },
            MountAnswer::Started(info) => upload(info),
        },
        Op::StartUpload { repo, .. } => upload(api.start_upload(repo).await?),
        Op::PutBlob { repo, digest, bytes, .. } => stored(&api.put_blob(repo, digest, body(bytes)).await?),
        Op::Append { repo, upload: named, range, bytes } => {
            upload(api.append(repo, &id(named), *range, body(bytes)).await?)
        }
        Op::UploadStatus { repo, upload: named } => upload(api.upload_status(repo, &id(named)).await?),
        Op::FinishUpload { repo, upload, digest, range, bytes } => {
            stored(&api.finish(repo, &id(upload), digest.as_deref(), *range, body(bytes)).await?)
        }
        Op::CancelUpload { repo, upload } => done(api.cancel(repo, &id(upload)).await?),
        Op::PutManifest { repo, reference, content_type, tags, bytes } => {
            let bytes = Bytes::copy_from_slice(bytes);
            let stored = api.put_manifest(repo, reference, content_type.as_deref(), tags, bytes).await?;
            Outcome::ManifestStored {
                digest: text(&stored.digest),
                subject: stored.subject.as_ref().and_then(text),
                tags: strings(&stored.tags),
            }
        }
        Op::HeadManifest { repo, reference } | Op::GetManifest { repo, reference } => {
            let manifest = api.get_manifest(repo, reference).await?;
            let bytes = matches!(op, Op::GetManifest { .. }).then(|| Content::from(&*manifest.bytes));
            Outcome::Manifest {
                digest: text(&manifest.digest),
                media_type: manifest.media_type.to_owned(),
                size: manifest.bytes.len() as u64,
                bytes,
            }
        }
        Op::DeleteManifest { repo, reference } => done(api.delete_manifest(repo, reference).await?),
        Op::ListTags { repo, n, last } => names(api.list_tags(repo, n.as_deref(), last.as_deref()).await?),
        Op::ListRepositories { n, last } => names(api.catalog(n.as_deref(), last.as_deref()).await?),
        Op::WalkRepositories { n } => walk(api, *n).await?,
        Op::Referrers { repo, digest, artifact_type } => {
            let (referrers, filtered) = api.referrers(repo, digest, artifact_type.as_deref()).await?;
            let referrer = |it: proofhouse_registry::api::Referrer| Referrer {
                digest: it.digest.to_string(),
                media_type: it.media_type,
                size: it.size,
                artifact_type: it.artifact_type,
                annotations: it.annotations,
            };
            Outcome::Referrers { referrers: referrers.into_iter().map(referrer).collect(), filtered }
        }
        Op::TagsOf { repo, digest } => Outcome::Names { names: api.tags_of(repo, digest).await?, more: false },
        Op::TagHistory { repo, tag } => Outcome::Digests { digests: strings(&api.tag_history(repo, tag).await?) },
        Op::ListBlobs => Outcome::Digests { digests: strings(&api.list_blobs().await?) },
        Op::RemoveRepository { repo } => done(api.remove_repository(repo).await?),
        Op::CollectGarbage { delete_untagged, dry_run, grace_seconds } => {
            let options =
                GcOptions { delete_untagged: *delete_untagged, dry_run: *dry_run, grace_seconds: *grace_seconds };
            collected(&api.collect_garbage(options).await?)
        }
        Op::PurgeUploads { older_than, dry_run } => {
            Outcome::Purged { uploads: api.purge_uploads(*older_than, *dry_run).await? }
        }
        other => Outcome::Broken { what: format!("{} is not for the registry to do", other.name()) },
    })
}

/// An error of the registry's own is no refusal.
fn refused(op: &Op, error: &ApiError) -> Outcome {
    let status = error.class().status();
    if status >= 500 {
        return Outcome::Broken { what: error.to_string() };
    }
    let head = matches!(op, Op::HeadBlob { .. } | Op::HeadManifest { .. });
    let item = |item: &proofhouse_registry::api::ApiErrorItem| ErrorItem {
        code: Code::from(item.code.as_str()),
        detail: item.detail.clone(),
    };
    let errors = if head { Vec::new() } else { error.errors.iter().map(item).collect() };
    Outcome::Refused { status, errors }
}

async fn blob(answer: BlobAnswer) -> Outcome {
    match answer {
        BlobAnswer::Redirect(url) => Outcome::Redirect { url },
        BlobAnswer::Content { info, range, stream } => {
            let bytes = stream.try_fold(Vec::new(), |mut all, chunk| async move {
                all.extend_from_slice(&chunk);
                Ok(all)
            });
            match bytes.await {
                Ok(bytes) => {
                    let body = Some(BlobBody { bytes: Content::from(bytes), range });
                    Outcome::Blob { digest: text(&info.digest), size: info.size, body }
                }
                Err(error) => Outcome::Broken { what: format!("the bytes stopped: {error}") },
            }
        }
    }
}

/// Page after page, as a client does it: from the last name of each.
async fn walk(api: &Api, n: u32) -> Result<Outcome, ApiError> {
    let n = n.to_string();
    let mut names: Vec<String> = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = api.catalog(Some(&n), names.last().map(String::as_str)).await?;
        let empty = page.items.is_empty();
        names.extend(page.items);
        match (page.more, empty) {
            (false, _) => return Ok(Outcome::Names { names, more: false }),
            (true, true) => return Ok(Outcome::Broken { what: "an empty page announces another".into() }),
            (true, false) => {}
        }
    }
    Ok(Outcome::Broken { what: format!("the walk does not end after {MOST_PAGES} pages") })
}

fn byte_range(range: Range) -> ByteRange {
    match range {
        Range::FromTo(first, last) => ByteRange::FromTo(first, last),
        Range::From(first) => ByteRange::From(first),
        Range::Last(count) => ByteRange::Last(count),
    }
}

fn body(bytes: &Content) -> Body {
    Body::from(Bytes::copy_from_slice(bytes))
}

fn text(digest: &Digest) -> Option<String> {
    Some(digest.to_string())
}

fn strings<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}

fn stored(digest: &Digest) -> Outcome {
    Outcome::BlobStored { digest: text(digest) }
}

fn upload(info: UploadInfo) -> Outcome {
    Outcome::Upload { id: info.id, size: info.size }
}

fn names(page: Page) -> Outcome {
    Outcome::Names { names: page.items, more: page.more }
}

fn done((): ()) -> Outcome {
    Outcome::Done
}

fn collected(report: &GcReport) -> Outcome {
    let manifest = |(repo, digest): &(RepositoryName, Digest)| (repo.to_string(), digest.to_string());
    Outcome::Collected { manifests: report.manifests.iter().map(manifest).collect(), blobs: strings(&report.blobs) }
}
