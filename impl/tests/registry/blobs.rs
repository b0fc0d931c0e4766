//! Blobs belong to the repositories that link them.

use crate::support::*;
use proofhouse_registry::api::{BlobAnswer, ByteRange, MountAnswer};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{ManualClock, Memory, Redirecting, StoragePath};
use std::sync::Arc;

#[tokio::test]
async fn a_blob_is_there_for_its_repository_and_for_no_other() {
    let house = House::new();
    let digest = house.push("a", "hello").await;
    assert_eq!(house.get("a", &digest, None).await.unwrap(), "hello");
    assert_eq!(house.api.head_blob("a", digest.as_str()).await.unwrap().size, 5);
    assert_eq!(failure(house.get("b", &digest, None).await), format!("404 BLOB_UNKNOWN {digest}"));
    assert_eq!(failure(house.get("a/b", &digest, None).await), format!("404 BLOB_UNKNOWN {digest}"));
}

#[tokio::test]
async fn a_blob_is_stored_under_the_digest_that_was_asked_for() {
    let house = House::new();
    let long = sha512("hello");
    assert_eq!(house.api.put_blob("a", long.as_str(), body("hello")).await.unwrap(), long);
    assert_eq!(house.get("a", &long, None).await.unwrap(), "hello");
    assert!(!house.has("a", "hello").await);
    assert_eq!(house.api.list_blobs().await.unwrap(), [long]);
}

#[tokio::test]
async fn the_empty_blob_is_a_blob() {
    let house = House::new();
    let digest = house.push("a", "").await;
    assert_eq!(house.get("a", &digest, None).await.unwrap(), "");
    let range = house.get("a", &digest, Some(ByteRange::From(0))).await;
    assert_eq!(failure(range), "416 BLOB_UPLOAD_INVALID -");
}

#[tokio::test]
async fn names_and_digests_are_checked_before_anything_is_looked_up() {
    let house = House::new();
    let good = sha256("x");
    assert_eq!(failure(house.api.head_blob("A", "bad").await), "400 NAME_INVALID A");
    assert_eq!(failure(house.api.head_blob("a", "sha256:bad").await), "400 DIGEST_INVALID sha256:bad");
    assert_eq!(failure(house.api.get_blob("a", "md5:1", None).await), "400 DIGEST_INVALID md5:1");
    let long = "a".repeat(256);
    assert_eq!(failure(house.api.delete_blob(&long, good.as_str()).await), format!("400 NAME_INVALID {long}"));
    assert_eq!(failure(house.api.put_blob("a", "x", body("")).await), "400 DIGEST_INVALID x");
    assert_eq!(failure(house.api.mount_blob("a", "x", Some("B")).await), "400 NAME_INVALID B");
    assert_eq!(failure(house.api.mount_blob("a", "x", Some("b")).await), "400 DIGEST_INVALID x");
    assert!(house.files().await.is_empty());
}

#[tokio::test]
async fn a_range_is_served_with_its_first_and_last_byte() {
    let house = House::new();
    let digest = house.push("a", "0123456789").await;
    for (range, text, bytes) in [
        (ByteRange::FromTo(2, 4), "234", (2, 4)),
        (ByteRange::FromTo(8, 99), "89", (8, 9)),
        (ByteRange::From(7), "789", (7, 9)),
        (ByteRange::Last(2), "89", (8, 9)),
        (ByteRange::Last(99), "0123456789", (0, 9)),
    ] {
        let answer = house.api.get_blob("a", digest.as_str(), Some(range)).await.unwrap();
        let BlobAnswer::Content { info, range, .. } = &answer else { panic!("{answer:?}") };
        assert_eq!((info.size, *range), (10, Some(bytes)));
        assert_eq!(content(answer).await.unwrap(), text);
    }
    for range in [ByteRange::FromTo(4, 3), ByteRange::From(10), ByteRange::Last(0)] {
        assert_eq!(failure(house.get("a", &digest, Some(range)).await), "416 BLOB_UPLOAD_INVALID -");
    }
    let unknown = house.get("b", &digest, Some(ByteRange::Last(0))).await;
    assert_eq!(failure(unknown), format!("404 BLOB_UNKNOWN {digest}"));
}

#[tokio::test]
async fn deleting_a_blob_removes_the_link_and_leaves_the_bytes() {
    let house = House::new();
    let digest = house.push("a", "hello").await;
    house.push("b", "hello").await;
    house.api.delete_blob("a", digest.as_str()).await.unwrap();
    assert!(!house.has("a", "hello").await);
    assert!(house.has("b", "hello").await);
    let again = house.api.delete_blob("a", digest.as_str()).await;
    assert_eq!(failure(again), format!("404 BLOB_UNKNOWN {digest}"));
    assert_eq!(house.api.list_blobs().await.unwrap(), [digest]);
}

