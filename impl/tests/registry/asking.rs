//! What the registry asks the storage, where an answer does not show it: it must not ask for what it knows, or need not know.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use proofhouse_registry::api::{Body, GcOptions, Referrer};
use proofhouse_registry::cache::InMemoryCache;
use proofhouse_registry::descriptor::{BlobDescriptorCacheProvider, BlobDescriptorService as _};
use proofhouse_registry::digest::Digest;
use proofhouse_registry::vacuum::Vacuum;

use crate::blind::Blind;
use crate::support::*;

#[tokio::test]
async fn a_page_of_the_catalog_looks_into_nothing_that_comes_before_it() {
    let (driver, house) = Blind::house();
    for name in ["a/b", "a/c", "m/x", "m/x/y", "m/z", "z"] {
        house.put(name, Some("t"), INDEX, &index_of("", "")).await;
    }
    driver.asked();
    let page = house.api.catalog(Some("2"), Some("m/x/y")).await.unwrap();
    assert_eq!((page.items, page.more), (vec!["m/z".to_owned(), "z".to_owned()], false));
    let asked = driver.asked();
    let into = |name: &str| asked.contains(&format!("list /docker/registry/v2/repositories/{name}"));
    // Below the first three may be what comes after; the others are the page.
    assert!(["m", "m/x", "m/x/y", "m/z", "z"].iter().all(|name| into(name)), "{asked:?}");
    assert!(!["a", "a/b", "a/c"].iter().any(|name| into(name)), "{asked:?}");
}

#[tokio::test]
async fn the_referrers_of_a_repository_are_gathered_once() {
    let (driver, house) = Blind::house();
    let about = sha256("missing");
    house.put("a", None, INDEX, &index_of("", &subject(&about))).await;
    for is_first in [true, false] {
        driver.asked();
        let (found, _) = house.api.referrers("a", about.as_str(), None).await.unwrap();
        assert_eq!(found.len(), 1);
        let asked = driver.asked();
        let revisions = "list /docker/registry/v2/repositories/a/_manifests/revisions/sha256".to_owned();
        assert_eq!(asked.contains(&revisions), is_first, "{asked:?}");
    }
}

#[tokio::test]
async fn a_referrer_that_goes_takes_its_link_along() {
    let (_, house) = Blind::house();
    let about = sha256("missing");
    let digest = house.put("a", None, INDEX, &index_of("", &subject(&about))).await;
    let links = |files: Vec<String>| files.iter().filter(|file| file.contains("/referrers/")).count();
    assert_eq!(links(house.files().await), 1);
    house.api.delete_manifest("a", digest.as_str()).await.unwrap();
    assert_eq!(links(house.files().await), 0);
}

