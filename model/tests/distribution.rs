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
    r.permits(get_blob("b", &sha512("layer")), refused(404, Code::BlobUnknown, None));
    r.does(delete_blob("a", &sha256("layer")));
    r.permits(get_blob("a", &sha512("layer")), refused(500, Code::Unknown, None));
}

#[test]
fn distribution_loses_an_alias_that_is_mounted_where_it_is() {
    let mut r = distribution(V2_8);
    r.push_blob_as("a", "layer", &sha512("layer"));
    let upload = r.fresh();
    assert_eq!(r.does(mount("a", &sha512("layer"), Some("a"), upload)), blob_stored(&sha512("layer")));
    r.permits(get_blob("a", &sha512("layer")), refused(404, Code::BlobUnknown, None));
    r.permits(delete_blob("a", &sha512("layer")), refused(404, Code::BlobUnknown, None));
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
        r.permits(get_part("a", &sha256("layer"), range), bare(416));
    }
}

#[test]
fn distribution_2_8_ignores_ranges_of_chunks_and_distribution_3_only_at_the_finish() {
    let mut old = distribution(V2_8);
    let upload = old.start("a");
    assert_eq!(old.does(append("a", upload, Some((7, 3)), "xyz")), upload_of(upload, 3));
    let mut new = distribution(V3);
    let upload = new.start("a");
    new.permits(append("a", upload, Some((7, 9)), "xyz"), refused(416, Code::RangeInvalid, None));
    let digest = Some(sha256("xyz"));
    let last = Op::FinishUpload { repo: "a".into(), upload, digest, range: Some((7, 3)), bytes: "xyz".into() };
    assert_eq!(new.does(last), blob_stored(&sha256("xyz")));
}

