//! Uploads grow by chunks and become a blob, or nothing.

use crate::support::*;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use proofhouse_registry::api::{Body, GcOptions};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::digest::Algorithm;
use proofhouse_registry::driver::StoragePath;
use proofhouse_registry::paths;

async fn start(house: &House, repo: &str) -> String {
    let upload = house.api.start_upload(repo).await.unwrap();
    assert_eq!(upload.size, 0);
    upload.id
}

async fn append(house: &House, id: &str, chunk: &str) -> u64 {
    house.api.append("a", id, None, body(chunk)).await.unwrap().size
}

async fn size(house: &House, id: &str) -> u64 {
    house.api.upload_status("a", id).await.unwrap().size
}

fn pieces(length: Option<u64>, pieces: &[&'static str]) -> Body {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
    Body::stream(length, stream::iter(pieces).boxed())
}

#[tokio::test]
async fn chunks_become_a_blob_when_the_digest_is_right() {
    let mut house = House::new();
    let id = start(&house, "a").await;
    assert_eq!(append(&house, &id, "hel").await, 3);
    house.restart();
    assert_eq!(size(&house, &id).await, 3);
    assert_eq!(house.api.append("a", &id, Some((3, 3)), body("l")).await.unwrap().size, 4);
    let digest = sha256("hello");
    house.api.finish("a", &id, Some(digest.as_str()), Some((4, 4)), body("o")).await.unwrap();
    assert_eq!(house.get("a", &digest, None).await.unwrap(), "hello");
    assert_eq!(failure(house.api.upload_status("a", &id).await), "404 BLOB_UPLOAD_UNKNOWN -");
    assert_eq!(house.files().await.len(), 2);
}

#[tokio::test]
async fn an_upload_is_known_in_its_repository_only_and_only_by_its_id() {
    let house = House::new();
    let id = start(&house, "a").await;
    for (repo, id) in
        [("b", id.as_str()), ("a", "other"), ("a", ""), ("a", "../a"), ("a/b", &id), ("a", "x/../upload-1")]
    {
        assert_eq!(failure(house.api.upload_status(repo, id).await), "404 BLOB_UPLOAD_UNKNOWN -");
        assert_eq!(failure(house.api.append(repo, id, None, body("x")).await), "404 BLOB_UPLOAD_UNKNOWN -");
        assert_eq!(failure(house.api.finish(repo, id, None, None, body("x")).await), "404 BLOB_UPLOAD_UNKNOWN -");
        assert_eq!(failure(house.api.cancel(repo, id).await), "404 BLOB_UPLOAD_UNKNOWN -");
    }
    assert_eq!(failure(house.api.cancel("A", &id).await), "400 NAME_INVALID A");
    assert_eq!(size(&house, &id).await, 0);
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let house = House::new();
    let id = start(&house, "a").await;
    append(&house, &id, "x").await;
    house.api.cancel("a", &id).await.unwrap();
    assert_eq!(failure(house.api.cancel("a", &id).await), "404 BLOB_UPLOAD_UNKNOWN -");
    assert!(house.files().await.is_empty());
}

#[tokio::test]
async fn a_chunk_out_of_order_or_of_the_wrong_length_is_not_appended() {
    let house = House::new();
    let id = start(&house, "a").await;
    append(&house, &id, "01234").await;
    for (range, refusal) in [
        ((4, 5), "416 BLOB_UPLOAD_INVALID -"),
        ((6, 7), "416 BLOB_UPLOAD_INVALID -"),
        ((5, 4), "416 BLOB_UPLOAD_INVALID -"),
        ((0, u64::MAX), "416 BLOB_UPLOAD_INVALID -"),
        ((5, 5), "400 SIZE_INVALID -"),
        ((5, 7), "400 SIZE_INVALID -"),
        ((5, u64::MAX), "400 SIZE_INVALID -"),
    ] {
        for length in [Some(2), None] {
            let chunk = pieces(length, &["5", "6"]);
            assert_eq!(failure(house.api.append("a", &id, Some(range), chunk).await), refusal, "{range:?}");
            let chunk = pieces(length, &["5", "6"]);
            let digest = sha256("0123456");
            let finish = house.api.finish("a", &id, Some(digest.as_str()), Some(range), chunk).await;
            assert_eq!(failure(finish), refusal, "{range:?}");
            assert_eq!(size(&house, &id).await, 5);
        }
    }
    assert_eq!(house.api.append("a", &id, Some((5, 6)), pieces(None, &["5", "", "6"])).await.unwrap().size, 7);
    house.api.finish("a", &id, Some(sha256("0123456").as_str()), None, Body::empty()).await.unwrap();
}

#[tokio::test]
async fn a_finish_checks_the_upload_then_the_digest_then_the_range_then_the_content() {
    let house = House::new();
    let finish = async |id: &str, digest: Option<&str>, range| {
        failure(house.api.finish("a", id, digest, range, body("x")).await)
    };
    assert_eq!(finish("no", Some("bad"), Some((9, 1))).await, "404 BLOB_UPLOAD_UNKNOWN -");
    let id = start(&house, "a").await;
    assert_eq!(finish(&id, None, Some((9, 1))).await, "400 DIGEST_INVALID -");
    assert_eq!(finish(&id, Some("bad"), Some((9, 1))).await, "400 DIGEST_INVALID bad");
    let wrong = sha256("wrong");
    assert_eq!(finish(&id, Some(wrong.as_str()), Some((9, 9))).await, "416 BLOB_UPLOAD_INVALID -");
    assert_eq!(finish(&id, Some(wrong.as_str()), Some((0, 9))).await, "400 SIZE_INVALID -");
    assert_eq!(size(&house, &id).await, 0);
    assert_eq!(finish(&id, Some(wrong.as_str()), None).await, format!("400 DIGEST_INVALID {wrong}"));
    assert_eq!(size(&house, &id).await, 1, "the chunk stays");
    assert!(!house.has("a", "wrong").await && !house.has("a", "x").await);
    house.api.finish("a", &id, Some(sha256("x").as_str()), None, Body::empty()).await.unwrap();
    assert!(house.has("a", "x").await);
}

#[tokio::test]
async fn one_request_stores_a_blob_or_leaves_nothing_behind() {
    let house = House::new();
    let wrong = sha256("wrong");
    let refused = house.api.put_blob("a", wrong.as_str(), body("hello")).await;
    assert_eq!(failure(refused), format!("400 DIGEST_INVALID {wrong}"));
    assert!(house.files().await.is_empty());
    assert!(house.api.catalog(None, None).await.unwrap().items.is_empty());
}

/// More than is held in memory.
fn large() -> String {
    "0123456789".repeat(10_000)
}

/// Lets the others go on until a large push has put its first bytes down.
async fn until_bytes_wait(house: &House) {
    while !house.files().await.iter().any(|file| file.contains("0123456789")) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_refused_request_of_any_size_makes_no_repository_and_leaves_no_directory_in_one() {
    let house = House::new();
    let (wrong, content) = (sha256("wrong"), large());
    for size in [5, 65_536, 65_537, content.len()] {
        let refused = house.api.put_blob("a/b", wrong.as_str(), body(&content[..size])).await;
        assert_eq!(failure(refused), format!("400 DIGEST_INVALID {wrong}"));
        let broken = [Ok(Bytes::from(content[..size].to_owned())), Err(std::io::Error::other("gone"))];
        let broken = Body::stream(None, stream::iter(broken).boxed());
        house.api.put_blob("a/b", sha256(&content[..size]).as_str(), broken).await.unwrap_err();
        assert!(house.files().await.is_empty());
        assert!(house.driver.list(&paths::repositories()).await.unwrap_err().is_not_found(), "{size}");
        assert_eq!(failure(house.api.remove_repository("a/b").await), "404 NAME_UNKNOWN a/b");
    }
}

#[tokio::test]
async fn a_refused_request_takes_nothing_from_the_uploads_beside_it() {
    let house = House::new();
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let (wrong, content) = (sha256("wrong"), large());
    let pushing = house.api.put_blob("a", wrong.as_str(), Body::stream(None, receiver.boxed()));
    let starting = async {
        sender.unbounded_send(Ok(Bytes::from(content))).unwrap();
        until_bytes_wait(&house).await;
        let id = start(&house, "a").await;
        drop(sender);
        id
    };
    let (refused, id) = tokio::join!(pushing, starting);
    assert_eq!(failure(refused), format!("400 DIGEST_INVALID {wrong}"));
    assert_eq!(append(&house, &id, "x").await, 1);
    // A cancelled upload leaves its repository, and so does a refusal after it.
    house.api.cancel("a", &id).await.unwrap();
    house.api.put_blob("a", wrong.as_str(), body(&large())).await.unwrap_err();
    house.api.remove_repository("a").await.unwrap();
}

#[tokio::test]
async fn what_a_large_push_left_is_purged_by_its_age_and_never_mixed_into_another() {
    let house = House::new();
    let content = large();
    for id in ["upload-1", "other"] {
        house.write(&format!("/docker/registry/v2/incoming/{id}"), "left behind").await;
    }
    let digest = house.push("a", &content).await;
    assert_eq!(house.get("a", &digest, None).await.unwrap(), content);
    house.advance(10);
    for (age, dry_run, left) in [(11, false, 3), (0, true, 3), (10, false, 2)] {
        assert!(house.api.purge_uploads(age, dry_run).await.unwrap().is_empty());
        assert_eq!(house.files().await.len(), left);
    }
}

#[tokio::test]
async fn a_large_push_whose_bytes_are_purged_while_they_come_stores_nothing() {
    let house = House::new();
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let content = large();
    let digest = sha256(&content);
    let pushing = house.api.put_blob("a", digest.as_str(), Body::stream(None, receiver.boxed()));
    let purging = async {
        sender.unbounded_send(Ok(Bytes::from(content))).unwrap();
        until_bytes_wait(&house).await;
        house.api.purge_uploads(0, false).await.unwrap();
        drop(sender);
    };
    let (pushed, ()) = tokio::join!(pushing, purging);
    assert_eq!(failure(pushed), "404 BLOB_UPLOAD_UNKNOWN -");
    assert!(house.files().await.is_empty());
}

#[tokio::test]
async fn one_request_stores_blobs_of_any_size_however_they_come() {
    let house = House::new();
    for size in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let content = "0123456789".repeat(size / 10 + 1)[..size].to_owned();
        for digest in [sha256(&content), sha512(&content)] {
            let pieces: Vec<_> =
                content.as_bytes().chunks(30_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let body = Body::stream(None, stream::iter(pieces).boxed());
            house.api.put_blob("a", digest.as_str(), body).await.unwrap();
            assert_eq!(house.get("a", &digest, None).await.unwrap(), content);
        }
        let wrong = sha256("wrong");
        let refused = house.api.put_blob("a", wrong.as_str(), body(&content)).await;
        assert_eq!(failure(refused), format!("400 DIGEST_INVALID {wrong}"));
        let broken = [Ok(Bytes::from(content.clone())), Err(std::io::Error::other("gone"))];
        let body = Body::stream(None, stream::iter(broken).boxed());
        house.api.put_blob("b", sha256(&content).as_str(), body).await.unwrap_err();
        assert!(!house.has("b", &content).await);
    }
    assert!(house.files().await.iter().all(|file| !file.contains("_uploads") && !file.contains("incoming")));
}

#[tokio::test]
async fn what_came_before_the_client_went_away_stays() {
    let house = House::new();
    let id = start(&house, "a").await;
    let broken = stream::iter([Ok(Bytes::from_static(b"hel")), Err(std::io::Error::other("gone"))]);
    house.api.append("a", &id, None, Body::stream(Some(5), broken.boxed())).await.unwrap_err();
    assert_eq!(size(&house, &id).await, 3);
    assert_eq!(append(&house, &id, "lo").await, 5);
    house.api.finish("a", &id, Some(sha256("hello").as_str()), None, Body::empty()).await.unwrap();
}

#[tokio::test]
async fn the_start_is_dated_by_the_clock() {
    let house = House::new();
    let id = start(&house, "a").await;
    let file = format!("/docker/registry/v2/repositories/a/_uploads/{id}/startedat: b\"2023-11-14T22:13:20Z\"");
    assert_eq!(house.files().await, [file]);
}

fn state_path(id: &str, offset: u64) -> StoragePath {
    paths::hash_state(&"a".parse().unwrap(), &id.parse().unwrap(), Algorithm::Sha256, offset)
}

#[tokio::test]
async fn one_hash_state_lies_beside_the_data_and_none_with_resumption_off() {
    let mut house = House::new();
    let id = start(&house, "a").await;
    append(&house, &id, "hel").await;
    append(&house, &id, "lo").await;
    assert!(house.driver.read(&state_path(&id, 3)).await.unwrap_err().is_not_found());
    assert!(house.driver.read(&state_path(&id, 5)).await.unwrap().starts_with(b"PHHS"));
    house.reconfigure(RegistryBuilder::disable_digest_resumption);
    append(&house, &id, "!").await;
    assert!(house.driver.read(&state_path(&id, 6)).await.unwrap_err().is_not_found());
    house.reconfigure(|builder| builder);
    append(&house, &id, "!").await;
    house.api.finish("a", &id, Some(sha256("hello!!").as_str()), None, Body::empty()).await.unwrap();
    assert!(house.has("a", "hello!!").await);
}

#[tokio::test]
async fn a_state_that_is_torn_foreign_or_of_another_offset_changes_no_answer() {
    let mut sources = Vec::new();
    for content in ["hello", "olleh", "hell"] {
        let house = House::new();
        let id = start(&house, "a").await;
        append(&house, &id, content).await;
        sources.push(house.driver.read(&state_path(&id, content.len() as u64)).await.unwrap());
    }
    let mut flipped = sources[0].to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let states: [Bytes; 7] = [
        sources[0].slice(..40),
        sources[2].clone(),
        flipped.into(),
        Bytes::from_static(&[0; 200]),
        Bytes::from_static(b"sha\x03\x6a\x09\xe6\x67 as Go writes it"),
        Bytes::new(),
        sources[0].clone(),
    ];
    for state in states {
        for digest in [sha256("hello"), sha512("hello")] {
            let mut house = House::new();
            let id = start(&house, "a").await;
            append(&house, &id, "hello").await;
            house.driver.write(&state_path(&id, 5), state.clone()).await.unwrap();
            house.restart();
            house.api.finish("a", &id, Some(digest.as_str()), None, Body::empty()).await.unwrap();
            assert_eq!(house.get("a", &digest, None).await.unwrap(), "hello");
        }
    }
}

#[tokio::test]
async fn a_good_state_is_used_so_that_the_data_is_not_read_again() {
    // A whole state of other content, planted: only one who uses it takes the digest of that content.
    let other = House::new();
    let id = start(&other, "a").await;
    append(&other, &id, "olleh").await;
    let state = other.driver.read(&state_path(&id, 5)).await.unwrap();
    let house = House::new();
    let id = start(&house, "a").await;
    append(&house, &id, "hello").await;
    house.driver.write(&state_path(&id, 5), state).await.unwrap();
    house.api.finish("a", &id, Some(sha256("olleh!").as_str()), None, body("!")).await.unwrap();
}

#[tokio::test]
async fn many_appends_at_once_do_not_mix_their_bytes() {
    let house = House::new();
    let id = start(&house, "a").await;
    let appends = (0..50).map(|n| {
        let (api, id) = (house.api.clone(), id.clone());
        let chunk = format!("<{n:02}>");
        async move {
            let halves: Vec<_> = [chunk[..2].to_owned(), chunk[2..].to_owned()].map(|half| Ok(half.into())).into();
            let slow = stream::iter(halves).then(|half| async {
                tokio::task::yield_now().await;
                half
            });
            api.append("a", &id, None, Body::stream(None, slow.boxed())).await.unwrap();
        }
    });
    futures::future::join_all(appends).await;
    let data = house.driver.read(&paths::upload_data(&"a".parse().unwrap(), &id.parse().unwrap())).await.unwrap();
    let text = std::str::from_utf8(&data).unwrap();
    let mut chunks: Vec<&str> = text.split_inclusive('>').collect();
    chunks.sort_unstable();
    assert_eq!(chunks, (0..50).map(|n| format!("<{n:02}>")).collect::<Vec<_>>());
    house.api.finish("a", &id, Some(sha256(text).as_str()), None, Body::empty()).await.unwrap();
}

#[tokio::test]
async fn of_two_finishes_at_once_one_finds_the_upload_gone() {
    let house = House::new();
    let id = start(&house, "a").await;
    append(&house, &id, "x").await;
    let digest = sha256("x");
    let finish = || house.api.finish("a", &id, Some(digest.as_str()), None, Body::empty());
    let (first, second) = tokio::join!(finish(), finish());
    assert!(first.is_ok());
    assert_eq!(failure(second), "404 BLOB_UPLOAD_UNKNOWN -");
}

#[tokio::test]
async fn an_upload_that_is_busy_while_its_repository_is_removed_leaves_nothing_behind() {
    let house = House::new();
    let id = start(&house, "a").await;
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let appending = house.api.append("a", &id, None, Body::stream(None, receiver.boxed()));
    let removing = async {
        sender.unbounded_send(Ok(Bytes::from_static(b"x"))).unwrap();
        tokio::task::yield_now().await;
        house.api.remove_repository("a").await.unwrap();
        drop(sender);
    };
    let (appended, ()) = tokio::join!(appending, removing);
    assert_eq!(failure(appended), "404 BLOB_UPLOAD_UNKNOWN -");
    assert!(house.files().await.is_empty());
}

#[tokio::test]
async fn neither_purging_nor_collecting_waits_for_a_client_that_does_not_go_on() {
    let house = House::new();
    let id = start(&house, "a").await;
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let appending = house.api.append("a", &id, None, Body::stream(None, receiver.boxed()));
    let purging = async {
        sender.unbounded_send(Ok(Bytes::from_static(b"x"))).unwrap();
        tokio::task::yield_now().await;
        house.api.collect_garbage(GcOptions::default()).await.unwrap();
        assert_eq!(house.api.purge_uploads(0, false).await.unwrap(), std::slice::from_ref(&id));
        drop(sender);
    };
    let (appended, ()) = tokio::join!(appending, purging);
    assert_eq!(failure(appended), "404 BLOB_UPLOAD_UNKNOWN -");
    assert!(house.files().await.is_empty());
}

#[tokio::test]
async fn purging_takes_uploads_of_at_least_that_age_and_none_whose_age_cannot_be_read() {
    let house = House::new();
    let old = start(&house, "a").await;
    house.advance(10);
    let new = start(&house, "b/c").await;
    append(&house, &old, "x").await;
    for (path, text) in [("torn", ""), ("foreign", "yesterday"), ("ahead", "2124-01-01T00:00:00Z")] {
        house.write(&format!("/docker/registry/v2/repositories/a/_uploads/{path}/startedat"), text).await;
    }
    house.write("/docker/registry/v2/repositories/a/_uploads/dateless/data", "x").await;
    assert!(house.api.purge_uploads(11, false).await.unwrap().is_empty());
    assert_eq!(house.api.purge_uploads(10, true).await.unwrap(), std::slice::from_ref(&old));
    assert_eq!(house.api.purge_uploads(0, true).await.unwrap(), [old.clone(), new]);
    assert_eq!(house.api.purge_uploads(10, false).await.unwrap(), std::slice::from_ref(&old));
    assert_eq!(failure(house.api.upload_status("a", &old).await), "404 BLOB_UPLOAD_UNKNOWN -");
    assert_eq!(house.files().await.len(), 5);
}

#[tokio::test]
async fn an_age_with_a_fraction_is_rounded_down() {
    let house = House::new();
    let path = "/docker/registry/v2/repositories/a/_uploads/x/startedat";
    house.write(path, "2023-11-14T22:13:10.5Z").await;
    assert!(house.api.purge_uploads(10, true).await.unwrap().is_empty());
    assert_eq!(house.api.purge_uploads(9, true).await.unwrap(), ["x"]);
    house.write(path, "2023-11-14T23:13:10+01:00").await;
    assert_eq!(house.api.purge_uploads(10, true).await.unwrap(), ["x"]);
}
