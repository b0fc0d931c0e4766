//! Sequences on which registries are known to fail, run on ours in lockstep with the model.
//!
//! Each step says what must be seen, in one word, and the model says the rest; at the end the directory is compared with the
//! model's state. Where a known failure would be a wrong answer, that step says so.

#![allow(clippy::unwrap_used, reason = "tests fail by it; clippy knows only the functions marked as tests")]

use std::sync::Arc;

use bytes::Bytes;
use proofhouse::campaign::Step;
use proofhouse::lockstep;
use proofhouse::target::{EmbeddedTarget, Target as _};
use proofhouse_model::{Content, Deny, Dialect, Op, Options, Outcome, Platform, Specification, UploadRef, digest_of};
use proofhouse_registry::api::{Api, ApiConfig, Body, GcOptions};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{Filesystem, FilesystemOptions, Offload};
use proofhouse_tests::documents::{OCI_IMAGE, OCI_INDEX, descriptor, image, sha256};

/// Runs the steps, and panics at the first answer that the model does not permit or the step does not expect.
async fn holds(options: Options, steps: Vec<(Op, &str)>) -> Vec<Outcome> {
    let mut target = EmbeddedTarget::default();
    let specification = Specification::new(Dialect::Proofhouse, options).unwrap();
    let (ops, expected): (Vec<Op>, Vec<&str>) = steps.into_iter().unzip();
    let replay = lockstep::replay(&ops, specification, &mut target).await.unwrap();
    let last = replay.steps.len().saturating_sub(1);
    let mut outcomes = Vec::new();
    for (at, (step, expected)) in replay.steps.into_iter().zip(expected).enumerate() {
        let Step { op, outcome } = step;
        if let Some(violation) = replay.violation.as_ref().filter(|_| at == last) {
            panic!("step {at}, {op:?}:\n{violation}");
        }
        assert_eq!(outcome.class_name(), expected, "step {at}, {op:?}: {outcome:?}");
        outcomes.push(outcome);
    }
    let differences = target.inspect(replay.model.state()).await.expect("it is on disk");
    assert!(differences.is_empty(), "{differences:#?}");
    outcomes
}

/// With deletion on.
fn deletes() -> Options {
    Options { delete: true, ..Options::default() }
}

fn index(entries: &[&str]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| descriptor(OCI_IMAGE, entry, "")).collect();
    format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","))
}

