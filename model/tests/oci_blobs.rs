//! What the OCI text leaves open of blobs, uploads and deletion: each MAY is permitted, and a registry is held to what it
//! chose.

mod common;

use common::*;
use proofhouse_model::*;

/// An answer that leaves the digest out.
fn without_digest(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Blob { size, body, .. } => Outcome::Blob { digest: None, size, body },
        Outcome::BlobStored { .. } => Outcome::BlobStored { digest: None },
        Outcome::Manifest { media_type, size, bytes, .. } => {
            Outcome::Manifest { digest: None, media_type, size, bytes }
        }
        Outcome::ManifestStored { subject, tags, .. } => Outcome::ManifestStored { digest: None, subject, tags },
        other => other,
    }
}

/// A registry of which it was said whether its blobs are shared.
fn sharing(shared_blobs: impl Into<Option<bool>>) -> Registry {
    registry(Dialect::Oci, Options { shared_blobs: shared_blobs.into(), ..deletable() })
}

// Answers.

#[test]
fn oci_says_only_should_of_the_digest_in_an_answer() {
    let mut r = oci();
    let upload = r.start("a");
    let stored = without_digest(blob_stored(&sha256("config")));
    r.permits(finish("a", upload, &sha256("config"), "config"), stored);
    r.permits(get_blob("a", &sha256("config")), without_digest(blob(&sha256("config"), "config")));
    let document = index(&[]);
    let stored = without_digest(manifest_stored(&document.digest(), None, &[]));
    r.permits(put_manifest("a", "v1", &document), stored);
    r.permits(get_manifest("a", "v1"), without_digest(manifest(&document)));
}

#[test]
fn oci_has_a_blob_named_by_any_of_its_digests_but_by_no_other() {
    let mut r = oci();
    r.push_blob("a", "layer");
    r.permits(get_blob("a", &sha256("layer")), blob(&sha512("layer"), "layer"));
    r.rejects(get_blob("a", &sha256("layer")), blob(&sha256("other"), "layer"));
    r.rejects(get_blob("a", &sha256("layer")), blob(&sha256("layer"), "other"));
    let upload = r.start("a");
    r.permits(finish("a", upload, &sha512("more"), "more"), blob_stored(&sha256("more")));
}

#[test]
fn oci_has_a_manifest_answer_to_the_digest_that_the_client_gave() {
    let mut r = oci();
    let document = index(&[]);
    let put = put_manifest("a", &document.digest(), &document);
    r.rejects(put.clone(), manifest_stored(&sha512(&document.text()), None, &[]));
    r.permits(put, manifest_stored(&document.digest(), None, &[]));
}

#[test]
fn oci_has_any_location_at_any_time() {
    let mut r = oci();
    let upload = r.start("a");
    let other = Outcome::Upload { id: "elsewhere".into(), size: 2 };
    r.permits(append("a", upload, Some((0, 1)), "xy"), other.clone());
    r.permits(status("a", upload), other);
    let second = r.fresh();
    r.permits(Op::StartUpload { repo: "a".into(), upload: second }, Outcome::Upload { id: "id-1".into(), size: 0 });
}

#[test]
fn oci_ties_codes_to_what_is_unknown_and_statuses_to_little_else() {
    let mut r = oci();
    for seen in [refused(404, Code::BlobUnknown, None), refused(404, Code::NameUnknown, Some("anything")), bare(404)] {
        r.permits(get_blob("a", &sha256("x")), seen);
    }
    r.rejects(get_blob("a", &sha256("x")), refused(404, Code::ManifestUnknown, None));
    r.rejects(get_blob("a", &sha256("x")), bare(400));
    r.rejects(get_blob("a", &sha256("x")), bare(500));
    for class in [400, 404] {
        r.permits(get_blob("A", &sha256("x")), bare(class));
        r.permits(get_manifest("a", "sha256:x"), bare(class));
        r.permits(get_manifest("a", ".x"), bare(class));
    }
}

