//! Manifests that another registry took and this one refuses to read: they keep what they name, are told of, and can be deleted.

use proofhouse_registry::api::{GcOptions, GcReport};
use proofhouse_registry::digest::Digest;
use proofhouse_registry::fsck::FsckOptions;

use crate::support::*;

const ALL: GcOptions = GcOptions { delete_untagged: false, dry_run: false, grace_seconds: 0 };
const UNTAGGED: GcOptions = GcOptions { delete_untagged: true, ..ALL };

/// Documents that are no manifests here, each naming the blob `layer` in its own way.
fn documents() -> Vec<String> {
    let layer = sha256("layer");
    let plain = image("config", &["layer"]);
    let escaped = layer.as_str().replace(':', "\\u003a");
    vec![
        plain.replacen('{', r#"{"manifeſts":[],"#, 1),
        plain.replacen('{', r#"{"schemaVersion":2,"#, 1),
        plain.replacen("\"layers\"", "\"Layers\"", 1),
        plain.replacen('{', r#"{"config":null,"#, 1).replace(layer.as_str(), &escaped),
        format!(r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{}"}},{{"blobSum":"{layer}"}}]}}"#, sha256("config")),
        format!("no JSON, but {} and {layer}", sha256("config")),
    ]
}

/// A registry whose repository `a` has this document as a manifest, and what it names, and a blob that nothing names.
async fn with(document: &str, tag: bool) -> (House, Digest) {
    let house = House::new();
    for blob in ["config", "layer", "loose", document] {
        house.push("a", blob).await;
    }
    let digest = sha256(document);
    let place = "/docker/registry/v2/repositories/a/_manifests";
    house.write(&format!("{place}/revisions/sha256/{}/link", digest.hex()), digest.as_str()).await;
    if tag {
        house.write(&format!("{place}/tags/t/index/sha256/{}/link", digest.hex()), digest.as_str()).await;
        house.write(&format!("{place}/tags/t/current/link"), digest.as_str()).await;
    }
    (house, digest)
}

#[tokio::test]
async fn a_collection_keeps_every_digest_that_is_written_in_one_and_says_why() {
    for document in documents() {
        for options in [GcOptions { dry_run: true, ..ALL }, ALL, UNTAGGED] {
            let (house, digest) = with(&document, false).await;
            let report = house.api.collect_garbage(options).await.unwrap();
            let [(name, unread, reason)] = &report.unread[..] else { panic!("{document}: {report:?}") };
            assert_eq!((name.as_str(), unread), ("a", &digest), "{document}");
            assert!(!reason.is_empty() && !reason.contains('\n'), "{document}: {reason}");
            assert_eq!(report.blobs, [sha256("loose")], "{document}");
            assert!(report.manifests.is_empty(), "{document}");
            assert!(house.has("a", "config").await && house.has("a", "layer").await, "{document}");
            assert!(house.has("a", &document).await, "{document}");
        }
    }
}

#[tokio::test]
async fn what_one_may_name_as_entries_stays_too() {
    let house = House::new();
    let child = house.push_image("a", None, "config", &["layer"]).await;
    let document = index(&[&child]).replacen('{', r#"{"MANIFESTS":[],"#, 1);
    house.push("a", &document).await;
    let digest = sha256(&document);
    let link = format!("/docker/registry/v2/repositories/a/_manifests/revisions/sha256/{}/link", digest.hex());
    house.write(&link, digest.as_str()).await;
    let report = house.api.collect_garbage(UNTAGGED).await.unwrap();
    assert_eq!(report, GcReport { unread: report.unread.clone(), ..GcReport::default() });
    assert!(house.has_manifest("a", child.as_str()).await && house.has("a", "layer").await);
}

#[tokio::test]
async fn a_check_says_why_one_is_none() {
    for document in documents() {
        let (house, digest) = with(&document, false).await;
        let report = house.api.registry().check(FsckOptions { repair: true, deep: true }, &()).await.unwrap();
        let said: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{document}: {said:?}");
        assert!(said[0].starts_with(&format!("a@{digest}: this is no manifest: ")), "{document}: {said:?}");
        assert!(said[0].ends_with("; if nobody needs it, delete it by its digest"), "{document}: {said:?}");
    }
}

#[tokio::test]
async fn one_is_deleted_by_its_digest_like_any_other() {
    for document in documents() {
        let (house, digest) = with(&document, true).await;
        house.api.delete_manifest("a", digest.as_str()).await.unwrap();
        assert_eq!(
            failure(house.api.delete_manifest("a", digest.as_str()).await),
            format!("404 MANIFEST_UNKNOWN {digest}")
        );
        assert!(!house.has_manifest("a", "t").await, "{document}");
        let report = house.api.collect_garbage(ALL).await.unwrap();
        assert!(report.unread.is_empty() && report.blobs.len() == 4, "{document}: {report:?}");
    }
}

/// The tagged image, and an index with a child that no tag names, whose bytes are spoilt each in turn.
#[tokio::test]
async fn a_collection_takes_nothing_while_the_bytes_of_a_manifest_are_not_those_of_its_digest() {
    let flip = |bytes: &str| bytes.replacen("\"size\"", "\"Size\"", 1);
    let spoilt: [fn(&str) -> String; 4] = [
        |_| String::new(),
        |bytes| "\0".repeat(bytes.len()),
        |bytes| bytes[..bytes.len() / 2].to_owned(),
        |bytes| {
            let layer = sha256("layer");
            bytes.replace(layer.as_str(), sha256("other").as_str())
        },
    ];
    for spoil in spoilt.into_iter().chain([flip as fn(&str) -> String]) {
        for which in ["image", "child", "index"] {
            let house = House::new();
            house.push_image("a", Some("image"), "config", &["layer"]).await;
            let child = house.push_image("a", None, "child", &["child layer"]).await;
            let list = index(&[&child]);
            house.put("a", Some("index"), "application/vnd.oci.image.index.v1+json", &list).await;
            let bytes = match which {
                "image" => image("config", &["layer"]),
                "child" => image("child", &["child layer"]),
                _ => list,
            };
            let digest = sha256(&bytes);
            let path = format!("/docker/registry/v2/blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex());
            let damaged = spoil(&bytes);
            if damaged == bytes {
                continue;
            }
            house.write(&path, &damaged).await;
            for options in [GcOptions { dry_run: true, ..ALL }, ALL, UNTAGGED] {
                let error = house.api.registry().collect_garbage(options).await.unwrap_err().to_string();
                assert!(error.contains(digest.hex()) && error.contains("nothing was collected"), "{which}: {error}");
            }
            for blob in ["config", "layer", "child", "child layer"] {
                assert!(house.has("a", blob).await, "{which}: {blob}");
            }
        }
    }
}
