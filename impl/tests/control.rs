//! Work on a directory: done here if nobody has it, else by the server that has; and pushes meanwhile lose nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use proofhouse_registry::api::{Api, ApiConfig, ApiError, Body};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::control::{self, ControlError, Done, RootLock, Work};
use proofhouse_registry::digest::{Algorithm, Digest};
use proofhouse_registry::driver::{Filesystem, FilesystemOptions};
use proofhouse_registry::fsck::FsckOptions;
use proofhouse_registry::gc::GcOptions;
use proofhouse_registry::manifest::ManifestType;
use proofhouse_registry::progress::Progress;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

const COLLECT: Work = Work::CollectGarbage(GcOptions { delete_untagged: true, dry_run: false, grace_seconds: 0 });
const GRACEFUL: Work = Work::CollectGarbage(GcOptions { delete_untagged: true, dry_run: false, grace_seconds: 3_600 });
const CHECK: Work = Work::Check(FsckOptions { repair: false, deep: true });

fn open(root: &Path) -> Api {
    let options = FilesystemOptions { fsync: false, ..FilesystemOptions::default() };
    let driver = Arc::new(Filesystem::new(root, options));
    Api::new(RegistryBuilder::new(driver).enable_delete().build().unwrap(), ApiConfig::default())
}

fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

async fn push(api: &Api, repo: &str, content: &str) -> Digest {
    let body = Body::from(Bytes::copy_from_slice(content.as_bytes()));
    api.put_blob(repo, digest(content).as_str(), body).await.unwrap()
}

/// An image whose only part is `config`, which must be there.
async fn push_manifest(api: &Api, repo: &str, tag: &str, config: &str) -> Result<Digest, ApiError> {
    let (digest, size) = (digest(config), config.len());
    let document = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"text/plain","digest":"{digest}","size":{size}}},"layers":[]}}"#
    );
    let kind = ManifestType::OciManifest.as_str();
    Ok(api.put_manifest(repo, tag, Some(kind), &[], document.into()).await?.digest)
}

async fn perform(root: &Path, work: Work) -> Result<Done, ControlError> {
    control::perform(root, work, &()).await
}

#[tokio::test]
async fn work_is_done_here_if_nobody_has_the_directory() {
    let root = tempfile::tempdir().unwrap();
    let api = open(root.path());
    let loose = push(&api, "a", "loose").await;
    push(&api, "a", "config").await;
    push_manifest(&api, "a", "t", "config").await.unwrap();
    let done = perform(
        root.path(),
        Work::CollectGarbage(GcOptions { delete_untagged: false, dry_run: true, grace_seconds: 0 }),
    )
    .await
    .unwrap();
    assert_eq!(done.summary, "0 manifests and 1 blobs with 5 bytes would be removed");
    let done = perform(root.path(), COLLECT).await.unwrap();
    assert_eq!((done.lines, done.damaged), (vec![format!("blob {loose}")], false));
    assert_eq!(perform(root.path(), COLLECT).await.unwrap().summary, "0 manifests and 0 blobs with 0 bytes removed");
    let upload = api.start_upload("a").await.unwrap();
    let purged = perform(root.path(), Work::PurgeUploads { older_than_seconds: 0, dry_run: false }).await.unwrap();
    assert_eq!(purged.lines, [format!("upload {}", upload.id)]);
    let checked = perform(root.path(), CHECK).await.unwrap();
    assert_eq!(checked.summary, "1 repositories, 2 blobs (2 read): 0 problems, 0 of them repaired");
}

#[tokio::test]
async fn a_check_that_finds_something_says_so() {
    let root = tempfile::tempdir().unwrap();
    let api = open(root.path());
    push(&api, "a", "x").await;
    let link = format!("docker/registry/v2/repositories/a/_layers/sha256/{}/link", digest("x").hex());
    std::fs::write(root.path().join(link), "").unwrap();
    let found = perform(root.path(), CHECK).await.unwrap();
    assert!(found.damaged && found.lines.len() == 1, "{found:?}");
    let repaired = perform(root.path(), Work::Check(FsckOptions { repair: true, deep: false })).await.unwrap();
    assert!(
        !repaired.damaged && repaired.lines[0].ends_with(&format!("(repaired: link it to {})", digest("x"))),
        "{repaired:?}"
    );
    assert!(!perform(root.path(), CHECK).await.unwrap().damaged);
}

#[tokio::test]
async fn a_directory_without_a_registry_is_refused_and_not_touched() {
    let root = tempfile::tempdir().unwrap();
    let error = perform(root.path(), COLLECT).await.unwrap_err();
    assert!(matches!(error, ControlError::NoRegistry(_)), "{error}");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_server_that_has_the_directory_does_the_work() {
    let root = tempfile::tempdir().unwrap();
    let api = open(root.path());
    let loose = push(&api, "a", "loose").await;
    let lock = RootLock::take(root.path(), "serve").unwrap();

    let error = perform(root.path(), COLLECT).await.unwrap_err();
    assert!(matches!(&error, ControlError::InUse { holder, .. } if holder.starts_with("serve (process ")), "{error}");

    // What a killed server leaves behind is in nobody's way.
    let path = root.path().join(".proofhouse/control");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(perform(root.path(), COLLECT).await.unwrap_err(), ControlError::InUse { .. }));
    let listening = control::listen(&lock, root.path(), api.registry().clone()).unwrap();

    let done = perform(root.path(), COLLECT).await.unwrap();
    assert_eq!(done.lines, [format!("blob {loose}")]);
    let error = perform(root.path(), Work::Check(FsckOptions { repair: true, deep: false })).await.unwrap_err();
    assert!(error.to_string().contains("repairs are made while it is stopped"), "{error}");
    assert!(!perform(root.path(), CHECK).await.unwrap().damaged);

    drop(listening);
    assert!(!path.exists());
    drop(lock);
    perform(root.path(), COLLECT).await.unwrap();
}

