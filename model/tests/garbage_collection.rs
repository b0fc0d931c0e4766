//! Garbage collection: what can be fetched after it can be fetched with everything of it that could be fetched before.

mod common;

use common::*;
use proofhouse_model::*;

fn dry(delete_untagged: bool) -> Op {
    Op::CollectGarbage { delete_untagged, dry_run: true, grace_seconds: 0 }
}

/// An image whose config and layer bear its name, pushed by digest.
fn untagged(r: &mut Registry, repo: &str, name: &str) -> Document {
    r.push_blob(repo, &format!("{name} config"));
    r.push_blob(repo, &format!("{name} layer"));
    let image = parts(name);
    r.push(repo, &image.digest(), &image);
    image
}

fn parts(name: &str) -> Document {
    image(&format!("{name} config"), &[&format!("{name} layer")])
}

/// What a collection sweeps of an image that goes whole.
fn whole(name: &str) -> [String; 3] {
    [parts(name).digest(), sha256(&format!("{name} config")), sha256(&format!("{name} layer"))]
}

/// The manifest, its config and its layer can be read.
fn is_whole(r: &mut Registry, repo: &str, name: &str) -> bool {
    let config = r.has_blob(repo, &format!("{name} config"));
    let layer = r.has_blob(repo, &format!("{name} layer"));
    r.has(repo, &parts(name).digest()) && config && layer
}

#[test]
fn blobs_that_no_manifest_names_are_swept_with_their_links_and_no_other() {
    let mut r = ours();
    untagged(&mut r, "a", "kept");
    let loose = r.push_blob("a", "loose");
    r.push_blob("b", "loose");
    r.push_blob("b", "kept layer");
    assert_eq!(r.does(collect(false, 0)), collected(&[], &[&loose]));
    assert!(!r.has_blob("a", "loose") && !r.has_blob("b", "loose"));
    assert!(is_whole(&mut r, "a", "kept"));
    assert!(r.has_blob("b", "kept layer"), "a blob that is named in another repository stays in this one");
    assert_eq!(r.does(collect(false, 0)), collected(&[], &[]), "and again there is nothing left");
}

#[test]
fn a_collection_that_takes_more_or_less_is_wrong() {
    let mut r = ours();
    untagged(&mut r, "a", "kept");
    let loose = r.push_blob("a", "loose");
    let layer = sha256("kept layer");
    for wrong in [collected(&[], &[]), collected(&[], &[&loose, &layer]), collected(&[("a", &loose)], &[&loose])] {
        assert_eq!(r.rejects(collect(false, 0), wrong), "gc.blobs");
    }
}

#[test]
fn a_manifest_that_was_deleted_goes_with_everything_that_only_it_named() {
    let mut r = ours();
    let gone = untagged(&mut r, "a", "gone");
    r.push_blob("a", "kept config");
    let kept = image("kept config", &["gone layer"]);
    r.push("a", "v1", &kept);
    r.does(delete_manifest("a", &gone.digest()));
    let swept = [gone.digest(), sha256("gone config")];
    assert_eq!(r.does(collect(false, 0)), collected(&[], &[&swept[0], &swept[1]]));
    assert!(r.has_blob("a", "gone layer"), "the other image names it");
}

#[test]
fn without_delete_untagged_every_manifest_stays_whole() {
    let mut r = ours();
    untagged(&mut r, "a", "untagged");
    r.push_image("a", "v1", "config", &["layer"]);
    r.does(delete_manifest("a", "v1"));
    assert_eq!(r.does(collect(false, 0)), collected(&[], &[]));
    assert!(is_whole(&mut r, "a", "untagged"));
}

#[test]
fn with_delete_untagged_exactly_the_manifests_that_no_tag_reaches_go_each_whole() {
    let mut r = ours();
    let [manifest, config, layer] = whole("untagged");
    untagged(&mut r, "a", "untagged");
    let tagged = untagged(&mut r, "a", "tagged");
    r.push("a", "v1", &tagged);
    let removed = collected(&[("a", &manifest)], &[&manifest, &config, &layer]);
    assert_eq!(r.rule(collect(true, 0)), "gc.untagged");
    assert_eq!(r.does(get_manifest("a", &manifest)), manifest_unknown(&manifest));
    assert!(is_whole(&mut r, "a", "tagged"));
    untagged(&mut r, "a", "untagged");
    assert_eq!(r.does(collect(true, 0)), removed, "the same, pushed again");
}

#[test]
fn a_repository_that_was_never_tagged_is_emptied_and_stays_listed() {
    let mut r = ours();
    let [manifest, config, layer] = whole("image");
    untagged(&mut r, "a", "image");
    let blob = r.push_blob("b", "only a blob");
    let all = collected(&[("a", &manifest)], &[&manifest, &config, &layer, &blob]);
    assert_eq!(r.does(collect(true, 0)), all);
    assert_eq!(r.does(catalog(None, None)), names(&["a"], false));
}

