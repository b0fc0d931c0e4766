//! What other programs put into the tree: a client is served all the rest, and what is behind it is not there.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use crate::obstacles::{Disk, pipe};
use crate::support::*;

const WAYS: [&str; 4] = ["a file", "a pipe", "a socket", "a symbolic link"];

/// Puts something there, in place of what was there.
fn put(disk: &Disk, place: &str, how: &str) {
    let at = disk.at(place);
    let aside = disk.at("aside");
    let _ = fs::rename(&at, &aside);
    match how {
        "a file" => fs::write(&at, "").unwrap(),
        "a pipe" => pipe(&at),
        // A device that nothing drives is refused in the same way, but only root can make one.
        "a socket" => {
            // The name of a socket must be short.
            let short = tempfile::tempdir().unwrap();
            drop(UnixListener::bind(short.path().join("s")).unwrap());
            fs::rename(short.path().join("s"), &at).unwrap();
        }
        _ => symlink(&aside, &at).unwrap(),
    }
}

#[tokio::test]
async fn lists_pass_over_what_is_no_repository_and_no_tag() {
    for how in WAYS {
        let disk = Disk::new().await;
        let image = image("config", &["layer"]);
        for tag in ["u", "v"] {
            disk.house.put("a", Some(tag), OCI, &image).await;
        }
        for place in ["repositories/stranger", "repositories/b/d", "repositories/a/_manifests/tags/w"] {
            put(&disk, place, how);
        }
        for (place, left) in
            [("tags/t", ["u", "v"].as_slice()), ("tags/u/current", &["v"]), ("tags/v/current/link", &[])]
        {
            if how == "a file" && place.ends_with("link") {
                continue;
            }
            put(&disk, &format!("repositories/a/_manifests/{place}"), how);
            fs::remove_dir_all(disk.at("aside")).or_else(|_| fs::remove_file(disk.at("aside"))).unwrap();
            assert_eq!(disk.house.api.list_tags("a", None, None).await.unwrap().items, left, "{how}: {place}");
        }
        assert_eq!(disk.house.api.catalog(None, None).await.unwrap().items, ["a", "b/c"], "{how}");
        for tag in ["t", "u", "w"] {
            assert_eq!(
                failure(disk.house.api.get_manifest("a", tag).await),
                format!("404 MANIFEST_UNKNOWN {tag}"),
                "{how}"
            );
        }
        let digest = sha256(&image);
        assert!(disk.house.has_manifest("a", digest.as_str()).await, "{how}");
        disk.house.api.delete_manifest("a", digest.as_str()).await.unwrap();
    }
}

#[tokio::test]
async fn what_stands_behind_a_stranger_is_not_there() {
    let (digest, layer) = (sha256(&image("config", &["layer"])), sha256("layer"));
    let data = |digest: &proofhouse_registry::digest::Digest| {
        format!("blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex())
    };
    let links = format!("repositories/a/_layers/sha256/{}", layer.hex());
    for how in WAYS.into_iter().filter(|how| *how != "a file") {
        for place in [&data(&layer), &links, &format!("{links}/link"), "repositories/a"] {
            let disk = Disk::new().await;
            put(&disk, place, how);
            let what = format!("{how} in place of {place}");
            let expected = format!("404 BLOB_UNKNOWN {layer}");
            assert_eq!(failure(disk.house.api.get_blob("a", layer.as_str(), None).await), expected, "{what}");
            assert_eq!(failure(disk.house.api.head_blob("a", layer.as_str()).await), expected, "{what}");
        }
        for place in [&data(&digest), "repositories/a/_manifests", "repositories/a"] {
            let disk = Disk::new().await;
            put(&disk, place, how);
            let what = format!("{how} in place of {place}");
            for reference in ["t", digest.as_str()] {
                let expected = format!("404 MANIFEST_UNKNOWN {reference}");
                assert_eq!(failure(disk.house.api.get_manifest("a", reference).await), expected, "{what}");
            }
            assert!(disk.house.api.referrers("a", digest.as_str(), None).await.is_ok(), "{what}");
        }
    }
}

#[tokio::test]
async fn a_revision_that_is_no_manifest_cannot_be_fetched_and_that_is_no_failure_of_the_registry() {
    let house = House::new();
    for content in ["no JSON", "[]", ""] {
        let digest = house.push("a", content).await;
        let link = format!("/docker/registry/v2/repositories/a/_manifests/revisions/sha256/{}/link", digest.hex());
        house.write(&link, digest.as_str()).await;
        let answer = failure(house.api.get_manifest("a", digest.as_str()).await);
        assert_eq!(answer, format!("404 MANIFEST_UNKNOWN {digest}"), "{content}");
        house.api.delete_manifest("a", digest.as_str()).await.unwrap();
    }
}
