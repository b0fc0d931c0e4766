//! What was acknowledged survives a crash at any later instant, and large blobs pass through in small pieces.
//!
//! A crash is a driver that, from some change of the storage on, does nothing more. Each test runs a request once for every
//! change it makes, crashes there, starts a new registry over what is left, and asks what a client may ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use proofhouse_registry::api::{BlobAnswer, Body, ByteRange, GcOptions};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::digest::{Algorithm, Hasher};
use proofhouse_registry::driver::{
    Appender, ContentStream, Driver, DriverError, Entry, Filesystem, FilesystemOptions, MAX_CHUNK, ManualClock, Memory,
    Offload, Stat, StoragePath,
};

use crate::support::*;

/// Does `left` more changes, then none.
#[derive(Clone, Debug)]
struct Crashing {
    inner: Arc<Memory>,
    left: Arc<AtomicI64>,
}

fn crash(path: &StoragePath) -> DriverError {
    DriverError::Io { path: path.clone(), operation: "go on", source: std::io::Error::other("crashed") }
}

impl Crashing {
    fn step(&self, path: &StoragePath) -> Result<(), DriverError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(crash(path)) }
    }
}

#[async_trait]
impl Driver for Crashing {
    fn name(&self) -> &'static str {
        "crashing"
    }
    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        self.inner.read_at_most(path, limit).await
    }
    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError> {
        self.inner.reader(path, offset, length).await
    }
    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        self.step(path)?;
        self.inner.write(path, content).await
    }
    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        self.step(path)?;
        let inner = self.inner.append(path).await?;
        Ok(Box::new(CrashingAppender { inner, driver: self.clone(), path: path.clone() }))
    }
    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.inner.stat(path).await
    }
    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        self.inner.list(path).await
    }
    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        self.inner.entries(path).await
    }
    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        self.step(from)?;
        self.inner.rename(from, to).await
    }
    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.step(path)?;
        self.inner.delete(path).await
    }
}

#[derive(Debug)]
struct CrashingAppender {
    inner: Box<dyn Appender>,
    driver: Crashing,
    path: StoragePath,
}

#[async_trait]
impl Appender for CrashingAppender {
    fn size(&self) -> u64 {
        self.inner.size()
    }
    async fn write(&mut self, chunk: Bytes) -> Result<(), DriverError> {
        self.driver.step(&self.path)?;
        self.inner.write(chunk).await
    }
    async fn sync(&mut self) -> Result<(), DriverError> {
        self.driver.step(&self.path)?;
        self.inner.sync().await
    }
}

/// Runs `prepare`, then `request` with a crash after each number of changes, then `check` on what is left, with what `prepare`
/// gave and whether the request was acknowledged.
async fn crash_everywhere<P>(
    prepare: impl AsyncFn(&House) -> P,
    request: impl AsyncFn(&House, &P) -> bool,
    check: impl AsyncFn(&House, &P, bool),
) {
    for changes in 0.. {
        let clock = Arc::new(ManualClock::at(1_700_000_000));
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let driver = Crashing { inner: Arc::new(Memory::new(clock.clone())), left: left.clone() };
        let mut house = House::over(Arc::new(driver), clock, RegistryBuilder::enable_delete);
        let prepared = prepare(&house).await;
        left.store(changes, Ordering::SeqCst);
        let acknowledged = request(&house, &prepared).await;
        let crashed = left.swap(i64::MAX, Ordering::SeqCst) < 0;
        house.restart();
        check(&house, &prepared, acknowledged).await;
        if !crashed {
            assert!(acknowledged && changes > 2);
            return;
        }
    }
}