// Choices that a registry keeps to.

#[test]
fn oci_lets_blobs_be_shared_by_all_repositories_or_by_none() {
    for shared in [true, false] {
        let mut r = oci();
        r.push_blob("a", "one");
        r.push_blob("a", "other");
        let see = |text: &str, shared| if shared { blob(&sha256(text), text) } else { bare(404) };
        r.permits_both(get_blob("b", &sha256("one")), see("one", true), see("one", false));
        r.permits(get_blob("b", &sha256("one")), see("one", shared));
        r.rejects(get_blob("b", &sha256("other")), see("other", !shared));
        r.permits(get_blob("b", &sha256("other")), see("other", shared));
        r.permits(head_blob("b", &sha256("nothing")), bare(404));
    }
}

#[test]
fn what_is_shared_may_have_been_there_before_and_is_sound_all_the_same() {
    let mut r = oci();
    let (get, digest) = (get_blob("a", &sha256("left")), sha256("left"));
    r.permits_both(get.clone(), blob(&digest, "left"), bare(404));
    r.permits(head_blob("a", &digest), blob_head(&digest, "of any size"));
    r.permits(get_part("a", &digest, Range::From(1)), blob_part(&digest, 4, (1, 3), "eft"));
    r.permits(get_part("a", &digest, Range::From(9)), bare(416));
    r.rejects(get.clone(), blob(&digest, "right"));
    r.rejects(get.clone(), blob(&sha256("right"), "left"));
    r.rejects(get.clone(), blob_part(&digest, 4, (1, 3), "eft"));
    r.rejects(get_part("a", &digest, Range::From(1)), blob_part(&digest, 4, (1, 4), "eft"));
    r.rejects(get_part("a", &digest, Range::From(1)), blob_part(&digest, 3, (1, 3), "eft"));
    // It may be gone again, but whoever has this one has all.
    r.permits(get, bare(404));
    r.push_blob("a", "mine");
    r.rejects(get_blob("b", &sha256("mine")), bare(404));
}

#[test]
fn what_one_repository_alone_has_is_not_elsewhere_and_then_nothing_is() {
    let left = |r: &mut Registry| {
        r.rejects(get_blob("a", &sha256("left")), blob(&sha256("left"), "left"));
        r.rejects(head_blob("a", &sha256("left")), blob_head(&sha256("left"), "left"));
        let upload = r.fresh();
        r.rejects(mount("a", &sha256("left"), Some("b"), upload), blob_stored(&sha256("left")));
    };
    let mut seen = oci();
    seen.push_blob("a", "mine");
    seen.permits(get_blob("b", &sha256("mine")), bare(404));
    left(&mut seen);
    let mut told = sharing(Some(false));
    left(&mut told);
    told.push_blob("a", "mine");
    told.rejects(get_blob("b", &sha256("mine")), blob(&sha256("mine"), "mine"));
    let mut told = sharing(Some(true));
    told.push_blob("a", "mine");
    told.rejects(get_blob("b", &sha256("mine")), bare(404));
}

#[test]
fn a_shared_blob_is_deleted_for_one_repository_or_for_all_and_one_that_is_not_for_one() {
    let see = |r: &mut Registry, repo: &str, there: bool| {
        let digest = sha256("both");
        r.permits(get_blob(repo, &digest), if there { blob(&digest, "both") } else { bare(404) });
    };
    for (shared, everywhere) in [(true, true), (true, false), (false, false)] {
        let mut r = sharing(Some(shared));
        r.push_blob("a", "both");
        r.push_blob("b", "both");
        r.permits(delete_blob("a", &sha256("both")), Outcome::Done);
        let gone = (get_blob("b", &sha256("both")), bare(404));
        if shared {
            r.permits_both(gone.0, gone.1, blob(&sha256("both"), "both"));
        } else {
            r.rejects(gone.0, gone.1);
        }
        see(&mut r, "b", !everywhere);
        see(&mut r, "a", shared && !everywhere);
    }
    // Also by a name under which it was never pushed.
    let mut r = sharing(Some(true));
    r.push_blob("a", "both");
    r.permits(delete_blob("b", &sha256("both")), Outcome::Done);
    see(&mut r, "a", false);
}

