//! Which entries of an index must exist: all, none, or those whose platform a filter names.

mod common;

use common::*;
use proofhouse_model::*;
use serde_json::json;

/// Index validation on, with filters such as `linux/amd64`.
fn validating(filters: &[&str]) -> Registry {
    let platform = |filter: &&str| {
        let (os, architecture) = filter.split_once('/').expect("os and architecture");
        Platform { architecture: architecture.into(), os: os.into() }
    };
    ours_with(Options { validate_index: true, platforms: filters.iter().map(platform).collect(), ..deletable() })
}

/// An image that nobody has pushed.
fn absent(name: &str) -> Document {
    image(name, &[])
}

fn push(r: &mut Registry, document: &Document) -> Outcome {
    r.does(put_manifest("a", "all", document))
}

#[test]
fn with_validation_off_every_entry_may_be_missing_whatever_the_filters() {
    let amd64 = Platform { architecture: "amd64".into(), os: "linux".into() };
    for platforms in [vec![], vec![amd64]] {
        let mut r = ours_with(Options { validate_index: false, platforms, ..deletable() });
        let index = index(&[entry(&absent("x"), Some("linux/amd64")), entry(&absent("y"), None)]);
        assert_eq!(push(&mut r, &index), manifest_stored(&index.digest(), None, &[]));
    }
}

#[test]
fn with_validation_on_every_entry_must_be_a_manifest_of_the_repository_and_all_missing_are_reported() {
    let mut r = validating(&[]);
    let here = r.push_image("a", "here", "config", &[]);
    let there = r.push_image("b", "there", "config", &["layer"]);
    let (x, y) = (absent("x"), absent("y"));
    let entries =
        [entry(&x, None), entry(&here, Some("linux/amd64")), entry(&y, Some("linux/arm64")), entry(&there, None)];
    for index in [index(&entries), index(&entries).docker()] {
        let missing = references_unknown(&[&x.digest(), &y.digest(), &there.digest()]);
        assert_eq!(push(&mut r, &index), missing);
    }
    let complete = index(&[entry(&here, None), entry(&here, Some("linux/arm64"))]);
    assert_eq!(push(&mut r, &complete), manifest_stored(&complete.digest(), None, &[]));
}

#[test]
fn an_entry_that_stands_twice_is_reported_twice_and_an_empty_index_misses_nothing() {
    let mut r = validating(&[]);
    let x = absent("x");
    let twice = index(&[entry(&x, None), entry(&x, None)]);
    assert_eq!(push(&mut r, &twice), references_unknown(&[&x.digest(), &x.digest()]));
    assert!(push(&mut r, &index(&[])).succeeded());
}

#[test]
fn a_blob_that_is_linked_is_no_manifest() {
    let mut r = validating(&[]);
    let x = absent("x");
    r.push_blob("a", &x.text());
    assert_eq!(push(&mut r, &index(&[entry(&x, None)])), references_unknown(&[&x.digest()]));
}

#[test]
fn with_filters_exactly_the_entries_whose_platform_a_filter_names_must_exist() {
    let mut r = validating(&["linux/amd64", "windows/arm64"]);
    let x = absent("x");
    for (platform, must_exist) in [
        (Some("linux/amd64"), true),
        (Some("windows/arm64"), true),
        (Some("linux/arm64"), false),
        (Some("windows/amd64"), false),
        (Some("Linux/amd64"), false),
        (Some("linux/AMD64"), false),
        (Some("linux/"), false),
        (Some("/amd64"), false),
        (None, false),
    ] {
        let index = index(&[entry(&x, platform)]);
        let expected =
            if must_exist { references_unknown(&[&x.digest()]) } else { manifest_stored(&index.digest(), None, &[]) };
        assert_eq!(push(&mut r, &index), expected, "{platform:?}");
    }
}

#[test]
fn variant_and_everything_else_in_a_platform_is_ignored() {
    let mut r = validating(&["linux/arm64"]);
    let x = absent("x");
    let mut one = entry(&x, Some("linux/arm64"));
    one["platform"]["variant"] = json!("v8");
    one["platform"]["os.version"] = json!(["anything"]);
    assert_eq!(push(&mut r, &index(&[one])), references_unknown(&[&x.digest()]));
}

