//! Uploads: bytes become a blob only when they hash to the digest that the client finishes with.

mod common;

use common::*;
use proofhouse_model::*;

fn out_of_order() -> Outcome {
    refused(416, Code::BlobUploadInvalid, None)
}

fn wrong_length() -> Outcome {
    refused(400, Code::SizeInvalid, None)
}

/// A finish with a range.
fn finish_range(upload: UploadRef, digest: &str, range: (u64, u64), text: &str) -> Op {
    let digest = Some(digest.to_owned());
    Op::FinishUpload { repo: "a".into(), upload, digest, range: Some(range), bytes: text.into() }
}

fn finish_without_digest(upload: UploadRef, text: &str) -> Op {
    Op::FinishUpload { repo: "a".into(), upload, digest: None, range: None, bytes: text.into() }
}

#[test]
fn an_upload_starts_empty_under_a_fresh_id() {
    let mut r = ours();
    let first = r.start("a");
    let second = r.fresh();
    let start = Op::StartUpload { repo: "a".into(), upload: second };
    assert_eq!(r.rejects(start.clone(), upload_of(first, 0)), "upload.start", "the id of another");
    assert_eq!(r.rejects(start.clone(), upload_of(second, 1)), "upload.start", "not empty");
    assert_eq!(r.permits(start, upload_of(second, 0)), "upload.start");
}

#[test]
fn the_id_of_an_upload_that_has_ended_is_not_given_again() {
    let mut r = ours();
    let first = r.start("a");
    r.does(cancel("a", first));
    let upload = r.fresh();
    r.rejects(Op::StartUpload { repo: "b".into(), upload }, upload_of(first, 0));
}

#[test]
fn chunks_are_appended_one_after_the_other() {
    let mut r = ours();
    let upload = r.start("a");
    assert_eq!(r.does(append("a", upload, Some((0, 2)), "012")), upload_of(upload, 3));
    assert_eq!(r.does(append("a", upload, None, "34")), upload_of(upload, 5));
    assert_eq!(r.does(append("a", upload, None, "")), upload_of(upload, 5));
    assert_eq!(r.does(append("a", upload, Some((5, 5)), "5")), upload_of(upload, 6));
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 6));
    assert_eq!(r.does(finish("a", upload, &sha256("01234567"), "67")), blob_stored(&sha256("01234567")));
    assert_eq!(r.does(get_blob("a", &sha256("01234567"))), blob(&sha256("01234567"), "01234567"));
}

#[test]
fn a_chunk_out_of_order_is_416_and_not_appended() {
    let mut r = ours();
    let upload = r.start("a");
    r.does(append("a", upload, None, "01234"));
    for range in [(0, 4), (4, 8), (6, 10), (5, 4), (0, 0), (u64::MAX, 0)] {
        assert_eq!(r.does(append("a", upload, Some(range), "56789")), out_of_order(), "{range:?}");
        assert_eq!(r.does(finish_range(upload, &sha256("0123456789"), range, "56789")), out_of_order(), "{range:?}");
    }
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 5));
}

#[test]
fn a_chunk_whose_length_is_not_that_of_its_range_is_not_appended() {
    let mut r = ours();
    let upload = r.start("a");
    for (range, text) in [((0, 4), "0123"), ((0, 4), "012345"), ((0, 0), ""), ((0, u64::MAX), ""), ((0, u64::MAX), "0")]
    {
        assert_eq!(r.does(append("a", upload, Some(range), text)), wrong_length(), "{range:?} of {text:?}");
        assert_eq!(r.does(finish_range(upload, &sha256(text), range, text)), wrong_length(), "{range:?} of {text:?}");
    }
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 0));
}

#[test]
fn an_upload_is_known_only_in_its_repository() {
    let mut r = ours();
    let upload = r.start("a");
    for op in [
        status("b", upload),
        append("b", upload, None, "x"),
        finish("b", upload, &sha256(""), ""),
        cancel("b", upload),
        status("a/b", upload),
    ] {
        assert_eq!(r.does(op), upload_unknown());
    }
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 0));
}

#[test]
fn an_upload_that_was_finished_or_cancelled_is_unknown_from_then_on() {
    for end in [finish("a", UploadRef(1), &sha256(""), ""), cancel("a", UploadRef(1))] {
        let mut r = ours();
        let upload = r.start("a");
        assert!(r.does(end.clone()).succeeded());
        for op in [status("a", upload), append("a", upload, None, "x"), end.clone(), cancel("a", upload)] {
            assert_eq!(r.does(op), upload_unknown());
        }
    }
}

#[test]
fn an_open_upload_is_there_after_a_restart() {
    let mut r = ours();
    let upload = r.start("a");
    r.does(append("a", upload, None, "half"));
    assert_eq!(r.does(Op::Restart), Outcome::Done);
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 4));
}