#[test]
fn a_manifest_that_a_tag_left_goes_and_with_it_the_memory_of_the_tag() {
    let mut r = ours();
    let old = untagged(&mut r, "a", "old");
    let new = untagged(&mut r, "a", "new");
    r.push("a", "v1", &old);
    r.push("a", "v1", &new);
    assert_eq!(r.does(tag_history("a", "v1")), digests(&[&old.digest(), &new.digest()]));
    assert!(matches!(r.does(collect(true, 0)), Outcome::Collected { manifests, .. } if manifests.len() == 1));
    assert_eq!(r.does(tag_history("a", "v1")), digests(&[&new.digest()]));
}

#[test]
fn the_entries_of_an_index_that_stays_stay_whole_at_any_depth() {
    let mut r = ours();
    let child = untagged(&mut r, "a", "child");
    let inner = index(&[entry(&child, None)]);
    let outer = index(&[entry(&inner, None)]);
    r.push("a", &inner.digest(), &inner);
    r.push("a", "v1", &outer);
    for delete_untagged in [false, true] {
        assert_eq!(r.does(collect(delete_untagged, 0)), collected(&[], &[]));
        assert!(is_whole(&mut r, "a", "child") && r.has("a", &inner.digest()));
    }
    r.does(delete_manifest("a", "v1"));
    let (child, config, layer) = (child.digest(), sha256("child config"), sha256("child layer"));
    let manifests = [("a", &child), ("a", &inner.digest()), ("a", &outer.digest())];
    let all = collected(&manifests, &[&child, &config, &layer, &inner.digest(), &outer.digest()]);
    assert_eq!(r.does(collect(true, 0)), all, "and go with it");
}

#[test]
fn referrers_stay_with_their_subject_and_a_subject_with_its_referrer() {
    let mut r = ours();
    let subject = untagged(&mut r, "a", "subject");
    let signature = index(&[]).about(&subject);
    let signature_of_signature = index(&[]).with("x", 1.into()).about(&signature);
    for document in [&signature, &signature_of_signature] {
        r.push("a", &document.digest(), document);
    }
    r.push("a", "v1", &subject);
    assert_eq!(r.does(collect(true, 0)), collected(&[], &[]), "the subject is tagged");
    r.does(delete_manifest("a", "v1"));
    r.push("a", "sig", &signature_of_signature);
    assert_eq!(r.does(collect(true, 0)), collected(&[], &[]), "its referrer's referrer is");
    assert!(is_whole(&mut r, "a", "subject"));
    r.does(delete_manifest("a", "sig"));
    assert!(matches!(r.does(collect(true, 0)), Outcome::Collected { manifests, .. } if manifests.len() == 3));
}

#[test]
fn a_child_that_only_the_index_of_another_repository_names_goes_whole() {
    let mut r = ours();
    let [child, config, layer] = whole("child");
    let image = untagged(&mut r, "a", "child");
    r.push("b", "v1", &index(&[entry(&image, None)]));
    assert_eq!(r.does(collect(true, 0)), collected(&[("a", &child)], &[&child, &config, &layer]));
    assert!(r.has("b", "v1"), "the index, which is sparse, stays");
}

#[test]
fn a_child_that_stays_in_one_repository_keeps_its_blobs_though_it_goes_in_another() {
    let mut r = ours();
    let child = untagged(&mut r, "a", "child");
    untagged(&mut r, "b", "child");
    r.push("b", "v1", &index(&[entry(&child, None)]));
    assert_eq!(r.does(collect(true, 0)), collected(&[("a", &child.digest())], &[]));
    assert!(!r.has("a", &child.digest()) && is_whole(&mut r, "b", "child"));
    assert!(r.has_blob("a", "child layer"), "links to blobs that stay are left alone");
}

#[test]
fn the_order_of_repositories_and_digests_does_not_matter() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let mut r = ours();
        let child = untagged(&mut r, first, "child");
        untagged(&mut r, second, "child");
        r.push(second, "v1", &index(&[entry(&child, None)]));
        assert_eq!(r.does(collect(true, 0)), collected(&[(first, &child.digest())], &[]));
        assert!(is_whole(&mut r, second, "child"));
    }
}

#[test]
fn bytes_that_an_index_names_are_followed_even_where_no_repository_has_them_as_a_manifest() {
    let mut r = ours();
    let sparse = parts("blob");
    r.push_blob("a", &sparse.text());
    r.push_blob("a", "blob config");
    r.push_blob("a", "blob layer");
    r.push("b", "v1", &index(&[entry(&sparse, None)]));
    assert_eq!(r.does(collect(true, 0)), collected(&[], &[]));
    assert!(r.has_blob("a", "blob layer") && r.has_blob("a", &sparse.text()));
}