#[test]
fn a_layer_that_is_missing_may_be_there_from_elsewhere_until_blobs_are_known_to_be_apart() {
    for (shared, held) in [(None, false), (Some(true), false), (Some(false), true)] {
        let mut r = sharing(shared);
        r.push_blob("a", "config");
        let (one, other) = (image("config", &["one"]), image("config", &["other"]));
        r.permits(put_manifest("a", "one", &one), bare(400));
        let taken = manifest_stored(&other.digest(), None, &[]);
        if held {
            r.rejects(put_manifest("a", "other", &other), taken);
        } else {
            r.permits(put_manifest("a", "other", &other), taken);
        }
    }
}

#[test]
fn oci_lets_ranges_be_served_or_ignored_always() {
    let part = |text: &str| blob_part(&sha256(text), 5, (1, 2), &text[1..3]);
    let whole = |text: &str| blob(&sha256(text), text);
    for serves in [true, false] {
        let mut r = oci();
        r.push_blob("a", "first");
        r.push_blob("a", "other");
        let get = |text: &str| get_part("a", &sha256(text), Range::FromTo(1, 2));
        r.permits_both(get("first"), part("first"), whole("first"));
        r.permits(get("first"), if serves { part("first") } else { whole("first") });
        r.rejects(get("other"), if serves { whole("other") } else { part("other") });
        for odd in [Range::From(5), Range::FromTo(2, 1), Range::Last(0)] {
            r.permits_both(get_part("a", &sha256("other"), odd), bare(416), whole("other"));
        }
    }
}

#[test]
fn oci_lets_a_registry_mount_or_not_and_without_source_or_not() {
    for (mounts, anywhere) in [(true, true), (true, false), (false, false)] {
        let mut r = sharing(false);
        for text in ["one", "other"] {
            r.push_blob("a", text);
        }
        let seen =
            |mounted: bool, text: &str, upload| if mounted { blob_stored(&sha256(text)) } else { upload_of(upload, 0) };
        for (from, mounted) in [(Some("a"), mounts), (None, anywhere)] {
            let (first, second) = (r.fresh(), r.fresh());
            r.permits(mount("b", &sha256("one"), from, first), seen(mounted, "one", first));
            r.rejects(mount("c", &sha256("other"), from, second), seen(!mounted, "other", second));
        }
        let upload = r.fresh();
        let odd = mount("d", &sha256("one"), Some("nowhere"), upload);
        r.permits_both(odd, upload_of(upload, 0), blob_stored(&sha256("one")));
        r.rejects(mount("d", &sha256("nothing"), None, upload), blob_stored(&sha256("nothing")));
        // Somebody else pushed it long ago.
        r.permits_both(mount("d", &sha256(""), Some("a"), upload), upload_of(upload, 0), blob_stored(&sha256("")));
        for odd in [mount("d", "nonsense", None, upload), mount("d", &sha256("one"), Some("A"), upload)] {
            r.permits_both(odd, upload_of(upload, 0), bare(400));
        }
    }
}

#[test]
fn oci_lets_a_blob_of_one_request_be_stored_or_start_an_upload_always() {
    let put = |text: &str, upload| put_blob("a", &sha256(text), text, upload);
    let mut r = oci();
    let upload = r.fresh();
    r.permits_both(put("one", upload), blob_stored(&sha256("one")), upload_of(upload, 0));
    let mut stores = oci();
    stores.permits_both(put_blob("a", "nonsense", "one", upload), bare(400), upload_of(upload, 0));
    stores.permits(put_blob("a", "nonsense", "one", upload), bare(400));
    stores.permits_both(put("one", upload), blob_stored(&sha256("one")), upload_of(upload, 0));
    stores.permits(put("one", upload), blob_stored(&sha256("one")));
    stores.rejects(put("other", upload), upload_of(upload, 0));
    stores.rejects(put_blob("a", &sha256("x"), "y", upload), upload_of(upload, 0));
    r.permits(put("one", upload), upload_of(upload, 0));
    r.rejects(put("other", upload), blob_stored(&sha256("other")));
    r.permits(status("a", upload), upload_of(upload, 0));
}

