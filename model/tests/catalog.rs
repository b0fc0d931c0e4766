//! The catalog of repositories.

mod common;

use common::*;
use proofhouse_model::*;

/// A registry that holds a manifest in each of these.
fn holding(repositories: &[&str]) -> Registry {
    with_options(repositories, deletable())
}

fn with_options(repositories: &[&str], options: Options) -> Registry {
    let mut r = ours_with(options);
    for repo in repositories {
        r.push(repo, "v1", &index(&[]));
    }
    r
}

fn bad_page(n: &str) -> Outcome {
    refused(400, Code::Unsupported, Some(n))
}

const NESTED: [&str; 7] = ["zz_c", "zz-b", "zz.b", "zz/b", "zz", "zz/a/x", "zz/a"];

#[test]
fn repositories_are_in_the_order_of_their_path_components() {
    let mut r = holding(&NESTED);
    let all = names(&["zz", "zz/a", "zz/a/x", "zz/b", "zz-b", "zz.b", "zz_c"], false);
    assert_eq!(r.does(catalog(None, None)), all);
    let by_bytes = names(&["zz", "zz-b", "zz.b", "zz/a", "zz/a/x", "zz/b", "zz_c"], false);
    assert_eq!(r.rejects(catalog(None, None), by_bytes), "catalog.page");
}

#[test]
fn a_page_begins_after_last_in_that_order_whether_it_exists_or_not() {
    let mut r = holding(&NESTED);
    for (n, last, expected) in [
        (Some("2"), None, names(&["zz", "zz/a"], true)),
        (Some("2"), Some("zz/a"), names(&["zz/a/x", "zz/b"], true)),
        (Some("3"), Some("zz/b"), names(&["zz-b", "zz.b", "zz_c"], false)),
        (Some("1"), Some("zz/aa"), names(&["zz/b"], true)),
        (Some("1"), Some("zz/"), names(&["zz/a"], true)),
        (None, Some("zz.b"), names(&["zz_c"], false)),
        (None, Some("zz_c"), names(&[], false)),
        (None, Some(""), names(&["zz", "zz/a", "zz/a/x", "zz/b", "zz-b", "zz.b", "zz_c"], false)),
    ] {
        assert_eq!(r.does(catalog(n, last)), expected, "n={n:?} last={last:?}");
    }
}

#[test]
fn a_walk_visits_each_repository_exactly_once_whatever_the_page() {
    let mut r = holding(&NESTED);
    for n in 1..=8 {
        let walk = Op::WalkRepositories { n };
        let all = names(&["zz", "zz/a", "zz/a/x", "zz/b", "zz-b", "zz.b", "zz_c"], false);
        assert_eq!(r.does(walk.clone()), all);
        let skipped = names(&["zz", "zz/a", "zz/b", "zz-b", "zz.b", "zz_c"], false);
        assert_eq!(r.rejects(walk, skipped), "catalog.walk");
    }
}

#[test]
fn without_a_page_size_the_default_counts() {
    let mut r = with_options(&["a", "b", "c"], Options { catalog_default: 2, ..deletable() });
    assert_eq!(r.does(catalog(None, None)), names(&["a", "b"], true));
    assert_eq!(r.does(catalog(None, Some("b"))), names(&["c"], false));
    assert_eq!(Options::default().catalog_default, 100);
}

#[test]
fn a_page_above_the_maximum_is_refused_and_the_maximum_itself_is_not() {
    let mut r = holding(&["a"]);
    assert_eq!(r.does(catalog(Some("1000"), None)), names(&["a"], false));
    for n in ["1001", "100000", "18446744073709551615", "99999999999999999999999"] {
        assert_eq!(r.does(catalog(Some(n), None)), bad_page(n));
    }
    let mut small = with_options(&["a", "b"], Options { catalog_max: 1, ..deletable() });
    assert_eq!(small.does(catalog(Some("1"), None)), names(&["a"], true));
    assert_eq!(small.does(catalog(Some("2"), None)), bad_page("2"));
    assert_eq!(small.does(catalog(None, None)), names(&["a", "b"], false), "the default is no request");
}

#[test]
fn a_page_size_that_is_no_number_is_refused_and_none_asked_is_none_given() {
    let mut r = holding(&["a"]);
    for n in ["", "-1", "1.5", "x"] {
        assert_eq!(r.does(catalog(Some(n), None)), bad_page(n));
    }
    assert_eq!(r.does(catalog(Some("0"), None)), names(&[], false));
}

#[test]
fn a_repository_is_listed_once_it_held_a_manifest_and_until_it_is_removed() {
    let mut r = ours();
    r.push_blob("blobs", "layer");
    r.start("upload");
    assert_eq!(r.does(catalog(None, None)), names(&[], false));
    let document = index(&[]);
    r.push("a/b", &document.digest(), &document);
    assert_eq!(r.does(catalog(None, None)), names(&["a/b"], false), "pushed by digest, and not its parent");
    r.does(delete_manifest("a/b", &document.digest()));
    assert_eq!(r.does(catalog(None, None)), names(&["a/b"], false), "its last manifest is gone");
    r.does(collect(true, 0));
    assert_eq!(r.does(catalog(None, None)), names(&["a/b"], false), "and collected");
    r.does(remove("a/b"));
    assert_eq!(r.does(catalog(None, None)), names(&[], false));
}
