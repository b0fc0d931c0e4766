//! What the CNCF registry does differently, release 2.8 (as it was measured) and release 3.

mod common;

use common::*;
use proofhouse_model::*;

fn distribution(release: Dialect) -> Registry {
    registry(release, deletable())
}

#[test]
fn distribution_starts_an_upload_where_a_blob_comes_in_one_request_and_forgets_the_body() {
    for release in [V2_8, V3] {
        let mut r = distribution(release);
        let upload = r.fresh();
        r.permits(put_blob("a", "nonsense", "layer", upload), upload_of(upload, 0));
        r.permits(status("a", upload), upload_of(upload, 0));
    }
}

#[test]
fn distribution_keeps_a_sha512_blob_under_sha256_and_fails_when_that_is_unlinked() {
    let mut r = distribution(V2_8);
    r.push_blob_as("a", "layer", &sha512("layer"));
    for digest in [sha256("layer"), sha512("layer")] {
        assert_eq!(r.does(get_blob("a", &digest)), blob(&sha256("layer"), "layer"));
    }
    let upload = r.fresh();
    assert_eq!(r.does(mount("b", &sha512("layer"), Some("a"), upload)), blob_stored(&sha512("layer")));
    r.permits(get_blob("b", &sha512("layer")), refused(Class::NotFound, Code::BlobUnknown, None));
    r.does(delete_blob("a", &sha256("layer")));
    r.permits(get_blob("a", &sha512("layer")), refused(Class::Internal, Code::Unknown, None));
}

#[test]
fn distribution_loses_an_alias_that_is_mounted_where_it_is() {
    let mut r = distribution(V2_8);
    r.push_blob_as("a", "layer", &sha512("layer"));
    let upload = r.fresh();
    assert_eq!(r.does(mount("a", &sha512("layer"), Some("a"), upload)), blob_stored(&sha512("layer")));
    r.permits(get_blob("a", &sha512("layer")), refused(Class::NotFound, Code::BlobUnknown, None));
    r.permits(delete_blob("a", &sha512("layer")), refused(Class::NotFound, Code::BlobUnknown, None));
    assert_eq!(r.does(get_blob("a", &sha256("layer"))), blob(&sha256("layer"), "layer"));
}

#[test]
fn distribution_reads_no_number_in_a_range_beyond_63_bits() {
    let mut r = distribution(V2_8);
    r.push_blob("a", "layer");
    let largest = u64::MAX / 2;
    for range in [Range::FromTo(0, largest), Range::Last(largest)] {
        let seen = r.does(get_part("a", &sha256("layer"), range));
        assert!(matches!(seen, Outcome::Blob { body: Some(BlobBody { range: Some((0, 4)), .. }), .. }), "{seen}");
    }
    for range in [Range::FromTo(0, largest + 1), Range::Last(largest + 1), Range::From(largest + 1)] {
        r.permits(get_part("a", &sha256("layer"), range), bare(Class::Range));
    }
}

#[test]
fn distribution_2_8_ignores_ranges_of_chunks_and_distribution_3_only_at_the_finish() {
    let mut old = distribution(V2_8);
    let upload = old.start("a");
    assert_eq!(old.does(append("a", upload, Some((7, 3)), "xyz")), upload_of(upload, 3));
    let mut new = distribution(V3);
    let upload = new.start("a");
    new.permits(append("a", upload, Some((7, 9)), "xyz"), refused(Class::Range, Code::RangeInvalid, None));
    let digest = Some(sha256("xyz"));
    let last = Op::FinishUpload { repo: "a".into(), upload, digest, range: Some((7, 3)), bytes: "xyz".into() };
    assert_eq!(new.does(last), blob_stored(&sha256("xyz")));
}

#[test]
fn distribution_2_8_is_stuck_with_an_upload_whose_last_chunk_came_with_a_wrong_digest() {
    for (release, chunk, stuck) in [(V2_8, "x", true), (V2_8, "", false), (V3, "x", false)] {
        let mut r = distribution(release);
        let upload = r.start("a");
        r.permits(finish("a", upload, &sha256("wrong"), chunk), refused(Class::Invalid, Code::DigestInvalid, None));
        let seen = r.does(status("a", upload));
        assert_eq!(seen.succeeded(), !stuck, "{release:?} {chunk:?}: {seen}");
    }
}

#[test]
fn distribution_2_8_validates_every_index_and_takes_a_linked_blob_for_a_child() {
    let mut r = distribution(V2_8);
    let x = image("x", &[]);
    let parent = index(&[entry(&x, None)]);
    r.permits(put_manifest("a", "v1", &parent), references_unknown(&[&x.digest()]));
    r.push_blob("a", &x.text());
    r.push("a", "v1", &parent);
    let mut new = distribution(V3);
    assert_eq!(new.rule(put_manifest("a", "v1", &parent)), "index.sparse");
}