#[test]
fn an_upload_stays_open_with_its_chunk_when_the_digest_is_not_that_of_the_content() {
    let mut r = ours();
    let upload = r.start("a");
    r.does(append("a", upload, None, "one"));
    let wrong = sha256("something else");
    assert_eq!(r.does(finish("a", upload, &wrong, "two")), digest_invalid(Some(&wrong)));
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 6));
    for text in ["something else", "one", "onetwo"] {
        assert!(!r.has_blob("a", text), "nothing becomes visible");
    }
    assert_eq!(r.does(finish("a", upload, &sha256("onetwo"), "")), blob_stored(&sha256("onetwo")));
}

#[test]
fn a_finish_without_a_well_formed_digest_appends_nothing() {
    let mut r = ours();
    let upload = r.start("a");
    r.does(append("a", upload, None, "one"));
    assert_eq!(r.does(finish_without_digest(upload, "two")), digest_invalid(None));
    for digest in ["", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha384:00"] {
        assert_eq!(r.does(finish("a", upload, digest, "two")), digest_invalid(Some(digest)));
    }
    assert_eq!(r.does(status("a", upload)), upload_of(upload, 3));
}

#[test]
fn a_finish_asks_first_for_the_upload_then_the_digest_then_the_range() {
    let mut r = ours();
    let upload = r.start("a");
    let elsewhere = Op::FinishUpload {
        repo: "b".into(),
        upload,
        digest: Some("nonsense".into()),
        range: Some((7, 7)),
        bytes: "x".into(),
    };
    assert_eq!(r.does(elsewhere), upload_unknown());
    assert_eq!(r.does(finish_range(upload, "nonsense", (7, 7), "x")), digest_invalid(Some("nonsense")));
    assert_eq!(r.does(finish_range(upload, &sha256("not x"), (7, 7), "x")), out_of_order());
    assert_eq!(r.does(finish_range(upload, &sha256("x"), (0, 0), "x")), blob_stored(&sha256("x")));
    assert_eq!(r.does(finish("A", upload, "nonsense", "")), name_invalid("A"));
}

#[test]
fn a_blob_of_one_request_is_stored_or_leaves_no_upload_behind() {
    let mut r = ours();
    let upload = r.fresh();
    assert_eq!(r.does(put_blob("a", &sha256("layer"), "layer", upload)), blob_stored(&sha256("layer")));
    assert!(r.has_blob("a", "layer"));
    let wrong = sha256("other");
    assert_eq!(r.does(put_blob("a", &wrong, "layer", upload)), digest_invalid(Some(&wrong)));
    assert_eq!(r.does(put_blob("a", "sha256:0", "layer", upload)), digest_invalid(Some("sha256:0")));
    assert_eq!(r.does(put_blob("A", "sha256:0", "layer", upload)), name_invalid("A"));
    assert!(!r.has_blob("a", "other"));
    assert_eq!(r.does(status("a", upload)), upload_unknown());
    assert!(r.model.state().uploads.is_empty());
}

#[test]
fn the_same_blob_may_be_pushed_again_and_an_empty_one_is_a_blob() {
    let mut r = ours();
    let upload = r.fresh();
    for _ in 0..2 {
        assert_eq!(r.does(put_blob("a", &sha256(""), "", upload)), blob_stored(&sha256("")));
    }
    assert_eq!(r.does(get_blob("a", &sha256(""))), blob(&sha256(""), ""));
}

#[test]
fn a_purge_takes_the_uploads_that_are_old_enough_and_no_other() {
    let purge = |older_than, dry_run| Op::PurgeUploads { older_than, dry_run };
    let purged = |uploads: &[&str]| Outcome::Purged { uploads: uploads.iter().map(|it| (*it).to_owned()).collect() };
    let mut r = ours();
    let old = r.start("b");
    let ended = r.start("a");
    r.does(cancel("a", ended));
    r.wait(10);
    let young = r.start("a");
    assert_eq!(r.does(purge(u64::MAX, false)), purged(&[]));
    assert_eq!(r.does(purge(11, false)), purged(&[]));
    assert_eq!(r.does(purge(10, true)), purged(&["id-1"]));
    assert_eq!(r.does(status("b", old)), upload_of(old, 0), "a dry purge removes nothing");
    assert_eq!(r.does(purge(10, false)), purged(&["id-1"]));
    assert_eq!(r.does(status("b", old)), upload_unknown());
    assert_eq!(r.does(status("a", young)), upload_of(young, 0));
    assert_eq!(r.does(purge(0, false)), purged(&["id-3"]));
}

#[test]
fn a_restart_keeps_open_uploads_but_in_oci_they_may_have_ended() {
    for (mut r, may_end) in [(ours(), false), (oci(), true)] {
        let upload = r.start("a");
        r.permits(Op::Restart, Outcome::Done);
        let gone = refused(404, Code::BlobUploadUnknown, None);
        assert_eq!(r.model.clone().observe(&status("a", upload), &gone).is_ok(), may_end);
        r.permits(status("a", upload), upload_of(upload, 0));
    }
}