#[test]
fn what_an_index_names_as_a_config_or_a_subject_is_not_followed() {
    let mut r = ours();
    let inner = parts("inner");
    r.push_blob("a", &inner.text());
    let layer = r.push_blob("a", "inner layer");
    r.push_blob("a", "layer");
    r.push("a", "v1", &image(&inner.text(), &["layer"]));
    assert_eq!(r.does(collect(false, 0)), collected(&[], &[&layer]));
    assert!(r.has_blob("a", &inner.text()), "the bytes of a config stay");
}

#[test]
fn sha512_blobs_are_kept_for_the_manifest_that_names_them() {
    let mut r = ours();
    r.push_blob_as("a", "layer", &sha512("layer"));
    r.push_blob("a", "config");
    let mut image = image("config", &["layer"]);
    image.json["layers"][0]["digest"] = sha512("layer").into();
    r.push("a", "v1", &image);
    assert_eq!(r.does(collect(true, 0)), collected(&[], &[]));
    r.does(delete_manifest("a", &image.digest()));
    let swept = [image.digest(), sha512("layer"), sha256("config")];
    assert_eq!(r.does(collect(true, 0)), collected(&[], &[&swept[0], &swept[1], &swept[2]]));
}

#[test]
fn what_is_younger_than_the_grace_period_stays_with_all_that_it_reaches() {
    let mut r = ours();
    let blob = r.push_blob("a", "loose");
    let [manifest, config, layer] = whole("untagged");
    untagged(&mut r, "a", "untagged");
    r.wait(9);
    assert_eq!(r.does(collect(true, 10)), collected(&[], &[]), "an age of 9 is below 10");
    r.wait(1);
    assert_eq!(r.does(collect(true, 10)), collected(&[("a", &manifest)], &[&blob, &manifest, &config, &layer]));
}

#[test]
fn a_young_manifest_protects_old_blobs_and_old_manifests_that_it_reaches() {
    let mut r = ours();
    let child = untagged(&mut r, "a", "child");
    r.wait(100);
    let parent = index(&[entry(&child, None)]);
    r.push("a", &parent.digest(), &parent);
    assert_eq!(r.does(collect(true, 10)), collected(&[], &[]));
    assert!(is_whole(&mut r, "a", "child"));
}

#[test]
fn every_store_and_mount_makes_the_link_young_again_though_the_bytes_are_old() {
    for again in ["push", "mount"] {
        let mut r = ours();
        r.push_blob("a", "loose");
        r.wait(100);
        match again {
            "push" => drop(r.push_blob("b", "loose")),
            _ => drop(r.does(mount("b", &sha256("loose"), Some("a"), UploadRef(9)))),
        }
        assert_eq!(r.does(collect(false, 10)), collected(&[], &[]), "{again}");
        r.wait(10);
        assert_eq!(r.does(collect(false, 10)), collected(&[], &[&sha256("loose")]), "{again}");
    }
}

#[test]
fn a_manifest_that_is_pushed_again_is_young_again() {
    let mut r = ours();
    let image = untagged(&mut r, "a", "image");
    r.wait(100);
    r.push("a", &image.digest(), &image);
    assert_eq!(r.does(collect(true, 10)), collected(&[], &[]));
}

#[test]
fn with_a_grace_period_of_zero_nothing_is_young() {
    let mut r = ours();
    let blob = r.push_blob("a", "loose");
    assert_eq!(r.does(collect(false, 0)), collected(&[], &[&blob]));
}

#[test]
fn a_dry_run_answers_the_same_and_changes_nothing() {
    let mut r = ours();
    untagged(&mut r, "a", "untagged");
    r.push_blob("a", "loose");
    let before = r.model.state().clone();
    let answer = r.does(dry(true));
    assert_eq!(*r.model.state(), before);
    assert_eq!(r.does(collect(true, 0)), answer);
    assert_ne!(*r.model.state(), before);
}

#[test]
fn collection_needs_no_permission_to_delete_and_leaves_uploads_alone() {
    let mut r = ours_with(Options::default());
    let blob = r.push_blob("a", "loose");
    let upload = r.start("a");
    r.does(append("a", upload, None, "half"));
    assert_eq!(r.does(collect(true, 0)), collected(&[], &[&blob]));
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 4));
}

#[test]
fn time_alone_changes_nothing_and_never_runs_out() {
    let mut r = ours();
    let upload = r.start("a");
    let blob = r.push_blob("a", "loose");
    r.wait(u64::MAX);
    r.wait(u64::MAX);
    assert!(r.has_blob("a", "loose"));
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 0));
    assert_eq!(r.does(collect(false, u64::MAX)), collected(&[], &[&blob]));
}

#[test]
fn what_was_swept_can_be_pushed_again() {
    let mut r = ours();
    let blob = r.push_blob("a", "loose");
    r.does(collect(false, 0));
    assert_eq!(r.does(Op::ListBlobs), digests(&[]));
    r.push_blob("a", "loose");
    assert!(r.has_blob("a", "loose"));
    assert_eq!(r.does(Op::ListBlobs), digests(&[&blob]));
}