#[test]
fn distribution_2_8_is_stuck_with_an_upload_whose_last_chunk_came_with_a_wrong_digest() {
    for (release, chunk, stuck) in [(V2_8, "x", true), (V2_8, "", false), (V3, "x", false)] {
        let mut r = distribution(release);
        let upload = r.start("a");
        r.permits(finish("a", upload, &sha256("wrong"), chunk), refused(400, Code::DigestInvalid, None));
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
    r.permits(get_manifest("a", &sha256("nonsense")), refused(500, Code::Unknown, None));
    assert_eq!(r.does(delete_manifest("a", &sha256("nonsense"))), Outcome::Done);
    r.permits(get_blob("a", &sha256("nonsense")), refused(404, Code::BlobUnknown, None));
    let document = index(&[]);
    r.push_blob("a", &document.text());
    let digest = r.push("a", "v1", &document);
    assert_eq!(r.does(delete_manifest("a", &digest)), Outcome::Done);
    r.permits(get_blob("a", &digest), refused(404, Code::BlobUnknown, None));
    let mut new = distribution(V3);
    new.push_blob("a", "nonsense");
    new.permits(get_manifest("a", &sha256("nonsense")), refused(404, Code::ManifestUnknown, None));
}

#[test]
fn distribution_knows_no_tag_parameters_no_subjects_and_no_referrers() {
    for release in [V2_8, V3] {
        let mut r = distribution(release);
        let document = index(&[]).about(&image("x", &[]));
        let put = tagging(put_manifest("a", &document.digest(), &document), &["v1", ".x"]);
        assert_eq!(r.does(put), manifest_stored(&document.digest(), None, &[]));
        r.permits(get_manifest("a", "v1"), refused(404, Code::ManifestUnknown, None));
        r.permits(referrers("a", &sha256("x"), None), bare(404));
    }
}

#[test]
fn distribution_knows_no_tags_of_a_repository_that_was_never_tagged() {
    for release in [V2_8, V3] {
        let mut r = distribution(release);
        let document = index(&[]);
        r.push("a", &document.digest(), &document);
        r.permits(list_tags("a", None, None), refused(404, Code::NameUnknown, None));
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
    r.permits(delete_manifest("a", "a"), refused(400, Code::DigestInvalid, None));
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
    let refusal = refused(400, Code::PaginationNumberInvalid, None);
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
        r.permits_both(put, manifest_stored(&sha256(text), None, &[]), refused(400, Code::ManifestInvalid, None));
        r.rejects(put_text("a", "v1", None, text), manifest_stored(&sha256(text), None, &[]));
        let document = index(&[]);
        let by_sha512 = put_manifest("a", &sha512(&document.text()), &document);
        r.permits(by_sha512, refused(400, Code::DigestInvalid, None));
    }
}

#[test]
fn distribution_2_8_refuses_what_go_cannot_decode_even_where_we_do_not_look() {
    let mut r = distribution(V2_8);
    let config = r.push_blob("a", "{}");
    let named = |more: &str| format!(r#"{{"mediaType":"a/b","digest":"{config}","size":2,{more}}}"#);
    let image = |more: &str| format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, named(more));
    let layered =
        |more: &str| format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, named(r#""x":1"#), named(more));
    let index = |more: &str| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, named(more));
    let invalid = refused(400, Code::ManifestInvalid, None);
    for (more, stored) in [
        (r#""platform":1"#, false),
        (r#""platform":{"os":1}"#, false),
        (r#""platform":{"OS.Version":1}"#, false),
        (r#""platform":{"variant":[]}"#, false),
        (r#""platform":{"os.features":"a"}"#, false),
        (r#""annotations":{"a":1}"#, false),
        (r#""Annotations":[]"#, false),
        (r#""annotations":1,"annotations":null"#, false),
        (r#""platform":{"os.features":[null]}"#, true),
        (r#""platform":null,"annotations":{"a":null},"data":1,"artifactType":1"#, true),
    ] {
        for (media_type, text) in [(OCI_IMAGE, image(more)), (OCI_IMAGE, layered(more)), (OCI_INDEX, index(more))] {
            for digest in [sha256(&text), sha512(&text)] {
                let put = put_text("a", &digest, Some(media_type), &text);
                match stored {
                    false => assert_eq!(r.permits(put, invalid.clone()), "manifest.structure", "{text}"),
                    true if digest == sha256(&text) => drop(r.permits(put, manifest_stored(&digest, None, &[]))),
                    true => drop(r.rejects(put, invalid.clone())),
                }
            }
        }
    }
    // Text that is not UTF-8 is no JSON to us, but may be to Go.
    let bytes = b"{\"schemaVersion\":2,\"manifests\":[],\"x\":\"\xff\"}";
    let digest = digest_of("sha256", bytes);
    let (repo, content_type) = ("a".to_owned(), Some(OCI_INDEX.to_owned()));
    let put = Op::PutManifest { repo, reference: digest.clone(), content_type, tags: vec![], bytes: bytes.into() };
    r.permits_both(put, invalid.clone(), manifest_stored(&digest, None, &[]));
    // A blob can be read as a manifest, if Go can decode it.
    let text = image(r#""platform":1"#);
    r.push_blob("a", &text);
    r.permits(get_manifest("a", &sha256(&text)), refused(500, Code::Unknown, None));
    // Only entries of a list have this one.
    let features = r#""platform":{"features":{}}"#;
    let text = image(features);
    r.permits(put_text("a", "v1", Some(OCI_IMAGE), &text), manifest_stored(&sha256(&text), None, &[]));
    r.permits(put_text("a", "v1", Some(OCI_INDEX), &index(features)), invalid);
}

#[test]
fn distribution_guesses_a_type_that_a_document_does_not_say_from_the_last_of_equal_keys() {
    let mut r = distribution(V2_8);
    let text = r#"{"schemaVersion":2,"manifests":[],"manifests":null}"#;
    let digest = sha256(text);
    r.permits(put_text("a", "v1", Some(OCI_INDEX), text), manifest_stored(&digest, None, &[]));
    let seen = |media_type: &str| Outcome::Manifest {
        digest: Some(digest.clone()),
        media_type: media_type.into(),
        size: 51,
        bytes: Some(text.into()),
    };
    r.permits(get_manifest("a", "v1"), seen(OCI_IMAGE));
    r.rejects(get_manifest("a", "v1"), seen(DOCKER_IMAGE));
    let sound = r.push("a", "v2", &index(&[]));
    let Outcome::Manifest { size, bytes, .. } = r.does(get_manifest("a", "v2")) else { panic!("it is there") };
    let misread = Outcome::Manifest { digest: Some(sound), media_type: OCI_IMAGE.into(), size, bytes };
    r.rejects(get_manifest("a", "v2"), misread);
}

#[test]
fn distribution_2_8_names_a_blob_that_is_read_as_a_manifest_as_it_was_asked_for() {
    let mut r = distribution(V2_8);
    let document = index(&[]);
    r.push_blob_as("a", &document.text(), &sha512(&document.text()));
    for digest in [document.digest(), sha512(&document.text())] {
        let seen = r.does(get_manifest("a", &digest));
        assert!(matches!(&seen, Outcome::Manifest { digest: Some(named), .. } if *named == digest), "{seen}");
    }
}
