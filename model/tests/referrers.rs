//! Referrers: the manifests whose subject is a digest.

mod common;

use std::collections::BTreeMap;

use common::*;
use proofhouse_model::*;
use serde_json::json;

/// The row of a document, with this artifact type.
fn row(document: &Document, artifact_type: Option<&str>) -> Referrer {
    Referrer {
        digest: document.digest(),
        media_type: document.media_type.into(),
        size: document.text().len() as u64,
        artifact_type: artifact_type.map(str::to_owned),
        annotations: None,
    }
}

fn list(rows: &[&Referrer], filtered: bool) -> Outcome {
    let mut referrers: Vec<Referrer> = rows.iter().map(|row| (*row).clone()).collect();
    referrers.sort_by(|one, other| one.digest.cmp(&other.digest));
    Outcome::Referrers { referrers, filtered }
}

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";

/// A registry with a subject that is not there, and its `config` blob.
fn start() -> (Registry, Document) {
    let mut r = ours();
    r.push_blob("a", "config");
    (r, image("subject", &[]))
}

#[test]
fn every_manifest_whose_subject_is_the_digest_is_listed_in_the_order_of_their_digests() {
    let (mut r, subject) = start();
    let one = image("config", &[]).about(&subject);
    let other = index(&[]).about(&subject);
    let third = index(&[]).with("x", 1.into()).about(&subject);
    for document in [&one, &other, &third] {
        r.push("a", &document.digest(), document);
    }
    r.push("a", "v1", &image("config", &[]).about(&one));
    let rows = [&row(&one, Some(CONFIG_TYPE)), &row(&other, None), &row(&third, None)];
    let expected = list(&rows, false);
    assert_eq!(r.does(referrers("a", &subject.digest(), None)), expected);
    let Outcome::Referrers { referrers: mut rows, .. } = expected else { unreachable!() };
    rows.reverse();
    r.rejects(referrers("a", &subject.digest(), None), Outcome::Referrers { referrers: rows, filtered: false });
}

#[test]
fn the_list_is_empty_where_there_is_nothing_even_no_repository() {
    let (mut r, subject) = start();
    r.push("a", "v1", &index(&[]));
    for repo in ["a", "nowhere"] {
        assert_eq!(r.does(referrers(repo, &subject.digest(), None)), list(&[], false));
    }
    assert_eq!(r.does(referrers("A", "x", None)), name_invalid("A"));
    assert_eq!(r.does(referrers("a", "x", None)), digest_invalid(Some("x")));
}

#[test]
fn the_artifact_type_is_its_own_or_else_that_of_the_config_and_an_index_may_have_none() {
    let (mut r, subject) = start();
    for (document, expected) in [
        (image("config", &[]), Some(CONFIG_TYPE)),
        (image("config", &[]).with("artifactType", json!("")), Some(CONFIG_TYPE)),
        (image("config", &[]).with("artifactType", json!(null)), Some(CONFIG_TYPE)),
        (image("config", &[]).with("artifactType", json!("x/y")), Some("x/y")),
        (index(&[]), None),
        (index(&[]).with("artifactType", json!("")), None),
        (index(&[]).with("artifactType", json!("x/y")), Some("x/y")),
    ] {
        let document = document.about(&subject);
        r.push("a", "v1", &document);
        assert_eq!(r.does(referrers("a", &subject.digest(), None)), list(&[&row(&document, expected)], false));
        r.does(delete_manifest("a", &document.digest()));
    }
}

#[test]
fn annotations_are_those_of_the_manifest() {
    let (mut r, subject) = start();
    for (annotations, expected) in [
        (json!(null), None),
        (json!({}), Some(BTreeMap::new())),
        (json!({"b": "", "A": "\u{0}"}), Some([("b", ""), ("A", "\u{0}")].map(|(k, v)| (k.into(), v.into())).into())),
    ] {
        let document = index(&[]).with("annotations", annotations).about(&subject);
        r.push("a", "v1", &document);
        let with_annotations = Referrer { annotations: expected, ..row(&document, None) };
        assert_eq!(r.does(referrers("a", &subject.digest(), None)), list(&[&with_annotations], false));
        r.does(delete_manifest("a", &document.digest()));
    }
}

#[test]
fn a_filter_keeps_the_referrers_of_exactly_that_type_and_the_answer_says_so() {
    let (mut r, subject) = start();
    let sbom = index(&[]).with("artifactType", json!("x/sbom")).about(&subject);
    let plain = image("config", &[]).about(&subject);
    r.push("a", "sbom", &sbom);
    r.push("a", "plain", &plain);
    let (sbom, plain) = (row(&sbom, Some("x/sbom")), row(&plain, Some(CONFIG_TYPE)));
    for (filter, rows, filtered) in [
        (Some("x/sbom"), vec![&sbom], true),
        (Some(CONFIG_TYPE), vec![&plain], true),
        (Some("X/SBOM"), vec![], true),
        (Some("x"), vec![], true),
        (Some(""), vec![&sbom, &plain], false),
        (None, vec![&sbom, &plain], false),
    ] {
        assert_eq!(r.does(referrers("a", &subject.digest(), filter)), list(&rows, filtered), "{filter:?}");
    }
    let unsaid = list(&[&sbom], false);
    assert_eq!(r.rejects(referrers("a", &subject.digest(), Some("x/sbom")), unsaid), "referrers.filter");
}

#[test]
fn a_referrer_counts_in_its_own_repository_and_until_it_is_deleted() {
    let (mut r, subject) = start();
    let document = index(&[]).about(&subject);
    r.push("b", "v1", &document);
    assert_eq!(r.does(referrers("a", &subject.digest(), None)), list(&[], false));
    assert_eq!(r.does(referrers("b", &subject.digest(), None)), list(&[&row(&document, None)], false));
    r.does(delete_manifest("b", "v1"));
    assert_eq!(r.does(referrers("b", &subject.digest(), None)), list(&[&row(&document, None)], false));
    r.does(delete_manifest("b", &document.digest()));
    assert_eq!(r.does(referrers("b", &subject.digest(), None)), list(&[], false));
}

#[test]
fn docker_types_have_no_subject_and_a_subject_is_compared_as_it_is_written() {
    let (mut r, subject) = start();
    r.push("a", "docker", &index(&[]).about(&subject).docker());
    let by_sha512 = index(&[]).with("subject", json!({"mediaType": "x/y", "digest": sha512("s"), "size": 1}));
    r.push("a", "sha512", &by_sha512);
    assert_eq!(r.does(referrers("a", &subject.digest(), None)), list(&[], false));
    assert_eq!(r.does(referrers("a", &sha256("s"), None)), list(&[], false));
    assert_eq!(r.does(referrers("a", &sha512("s"), None)), list(&[&row(&by_sha512, None)], false));
}
