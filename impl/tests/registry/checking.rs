//! A check finds what is damaged, a repair mends what can be known, and whole bytes are never lost.

use std::collections::BTreeSet;

use proofhouse_registry::driver::StoragePath;
use proofhouse_registry::fsck::{FsckOptions, FsckReport};

use crate::support::*;

const LOOK: FsckOptions = FsckOptions { repair: false, deep: false };
const DEEP: FsckOptions = FsckOptions { deep: true, ..LOOK };

/// An image with a tag, a signature of it, and a second repository that has one of its layers.
async fn sound() -> House {
    let house = House::new();
    let image = house.push_image("a", Some("t"), "config", &["layer"]).await;
    house.push("a", "{}").await;
    house.put("a", None, OCI, &signature(&image)).await;
    house.push("b/c", "layer").await;
    house
}

fn signature(image: &proofhouse_registry::digest::Digest) -> String {
    image_with("{}", &[], &subject(image))
}

async fn check(house: &House, options: FsckOptions) -> FsckReport {
    house.api.registry().check(options, &()).await.unwrap()
}

fn said(report: &FsckReport) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

/// The blobs whose bytes are those of their digests, wherever they stand.
async fn whole_bytes(house: &House) -> BTreeSet<String> {
    let files = house.files().await;
    let contents = files.iter().filter(|file| file.contains("/data: ") || file.contains("/damaged/"));
    contents.map(|file| file.split_once(": ").unwrap().1.to_owned()).collect()
}

#[tokio::test]
async fn a_sound_directory_has_no_findings_and_is_not_touched() {
    let house = sound().await;
    let before = house.files().await;
    for options in [LOOK, DEEP, FsckOptions { repair: true, deep: true }] {
        let report = check(&house, options).await;
        assert_eq!(said(&report), [""; 0]);
        assert_eq!((report.repositories, report.blobs), (2, 5));
        assert!(!options.deep || report.hashed == 5);
    }
    assert_eq!(house.files().await, before);
    assert_eq!(said(&check(&House::new(), DEEP).await), [""; 0]);
}