#[tokio::test]
async fn deletion_that_is_off_looks_nothing_up() {
    let house = House::with(|builder| builder);
    let digest = house.push("a", "hello").await;
    for repo in ["a", "b"] {
        assert_eq!(failure(house.api.delete_blob(repo, digest.as_str()).await), "405 UNSUPPORTED -");
        assert_eq!(failure(house.api.delete_manifest(repo, digest.as_str()).await), "405 UNSUPPORTED -");
        assert_eq!(failure(house.api.delete_manifest(repo, "latest").await), "405 UNSUPPORTED -");
    }
    assert_eq!(failure(house.api.delete_blob("a", "x").await), "400 DIGEST_INVALID x");
    assert!(house.has("a", "hello").await);
}

#[tokio::test]
async fn a_mount_links_what_the_other_repository_links() {
    let house = House::new();
    let digest = house.push("a", "hello").await;
    let mounted = house.api.mount_blob("b", digest.as_str(), Some("a")).await.unwrap();
    assert_eq!(mounted, MountAnswer::Mounted(digest.clone()));
    assert!(house.has("b", "hello").await);
    let itself = house.api.mount_blob("b", digest.as_str(), Some("b")).await.unwrap();
    assert_eq!(itself, MountAnswer::Mounted(digest));
}

#[tokio::test]
async fn a_mount_of_what_is_not_linked_there_starts_an_upload() {
    let house = House::new();
    let digest = house.push("a", "hello").await;
    for (repo, from) in [("b", None), ("b", Some("c")), ("b", Some("b"))] {
        let answer = house.api.mount_blob(repo, digest.as_str(), from).await.unwrap();
        let MountAnswer::Started(upload) = answer else { panic!("{answer:?}") };
        assert_eq!(house.api.upload_status(repo, &upload.id).await.unwrap(), upload);
        assert!(!house.has(repo, "hello").await);
    }
}

#[tokio::test]
async fn a_link_whose_bytes_are_gone_gives_nothing_and_cannot_be_mounted() {
    let house = House::new();
    let digest = house.push("a", "hello").await;
    house.driver.delete(&StoragePath::new("/docker/registry/v2/blobs").unwrap()).await.unwrap();
    assert_eq!(failure(house.get("a", &digest, None).await), format!("404 BLOB_UNKNOWN {digest}"));
    let mounted = house.api.mount_blob("b", digest.as_str(), Some("a")).await.unwrap();
    assert!(matches!(mounted, MountAnswer::Started(_)));
    house.push("b", "hello").await;
    assert!(house.has("a", "hello").await);
}

#[tokio::test]
async fn with_redirects_on_a_driver_that_has_a_url_is_asked_after_the_same_checks() {
    let clock = Arc::new(ManualClock::at(0));
    let driver = Arc::new(Redirecting::new(Arc::new(Memory::new(clock.clone())), "https://cdn.example"));
    let mut house = House::over(driver, clock, RegistryBuilder::enable_redirect);
    let digest = house.push("a", "hello").await;
    let url = format!("https://cdn.example/docker/registry/v2/blobs/sha256/2c/{}/data", digest.hex());
    for range in [None, Some(ByteRange::From(1)), Some(ByteRange::Last(0))] {
        assert_eq!(house.get("a", &digest, range).await.unwrap(), url);
    }
    assert_eq!(failure(house.get("b", &digest, None).await), format!("404 BLOB_UNKNOWN {digest}"));
    house.reconfigure(|builder| builder);
    assert_eq!(house.get("a", &digest, None).await.unwrap(), "hello");
}

#[tokio::test]
async fn with_redirects_on_a_driver_without_urls_serves_the_content() {
    let house = House::with(RegistryBuilder::enable_redirect);
    let digest = house.push("a", "hello").await;
    assert_eq!(house.get("a", &digest, Some(ByteRange::From(1))).await.unwrap(), "ello");
}

#[tokio::test]
async fn a_sha512_link_to_sha256_bytes_as_distribution_writes_it_is_served() {
    let house = House::new();
    let (short, long) = (house.push("a", "hello").await, sha512("hello"));
    let link = format!("/docker/registry/v2/repositories/a/_layers/sha512/{}/link", long.hex());
    house.write(&link, short.as_str()).await;
    assert_eq!(house.get("a", &long, None).await.unwrap(), "hello");
    assert_eq!(house.api.head_blob("a", long.as_str()).await.unwrap().digest, long);
    house.api.delete_blob("a", long.as_str()).await.unwrap();
    assert!(house.has("a", "hello").await);
}