#[test]
fn oci_lets_chunks_without_a_range_be_refused_always() {
    let mut r = oci();
    let upload = r.start("a");
    r.permits(append("a", upload, None, "x"), bare(416));
    r.rejects(append("a", upload, None, "x"), upload_of(upload, 1));
    r.permits(append("a", upload, Some((0, 0)), "x"), upload_of(upload, 1));
    assert_eq!(r.rejects(append("a", upload, Some((0, 0)), "x"), upload_of(upload, 2)), "upload.chunk.order");
    r.permits(append("a", upload, Some((0, 0)), "x"), bare(416));
}

#[test]
fn oci_leaves_open_what_a_range_that_lies_leads_to_but_not_one_out_of_order() {
    let mut r = oci();
    let upload = r.start("a");
    for lie in [(0, 5), (0, 0), (1, 0)] {
        r.permits_both(append("a", upload, Some(lie), "xyz"), bare(400), upload_of(upload, 3));
    }
    for seen in [bare(400), upload_of(upload, 3)] {
        r.rejects(append("a", upload, Some((1, 3)), "xyz"), seen);
    }
    let digest = Some(sha256("xyz"));
    let last = Op::FinishUpload { repo: "a".into(), upload, digest, range: Some((1, 3)), bytes: "xyz".into() };
    r.permits(last, bare(416));
}

#[test]
fn oci_does_not_say_whether_the_order_of_a_last_chunk_or_its_digest_is_looked_at_first() {
    let mut r = oci();
    let upload = r.start("a");
    let last = |digest: Option<String>| Op::FinishUpload {
        repo: "a".into(),
        upload,
        digest,
        range: Some((1, 3)),
        bytes: "xyz".into(),
    };
    for wrong in [None, Some("nonsense".to_owned()), Some(sha256("wrong"))] {
        r.permits_both(last(wrong.clone()), bare(416), bare(400));
        r.rejects(last(wrong), blob_stored(&sha256("xyz")));
    }
    // Where only the order is wrong, that is the reason. It is a MUST, and cited before what a registry MAY know.
    let stored = blob_stored(&sha512("xyz"));
    assert_eq!(r.rejects(last(Some(sha512("xyz"))), stored), "upload.chunk.order");
    r.rejects(last(Some(sha256("xyz"))), bare(400));
    r.permits(last(Some(sha256("wrong"))), bare(400));
    // What it does with a chunk whose digest is wrong it always does, in order or not.
    r.permits(status("a", upload), upload_of(upload, 3));
    let next = r.start("a");
    r.permits(finish("a", next, &sha256("wrong"), "xyz"), bare(400));
    r.rejects(status("a", next), upload_of(next, 0));
}

#[test]
fn oci_leaves_open_what_becomes_of_an_upload_whose_finish_is_refused_but_it_is_always_the_same() {
    let wrong = sha256("wrong");
    let first = |r: &mut Registry| {
        let upload = r.start("a");
        r.permits(append("a", upload, Some((0, 2)), "one"), upload_of(upload, 3));
        r.permits(finish("a", upload, &wrong, "two"), bare(400));
        upload
    };
    let fates = |upload| [upload_of(upload, 3), upload_of(upload, 6), bare(404)];
    for fate in 0..3 {
        let mut r = oci();
        let upload = first(&mut r);
        r.permits(status("a", upload), fates(upload)[fate].clone());
        let again = first(&mut r);
        for (other, seen) in fates(again).into_iter().enumerate() {
            if other == fate {
                r.permits(status("a", again), seen);
            } else {
                r.rejects(status("a", again), seen);
            }
        }
        assert!(r.model.possible().len() <= 3);
    }
}

