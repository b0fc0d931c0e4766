//! Garbage collection takes what nobody needs, and nothing else.

use proofhouse_registry::api::{GcOptions, GcReport};
use proofhouse_registry::digest::Digest;

use crate::support::*;

async fn collect(house: &House, options: GcOptions) -> GcReport {
    let before = house.files().await;
    let dry = house.api.collect_garbage(GcOptions { dry_run: true, ..options }).await.unwrap();
    assert_eq!(house.files().await, before, "a dry run changes nothing");
    let wet = house.api.collect_garbage(options).await.unwrap();
    assert_eq!(wet, dry);
    wet
}

fn sorted(mut digests: Vec<Digest>) -> Vec<Digest> {
    digests.sort();
    digests
}

fn manifests(report: &GcReport) -> Vec<String> {
    report.manifests.iter().map(|(name, digest)| format!("{name}@{digest}")).collect()
}

#[tokio::test]
async fn what_no_manifest_names_is_swept_with_its_links() {
    let house = House::new();
    house.push_image("a", Some("t"), "config", &["layer"]).await;
    let loose = house.push("a", "loose").await;
    house.push("b", "loose").await;
    house.push("b", "layer").await;
    let report = collect(&house, ALL).await;
    assert_eq!(report, GcReport { blobs: vec![loose], bytes: 5, ..GcReport::default() });
    assert!(!house.has("a", "loose").await && !house.has("b", "loose").await);
    assert!(house.has("a", "config").await && house.has("a", "layer").await && house.has("b", "layer").await);
    assert!(house.files().await.iter().all(|file| !file.contains(sha256("loose").hex())));
    assert_eq!(collect(&house, ALL).await, GcReport::default());
}

#[tokio::test]
async fn untagged_manifests_go_only_when_asked_for() {
    let house = House::new();
    let old = house.push_image("a", Some("t"), "one", &["layer"]).await;
    let new = house.push_image("a", Some("t"), "two", &["layer"]).await;
    assert_eq!(collect(&house, ALL).await, GcReport::default());
    let report = collect(&house, UNTAGGED).await;
    assert_eq!(manifests(&report), [format!("a@{old}")]);
    assert_eq!(report.blobs, sorted(vec![old.clone(), sha256("one")]));
    assert!(!house.has_manifest("a", old.as_str()).await && house.has_manifest("a", "t").await);
    assert_eq!(house.api.tag_history("a", "t").await.unwrap(), [new]);
    assert!(house.has("a", "layer").await && !house.has("a", "one").await);
}

#[tokio::test]
async fn children_and_referrers_of_what_is_tagged_stay_whole() {
    let house = House::new();
    let child = house.push_image("a", None, "child", &["c"]).await;
    let inner = house.put("a", None, INDEX, &index(&[&child])).await;
    house.put("a", Some("t"), INDEX, &index(&[&inner])).await;
    house.push("a", "signature").await;
    let signature = house.put("a", None, OCI, &image_with("signature", &[], &subject(&child))).await;
    let other = house.push_image("a", None, "other", &["o"]).await;
    let report = collect(&house, UNTAGGED).await;
    assert_eq!(manifests(&report), [format!("a@{other}")]);
    for reference in [&child, &inner, &signature] {
        assert!(house.has_manifest("a", reference.as_str()).await);
    }
    for content in ["child", "c", "signature"] {
        assert!(house.has("a", content).await, "{content}");
    }
    assert!(!house.has("a", "o").await);
}

#[tokio::test]
async fn a_child_that_only_another_repository_names_goes_whole() {
    for (index_in, child_in) in [("a", "b"), ("b", "a")] {
        let house = House::new();
        let child = house.push_image(child_in, None, "child", &["c"]).await;
        let index = house.put(index_in, Some("t"), INDEX, &index(&[&child])).await;
        let report = collect(&house, UNTAGGED).await;
        assert_eq!(manifests(&report), [format!("{child_in}@{child}")]);
        assert_eq!(report.blobs, sorted(vec![child, sha256("child"), sha256("c")]));
        assert!(house.has_manifest(index_in, index.as_str()).await);
    }
}

