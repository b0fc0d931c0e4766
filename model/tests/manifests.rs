//! Manifests and tags: storing, reading, deleting.

mod common;

use common::*;
use proofhouse_model::*;
use serde_json::json;

/// A sound document of this type as text.
fn sound(media_type: &str) -> String {
    let digest = sha256("x");
    let content = match media_type {
        OCI_INDEX | DOCKER_LIST => r#""manifests":[]"#.to_owned(),
        _ => format!(r#""config":{{"mediaType":"c","digest":"{digest}","size":1}},"layers":[]"#),
    };
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}",{content}}}"#)
}

// Storing.

#[test]
fn a_manifest_is_read_back_byte_for_byte_under_its_type_by_tag_and_by_digest() {
    for media_type in ALL_TYPES {
        let mut r = ours_with(Options { skip_layer_verification: true, ..Options::default() });
        let text = format!(" {}\n", sound(media_type));
        r.does(put_text("a", "v1", Some(&format!("{media_type}; x=y")), &text));
        let seen = Outcome::Manifest {
            digest: Some(sha256(&text)),
            media_type: media_type.into(),
            size: text.len() as u64,
            bytes: Some(text.as_str().into()),
        };
        assert_eq!(r.does(get_manifest("a", "v1")), seen);
        assert_eq!(r.does(get_manifest("a", &sha256(&text))), seen);
        let Outcome::Manifest { digest, media_type, size, .. } = seen else { unreachable!() };
        let head = Outcome::Manifest { digest, media_type, size, bytes: None };
        assert_eq!(r.does(head_manifest("a", "v1")), head);
        assert_eq!(r.does(head_manifest("a", &sha256(&text))), head);
    }
}