#[tokio::test]
async fn a_finish_that_crashes_has_happened_or_leaves_the_upload_with_all_it_had() {
    for collect in [false, true] {
        crash_everywhere(
            async |house| {
                let id = house.api.start_upload("a").await.unwrap().id;
                house.api.append("a", &id, None, body("hel")).await.unwrap();
                id
            },
            async |house, id| house.api.finish("a", id, Some(sha256("hello").as_str()), None, body("lo")).await.is_ok(),
            async |house, id, acknowledged| {
                if collect && !acknowledged {
                    house.api.collect_garbage(GcOptions::default()).await.unwrap();
                }
                match house.api.upload_status("a", id).await {
                    Err(_) => assert!(house.has("a", "hello").await),
                    Ok(upload) => {
                        assert!(!acknowledged);
                        let rest = &"hello"[usize::try_from(upload.size).unwrap()..];
                        assert!(upload.size == 3 || upload.size == 5);
                        house.api.finish("a", id, Some(sha256("hello").as_str()), None, body(rest)).await.unwrap();
                        assert!(house.has("a", "hello").await);
                        assert!(house.api.upload_status("a", id).await.is_err());
                    }
                }
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_push_in_two_requests_that_crashes_has_happened_or_can_be_repeated() {
    crash_everywhere(
        async |house| house.api.start_upload("a").await.unwrap().id,
        async |house, id| house.api.finish("a", id, Some(sha256("hello").as_str()), None, body("hello")).await.is_ok(),
        async |house, id, acknowledged| {
            if let Ok(upload) = house.api.upload_status("a", id).await {
                assert!(!acknowledged && (upload.size == 0 || upload.size == 5));
                let rest = &"hello"[usize::try_from(upload.size).unwrap()..];
                house.api.finish("a", id, Some(sha256("hello").as_str()), None, body(rest)).await.unwrap();
            }
            assert!(house.has("a", "hello").await);
            assert!(house.api.upload_status("a", id).await.is_err());
        },
    )
    .await;
}

#[tokio::test]
async fn a_large_push_in_one_request_that_crashes_has_happened_or_can_be_repeated_and_a_purge_takes_what_it_left() {
    let content = "0123456789".repeat(10_000);
    crash_everywhere(
        async |_| (),
        async |house, ()| house.api.put_blob("a", sha256(&content).as_str(), body(&content)).await.is_ok(),
        async |house, (), acknowledged| {
            assert!(!acknowledged || house.has("a", &content).await);
            house.api.purge_uploads(0, false).await.unwrap();
            let files = house.files().await;
            assert!(files.iter().all(|file| !file.contains("incoming") && !file.contains("_uploads")), "{files:?}");
            house.push("a", &content).await;
            assert_eq!(house.get("a", &sha256(&content), None).await.unwrap(), content);
        },
    )
    .await;
}

#[tokio::test]
async fn an_append_that_crashes_keeps_what_was_acknowledged_before() {
    crash_everywhere(
        async |house| {
            let id = house.api.start_upload("a").await.unwrap().id;
            house.api.append("a", &id, None, body("hel")).await.unwrap();
            id
        },
        async |house, id| house.api.append("a", id, None, body("lo")).await.is_ok(),
        async |house, id, acknowledged| {
            let size = house.api.upload_status("a", id).await.unwrap().size;
            assert!(size == 5 || (!acknowledged && size == 3));
            let rest = &"hello"[usize::try_from(size).unwrap()..];
            house.api.finish("a", id, Some(sha256("hello").as_str()), None, body(rest)).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn an_append_that_must_be_cut_back_and_crashes_keeps_what_was_acknowledged_before() {
    crash_everywhere(
        async |house| {
            let id = house.api.start_upload("a").await.unwrap().id;
            house.api.append("a", &id, None, body("hel")).await.unwrap();
            id
        },
        async |house, id| {
            let pieces = [Ok(Bytes::from_static(b"l")), Ok(Bytes::from_static(b"o"))];
            let body = Body::stream(None, stream::iter(pieces).boxed());
            code(house.api.append("a", id, Some((3, 5)), body).await).as_str() == "SIZE_INVALID"
        },
        async |house, id, refused| {
            let size = house.api.upload_status("a", id).await.unwrap().size;
            assert!(size == 3 || (!refused && size <= 5));
            let rest = &"hello"[usize::try_from(size).unwrap()..];
            house.api.finish("a", id, Some(sha256("hello").as_str()), None, body(rest)).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn a_manifest_push_that_crashes_leaves_no_tag_without_its_manifest() {
    let document = image_with("config", &[], &subject(&sha256("about")));
    let digest = sha256(&document);
    crash_everywhere(
        async |house| {
            house.push_image("a", Some("t"), "config", &[]).await;
        },
        async |house, ()| house.try_put("a", "t", OCI, &document).await.is_ok(),
        async |house, (), acknowledged| {
            let current = house.api.get_manifest("a", "t").await.unwrap().digest;
            assert!(current == digest || (!acknowledged && current == sha256(&image("config", &[]))));
            let known = house.has_manifest("a", digest.as_str()).await;
            assert!(known || current != digest);
            let referrers = house.api.referrers("a", sha256("about").as_str(), None).await.unwrap().0;
            assert_eq!(referrers.len(), usize::from(known));
            house.put("a", Some("t"), OCI, &document).await;
            assert_eq!(house.api.get_manifest("a", "t").await.unwrap().digest, digest);
        },
    )
    .await;
}

#[tokio::test]
async fn a_collection_that_crashes_leaves_no_list_without_an_entry_that_it_had() {
    // Whichever of the two digests is the smaller one.
    for layers in [["one"], ["two"], ["three"], ["four"]] {
        crash_everywhere(
            async |house| {
                let child = house.push_image("a", None, "config", &layers).await;
                let list = house.put("a", None, INDEX, &index(&[&child])).await;
                (child, list)
            },
            async |house, _| house.api.collect_garbage(UNTAGGED).await.is_ok(),
            async |house, (child, list), _| {
                let (has_list, has_child) =
                    (house.has_manifest("a", list.as_str()).await, house.has_manifest("a", child.as_str()).await);
                assert!(has_child || !has_list, "the list has lost its entry");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_collection_that_crashes_leaves_every_manifest_whole_and_can_be_repeated() {
    let options = UNTAGGED;
    crash_everywhere(
        async |house| {
            house.push_image("a", Some("t"), "old", &["x", "y"]).await;
            house.put("a", None, INDEX, &index_of("", &subject(&sha256("about")))).await;
            house.push_image("a", Some("t"), "new", &["y", "z"]).await;
            house.push("b", "x").await;
        },
        async |house, ()| house.api.collect_garbage(options).await.is_ok(),
        async |house, (), _| {
            for (config, layers) in [("old", ["x", "y"]), ("new", ["y", "z"])] {
                if house.has_manifest("a", sha256(&image(config, &layers)).as_str()).await {
                    assert!(house.has("a", config).await);
                    for layer in layers {
                        assert!(house.has("a", layer).await);
                    }
                }
            }
            house.api.collect_garbage(options).await.unwrap();
            assert!(house.has_manifest("a", "t").await && house.has("a", "z").await);
            assert_eq!(house.api.list_blobs().await.unwrap().len(), 4);
            assert_eq!(house.api.tag_history("a", "t").await.unwrap().len(), 1);
            let files = house.files().await;
            assert!(files.iter().all(|file| !file.contains("referrers")), "{files:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_large_blob_passes_through_in_small_pieces() {
    const PIECE: usize = 256 << 10;
    const PIECES: usize = 256;
    let piece = |n: usize| Bytes::from(vec![u8::try_from(n % 251).unwrap(); PIECE]);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for n in 0..PIECES {
        hasher.update(&piece(n));
    }
    let digest = hasher.finish();
    let directory = tempfile::tempdir().unwrap();
    let options = FilesystemOptions { fsync: false, offload: Offload::Inline, ..FilesystemOptions::default() };
    let driver = Filesystem::new(directory.path(), options);
    let house = House::over(Arc::new(driver), Arc::new(ManualClock::at(0)), RegistryBuilder::enable_delete);

    let id = house.api.start_upload("a").await.unwrap().id;
    let half =
        |range: std::ops::Range<usize>| Body::stream(None, stream::iter(range).map(move |n| Ok(piece(n))).boxed());
    let size = house.api.append("a", &id, None, half(0..PIECES / 2)).await.unwrap().size;
    assert_eq!(size, (PIECE * PIECES / 2) as u64);
    house.api.finish("a", &id, Some(digest.as_str()), None, half(PIECES / 2..PIECES)).await.unwrap();

    let answer = house.api.get_blob("a", digest.as_str(), None).await.unwrap();
    let BlobAnswer::Content { info, mut stream, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(info.size, (PIECE * PIECES) as u64);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    while let Some(chunk) = stream.try_next().await.unwrap() {
        assert!((1..=MAX_CHUNK).contains(&chunk.len()));
        hasher.update(&chunk);
    }
    assert_eq!(hasher.finish(), digest);
    let last = house.api.get_blob("a", digest.as_str(), Some(ByteRange::Last(1))).await.unwrap();
    let BlobAnswer::Content { stream, .. } = last else { panic!("{last:?}") };
    assert_eq!(stream.try_collect::<Vec<Bytes>>().await.unwrap(), [piece(PIECES - 1).slice(..1)]);
}