#[tokio::test]
async fn a_child_whose_link_was_deleted_is_still_followed() {
    let house = House::new();
    let child = house.push_image("a", None, "child", &["c"]).await;
    house.put("a", Some("t"), INDEX, &index(&[&child])).await;
    house.api.delete_manifest("a", child.as_str()).await.unwrap();
    assert_eq!(collect(&house, UNTAGGED).await, GcReport::default());
    assert!(house.has("a", "c").await);
}

#[tokio::test]
async fn a_digest_that_goes_in_one_repository_and_stays_in_another_keeps_its_blobs() {
    let house = House::new();
    let digest = house.push_image("a", Some("t"), "config", &["layer"]).await;
    house.push_image("b", None, "config", &["layer"]).await;
    let report = collect(&house, UNTAGGED).await;
    assert_eq!(manifests(&report), [format!("b@{digest}")]);
    assert!(report.blobs.is_empty());
    assert!(house.has("a", "layer").await && house.has("b", "layer").await);
}

#[tokio::test]
async fn what_is_younger_than_the_grace_period_stays() {
    let house = House::new();
    let options = |grace_seconds| GcOptions { grace_seconds, ..UNTAGGED };
    let old = house.push_image("a", None, "old", &[]).await;
    let loose = house.push("a", "loose").await;
    house.advance(10);
    let young = house.push_image("a", None, "young", &[]).await;
    assert_eq!(collect(&house, options(11)).await, GcReport::default());
    let report = collect(&house, options(10)).await;
    assert_eq!(manifests(&report), [format!("a@{old}")]);
    assert_eq!(report.blobs, sorted(vec![old, loose, sha256("old")]));
    assert!(house.has_manifest("a", young.as_str()).await && house.has("a", "young").await);
    assert_eq!(manifests(&collect(&house, options(0)).await), [format!("a@{young}")]);
}

#[tokio::test]
async fn a_link_that_was_written_anew_makes_its_blob_young_again() {
    for by_mount in [false, true] {
        let house = House::new();
        let digest = house.push("a", "blob").await;
        house.advance(10);
        if by_mount {
            house.api.mount_blob("b", digest.as_str(), Some("a")).await.unwrap();
        } else {
            house.push("b", "blob").await;
        }
        assert_eq!(collect(&house, GcOptions { grace_seconds: 1, ..ALL }).await, GcReport::default());
        // The old link is no younger, but what it points to stays.
        assert!(house.has("a", "blob").await && house.has("b", "blob").await);
        house.advance(1);
        assert_eq!(collect(&house, GcOptions { grace_seconds: 1, ..ALL }).await.blobs, [digest]);
    }
}

#[tokio::test]
async fn a_young_manifest_keeps_what_it_names_whatever_its_age() {
    let house = House::new();
    let child = house.push_image("a", None, "child", &["c"]).await;
    let stale = house.push_image("a", None, "stale", &[]).await;
    house.advance(100);
    house.put("a", None, INDEX, &index(&[&child])).await;
    let report = collect(&house, GcOptions { grace_seconds: 1, ..UNTAGGED }).await;
    assert_eq!(manifests(&report), [format!("a@{stale}")]);
    assert!(house.has_manifest("a", child.as_str()).await && house.has("a", "c").await);
}

#[tokio::test]
async fn links_whose_bytes_had_been_missing_go_as_well() {
    let house = House::new();
    let digest = house.push_image("a", None, "config", &["layer"]).await;
    house.push("a", "loose").await;
    let kept = house.push("b", "kept").await;
    for gone in [&digest, &sha256("config"), &sha256("layer"), &sha256("loose")] {
        house.lose(gone).await;
    }
    let report = collect(&house, UNTAGGED).await;
    assert_eq!(report.manifests, [("a".parse().unwrap(), digest)]);
    assert_eq!(report.blobs, [kept]);
    let files = house.files().await;
    assert!(files.iter().all(|file| !file.contains("link")), "{files:?}");
}