#[test]
fn an_entry_without_a_platform_is_named_by_no_filter_and_an_empty_one_by_the_empty_filter() {
    let mut r = validating(&["/"]);
    let x = absent("x");
    for (platform, must_exist) in [
        (json!(null), false),
        (json!({}), true),
        (json!({"os": ""}), true),
        (json!({"os": "linux"}), false),
        (json!({"architecture": "", "os": "", "variant": "v7"}), true),
    ] {
        let mut one = entry(&x, None);
        one["platform"] = platform.clone();
        assert_eq!(push(&mut r, &index(&[one])).succeeded(), !must_exist, "{platform}");
    }
}

#[test]
fn only_the_missing_ones_among_those_that_are_named_are_reported() {
    let mut r = validating(&["linux/amd64"]);
    let here = r.push_image("a", "here", "config", &[]);
    let (x, y) = (absent("x"), absent("y"));
    let index = index(&[
        entry(&x, Some("linux/s390x")),
        entry(&here, Some("linux/amd64")),
        entry(&y, Some("linux/amd64")),
        entry(&x, None),
    ]);
    assert_eq!(push(&mut r, &index), references_unknown(&[&y.digest()]));
}

#[test]
fn a_child_that_was_deleted_is_missing_again() {
    let mut r = validating(&[]);
    let child = r.push_image("a", "child", "config", &[]);
    let parent = index(&[entry(&child, None)]);
    assert!(push(&mut r, &parent).succeeded());
    r.does(delete_manifest("a", &child.digest()));
    assert_eq!(push(&mut r, &parent), references_unknown(&[&child.digest()]));
    assert!(r.has("a", "all"), "the parent that is there stays");
}

#[test]
fn an_index_may_name_an_index_and_the_subject_of_one_need_not_exist() {
    let mut r = validating(&[]);
    let child = r.push_image("a", "child", "config", &[]);
    let inner = index(&[entry(&child, None)]);
    assert!(push(&mut r, &inner).succeeded());
    let outer = index(&[entry(&inner, None)]).about(&absent("x"));
    assert!(push(&mut r, &outer).succeeded());
}

#[test]
fn explain_says_of_each_entry_whether_it_must_exist_and_why() {
    let platforms = vec![Platform { architecture: "amd64".into(), os: "linux".into() }];
    let options = Options { validate_index: true, platforms, ..Options::default() };
    let spec = Specification::new(Dialect::Proofhouse, options).unwrap();
    let index = index(&[entry(&absent("x"), Some("linux/amd64")), entry(&absent("y"), None)]).about(&absent("z"));
    let explanation = explain(&spec, None, index.text().as_bytes());
    let text = explanation.to_string();
    assert!(explanation.accepted);
    let line = |name: &str| text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    assert!(
        line("manifests[0] (platform amd64/linux)").ends_with("must exist: a filter selects its platform"),
        "{text}"
    );
    assert!(line("manifests[1] (no platform)").ends_with("need not exist: no filter selects its platform"), "{text}");
    assert!(line("subject").ends_with("need not exist"), "{text}");
}

#[test]
fn explain_says_by_which_rule_and_why_a_document_is_refused() {
    let small = Options { max_manifest_bytes: 40, ..Options::default() };
    for (options, content_type, text, reason, rule) in [
        (Options::default(), None, "nonsense", "expected ident", "manifest.json"),
        (Options::default(), Some("text/plain"), "{}", "text/plain", "manifest.type"),
        (Options::default(), None, r#"{"schemaVersion":1}"#, "schemaVersion", "manifest.schema-version"),
        (small, None, &*index(&[]).text(), "too long", "manifest.size"),
    ] {
        let spec = Specification::new(Dialect::Proofhouse, options).expect("no patterns");
        let explanation = explain(&spec, content_type, text.as_bytes());
        let words = explanation.to_string();
        assert!(!explanation.accepted && words.contains(reason) && words.contains(rule), "{words}");
    }
}