#[test]
fn oci_lets_a_chunk_that_lies_go_another_way_than_one_that_hashes_to_something_else() {
    let mut r = oci();
    let (mismatched, lying) = (r.start("a"), r.start("a"));
    r.permits(finish("a", mismatched, &sha256("wrong"), "two"), bare(400));
    let digest = Some(sha256("three"));
    let finish =
        Op::FinishUpload { repo: "a".into(), upload: lying, digest, range: Some((0, 0)), bytes: "three".into() };
    r.permits(finish.clone(), bare(400));
    r.permits(status("a", mismatched), upload_of(mismatched, 3));
    r.permits(status("a", lying), upload_of(lying, 0));
    // What it did with a chunk that lies it does again.
    r.permits(finish, bare(400));
    r.rejects(status("a", lying), upload_of(lying, 5));
}

#[test]
fn oci_does_not_drown_in_states_however_often_a_finish_is_refused() {
    let mut r = oci();
    for _ in 0..50 {
        let upload = r.start("a");
        for (digest, text) in [("nonsense", ""), ("nonsense", "x"), (&*sha256("wrong"), ""), (&*sha256("wrong"), "x")] {
            let finish = finish("a", upload, digest, text);
            for seen in [bare(400), bare(404)] {
                if r.model.observe(&finish, &seen).is_ok() {
                    break;
                }
            }
        }
        let digest = Some(sha256("lies"));
        let lies = Op::FinishUpload { repo: "a".into(), upload, digest, range: Some((0, 9)), bytes: "lies".into() };
        for seen in [bare(400), bare(404)] {
            if r.model.observe(&lies, &seen).is_ok() {
                break;
            }
        }
    }
    assert!(r.model.possible().len() <= MOST_STATES, "{}", r.model.possible().len());
}

#[test]
fn oci_1_1_1_does_not_know_how_to_cancel_an_upload() {
    let mut r = oci();
    let (one, other) = (r.start("a"), r.start("a"));
    r.permits_both(cancel("a", one), Outcome::Done, bare(405));
    r.permits_both(cancel("b", one), Outcome::Done, bare(404));
    r.permits(cancel("a", one), bare(405));
    r.permits(status("a", one), upload_of(one, 0));
    r.rejects(cancel("a", other), Outcome::Done);
}

#[test]
fn oci_asks_for_no_algorithm_but_sha256() {
    let start = |r: &mut Registry, text: &str| {
        let upload = r.start("a");
        finish("a", upload, &sha512(text), text)
    };
    let mut r = oci();
    r.permits(get_blob("a", &sha512("x")), bare(404));
    let one = start(&mut r, "one");
    r.permits_both(one.clone(), blob_stored(&sha512("one")), bare(400));
    r.permits(one, bare(400));
    let other = start(&mut r, "other");
    r.rejects(other, blob_stored(&sha512("other")));
    let document = index(&[]);
    r.permits(put_manifest("a", &sha512(&document.text()), &document), bare(400));
    r.rejects(
        put_manifest("a", &sha512(&document.text()), &document),
        manifest_stored(&sha512(&document.text()), None, &[]),
    );

    let mut knows = oci();
    let one = start(&mut knows, "one");
    knows.permits(one, blob_stored(&sha512("one")));
    knows.permits(get_blob("a", &sha512("one")), blob(&sha512("one"), "one"));
    let other = start(&mut knows, "other");
    knows.rejects(other, bare(400));
    let sha384 = digest_of("sha384", b"one");
    let upload = knows.start("a");
    knows.permits(finish("a", upload, &sha384, "one"), blob_stored(&sha256("one")));
    knows.permits(get_blob("a", &sha384), blob(&sha256("one"), "one"));
}

