//! Manifests that the disk has lost: what they named may be all that is left of an image, so a collection takes nothing.

use proofhouse_registry::api::{GcOptions, GcReport};
use proofhouse_registry::digest::Digest;
use proofhouse_registry::fsck::FsckOptions;

use crate::obstacles::{Disk, said};
use crate::support::*;

const EVERY: [GcOptions; 3] = [GcOptions { dry_run: true, ..ALL }, ALL, UNTAGGED];

/// Tags an index of an image that no tag names, and an image that both are about; and a signature of the index.
struct Pushed {
    house: House,
    child: Digest,
    index: Digest,
    subject: Digest,
    signature: Digest,
}

impl Pushed {
    async fn new() -> Self {
        let house = House::new();
        let subject_digest = house.push_image("a", None, "subject", &["subject layer"]).await;
        let about = subject(&subject_digest);
        let child = house.push_image("a", None, "child", &["child layer"]).await;
        let document = index_of(&descriptor(OCI, &child), &about);
        let index = house.put("a", Some("t"), INDEX, &document).await;
        house.push("a", "signature").await;
        let signature = house.put("a", None, OCI, &image_with("signature", &[], &subject(&index))).await;
        Self { house, child, index, subject: subject_digest, signature }
    }

    async fn must_be_refused(&self, options: GcOptions, missing: &Digest) {
        let before = self.house.files().await;
        let error = self.house.api.registry().collect_garbage(options).await.unwrap_err().to_string();
        assert!(error.contains(missing.hex()), "{error}");
        assert!(error.contains("it is missing, though a has it as a manifest"), "{error}");
        assert!(error.contains("push it again, or run `proofhouse fsck --repair`"), "{error}");
        assert!(error.contains("nothing was collected") && !error.contains('\n'), "{error}");
        assert_eq!(self.house.files().await, before);
    }
}

#[tokio::test]
async fn a_collection_takes_nothing_while_a_manifest_that_stays_is_missing() {
    for which in ["index", "child", "subject", "signature"] {
        let pushed = Pushed::new().await;
        let missing = match which {
            "index" => &pushed.index,
            "child" => &pushed.child,
            "subject" => &pushed.subject,
            _ => &pushed.signature,
        };
        pushed.house.lose(missing).await;
        for options in EVERY {
            pushed.must_be_refused(options, missing).await;
        }
        pushed.house.api.registry().check(FsckOptions { repair: true, deep: false }, &()).await.unwrap();
        pushed.house.api.registry().collect_garbage(ALL).await.unwrap();
    }
}

#[tokio::test]
async fn a_tag_to_what_is_no_revision_and_missing_is_in_the_way() {
    let pushed = Pushed::new().await;
    let gone = sha256("gone");
    let place = "/docker/registry/v2/repositories/a/_manifests/tags/gone";
    pushed.house.write(&format!("{place}/index/sha256/{}/link", gone.hex()), gone.as_str()).await;
    // That is how a deletion looks that was cut short.
    pushed.house.api.registry().collect_garbage(UNTAGGED).await.unwrap();
    pushed.house.write(&format!("{place}/current/link"), gone.as_str()).await;
    for options in EVERY {
        pushed.must_be_refused(options, &gone).await;
    }
    pushed.house.api.delete_manifest("a", "gone").await.unwrap();
    pushed.house.api.registry().collect_garbage(UNTAGGED).await.unwrap();
}

#[tokio::test]
async fn a_missing_manifest_goes_where_it_was_to_go_anyway_and_stays_while_it_is_young() {
    let pushed = Pushed::new().await;
    let digest = pushed.house.push_image("a", None, "other", &["other layer"]).await;
    pushed.house.lose(&digest).await;
    pushed.must_be_refused(ALL, &digest).await;
    pushed.must_be_refused(GcOptions { grace_seconds: 1, ..UNTAGGED }, &digest).await;
    let report = pushed.house.api.registry().collect_garbage(UNTAGGED).await.unwrap();
    assert_eq!(report.manifests, [("a".parse().unwrap(), digest)]);
    assert_eq!(report.blobs.len(), 2, "its configuration and its layer: {report:?}");
    assert_eq!(pushed.house.api.registry().collect_garbage(ALL).await.unwrap(), GcReport::default());
}

#[tokio::test]
async fn what_an_index_names_and_nobody_pushed_is_in_nobodys_way() {
    let house = House::new();
    let there = house.push_image("a", None, "config", &["layer"]).await;
    let index = index(&[&there, &sha256("never pushed")]);
    house.put("a", Some("t"), INDEX, &index).await;
    for options in EVERY {
        assert_eq!(house.api.registry().collect_garbage(options).await.unwrap(), GcReport::default());
    }
    assert!(house.has("a", "layer").await);
}

#[tokio::test]
async fn a_file_too_large_for_a_manifest_is_not_read_and_nothing_is_taken() {
    let disk = Disk::new().await;
    let digest = sha256(&image("config", &["layer"]));
    let path = format!("blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex());
    // Reading this to its end would take an hour.
    std::fs::File::create(disk.at(&path)).unwrap().set_len(1 << 40).unwrap();
    let said_so =
        |said: &str| said.contains(&path) && said.contains("it has 1099511627776 bytes, and what has more than");
    for options in EVERY {
        let error = disk.house.api.registry().collect_garbage(options).await.unwrap_err().to_string();
        assert!(said_so(&error) && error.contains("nothing was collected"), "{error}");
    }
    for repair in [false, true] {
        let found = said(&disk.check(FsckOptions { repair, deep: false }).await);
        assert!(matches!(&found[..], [one] if said_so(one)), "{found:?}");
    }
    std::fs::remove_file(disk.at(&path)).unwrap();
    disk.house.push_image("a", Some("t"), "config", &["layer"]).await;
    assert_eq!(said(&disk.check(FsckOptions::default()).await), [""; 0]);
}

#[tokio::test]
async fn an_entry_of_an_index_that_is_too_large_for_a_manifest_is_not_read() {
    let disk = Disk::new().await;
    let layer = sha256("layer");
    disk.house.put("a", Some("index"), INDEX, &index(&[&layer])).await;
    let path = format!("blobs/sha256/{}/{}/data", &layer.hex()[..2], layer.hex());
    std::fs::File::create(disk.at(&path)).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(disk.house.api.registry().collect_garbage(ALL).await.unwrap().blobs, [sha256("loose")]);
}