/// As a member of an image, after a comma.
fn subject(manifest: &str) -> String {
    format!(r#","subject":{}"#, descriptor(OCI_IMAGE, manifest, ""))
}

fn push(repo: &str, content: &str) -> (Op, &'static str) {
    let (repo, digest, bytes) = (repo.to_owned(), sha256(content), Content::from(content));
    (Op::PutBlob { repo, digest, bytes, upload: UploadRef(1_000) }, "BlobStored")
}

fn get(repo: &str, content: &str) -> Op {
    Op::GetBlob { repo: repo.into(), digest: sha256(content), range: None }
}

/// Under a tag.
fn tagged(repo: &str, tag: &str, kind: &str, document: &str) -> Op {
    let (repo, reference, content_type) = (repo.to_owned(), tag.to_owned(), Some(kind.to_owned()));
    Op::PutManifest { repo, reference, content_type, tags: Vec::new(), bytes: document.into() }
}

/// Under nothing but its digest.
fn untagged(repo: &str, kind: &str, document: &str) -> Op {
    tagged(repo, &sha256(document), kind, document)
}

fn manifest(repo: &str, document: &str) -> Op {
    Op::GetManifest { repo: repo.into(), reference: sha256(document) }
}

fn collect(delete_untagged: bool) -> Op {
    Op::CollectGarbage { delete_untagged, dry_run: false, grace_seconds: 0 }
}

fn remove(repo: &str) -> Op {
    Op::RemoveRepository { repo: repo.into() }
}

fn referrers(repo: &str, document: &str) -> Op {
    Op::Referrers { repo: repo.into(), digest: sha256(document), artifact_type: None }
}

fn names(outcome: &Outcome) -> Vec<&str> {
    match outcome {
        Outcome::Names { names, .. } => names.iter().map(String::as_str).collect(),
        other => panic!("{other:?} is no list of names"),
    }
}

#[tokio::test]
async fn the_children_of_a_tagged_index_outlive_a_collection_of_what_is_untagged() {
    let child = image("config", &["layer"], "");
    let inner = index(&[&child]);
    let outer = index(&[&inner]);
    let steps = vec![
        push("a", "config"),
        push("a", "layer"),
        (untagged("a", OCI_IMAGE, &child), "ManifestStored"),
        (untagged("a", OCI_INDEX, &inner), "ManifestStored"),
        (tagged("a", "latest", OCI_INDEX, &outer), "ManifestStored"),
        // Distribution 2.8 removes the children: no tag points to them.
        (collect(true), "Collected nothing"),
        (manifest("a", &inner), "Manifest"),
        (manifest("a", &child), "Manifest"),
        (get("a", "layer"), "Blob"),
        (get("a", "config"), "Blob"),
    ];
    holds(deletes(), steps).await;
}

#[tokio::test]
async fn a_child_that_only_another_repositorys_index_names_goes_whole_from_where_it_is_untagged() {
    let child = image("config", &["layer"], "");
    let sparse = index(&[&child]);
    let steps = vec![
        push("a", "config"),
        push("a", "layer"),
        (untagged("a", OCI_IMAGE, &child), "ManifestStored"),
        // Index validation is off: `b` need not have the child.
        (tagged("b", "latest", OCI_INDEX, &sparse), "ManifestStored"),
        // The index of `b` names the child's bytes; distribution then keeps its link in `a` and sweeps its layers.
        (collect(true), "Collected manifests"),
        (manifest("a", &child), "Refused MANIFEST_UNKNOWN"),
        (get("a", "layer"), "Refused BLOB_UNKNOWN"),
        (manifest("b", &sparse), "Manifest"),
        (manifest("b", &child), "Refused MANIFEST_UNKNOWN"),
    ];
    holds(deletes(), steps).await;
}

#[tokio::test]
async fn a_child_tagged_in_one_repository_and_named_by_an_index_of_another_keeps_its_layers_in_both() {
    let child = image("config", &["layer"], "");
    let list = index(&[&child]);
    let mount = |content: &str| {
        let (digest, from) = (sha256(content), Some("a".to_owned()));
        (Op::MountBlob { repo: "b".into(), digest, from, upload: UploadRef(7) }, "BlobStored")
    };
    let steps = vec![
        push("a", "config"),
        push("a", "layer"),
        (untagged("a", OCI_IMAGE, &child), "ManifestStored"),
        mount("config"),
        mount("layer"),
        (untagged("b", OCI_IMAGE, &child), "ManifestStored"),
        (tagged("b", "latest", OCI_INDEX, &list), "ManifestStored"),
        (collect(true), "Collected manifests"),
        (manifest("a", &child), "Refused MANIFEST_UNKNOWN"),
        (manifest("b", &child), "Manifest"),
        (get("b", "config"), "Blob"),
        (get("b", "layer"), "Blob"),
    ];
    holds(deletes(), steps).await;
}

#[tokio::test]
async fn the_referrers_of_a_subject_that_stays_outlive_a_collection_of_what_is_untagged() {
    let base = image("config", &["layer"], "");
    let signature = image("{}", &["signature"], &subject(&base));
    let countersignature = image("{}", &["countersignature"], &subject(&signature));
    let lone = image("{}", &["lone"], &subject("no manifest that was ever pushed"));
    let steps = vec![
        push("a", "config"),
        push("a", "layer"),
        push("a", "{}"),
        push("a", "signature"),
        push("a", "countersignature"),
        push("a", "lone"),
        (tagged("a", "latest", OCI_IMAGE, &base), "ManifestStored"),
        (untagged("a", OCI_IMAGE, &signature), "ManifestStored subject"),
        (untagged("a", OCI_IMAGE, &countersignature), "ManifestStored subject"),
        (untagged("a", OCI_IMAGE, &lone), "ManifestStored subject"),
        // Only the one whose subject is not there goes. Distribution removes all three.
        (collect(true), "Collected manifests"),
        (referrers("a", &base), "Referrers"),
        (referrers("a", &signature), "Referrers"),
        (get("a", "signature"), "Blob"),
        (get("a", "countersignature"), "Blob"),
        (manifest("a", &lone), "Refused MANIFEST_UNKNOWN"),
        (get("a", "lone"), "Refused BLOB_UNKNOWN"),
    ];
    let outcomes = holds(deletes(), steps).await;
    let gone = vec![("a".to_owned(), sha256(&lone))];
    assert!(outcomes.iter().any(|seen| matches!(seen, Outcome::Collected { manifests, .. } if *manifests == gone)));
}

#[tokio::test]
async fn a_subject_outlives_a_collection_as_long_as_a_tag_points_to_what_is_about_it() {
    let base = image("config", &["layer"], "");
    let signature = image("{}", &[], &subject(&base));
    let steps = vec![
        push("a", "config"),
        push("a", "layer"),
        push("a", "{}"),
        (untagged("a", OCI_IMAGE, &base), "ManifestStored"),
        (tagged("a", "signature", OCI_IMAGE, &signature), "ManifestStored subject"),
        (collect(true), "Collected nothing"),
        (manifest("a", &base), "Manifest"),
        (get("a", "layer"), "Blob"),
    ];
    holds(deletes(), steps).await;
}

#[tokio::test]
async fn a_repository_that_never_had_a_tag_is_collected_and_stays_in_the_catalog() {
    let document = image("config", &["layer"], "");
    let tags = || Op::ListTags { repo: "a".into(), n: None, last: None };
    let steps = vec![
        push("a", "config"),
        push("a", "layer"),
        (untagged("a", OCI_IMAGE, &document), "ManifestStored"),
        // There is no directory of tags. Distribution answers 404, and its collection stops.
        (tags(), "Names none"),
        (collect(false), "Collected nothing"),
        (collect(true), "Collected manifests"),
        (manifest("a", &document), "Refused MANIFEST_UNKNOWN"),
        (get("a", "layer"), "Refused BLOB_UNKNOWN"),
        (tags(), "Names none"),
        (Op::ListRepositories { n: None, last: None }, "Names"),
        (Op::ListBlobs, "Digests"),
    ];
    let outcomes = holds(deletes(), steps).await;
    assert_eq!(outcomes.last(), Some(&Outcome::Digests { digests: Vec::new() }));
}

#[tokio::test]
async fn a_repository_that_holds_an_index_and_no_layers_is_collected() {
    let empty = index(&[]);
    let steps = vec![
        (tagged("a", "latest", OCI_INDEX, &empty), "ManifestStored"),
        (untagged("b", OCI_INDEX, &index(&[&empty])), "ManifestStored"),
        (Op::StartUpload { repo: "c".into(), upload: UploadRef(1) }, "Upload"),
        // `a` has no `_layers`, `c` neither `_layers` nor `_manifests`.
        (collect(false), "Collected nothing"),
        (collect(true), "Collected manifests"),
        (manifest("a", &empty), "Manifest"),
        (Op::UploadStatus { repo: "c".into(), upload: UploadRef(1) }, "Upload"),
    ];
    holds(deletes(), steps).await;
}

#[tokio::test]
async fn the_layers_directory_may_be_gone_altogether() {
    let directory = tempfile::tempdir().unwrap();
    let options = FilesystemOptions { fsync: false, offload: Offload::Inline, ..FilesystemOptions::default() };
    let driver = Arc::new(Filesystem::new(directory.path(), options));
    let registry = RegistryBuilder::new(driver).enable_delete().build().unwrap();
    let api = Api::new(registry, ApiConfig::default());
    let document = image("config", &["layer"], "");
    for content in ["config", "layer"] {
        let body = Body::from(Bytes::from_static(content.as_bytes()));
        api.put_blob("a", &sha256(content), body).await.unwrap();
    }
    let bytes = Bytes::copy_from_slice(document.as_bytes());
    api.put_manifest("a", "latest", Some(OCI_IMAGE), &[], bytes).await.unwrap();
    std::fs::remove_dir_all(directory.path().join("docker/registry/v2/repositories/a/_layers")).unwrap();

    // Distribution's collection stops here: the directory is not found.
    let collection = GcOptions { delete_untagged: true, dry_run: false, grace_seconds: 0 };
    let report = api.collect_garbage(collection).await.unwrap();
    assert!(report.manifests.is_empty() && report.blobs.is_empty(), "{report:?}");
    assert_eq!(api.get_manifest("a", "latest").await.unwrap().bytes, document.as_bytes());
}

#[tokio::test]
async fn an_entry_without_platform_need_not_exist_when_there_is_a_filter() {
    let present = image("config", &[], "");
    let platform = |architecture| format!(r#","platform":{{"architecture":"{architecture}","os":"linux"}}"#);
    let listing = |amd64: &str| {
        let entries = [
            descriptor(OCI_IMAGE, amd64, &platform("amd64")),
            descriptor(OCI_IMAGE, "missing, for another platform", &platform("arm64")),
            descriptor(OCI_IMAGE, "missing, and no platform", ""),
            descriptor(OCI_IMAGE, "missing, and null", r#","platform":null"#),
            descriptor(OCI_IMAGE, "missing, and an empty platform", r#","platform":{}"#),
        ];
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","))
    };
    let filter = vec![Platform { architecture: "amd64".into(), os: "linux".into() }];
    let steps = |last| {
        vec![
            push("a", "config"),
            (untagged("a", OCI_IMAGE, &present), "ManifestStored"),
            (tagged("a", "lacking", OCI_INDEX, &listing("missing, and selected")), "Refused MANIFEST_BLOB_UNKNOWN"),
            // Distribution 3 looks into the platform that is not there.
            (tagged("a", "sparse", OCI_INDEX, &listing(&present)), last),
        ]
    };
    let options = Options { validate_index: true, platforms: filter, ..Options::default() };
    holds(options, steps("ManifestStored")).await;
    // Without a filter, every entry must exist.
    holds(Options { validate_index: true, ..Options::default() }, steps("Refused MANIFEST_BLOB_UNKNOWN")).await;
}

#[tokio::test]
async fn removing_a_repository_keeps_those_nested_below_it() {
    let document = image("config", &["layer"], "");
    let mut steps = Vec::new();
    for repo in ["zz", "zz/a", "zz/a/b"] {
        steps.push(push(repo, "config"));
        steps.push(push(repo, "layer"));
        steps.push((tagged(repo, "latest", OCI_IMAGE, &document), "ManifestStored"));
    }
    steps.extend([
        // Distribution removes the directory with all that is in it.
        (remove("zz"), "Done"),
        (manifest("zz", &document), "Refused MANIFEST_UNKNOWN"),
        (get("zz", "layer"), "Refused BLOB_UNKNOWN"),
        (manifest("zz/a", &document), "Manifest"),
        (remove("zz/a"), "Done"),
        (manifest("zz/a/b", &document), "Manifest"),
        (get("zz/a/b", "layer"), "Blob"),
        (Op::ListTags { repo: "zz/a/b".into(), n: None, last: None }, "Names"),
        (remove("zz"), "Refused NAME_UNKNOWN"),
        (Op::ListRepositories { n: None, last: None }, "Names"),
    ]);
    let outcomes = holds(deletes(), steps).await;
    assert_eq!(names(outcomes.last().unwrap()), ["zz/a/b"]);
}

#[tokio::test]
async fn a_walk_over_the_catalog_visits_every_nested_name_once_whatever_the_page() {
    let empty = index(&[]);
    let sorted = ["a/b/c", "zz", "zz/a", "zz/a/b", "zz/b", "zz-b", "zz.b", "zz_c", "zza"];
    for n in 1..=10 {
        // Pushed from the last to the first: no order on disk is the order of the catalog.
        let mut steps: Vec<_> =
            sorted.iter().rev().map(|repo| (tagged(repo, "latest", OCI_INDEX, &empty), "ManifestStored")).collect();
        // Has no manifest, so it is not listed, though `b/c` would sort before all of `zz`.
        steps.push(push("b/c", "layer"));
        steps.push((Op::WalkRepositories { n }, "Names"));
        let outcomes = holds(Options::default(), steps).await;
        assert_eq!(names(outcomes.last().unwrap()), sorted);
    }
}

#[tokio::test]
async fn a_walk_goes_on_from_a_name_that_is_no_repository() {
    let empty = index(&[]);
    let mut steps: Vec<_> =
        ["zz/a", "zz-b", "zz"].map(|repo| (tagged(repo, "latest", OCI_INDEX, &empty), "ManifestStored")).into();
    let after = |last: &str| Op::ListRepositories { n: Some("1".into()), last: Some(last.to_owned()) };
    steps.extend([(after("zz/"), "Names more"), (after("zz/z"), "Names"), (after("zz-b"), "Names none")]);
    let outcomes = holds(Options::default(), steps).await;
    assert_eq!(names(&outcomes[3]), ["zz/a"]);
    assert_eq!(names(&outcomes[4]), ["zz-b"]);
}

#[tokio::test]
async fn sha512_holds_from_the_first_chunk_to_the_collection() {
    let sha512 = |content: &str| digest_of("sha512", content.as_bytes());
    let wide = |media_type: &str, content: &str| {
        format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#, sha512(content), content.len())
    };
    let config = wide("application/vnd.oci.image.config.v1+json", "config");
    let layer = wide("application/vnd.oci.image.layer.v1.tar", "chunk and chunk");
    let document = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
    let list = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, wide(OCI_IMAGE, &document));
    let about = image("{}", &[], &format!(r#","subject":{}"#, wide(OCI_IMAGE, &document)));
    let (repo, upload, a) = ("a".to_owned(), UploadRef(1), || "a".to_owned());
    let chunk = |range, bytes: &str| Op::Append { repo: a(), upload, range, bytes: bytes.into() };
    let blob = |digest| Op::GetBlob { repo: a(), digest, range: None };
    let fetch = |reference| Op::GetManifest { repo: a(), reference };
    let steps = vec![
        (
            Op::PutBlob { repo: a(), digest: sha512("config"), bytes: "config".into(), upload: UploadRef(9) },
            "BlobStored",
        ),
        (Op::StartUpload { repo, upload }, "Upload"),
        (chunk(Some((0, 5)), "chunk "), "Upload"),
        (Op::Restart, "Done"),
        (chunk(Some((6, 9)), "and "), "Upload"),
        (
            Op::FinishUpload {
                repo: a(),
                upload,
                digest: Some(sha512("chunk and chunk")),
                range: None,
                bytes: "chunk".into(),
            },
            "BlobStored",
        ),
        (blob(sha512("chunk and chunk")), "Blob"),
        // What is stored under one algorithm is not found under the other.
        (blob(sha256("chunk and chunk")), "Refused BLOB_UNKNOWN"),
        (tagged("a", &sha512(&document), OCI_IMAGE, &document), "ManifestStored"),
        push("a", "{}"),
        (untagged("a", OCI_IMAGE, &about), "ManifestStored subject"),
        (tagged("a", "latest", OCI_INDEX, &list), "ManifestStored"),
        (collect(true), "Collected nothing"),
        (fetch(sha512(&document)), "Manifest"),
        (fetch(sha256(&document)), "Refused MANIFEST_UNKNOWN"),
        (blob(sha512("config")), "Blob"),
        (blob(sha512("chunk and chunk")), "Blob"),
        (Op::Referrers { repo: a(), digest: sha512(&document), artifact_type: None }, "Referrers"),
        (Op::DeleteManifest { repo: a(), reference: "latest".into() }, "Done"),
        (collect(true), "Collected manifests"),
        (fetch(sha512(&document)), "Refused MANIFEST_UNKNOWN"),
        (Op::ListBlobs, "Digests"),
    ];
    let outcomes = holds(deletes(), steps).await;
    assert_eq!(outcomes.last(), Some(&Outcome::Digests { digests: Vec::new() }));
}

#[tokio::test]
async fn an_upload_stays_open_with_its_last_chunk_after_a_wrong_digest() {
    for digest_resumption in [true, false] {
        let (repo, upload) = (|| "a".to_owned(), UploadRef(1));
        let finish = |digest: Option<String>, bytes: &str| Op::FinishUpload {
            repo: repo(),
            upload,
            digest,
            range: None,
            bytes: bytes.into(),
        };
        let steps = vec![
            (Op::StartUpload { repo: repo(), upload }, "Upload"),
            (Op::Append { repo: repo(), upload, range: None, bytes: "first, ".into() }, "Upload"),
            // Nothing of these is appended.
            (finish(None, "lost"), "Refused DIGEST_INVALID"),
            (finish(Some("sha256:short".into()), "lost"), "Refused DIGEST_INVALID"),
            // This is.
            (finish(Some(sha256("another")), "last"), "Refused DIGEST_INVALID"),
            (get("a", "another"), "Refused BLOB_UNKNOWN"),
            (Op::ListBlobs, "Digests"),
            (Op::Restart, "Done"),
            (Op::UploadStatus { repo: repo(), upload }, "Upload"),
            (finish(Some(sha256("first, last")), ""), "BlobStored"),
            (get("a", "first, last"), "Blob"),
            (Op::UploadStatus { repo: repo(), upload }, "Refused BLOB_UPLOAD_UNKNOWN"),
        ];
        let outcomes = holds(Options { digest_resumption, ..Options::default() }, steps).await;
        assert!(matches!(outcomes[8], Outcome::Upload { size: 11, .. }), "{:?}", outcomes[8]);
    }
}

#[tokio::test]
async fn a_finish_looks_for_the_upload_before_it_reads_the_digest_and_names_an_empty_one() {
    let finish = |repo: &str, digest: Option<&str>| {
        let (repo, digest) = (repo.to_owned(), digest.map(str::to_owned));
        Op::FinishUpload { repo, upload: UploadRef(1), digest, range: None, bytes: Content::default() }
    };
    let steps = vec![
        (finish("Library", Some("")), "Refused NAME_INVALID"),
        (finish("a", Some("")), "Refused BLOB_UPLOAD_UNKNOWN"),
        (Op::StartUpload { repo: "a".into(), upload: UploadRef(1) }, "Upload"),
        (finish("a", Some("")), "Refused DIGEST_INVALID"),
        (finish("a", None), "Refused DIGEST_INVALID"),
    ];
    let outcomes = holds(deletes(), steps).await;
    let detail = |at: usize| match &outcomes[at] {
        Outcome::Refused { errors, .. } => errors[0].detail.as_deref(),
        other => panic!("{other:?} is no refusal"),
    };
    assert_eq!([detail(3), detail(4)], [Some(""), None]);
}

#[tokio::test]
async fn a_repository_is_known_to_removal_from_its_first_upload() {
    let (repo, upload) = (|| "new".to_owned(), UploadRef(1));
    let steps = vec![
        (remove("new"), "Refused NAME_UNKNOWN"),
        (Op::StartUpload { repo: repo(), upload }, "Upload"),
        (Op::CancelUpload { repo: repo(), upload }, "Done"),
        (remove("new"), "Done"),
        (remove("new"), "Refused NAME_UNKNOWN"),
    ];
    let outcomes = holds(deletes(), steps).await;
    assert!(matches!(&outcomes[0], Outcome::Refused { errors, .. } if errors[0].detail.as_deref() == Some("new")));
}

#[tokio::test]
async fn access_control_is_not_asked_about_lists_of_referrers() {
    let about = image("config", &[], "");
    let signature = image("config", &[], &subject(&about));
    for hidden in [&about, &signature] {
        let deny = Some(Deny { repo: "a".into(), digest: sha256(hidden) });
        let steps = vec![
            push("a", "config"),
            (untagged("a", OCI_IMAGE, &about), "ManifestStored"),
            (untagged("a", OCI_IMAGE, &signature), "ManifestStored subject"),
            (manifest("a", hidden), "Refused DENIED"),
            (referrers("a", &about), "Referrers"),
        ];
        holds(Options { deny, ..deletes() }, steps).await;
    }
}

#[tokio::test]
async fn a_refused_push_makes_no_repository() {
    // The second is more than the registry holds in memory.
    for bytes in [Content::from("content"), Content::from("content ".repeat(10_000).as_str())] {
        let (repo, digest) = ("new".into(), sha256("something else"));
        let put = Op::PutBlob { repo, digest, bytes, upload: UploadRef(0) };
        holds(deletes(), vec![(put, "Refused DIGEST_INVALID"), (remove("new"), "Refused NAME_UNKNOWN")]).await;
    }
}