#[test]
fn distribution_2_8_reads_and_deletes_a_linked_blob_as_a_manifest() {
    let mut r = distribution(V2_8);
    r.push_blob("a", "nonsense");
    r.permits(get_manifest("a", &sha256("nonsense")), refused(Class::Internal, Code::Unknown, None));
    assert_eq!(r.does(delete_manifest("a", &sha256("nonsense"))), Outcome::Done);
    r.permits(get_blob("a", &sha256("nonsense")), refused(Class::NotFound, Code::BlobUnknown, None));
    let document = index(&[]);
    r.push_blob("a", &document.text());
    let digest = r.push("a", "v1", &document);
    assert_eq!(r.does(delete_manifest("a", &digest)), Outcome::Done);
    r.permits(get_blob("a", &digest), refused(Class::NotFound, Code::BlobUnknown, None));
    let mut new = distribution(V3);
    new.push_blob("a", "nonsense");
    new.permits(get_manifest("a", &sha256("nonsense")), refused(Class::NotFound, Code::ManifestUnknown, None));
}

#[test]
fn distribution_knows_no_tag_parameters_no_subjects_and_no_referrers() {
    for release in [V2_8, V3] {
        let mut r = distribution(release);
        let document = index(&[]).about(&image("x", &[]));
        let put = tagging(put_manifest("a", &document.digest(), &document), &["v1", ".x"]);
        assert_eq!(r.does(put), manifest_stored(&document.digest(), None, &[]));
        r.permits(get_manifest("a", "v1"), refused(Class::NotFound, Code::ManifestUnknown, None));
        r.permits(referrers("a", &sha256("x"), None), bare(Class::NotFound));
    }
}

#[test]
fn distribution_knows_no_tags_of_a_repository_that_was_never_tagged() {
    for release in [V2_8, V3] {
        let mut r = distribution(release);
        let document = index(&[]);
        r.push("a", &document.digest(), &document);
        r.permits(list_tags("a", None, None), refused(Class::NotFound, Code::NameUnknown, None));
        r.push("a", "v1", &document);
        r.does(delete_manifest("a", &document.digest()));
        r.permits(list_tags("a", None, None), names(&[], false));
    }
}

#[test]
fn distribution_2_8_neither_sorts_nor_pages_tags_and_cannot_delete_one() {
    let mut r = distribution(V2_8);
    for tag in ["a", "b"] {
        r.push("a", tag, &index(&[]));
    }
    for n in [None, Some("1"), Some("0"), Some("x")] {
        r.permits(list_tags("a", n, Some("a")), names(&["b", "a"], false));
    }
    r.rejects(list_tags("a", None, None), names(&["b"], false));
    r.permits(delete_manifest("a", "a"), refused(Class::Invalid, Code::DigestInvalid, None));
}

#[test]
fn distribution_3_announces_a_next_page_whenever_a_page_is_full() {
    let mut r = distribution(V3);
    for tag in ["a", "b"] {
        r.push("a", tag, &index(&[]));
    }
    assert_eq!(r.does(list_tags("a", Some("2"), None)), names(&["a", "b"], true));
    assert_eq!(r.does(list_tags("a", Some("3"), None)), names(&["a", "b"], false));
    assert_eq!(r.does(list_tags("a", Some("1"), Some("b"))), names(&[], false));
}

#[test]
fn distribution_2_8_lists_exactly_the_repositories_that_ever_had_a_link_to_a_blob() {
    let mut r = distribution(V2_8);
    r.push("manifests", "v1", &index(&[]));
    r.start("uploads");
    r.push_blob("emptied", "layer");
    r.does(delete_blob("emptied", &sha256("layer")));
    r.push_blob_as("a", "layer", &sha512("layer"));
    let upload = r.fresh();
    r.does(mount("mounted", &sha512("layer"), Some("a"), upload));
    r.permits(Op::WalkRepositories { n: 1 }, names(&["a", "emptied", "mounted"], false));
    r.permits(catalog(None, None), names(&["a", "emptied", "mounted"], false));
}

#[test]
fn distribution_2_8_takes_any_page_size_of_the_catalog_but_one_too_large() {
    let mut r = distribution(V2_8);
    r.push_blob("a", "layer");
    for n in [None, Some("x"), Some("-1"), Some("5")] {
        assert_eq!(r.does(catalog(n, None)), names(&["a"], false));
    }
    let refusal = refused(Class::Invalid, Code::PaginationNumberInvalid, None);
    r.permits(catalog(Some("1001"), None), refusal.clone());
    let mut new = distribution(V3);
    new.push_blob("a", "layer");
    assert_eq!(new.does(catalog(None, None)), names(&[], false));
    new.permits(catalog(Some("x"), None), refusal);
}

#[test]
fn distribution_may_take_what_goes_decoder_overlooks_and_must_refuse_the_rest() {
    for release in [V2_8, V3] {
        let mut r = distribution(release);
        let text = r#"{"schemaVersion":2,"schemaVersion":2,"manifests":[]}"#;
        let put = put_text("a", "v1", Some(OCI_INDEX), text);
        r.permits_both(
            put,
            manifest_stored(&sha256(text), None, &[]),
            refused(Class::Invalid, Code::ManifestInvalid, None),
        );
        r.rejects(put_text("a", "v1", None, text), manifest_stored(&sha256(text), None, &[]));
        let document = index(&[]);
        let by_sha512 = put_manifest("a", &sha512(&document.text()), &document);
        r.permits(by_sha512, refused(Class::Invalid, Code::DigestInvalid, None));
    }
}