#[test]
fn oci_lets_content_be_read_under_another_of_its_digests() {
    let mut r = oci();
    r.push_blob_as("a", "layer", &sha512("layer"));
    let found = blob(&sha256("layer"), "layer");
    r.permits_both(get_blob("a", &sha256("layer")), found.clone(), bare(404));
    r.permits(delete_blob("a", &sha512("layer")), Outcome::Done);
    r.permits_both(get_blob("a", &sha256("layer")), found, bare(404));
    let document = index(&[]);
    r.push("a", "v1", &document);
    let alias = Outcome::Manifest {
        digest: Some(sha512(&document.text())),
        media_type: OCI_INDEX.into(),
        size: document.text().len() as u64,
        bytes: Some(document.text().into()),
    };
    r.permits_both(get_manifest("a", &sha512(&document.text())), alias, bare(404));
}

// Deletion.

#[test]
fn oci_lets_each_kind_of_deletion_be_off_always() {
    let mut r = oci();
    let image = r.push_image("a", "v1", "config", &["layer"]);
    for op in [delete_blob("a", &sha256("layer")), delete_manifest("a", "v1"), delete_manifest("a", &image.digest())] {
        r.permits_both(op.clone(), Outcome::Done, bare(400));
        r.permits(op.clone(), bare(405));
        r.rejects(op, Outcome::Done);
    }
    r.permits(delete_blob("a", "nonsense"), bare(405));
    assert!(r.model.possible().len() == 1);
}

#[test]
fn oci_lets_only_tags_be_undeletable_where_deletion_is_said_to_be_on() {
    let mut r = registry(Dialect::Oci, deletable());
    let image = r.push_image("a", "v1", "config", &["layer"]);
    r.permits_both(delete_manifest("a", "v1"), Outcome::Done, bare(405));
    r.rejects(delete_blob("a", &sha256("layer")), bare(405));
    r.rejects(delete_manifest("a", &image.digest()), bare(405));
    r.permits(delete_manifest("a", &image.digest()), Outcome::Done);
    r.permits(delete_blob("a", &sha256("layer")), Outcome::Done);
}

#[test]
fn oci_does_not_take_a_404_for_a_promise_that_deletion_is_on() {
    let mut r = oci();
    let image = r.push_image("a", "v1", "config", &["layer"]);
    r.permits(delete_blob("a", &sha256("nothing")), bare(404));
    r.permits(delete_manifest("a", "nothing"), bare(404));
    r.permits(delete_manifest("a", &sha256("nothing")), bare(404));
    r.permits(delete_blob("a", &sha256("layer")), bare(405));
    r.permits(delete_manifest("a", "v1"), bare(405));
    r.permits(delete_manifest("a", &image.digest()), bare(405));
}

#[test]
fn oci_lets_a_second_deletion_count_as_done() {
    let mut r = sharing(false);
    let image = r.push_image("a", "v1", "config", &["layer"]);
    for op in [delete_manifest("a", "v1"), delete_manifest("a", &image.digest()), delete_blob("a", &sha256("layer"))] {
        r.permits(op.clone(), Outcome::Done);
        r.permits_both(op, Outcome::Done, bare(404));
    }
    r.rejects(delete_blob("a", &sha256("nothing")), Outcome::Done);
}

#[test]
fn oci_has_every_tag_of_a_deleted_manifest_answer_404_but_does_not_say_whether_it_is_listed() {
    let mut r = registry(Dialect::Oci, deletable());
    let image = r.push_image("a", "v1", "config", &[]);
    r.permits(delete_manifest("a", &image.digest()), Outcome::Done);
    r.rejects(get_manifest("a", "v1"), manifest(&image));
    r.permits(get_manifest("a", "v1"), bare(404));
    r.permits_both(list_tags("a", None, None), names(&["v1"], false), names(&[], false));
    r.permits(list_tags("a", None, None), names(&["v1"], false));
    let other = r.push_image("b", "v2", "config", &[]);
    r.permits(delete_manifest("b", &other.digest()), Outcome::Done);
    r.rejects(list_tags("b", None, None), names(&[], false));
}
