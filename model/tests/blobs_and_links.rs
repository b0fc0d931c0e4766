//! Blobs: bytes are stored once, and a repository reaches them only through its own link.

mod common;

use common::*;
use proofhouse_model::*;

#[test]
fn a_blob_is_read_back_as_it_was_pushed() {
    let mut r = ours();
    let digest = r.push_blob("a", "layer");
    assert_eq!(r.does(head_blob("a", &digest)), blob_head(&digest, "layer"));
    assert_eq!(r.does(get_blob("a", &digest)), blob(&digest, "layer"));
}

#[test]
fn a_blob_is_unknown_in_a_repository_that_does_not_link_it() {
    let mut r = ours();
    let digest = r.push_blob("a", "layer");
    assert_eq!(r.does(get_blob("b", &digest)), blob_unknown(&digest));
    assert_eq!(r.does(get_blob("a/b", &digest)), blob_unknown(&digest));
    assert_eq!(r.does(head_blob("b", &digest)), bare(404));
}

#[test]
fn a_served_blob_must_be_the_very_bytes_with_their_size_and_digest() {
    let mut r = ours();
    let digest = r.push_blob("a", "layer");
    for wrong in [
        blob(&digest, "Layer"),
        blob(&sha256("Layer"), "layer"),
        blob_head(&digest, "layer"),
        Outcome::Blob { digest: None, size: 5, body: Some(BlobBody { bytes: "layer".into(), range: None }) },
        blob_part(&digest, 5, (0, 4), "layer"),
        blob_unknown(&digest),
        Outcome::Broken { what: "500".into() },
    ] {
        assert_eq!(r.rejects(get_blob("a", &digest), wrong), "blob.get");
    }
}

#[test]
fn the_link_of_a_manifest_gives_no_access_to_its_bytes_as_a_blob() {
    let mut r = ours();
    let image = r.push_image("a", "v1", "config", &["layer"]);
    assert_eq!(r.does(get_blob("a", &image.digest())), blob_unknown(&image.digest()));
    assert_eq!(r.does(get_manifest("a", &sha256("layer"))), manifest_unknown(&sha256("layer")));
}

#[test]
fn names_come_before_digests_and_both_before_anything_else() {
    let mut r = ours_with(Options::default());
    assert_eq!(r.does(get_blob("A", "sha256:0")), name_invalid("A"));
    for digest in ["sha256:0", "md5:d41d8cd98f00b204e9800998ecf8427e", "", ":", "sha256", &sha256("x").to_uppercase()] {
        assert_eq!(r.does(get_blob("a", digest)), digest_invalid(Some(digest)));
        assert_eq!(r.does(delete_blob("a", digest)), digest_invalid(Some(digest)), "even where deletion is off");
    }
    assert_eq!(r.does(head_blob("a", "sha256:0")), bare(400));
}

#[test]
fn a_part_of_a_blob_is_exactly_what_was_asked_for_cut_to_the_end() {
    let mut r = ours();
    let digest = r.push_blob("a", "0123456789");
    for (asked, range, text) in [
        (Range::FromTo(0, 0), (0, 0), "0"),
        (Range::FromTo(2, 4), (2, 4), "234"),
        (Range::FromTo(8, 99), (8, 9), "89"),
        (Range::FromTo(0, u64::MAX), (0, 9), "0123456789"),
        (Range::From(0), (0, 9), "0123456789"),
        (Range::From(9), (9, 9), "9"),
        (Range::Last(1), (9, 9), "9"),
        (Range::Last(10), (0, 9), "0123456789"),
        (Range::Last(u64::MAX), (0, 9), "0123456789"),
    ] {
        assert_eq!(r.does(get_part("a", &digest, asked)), blob_part(&digest, 10, range, text), "{asked:?}");
    }
}

#[test]
fn a_range_of_which_nothing_exists_is_not_satisfiable() {
    let mut r = ours();
    let digest = r.push_blob("a", "0123456789");
    let empty = r.push_blob("a", "");
    let unsatisfiable = refused(416, Code::BlobUploadInvalid, None);
    for range in [Range::From(10), Range::FromTo(10, 12), Range::Last(0), Range::FromTo(4, 3)] {
        assert_eq!(r.does(get_part("a", &digest, range)), unsatisfiable, "{range:?}");
    }
    for range in [Range::From(0), Range::FromTo(0, 0), Range::Last(1)] {
        assert_eq!(r.does(get_part("a", &empty, range)), unsatisfiable, "{range:?} of nothing");
    }
    assert_eq!(r.does(get_part("b", &digest, Range::From(10))), blob_unknown(&digest), "unknown comes first");
}

#[test]
fn deleting_a_blob_unlinks_it_from_that_repository_and_no_other() {
    let mut r = ours();
    let digest = r.push_blob("a", "layer");
    r.push_blob("b", "layer");
    assert_eq!(r.does(delete_blob("a", &digest)), Outcome::Done);
    assert!(!r.has_blob("a", "layer") && r.has_blob("b", "layer"));
    assert_eq!(r.does(delete_blob("a", &digest)), blob_unknown(&digest));
    assert_eq!(r.does(Op::ListBlobs), digests(&[&digest]), "the bytes stay");
}