/// What is done to a sound directory: a file is overwritten, or a path removed.
enum Damage {
    Write(String, &'static str),
    Remove(String),
}

struct Case {
    damage: Damage,
    /// What is found, each a part of a sentence.
    found: Vec<String>,
    /// What is still found after a repair.
    left: Vec<String>,
}

fn cases() -> Vec<Case> {
    const ROOT: &str = "/docker/registry/v2";
    let repository = format!("{ROOT}/repositories/a");
    let (layer, config) = (sha256("layer"), sha256("config"));
    let image = sha256(&image("config", &["layer"]));
    let about = sha256(&signature(&image));
    let blob = |of: &str| {
        let digest = sha256(of);
        format!("{ROOT}/blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex())
    };
    let layer_link = format!("{repository}/_layers/sha256/{}/link", layer.hex());
    let revision = format!("{repository}/_manifests/revisions/sha256/{}/link", image.hex());
    let tag = format!("{repository}/_manifests/tags/t/current/link");
    let entry = format!("{repository}/_manifests/tags/t/index/sha256/{}/link", image.hex());
    let referrer = format!("{repository}/_manifests/referrers/sha256/{}/sha256/{}/link", image.hex(), about.hex());
    let lacks = |digest| format!("a@{image}: {digest} is missing in the repository; push it again");
    let mends = |damage, found: &[&str]| Case {
        damage,
        found: found.iter().map(|text| (*text).to_owned()).collect(),
        left: vec![],
    };
    let write = |path: &str, text| Damage::Write(path.to_owned(), text);
    let remove = |path: &str| Damage::Remove(path.to_owned());
    let relink = |path: &str, to| format!("{path}: the link does not hold {to} (a repair would link it to {to})");
    let dangles = |path: &str| format!("{path}: what it links is gone (a repair would remove the link)");
    let lost_layer = || {
        vec![
            dangles(&layer_link),
            dangles(&format!("{ROOT}/repositories/b/c/_layers/sha256/{}/link", layer.hex())),
            lacks(&layer),
        ]
    };
    let damaged =
        |digest: &_, size| format!("blob {digest}: its {size} bytes are not those of this digest; push it again");
    let lost_manifest = vec![
        dangles(&revision),
        dangles(&entry),
        format!(
            "a:t: the tag points to {image}, which the repository does not have; push it again, or delete the tag (a repair would remove the tag)"
        ),
    ];
    vec![
        mends(write(&layer_link, ""), &[&relink(&layer_link, &layer)]),
        mends(write(&layer_link, "sha256:cut"), &[&relink(&layer_link, &layer)]),
        mends(
            write(&layer_link, "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
            &[&relink(&layer_link, &layer)],
        ),
        mends(write(&revision, ""), &[&relink(&revision, &image)]),
        mends(write(&entry, ""), &[&relink(&entry, &image)]),
        mends(write(&referrer, "x"), &[&relink(&referrer, &about)]),
        mends(write(&tag, ""), &["a:t: the tag points to nothing", "a repair would link it to"]),
        mends(remove(&tag), &["a:t: the tag points to nothing"]),
        mends(remove(&referrer), &[&format!("a@{about}: the list of {image}'s referrers lacks it")]),
        mends(remove(&format!("{repository}/_manifests/referrers")), &["'s referrers lacks it"]),
        mends(write(&format!("{repository}/_uploads/u1/data"), "half"), &["a: upload u1 has no readable start"]),
        mends(write(&format!("{repository}/_uploads/u1/startedat"), "soon"), &["a: upload u1 has no readable start"]),
        // A link that was removed by itself is no damage, as distribution leaves its directory; but then the image lacks it.
        Case { damage: remove(&layer_link), found: vec![lacks(&layer)], left: vec![lacks(&layer)] },
        Case { damage: remove(&blob("layer")), found: lost_layer(), left: vec![lacks(&layer)] },
        Case {
            damage: write(&blob("layer"), ""),
            found: [vec![damaged(&layer, 0)], lost_layer()].concat(),
            left: vec![lacks(&layer)],
        },
        Case {
            damage: write(&blob("config"), "other"),
            found: vec![damaged(&config, 5), "what it links is gone".into(), lacks(&config)],
            left: vec![lacks(&config)],
        },
        Case {
            damage: write(&blob(&self::image("config", &["layer"])), "{}"),
            found: [vec![damaged(&image, 2)], lost_manifest.clone()].concat(),
            left: vec![],
        },
        Case { damage: remove(&blob(&self::image("config", &["layer"]))), found: lost_manifest, left: vec![] },
    ]
}

#[tokio::test]
async fn every_kind_of_damage_is_found_and_mended_as_far_as_it_can_be_known() {
    for Case { damage, found, left } in cases() {
        let house = sound().await;
        let what = match damage {
            Damage::Write(path, content) => {
                house.write(&path, content).await;
                format!("{content:?} in {path}")
            }
            Damage::Remove(path) => {
                house.driver.delete(&StoragePath::new(&path).unwrap()).await.unwrap();
                format!("{path} removed")
            }
        };
        let (files, bytes) = (house.files().await, whole_bytes(&house).await);
        let looked = check(&house, LOOK).await;
        let sentences = said(&looked);
        for part in &found {
            assert!(sentences.iter().any(|sentence| sentence.contains(part)), "{what}: {part} in {sentences:#?}");
        }
        assert!(!sentences.is_empty() && looked.findings.iter().all(|finding| !finding.repaired), "{what}");
        assert_eq!(house.files().await, files, "{what}: looking changes nothing");

        let repaired = check(&house, FsckOptions { repair: true, ..LOOK }).await;
        let problems = |report: &FsckReport| report.findings.iter().map(|f| f.problem.clone()).collect::<Vec<_>>();
        assert_eq!(problems(&repaired), problems(&looked), "{what}: a look says what a repair will do");
        assert!(repaired.findings.iter().all(|finding| finding.repaired == finding.remedy.is_some()), "{what}");
        assert!(whole_bytes(&house).await.is_superset(&bytes), "{what}: a repair loses no bytes");
        assert_eq!(said(&check(&house, DEEP).await), left, "{what}: after the repair");
    }
}

#[tokio::test]
async fn only_a_deep_check_reads_what_has_the_right_size() {
    let house = sound().await;
    let digest = sha256("{}");
    house.write(&format!("/docker/registry/v2/blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex()), "[]").await;
    house.push("a", "1").await;
    let digest = house.push("a", "x").await;
    let document = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#,
        descriptor("application/vnd.oci.image.config.v1+json", &digest)
    );
    house.put("a", Some("one"), OCI, &document).await;
    house.write(&format!("/docker/registry/v2/blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex()), "y").await;
    let damaged = format!("blob {digest}: its 1 bytes");
    let finds = |report: &FsckReport| said(report).iter().any(|sentence| sentence.starts_with(&damaged));
    assert!(!finds(&check(&house, LOOK).await));
    assert!(finds(&check(&house, DEEP).await));
}

#[tokio::test]
async fn a_tag_with_a_history_is_not_guessed() {
    let house = sound().await;
    house.push_image("a", Some("t"), "other", &["layer"]).await;
    house.write("/docker/registry/v2/repositories/a/_manifests/tags/t/current/link", "").await;
    let report = check(&house, FsckOptions { repair: true, deep: false }).await;
    assert_eq!(said(&report), ["a:t: the tag points to nothing; push it again, or delete it"]);
}

#[tokio::test]
async fn what_a_sparse_index_or_a_foreign_layer_leaves_out_is_no_finding() {
    let house = sound().await;
    house.put("a", Some("sparse"), INDEX, &index(&[&sha256("elsewhere")])).await;
    assert_eq!(said(&check(&house, DEEP).await), [""; 0]);
}

#[tokio::test]
async fn bytes_that_are_no_manifest_are_named_and_left() {
    let house = sound().await;
    let digest = house.push("a", "no manifest").await;
    let link = format!("/docker/registry/v2/repositories/a/_manifests/revisions/sha256/{}/link", digest.hex());
    house.write(&link, digest.as_str()).await;
    let report = check(&house, FsckOptions { repair: true, deep: true }).await;
    assert_eq!(
        said(&report),
        [format!(
            "a@{digest}: this is no manifest: it is not one JSON object; if nobody needs it, delete it by its digest"
        )]
    );
}