#[tokio::test]
async fn a_link_that_a_manifest_needs_stays_although_its_bytes_are_missing() {
    let house = House::new();
    house.push_image("a", Some("t"), "config", &["layer"]).await;
    house.lose(&sha256("layer")).await;
    assert_eq!(collect(&house, UNTAGGED).await, GcReport::default());
    house.push("b", "layer").await;
    assert!(house.has("a", "layer").await);
}

#[tokio::test]
async fn a_sha512_link_to_sha256_bytes_keeps_them() {
    let house = House::new();
    let (short, long) = (house.push("a", "layer").await, sha512("layer"));
    house.push("a", "config").await;
    let link = format!("/docker/registry/v2/repositories/a/_layers/sha512/{}/link", long.hex());
    house.write(&link, short.as_str()).await;
    let document = image("config", &["layer"]).replace(short.as_str(), long.as_str());
    house.put("a", Some("t"), OCI, &document).await;
    assert_eq!(collect(&house, UNTAGGED).await, GcReport::default());
    assert_eq!(house.get("a", &long, None).await.unwrap(), "layer");
}

#[tokio::test]
async fn a_torn_sha512_link_whose_bytes_are_there_is_in_nobody_s_way() {
    let house = House::new();
    let digest = sha512("x");
    house.api.put_blob("a", digest.as_str(), body("x")).await.unwrap();
    let link = format!("/docker/registry/v2/repositories/a/_layers/sha512/{}/link", digest.hex());
    house.write(&link, "").await;
    assert_eq!(collect(&house, ALL).await.blobs, [digest]);
}

#[tokio::test]
async fn an_index_may_name_a_blob_that_is_no_manifest() {
    let house = House::new();
    let blob = house.push("a", "no manifest").await;
    house.put("a", Some("t"), INDEX, &index(&[&blob])).await;
    assert_eq!(collect(&house, UNTAGGED).await, GcReport::default());
    assert!(house.has("a", "no manifest").await);
}

#[tokio::test]
async fn pushes_that_run_during_collections_lose_nothing() {
    let house = House::new();
    let pushing = async {
        for n in 0..50 {
            let (config, layer) = (format!("config {n}"), format!("layer {n}"));
            // With no grace period blobs may go before the manifest comes; what was acknowledged as a whole may not.
            let mut stored = false;
            while !stored {
                house.push("a", &config).await;
                house.push("a", &layer).await;
                tokio::task::yield_now().await;
                stored = house.try_put("a", &format!("t{n}"), OCI, &image(&config, &[&layer])).await.is_ok();
            }
            assert!(house.has("a", &config).await && house.has("a", &layer).await);
        }
    };
    let collecting = async {
        for _ in 0..200 {
            house.api.collect_garbage(UNTAGGED).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(pushing, collecting);
    for n in 0..50 {
        assert!(house.has_manifest("a", &format!("t{n}")).await && house.has("a", &format!("layer {n}")).await);
    }
}

#[tokio::test]
async fn vacuum_removes_single_things_past_every_check() {
    use proofhouse_registry::vacuum::Vacuum;
    let house = House::new();
    let digest = house.push_image("a", Some("t"), "config", &["layer"]).await;
    let vacuum = Vacuum::new(house.api.registry().clone());
    let name = "a".parse().unwrap();
    assert!(vacuum.remove_blob(&sha256("layer")).await.unwrap());
    assert!(!vacuum.remove_blob(&sha256("layer")).await.unwrap());
    assert!(!house.has("a", "layer").await);
    assert!(vacuum.remove_manifest(&name, &digest).await.unwrap());
    assert!(!vacuum.remove_manifest(&name, &digest).await.unwrap());
    assert!(house.api.tag_history("a", "t").await.unwrap().is_empty());
    vacuum.remove_repository(&name).await.unwrap();
    vacuum.remove_repository(&name).await.unwrap_err();
}