#[tokio::test]
async fn referrers_whose_links_cannot_be_looked_at_are_an_error_and_the_next_time_there() {
    let (driver, mut house) = Blind::house();
    let about = sha256("missing");
    let digest = house.put("a", None, INDEX, &index_of("", &subject(&about))).await;
    house.restart();
    let referrers = "/docker/registry/v2/repositories/a/_manifests/referrers";
    let link = format!("stat {referrers}/sha256/{}/sha256/{}/link\n", about.hex(), digest.hex());
    let before = house.files().await;
    *driver.spot.lock().unwrap() = Some(link);
    assert!(house.api.referrers("a", about.as_str(), None).await.is_err());
    *driver.spot.lock().unwrap() = None;
    assert_eq!(house.files().await, before);
    assert_eq!(house.api.referrers("a", about.as_str(), None).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn what_is_collected_is_no_longer_remembered() {
    let cache = Arc::new(InMemoryCache::new(100));
    let shared: Arc<dyn BlobDescriptorCacheProvider> = cache.clone();
    let house =
        House::with(move |builder| builder.enable_delete().blob_descriptor_cache_provider(Some(shared.clone())));
    let (digest, loose) = (house.put("a", None, INDEX, &index_of("", "")).await, house.push("a", "loose").await);
    assert!(house.has_manifest("a", digest.as_str()).await && house.has("a", "loose").await);
    let scoped = cache.repository_scoped(&"a".parse().unwrap()).unwrap();
    assert!(cache.stat(&digest).await.is_ok() && scoped.stat(&loose).await.is_ok(), "nothing is remembered");
    house.api.collect_garbage(UNTAGGED).await.unwrap();
    assert!(cache.stat(&digest).await.is_err() && scoped.stat(&loose).await.is_err());
}

#[tokio::test]
async fn a_storage_that_cannot_be_read_at_all_is_not_taken_for_an_empty_one() {
    let (driver, house) = Blind::house();
    house.push("a", "loose").await;
    let before = house.files().await;
    *driver.spot.lock().unwrap() = Some("list /docker/registry/v2\n".to_owned());
    assert!(house.api.collect_garbage(ALL).await.is_err());
    *driver.spot.lock().unwrap() = None;
    assert_eq!(house.files().await, before);
}

#[tokio::test]
async fn blobs_are_collected_where_the_repositories_are_gone_and_their_directory_is_not() {
    let (_, house) = Blind::house();
    house.push("a", "loose").await;
    // Nothing of it is a repository any more, and something shows that the right disk is there.
    house.driver.delete(&"/docker/registry/v2/repositories/a/_layers".parse().unwrap()).await.unwrap();
    house.write("/docker/registry/v2/repositories/a/b/_uploads/x/startedat", "").await;
    house.driver.delete(&"/docker/registry/v2/repositories/a/b/_uploads".parse().unwrap()).await.unwrap();
    let listed = house.driver.list(&"/docker/registry/v2/repositories".parse().unwrap()).await.unwrap();
    assert_eq!(listed, ["a"], "this driver keeps no empty directories, so this tests nothing");
    house.api.collect_garbage(ALL).await.unwrap();
    assert!(!house.files().await.iter().any(|file| file.contains("/data")));
}

#[tokio::test]
async fn what_stands_where_a_directory_must_is_told_as_that() {
    for place in ["stray", "a/stray", "a/_layers/sha512", "b/_manifests/revisions", "a/_layers/sha256/HEX"] {
        let house = House::new();
        house.push("a", "loose").await;
        let place = place.replace("HEX", sha256("other").hex());
        let place = format!("/docker/registry/v2/repositories/{place}");
        house.write(&place, "").await;
        let options = GcOptions { dry_run: true, ..ALL };
        let told = house.api.registry().collect_garbage(options).await.unwrap_err().to_string();
        assert!(told.starts_with(&format!("{place}: a file stands where a directory must")), "{told}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_listed_is_not_taken_for_one_that_is_missing() {
    let (driver, house) = Blind::house();
    let digest = house.push_image("a", Some("t"), "config", &["layer"]).await;
    let data = format!("/docker/registry/v2/blobs/sha256/{}/{}", &digest.hex()[..2], digest.hex());
    house.driver.delete(&format!("{data}/data").parse().unwrap()).await.unwrap();
    *driver.spot.lock().unwrap() = Some(format!("list {data}\n"));
    let options = GcOptions { dry_run: true, ..ALL };
    let told = house.api.registry().collect_garbage(options).await.unwrap_err().to_string();
    assert!(told.contains("Input/output error"), "{told}");
}

#[tokio::test]
async fn what_a_vacuum_takes_is_no_longer_remembered_by_any_repository() {
    let cache = Arc::new(InMemoryCache::new(100));
    let shared: Arc<dyn BlobDescriptorCacheProvider> = cache.clone();
    let house =
        House::with(move |builder| builder.enable_delete().blob_descriptor_cache_provider(Some(shared.clone())));
    let (blob, manifest) = (house.push("a", "blob").await, house.put("a", None, INDEX, &index_of("", "")).await);
    assert!(house.has("a", "blob").await && house.has_manifest("a", manifest.as_str()).await);
    let scoped = cache.repository_scoped(&"a".parse().unwrap()).unwrap();
    assert!(scoped.stat(&blob).await.is_ok() && cache.stat(&manifest).await.is_ok(), "nothing is remembered");
    let vacuum = Vacuum::new(house.api.registry().clone());
    assert!(vacuum.remove_blob(&blob).await.unwrap() && vacuum.remove_blob(&manifest).await.unwrap());
    assert!(scoped.stat(&blob).await.is_err() && cache.stat(&manifest).await.is_err());
}

#[tokio::test]
async fn a_page_of_referrers_reads_no_more_manifests_than_it_shows() {
    let (driver, house) = Blind::house();
    let about = sha256("missing");
    for number in 0..5 {
        let more = format!(r#"{},"annotations":{{"number":"{number}"}}"#, subject(&about));
        house.put("a", None, INDEX, &index_of("", &more)).await;
    }
    let all = house.api.referrers("a", about.as_str(), None).await.unwrap().0;
    driver.asked();
    let mut shown = Vec::new();
    let take = |referrer: Referrer| {
        shown.push(referrer.digest);
        if shown.len() < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    house.api.each_referrer("a", about.as_str(), None, all[1].digest.as_str(), take).await.unwrap();
    assert_eq!(shown, [all[2].digest.clone(), all[3].digest.clone()]);
    let asked = driver.asked();
    let is_read = |referrer: &Referrer| {
        let end = format!("{}/data", referrer.digest.hex());
        asked.iter().any(|asked| asked.starts_with("read ") && asked.ends_with(&end))
    };
    assert_eq!(all.iter().map(is_read).collect::<Vec<_>>(), [false, false, true, true, false], "{asked:?}");
}

fn blob_data(digest: &Digest) -> String {
    format!("/docker/registry/v2/blobs/{}/{}/{}/data", digest.algorithm(), &digest.hex()[..2], digest.hex())
}

/// Somebody brings the bytes back of an upload whose finish was cut short, and a collection comes between.
#[tokio::test]
async fn the_blob_that_an_upload_in_use_has_become_is_not_collected() {
    let (driver, house) = Blind::house();
    let id = house.api.start_upload("a").await.unwrap().id;
    house.api.append("a", &id, None, body("bytes")).await.unwrap();
    let digest = sha256("bytes");
    // The bytes have moved; the link cannot be written.
    let link = format!("repositories/a/_layers/sha256/{}/link", digest.hex());
    *driver.spot.lock().unwrap() = Some(format!("write /docker/registry/v2/{link}\n"));
    assert!(house.api.finish("a", &id, Some(digest.as_str()), None, body("")).await.is_err());
    *driver.spot.lock().unwrap() = None;
    // Whoever has the upload looks at what it has become, and waits there.
    *driver.holds.lock().unwrap() = Some(format!("read {}\n", blob_data(&digest)));
    let blobs = house.api.registry().repository(&"a".parse().unwrap()).unwrap().blobs();
    let resuming = id.parse().unwrap();
    let resumed = tokio::spawn(async move { blobs.resume(&resuming).await.map(|upload| upload.size()) });
    driver.held.notified().await;
    house.api.collect_garbage(ALL).await.unwrap();
    driver.go_on.notify_one();
    assert_eq!(resumed.await.unwrap().unwrap(), 5);
    house.api.finish("a", &id, Some(digest.as_str()), None, body("")).await.unwrap();
    assert!(house.has("a", "bytes").await);
}

#[tokio::test]
async fn bytes_that_are_there_are_not_written_again_and_others_of_their_digest_are() {
    let (driver, house) = Blind::house();
    let digest = sha256("bytes");
    let data = blob_data(&digest);
    let writes = |driver: &Blind| driver.asked().iter().any(|asked| *asked == format!("write {data}"));
    let large = "x".repeat(1 << 20);
    house.push("a", "bytes").await;
    assert!(writes(&driver));
    house.push("b", "bytes").await;
    assert!(!writes(&driver));
    let ways = ["at once", "in pieces", "by an upload"];
    for way in ways {
        // Cut short by a disk that lost some of it.
        house.write(&data, "by").await;
        let large_digest = sha256(&large);
        let place =
            format!("/docker/registry/v2/blobs/sha256/{}/{}/data", &large_digest.hex()[..2], large_digest.hex());
        house.write(&place, "x").await;
        let (content, digest) = if way == "in pieces" { (&*large, &large_digest) } else { ("bytes", &digest) };
        if way == "by an upload" {
            let id = house.api.start_upload("c").await.unwrap().id;
            house.api.append("c", &id, None, body(content)).await.unwrap();
            house.api.finish("c", &id, Some(digest.as_str()), None, body("")).await.unwrap();
        } else {
            house.push("c", content).await;
        }
        assert!(house.get("c", digest, None).await.unwrap() == content, "{way}");
    }
}

#[tokio::test]
async fn nothing_that_comes_leaves_an_upload_as_it_is() {
    let (_, house) = Blind::house();
    let id = house.api.start_upload("a").await.unwrap().id;
    let empty = sha256("");
    let uploads =
        |files: Vec<String>| -> Vec<String> { files.into_iter().filter(|file| file.contains("/_uploads/")).collect() };
    let begun = uploads(house.files().await);
    let nothing = || Body::stream(None, futures::stream::iter([Ok(Bytes::new())]).boxed());
    house.api.append("a", &id, None, nothing()).await.unwrap();
    assert_eq!(uploads(house.files().await), begun);
    // It promised five bytes.
    assert!(failure(house.api.append("a", &id, Some((0, 4)), nothing()).await).starts_with("400 "));
    assert_eq!(uploads(house.files().await), begun);
    house.api.append("a", &id, None, body("some")).await.unwrap();
    let some = uploads(house.files().await);
    assert!(some.iter().any(|file| file.contains("/hashstates/sha256/4")), "{some:?}");
    house.api.append("a", &id, None, nothing()).await.unwrap();
    assert_eq!(uploads(house.files().await), some);
    let other = house.api.start_upload("a").await.unwrap().id;
    house.api.finish("a", &other, Some(empty.as_str()), None, nothing()).await.unwrap();
    assert_eq!(house.get("a", &empty, None).await.unwrap(), "");
}

#[tokio::test]
async fn a_torn_sha512_link_whose_bytes_are_missing_is_in_the_way() {
    let house = House::new();
    let digest = sha512("long");
    house.push("a", "other").await;
    house.write(&format!("/docker/registry/v2/repositories/a/_layers/sha512/{}/link", digest.hex()), "sha512:").await;
    let options = GcOptions { dry_run: true, ..ALL };
    let told = house.api.registry().collect_garbage(options).await.unwrap_err().to_string();
    assert!(told.contains(digest.hex()), "{told}");
}

#[tokio::test]
async fn what_cannot_be_the_beginning_of_a_digest_is_in_nobody_s_way_among_the_blobs() {
    let house = House::new();
    let digest = house.push("a", "blob").await;
    for name in ["zz", "abc", "README"] {
        house.write(&format!("/docker/registry/v2/blobs/sha256/{name}"), "").await;
    }
    let mut walk = house.api.registry().blobs().walk();
    assert_eq!(walk.next().await.unwrap(), Some(digest));
    assert_eq!(walk.next().await.unwrap(), None);
    assert!(walk.obstacles().is_empty(), "{:?}", walk.obstacles());
}

#[tokio::test]
async fn what_is_named_many_times_is_followed_once() {
    let house = House::new();
    let mut child = house.put("a", None, INDEX, &index_of("", "")).await;
    // Two to the power of forty ways lead to the first.
    for _ in 0..40 {
        let entry = descriptor(INDEX, &child);
        child = house.put("a", None, INDEX, &index_of(&format!("{entry},{entry}"), "")).await;
    }
    house.put("a", Some("t"), INDEX, &index_of(&descriptor(INDEX, &child), "")).await;
    house.api.collect_garbage(UNTAGGED).await.unwrap();
    assert!(house.has_manifest("a", child.as_str()).await);
}

#[tokio::test]
async fn bytes_that_a_link_has_under_another_digest_go_when_nobody_needs_the_link() {
    let house = House::new();
    let (named, stored) = (sha512("bytes"), house.push("b", "bytes").await);
    house.put("a", Some("t"), INDEX, &index_of("", "")).await;
    house
        .write(&format!("/docker/registry/v2/repositories/a/_layers/sha512/{}/link", named.hex()), stored.as_str())
        .await;
    assert_eq!(house.get("a", &named, None).await.unwrap(), "bytes");
    house.api.collect_garbage(ALL).await.unwrap();
    assert!(!house.files().await.iter().any(|file| file.contains(stored.hex())));
}