/// Asks the server of `root` for a work, and goes away as soon as the part that is called so has begun.
async fn ask_and_go(root: &Path, work: Work, part: &str) {
    let mut stream = tokio::net::UnixStream::connect(root.join(".proofhouse/control")).await.unwrap();
    stream.write_all(&[&serde_json::to_vec(&work).unwrap()[..], b"\n"].concat()).await.unwrap();
    let mut events = BufReader::new(stream).lines();
    while !events.next_line().await.unwrap().unwrap().contains(part) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_whose_client_has_gone_stops_and_pushes_go_on() {
    let root = tempfile::tempdir().unwrap();
    let api = open(root.path());
    let large = push(&api, "a", "large").await;
    let blob = format!("docker/registry/v2/blobs/sha256/{}/{}/data", &large.hex()[..2], large.hex());
    // Hashing this takes an hour.
    std::fs::File::create(root.path().join(blob)).unwrap().set_len(1 << 40).unwrap();
    let lock = RootLock::take(root.path(), "serve").unwrap();
    let listening = control::listen(&lock, root.path(), api.registry().clone()).unwrap();
    ask_and_go(root.path(), CHECK, "hashing blobs").await;
    let pushed = tokio::time::timeout(std::time::Duration::from_secs(60), push(&api, "a", "small")).await;
    assert!(pushed.is_ok(), "the check still keeps writers waiting");
    drop(listening);
}

#[tokio::test]
async fn a_collection_that_nobody_waits_for_takes_nothing_more() {
    /// Waits until this part of the work begins.
    struct Until(&'static str, AtomicBool);

    impl Progress for Until {
        fn stage(&self, what: &str, _steps: Option<u64>) {
            self.1.fetch_or(what == self.0, Ordering::SeqCst);
        }

        fn step(&self) {}

        fn abandoned(&self) -> BoxFuture<'_, ()> {
            std::future::poll_fn(|_| if self.1.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending })
                .boxed()
        }
    }

    let root = tempfile::tempdir().unwrap();
    let api = open(root.path());
    push(&api, "a", "loose").await;
    for part in ["reading repositories", "looking at blobs", "reading manifests", "removing"] {
        let until = Until(part, AtomicBool::new(false));
        let error = control::perform(root.path(), COLLECT, &until).await.unwrap_err();
        assert!(error.to_string().contains("nobody waits for this work any more"), "{part}: {error}");
        api.head_blob("a", digest("loose").as_str()).await.unwrap();
        assert_eq!(perform(root.path(), CHECK).await.unwrap().lines, [""; 0]);
    }
    assert_eq!(perform(root.path(), COLLECT).await.unwrap().lines.len(), 1);
}

#[tokio::test]
async fn a_push_whose_layers_came_before_the_collection_may_be_finished_after_it() {
    let root = tempfile::tempdir().unwrap();
    let api = open(root.path());
    push(&api, "a", "config").await;
    let lock = RootLock::take(root.path(), "serve").unwrap();
    let listening = control::listen(&lock, root.path(), api.registry().clone()).unwrap();
    perform(root.path(), GRACEFUL).await.unwrap();
    push_manifest(&api, "a", "t", "config").await.unwrap();
    // Without the grace period the same push is refused, and the client starts again.
    push(&api, "a", "other").await;
    perform(root.path(), COLLECT).await.unwrap();
    assert!(push_manifest(&api, "a", "t", "other").await.is_err());
    drop(listening);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_that_overlap_collections_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let api = open(root.path());
    push(&api, "a", "first").await;
    let lock = RootLock::take(root.path(), "serve").unwrap();
    let listening = control::listen(&lock, root.path(), api.registry().clone()).unwrap();
    let pushes: Vec<_> = (0..4)
        .map(|client| {
            let api = api.clone();
            tokio::spawn(async move {
                let mut pushed = Vec::new();
                for round in 0..40 {
                    // Half of the content is another client's as well.
                    let (repo, config) = (format!("r{client}"), format!("config {} {round}", client / 2));
                    push(&api, &repo, &config).await;
                    tokio::task::yield_now().await;
                    push_manifest(&api, &repo, &format!("t{round}"), &config).await.unwrap();
                    pushed.push((repo, format!("t{round}"), config));
                }
                pushed
            })
        })
        .collect();
    let mut collections = 0;
    while !pushes.iter().all(tokio::task::JoinHandle::is_finished) {
        perform(root.path(), GRACEFUL).await.unwrap();
        collections += 1;
    }
    assert!(collections > 0);
    for pushes in pushes {
        for (repo, tag, config) in pushes.await.unwrap() {
            api.get_manifest(&repo, &tag).await.unwrap();
            api.head_blob(&repo, digest(&config).as_str()).await.unwrap();
        }
    }
    assert_eq!(perform(root.path(), CHECK).await.unwrap().lines, [""; 0]);
    drop(listening);
}