#[test]
fn with_deletion_off_a_deletion_is_refused_before_anything_is_looked_up() {
    let mut r = ours_with(Options::default());
    let digest = r.push_blob("a", "layer");
    for (repo, digest) in [("a", &digest), ("nowhere", &digest), ("a", &sha256("other"))] {
        assert_eq!(r.does(delete_blob(repo, digest)), unsupported());
    }
    assert!(r.has_blob("a", "layer"));
}

#[test]
fn a_mount_links_a_blob_that_the_other_repository_links() {
    let mut r = ours();
    let digest = r.push_blob("a", "layer");
    let upload = r.fresh();
    assert_eq!(r.does(mount("b", &digest, Some("a"), upload)), blob_stored(&digest));
    assert!(r.has_blob("b", "layer") && r.has_blob("a", "layer"));
    assert_eq!(r.does(status("b", upload)), upload_unknown(), "no upload was started");
    assert_eq!(r.does(mount("b", &digest, Some("b"), upload)), blob_stored(&digest), "from itself");
}

#[test]
fn a_mount_that_cannot_be_made_starts_an_upload() {
    let mut r = ours();
    let digest = r.push_blob("a", "layer");
    r.push_blob("c", "other");
    for from in [None, Some("b"), Some("c"), Some("nowhere")] {
        let upload = r.fresh();
        r.permits(mount("b", &digest, from, upload), upload_of(upload, 0));
        assert_eq!(r.does(status("b", upload)), upload_of(upload, 0));
        assert!(!r.has_blob("b", "layer"));
    }
}

#[test]
fn a_mount_checks_name_then_source_then_digest() {
    let mut r = ours();
    let upload = r.fresh();
    assert_eq!(r.does(mount("B", "nonsense", Some("A"), upload)), name_invalid("B"));
    assert_eq!(r.does(mount("b", "nonsense", Some("A"), upload)), name_invalid("A"));
    assert_eq!(r.does(mount("b", "nonsense", Some("a"), upload)), digest_invalid(Some("nonsense")));
    assert_eq!(r.does(mount("b", "nonsense", None, upload)), digest_invalid(Some("nonsense")));
}

#[test]
fn a_blob_may_be_named_by_sha512_and_is_then_known_by_no_other_digest() {
    let mut r = ours();
    r.push_blob_as("a", "layer", &sha512("layer"));
    assert_eq!(r.does(get_blob("a", &sha512("layer"))), blob(&sha512("layer"), "layer"));
    assert!(!r.has_blob("a", "layer"));
    assert_eq!(r.does(Op::ListBlobs), digests(&[&sha512("layer")]));
}

#[test]
fn every_blob_on_disk_is_listed_once_linked_or_not() {
    let mut r = ours();
    let (one, other) = (r.push_blob("a", "one"), r.push_blob("b", "other"));
    r.push_blob("b", "one");
    r.does(delete_blob("a", &one));
    r.does(delete_blob("b", &one));
    assert_eq!(r.does(Op::ListBlobs), digests(&[&one, &other]));
    r.rejects(Op::ListBlobs, digests(&[&other]));
    r.rejects(Op::ListBlobs, digests(&[&one, &one, &other]));
}

#[test]
fn a_removed_repository_is_gone_and_none_nested_below_it() {
    let mut r = ours();
    r.push_image("a", "v1", "config", &["layer"]);
    r.push_image("a/b", "v1", "config", &["layer"]);
    let upload = r.start("a");
    assert_eq!(r.does(remove("a")), Outcome::Done);
    assert!(!r.has_blob("a", "layer") && !r.has("a", "v1"));
    assert!(r.has_blob("a/b", "layer") && r.has("a/b", "v1"));
    assert_eq!(r.does(status("a", upload)), upload_unknown());
    assert_eq!(r.does(list_tags("a", None, None)), refused(404, Code::NameUnknown, Some("a")));
    assert_eq!(r.does(remove("a")), refused(404, Code::NameUnknown, Some("a")));
    assert_eq!(r.does(remove("A")), name_invalid("A"));
}

#[test]
fn a_refused_request_changes_nothing() {
    let mut r = ours();
    let digest = r.push_blob("a", "layer");
    let before = r.model.state().clone();
    let upload = UploadRef(99);
    for op in [
        get_blob("b", &digest),
        delete_blob("b", &digest),
        mount("A", &digest, Some("a"), upload),
        append("a", upload, None, "more"),
        finish("a", upload, &digest, ""),
        cancel("a", upload),
        put_manifest("a", "v1", &image("missing", &["layer"])),
        put_text("a", "v1", Some(OCI_IMAGE), "nonsense"),
        delete_manifest("a", "v1"),
        list_tags("a", Some("x"), None),
    ] {
        assert!(!r.does(op.clone()).succeeded(), "{op:?}");
        assert_eq!(*r.model.state(), before, "{op:?}");
    }
}