#[test]
fn the_type_of_an_oci_document_that_does_not_say_it_is_seen_from_what_it_holds() {
    for (media_type, content) in [(OCI_INDEX, r#""manifests":[]"#), (OCI_IMAGE, r#""config":{C},"layers":[]"#)] {
        let mut r = ours_with(Options { skip_layer_verification: true, ..Options::default() });
        let config = format!(r#"{{"mediaType":"c","digest":"{}","size":1}}"#, sha256("x"));
        let text = format!(r#"{{"schemaVersion":2,{}}}"#, content.replace("{C}", &config));
        r.does(put_text("a", "v1", Some(media_type), &text));
        let seen = r.does(get_manifest("a", "v1"));
        assert!(matches!(&seen, Outcome::Manifest { media_type: said, .. } if said == media_type), "{seen}");
    }
}

#[test]
fn a_manifest_may_be_pushed_by_its_digest_of_either_algorithm_and_is_known_by_that_one() {
    let mut r = ours();
    r.push_blob("a", "config");
    let image = image("config", &[]);
    for digest in [sha256(&image.text()), sha512(&image.text())] {
        assert!(!r.has("a", &digest));
        assert_eq!(r.does(put_manifest("a", &digest, &image)), manifest_stored(&digest, None, &[]));
        assert!(r.has("a", &digest));
    }
    assert_eq!(r.tags("a"), Vec::<String>::new());
}

#[test]
fn a_push_under_the_digest_of_something_else_is_refused() {
    let mut r = ours();
    r.push_blob("a", "config");
    for wrong in [sha256("other"), sha512("other")] {
        let put = put_manifest("a", &wrong, &image("config", &[]));
        assert_eq!(r.does(put), digest_invalid(Some(&wrong)));
        assert!(!r.has("a", &wrong));
    }
}

#[test]
fn a_push_is_checked_in_order_name_reference_tags_size_type_document_digest_references() {
    let mut r = ours_with(Options { max_manifest_bytes: 600, ..Options::default() });
    let wrong = sha256("other");
    let missing = image("config", &[]);
    let long = missing.with("x", "y".repeat(600).into()).text();
    let bad_tag = |tag| refused(400, Code::ManifestInvalid, Some(tag));
    let too_large = refused(413, Code::SizeInvalid, None);
    let put = |repo, reference, tags: &[&str], content_type, text: &str| {
        tagging(put_text(repo, reference, content_type, text), tags)
    };
    assert_eq!(r.does(put("A", ".x", &[".y"], None, &long)), name_invalid("A"));
    assert_eq!(r.does(put("a", ".x", &[".y"], None, &long)), bad_tag(".x"));
    assert_eq!(r.does(put("a", "sha256:x", &[".y"], None, &long)), digest_invalid(Some("sha256:x")));
    assert_eq!(r.does(put("a", &wrong, &["ok", ".y"], None, &long)), bad_tag(".y"));
    assert_eq!(r.does(put("a", &wrong, &["ok"], None, &long)), too_large);
    assert_eq!(r.does(put("a", &wrong, &[], None, "{}")), malformed());
    assert_eq!(r.does(put("a", &wrong, &[], Some(OCI_IMAGE), "{}")), malformed());
    assert_eq!(r.does(put("a", &wrong, &[], Some(OCI_IMAGE), &missing.text())), digest_invalid(Some(&wrong)));
    let unknown = references_unknown(&[&sha256("config")]);
    assert_eq!(r.does(put("a", "v1", &[], Some(OCI_IMAGE), &missing.text())), unknown);
}

#[test]
fn a_manifest_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let mut r = ours();
    let text = index(&[]).text();
    let padded = |length: usize| text.clone() + &" ".repeat(length - text.len());
    assert!(r.does(put_text("a", "v1", Some(OCI_INDEX), &padded(4_194_304))).succeeded());
    let refusal = r.does(put_text("a", "v1", Some(OCI_INDEX), &padded(4_194_305)));
    assert_eq!(refusal, refused(413, Code::SizeInvalid, None));
}

#[test]
fn config_and_layers_must_be_linked_here_and_all_that_are_missing_are_reported_in_order() {
    let mut r = ours();
    r.push_blob("a", "here");
    r.push_blob("b", "there");
    for docker in [false, true] {
        let image = image("config", &["one", "here", "there", "one"]);
        let image = if docker { image.docker() } else { image };
        let missing = references_unknown(&[&sha256("config"), &sha256("one"), &sha256("there"), &sha256("one")]);
        assert_eq!(r.does(put_manifest("a", "v1", &image)), missing);
    }
    assert!(!r.has("a", "v1"));
    r.push_image("a", "v2", "here", &["here", "here"]);
    assert!(r.has("a", "v2"));
}

#[test]
fn a_manifest_is_no_layer_and_a_deleted_blob_is_missing_again() {
    let mut r = ours();
    let first = r.push_image("a", "v1", "config", &["layer"]);
    let odd = image("config", &[&first.text()]);
    assert_eq!(r.does(put_manifest("a", "v2", &odd)), references_unknown(&[&first.digest()]));
    r.does(delete_blob("a", &sha256("layer")));
    assert_eq!(r.does(put_manifest("a", "v1", &first)), references_unknown(&[&sha256("layer")]));
    assert!(r.has("a", "v1"), "deletion does not ask who names the blob");
}

#[test]
fn what_the_size_of_a_descriptor_says_is_not_held_against_the_blob() {
    let mut r = ours();
    r.push_blob("a", "config");
    let mut image = image("config", &[]);
    image.json["config"]["size"] = json!(123_456);
    assert_eq!(r.does(put_manifest("a", "v1", &image)), manifest_stored(&image.digest(), None, &[]));
}

#[test]
fn a_subject_need_not_exist_and_is_confirmed() {
    let mut r = ours();
    r.push_blob("a", "config");
    let nowhere = image("nothing", &[]);
    for document in [image("config", &[]).about(&nowhere), index(&[]).about(&nowhere)] {
        let stored = manifest_stored(&document.digest(), Some(&nowhere.digest()), &[]);
        assert_eq!(r.does(put_manifest("a", "v1", &document)), stored);
    }
    let docker = image("config", &[]).about(&nowhere).docker();
    assert_eq!(r.does(put_manifest("a", "v1", &docker)), manifest_stored(&docker.digest(), None, &[]));
}

#[test]
fn every_tag_that_is_given_is_set_and_confirmed() {
    let mut r = ours();
    let document = index(&[]);
    let digest = document.digest();
    let by_digest = tagging(put_manifest("a", &digest, &document), &["v1", "v2"]);
    assert_eq!(r.does(by_digest), manifest_stored(&digest, None, &["v1", "v2"]));
    let by_tag = tagging(put_manifest("b", "v1", &document), &["v2", "v1"]);
    assert_eq!(r.does(by_tag), manifest_stored(&digest, None, &["v2", "v1"]));
    assert_eq!(r.tags("a"), ["v1", "v2"]);
    assert_eq!(r.tags("b"), ["v1", "v2"]);
}

// Reading and deleting.

#[test]
fn a_tag_reads_what_it_was_last_set_to() {
    let mut r = ours();
    let first = r.push_image("a", "v1", "config", &[]);
    let second = r.push_image("a", "v1", "config", &["layer"]);
    assert_eq!(r.does(get_manifest("a", "v1")), manifest(&second));
    assert_eq!(r.does(get_manifest("a", &first.digest())), manifest(&first));
    assert_eq!(r.rejects(get_manifest("a", "v1"), manifest(&first)), "manifest.get.tag");
}

#[test]
fn an_unknown_reference_is_named_as_it_was_asked_for() {
    let mut r = ours();
    let image = r.push_image("a", "v1", "config", &[]);
    for (repo, reference) in [("a", "v2"), ("b", "v1"), ("b", &image.digest()), ("a", &sha256("config"))] {
        assert_eq!(r.does(get_manifest(repo, reference)), manifest_unknown(reference));
        assert_eq!(r.does(head_manifest(repo, reference)), bare(404));
        assert_eq!(r.does(delete_manifest(repo, reference)), manifest_unknown(reference));
    }
}

#[test]
fn deleting_a_manifest_takes_every_tag_that_points_to_it_and_no_other() {
    let mut r = ours();
    let first = r.push_image("a", "v1", "config", &[]);
    r.push("a", "v2", &first);
    r.push("a", "was-first", &first);
    let second = r.push_image("a", "was-first", "config", &["layer"]);
    r.push_image("b", "v1", "config", &[]);
    assert_eq!(r.does(delete_manifest("a", &first.digest())), Outcome::Done);
    assert_eq!(r.tags("a"), ["was-first"]);
    assert!(!r.has("a", &first.digest()) && r.has("a", &second.digest()));
    assert!(r.has("b", "v1"), "another repository has its own");
    assert!(r.has_blob("a", "config"), "and the blobs stay");
    assert_eq!(r.does(delete_manifest("a", &first.digest())), manifest_unknown(&first.digest()));
}

#[test]
fn deleting_a_tag_leaves_the_manifest_and_every_other_tag() {
    let mut r = ours();
    let image = r.push_image("a", "v1", "config", &[]);
    r.push("a", "v2", &image);
    assert_eq!(r.does(delete_manifest("a", "v1")), Outcome::Done);
    assert_eq!(r.tags("a"), ["v2"]);
    assert!(r.has("a", &image.digest()));
    assert_eq!(r.does(delete_manifest("a", "v1")), manifest_unknown("v1"));
}

#[test]
fn nothing_asks_who_names_a_manifest_when_it_is_deleted() {
    let mut r = ours();
    let child = r.push_image("a", "child", "config", &[]);
    let parent = index(&[entry(&child, None)]);
    r.push("a", "parent", &parent);
    assert_eq!(r.does(delete_manifest("a", &child.digest())), Outcome::Done);
    assert_eq!(r.does(get_manifest("a", "parent")), manifest(&parent));
}

#[test]
fn with_deletion_off_neither_manifest_nor_tag_can_be_deleted() {
    let mut r = ours_with(Options::default());
    let image = r.push_image("a", "v1", "config", &[]);
    for reference in ["v1", &image.digest(), "nothing", &sha256("nothing")] {
        assert_eq!(r.does(delete_manifest("a", reference)), unsupported());
    }
    assert_eq!(r.does(delete_manifest("a", ".x")), refused(400, Code::ManifestInvalid, Some(".x")));
    assert_eq!(r.does(delete_manifest("a", "sha256:x")), digest_invalid(Some("sha256:x")));
    assert!(r.has("a", "v1"));
}
