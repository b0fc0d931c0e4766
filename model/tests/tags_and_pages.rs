//! Lists of tags, page by page, and what a tag remembers.

mod common;

use common::*;
use proofhouse_model::*;

/// A repository `a` with these tags.
fn tagged(tags: &[&str]) -> Registry {
    let mut r = ours();
    for tag in tags {
        r.push("a", tag, &index(&[]));
    }
    r
}

fn bad_page(n: &str) -> Outcome {
    refused(400, Code::Unsupported, Some(n))
}

fn name_unknown(repo: &str) -> Outcome {
    refused(404, Code::NameUnknown, Some(repo))
}

#[test]
fn all_tags_are_listed_each_once_in_the_order_of_their_bytes() {
    let mut r = tagged(&["b", "a", "B", "_", "1", "10", "2", "a-b", "a.b", "a_b", "aB"]);
    assert_eq!(r.tags("a"), ["1", "10", "2", "B", "_", "a", "a-b", "a.b", "aB", "a_b", "b"]);
}

#[test]
fn a_page_holds_the_next_tags_and_announces_more_exactly_if_something_follows() {
    let mut r = tagged(&["a", "b", "c", "d"]);
    for (n, last, expected) in [
        (Some("2"), None, names(&["a", "b"], true)),
        (Some("2"), Some("b"), names(&["c", "d"], false)),
        (Some("3"), Some("a"), names(&["b", "c", "d"], false)),
        (Some("1"), Some("c"), names(&["d"], false)),
        (Some("4"), None, names(&["a", "b", "c", "d"], false)),
        (Some("99999999999999999999999"), None, names(&["a", "b", "c", "d"], false)),
        (Some("007"), Some("bb"), names(&["c", "d"], false)),
        (None, Some("c"), names(&["d"], false)),
        (None, Some("d"), names(&[], false)),
        (Some("5"), Some("zzz"), names(&[], false)),
        (Some("1"), Some(""), names(&["a"], true)),
    ] {
        assert_eq!(r.does(list_tags("a", n, last)), expected, "n={n:?} last={last:?}");
    }
}

#[test]
fn a_page_that_leaves_out_repeats_or_reorders_a_tag_is_wrong() {
    let mut r = tagged(&["a", "b", "c"]);
    for wrong in [
        names(&["a", "b"], false),
        names(&["a", "c"], false),
        names(&["b", "a"], true),
        names(&["a"], true),
        names(&["a", "a"], true),
        names(&["a", "b", "c"], false),
        names(&[], true),
    ] {
        assert_eq!(r.rejects(list_tags("a", Some("2"), None), wrong), "tags.page");
    }
}

#[test]
fn walking_page_by_page_meets_every_tag_once() {
    let mut r = tagged(&["v1", "v1-", "v1.", "V1", "v2", "latest"]);
    for n in 1..=7 {
        let (mut met, mut last) = (Vec::new(), None);
        loop {
            let page = r.does(list_tags("a", Some(&n.to_string()), last.as_deref()));
            let Outcome::Names { names, more } = page else { panic!("{page}") };
            last = names.last().cloned();
            met.extend(names);
            if !more {
                break;
            }
        }
        assert_eq!(met, r.tags("a"), "by {n}");
    }
}

#[test]
fn a_page_of_no_tags_is_empty_even_where_there_is_no_repository() {
    let mut r = tagged(&["a"]);
    for repo in ["a", "nowhere"] {
        for n in ["0", "00"] {
            assert_eq!(r.does(list_tags(repo, Some(n), None)), names(&[], false));
        }
    }
    assert_eq!(r.rejects(list_tags("a", Some("0"), None), names(&[], true)), "tags.none-asked");
}

#[test]
fn a_page_size_that_is_no_number_is_refused_before_the_repository_is_looked_up() {
    let mut r = tagged(&["a"]);
    for n in ["", "-1", "+1", "1.5", "x", " 1", "1 ", "0x1", "\u{661}"] {
        assert_eq!(r.does(list_tags("a", Some(n), None)), bad_page(n));
        assert_eq!(r.does(list_tags("nowhere", Some(n), None)), bad_page(n));
    }
    assert_eq!(r.does(list_tags("A", Some("x"), None)), name_invalid("A"), "but the name comes first");
}

#[test]
fn a_repository_that_never_held_a_manifest_is_unknown() {
    let mut r = ours();
    r.push_blob("a", "layer");
    r.start("b");
    for repo in ["a", "b", "nowhere"] {
        assert_eq!(r.does(list_tags(repo, None, None)), name_unknown(repo));
    }
    r.push("a/b", "v1", &index(&[]));
    assert_eq!(r.does(list_tags("a", None, None)), name_unknown("a"), "what is nested below does not count");
}

#[test]
fn a_repository_without_tags_that_held_a_manifest_has_an_empty_list() {
    let mut r = ours();
    let document = index(&[]);
    r.push("a", &document.digest(), &document);
    assert_eq!(r.tags("a"), Vec::<String>::new(), "never tagged");
    r.push("a", "v1", &document);
    r.does(delete_manifest("a", "v1"));
    assert_eq!(r.tags("a"), Vec::<String>::new(), "tag deleted");
    r.does(delete_manifest("a", &document.digest()));
    assert_eq!(r.tags("a"), Vec::<String>::new(), "manifest deleted");
}

#[test]
fn a_tag_is_128_characters_at_most_and_begins_with_a_letter_a_digit_or_an_underscore() {
    let mut r = ours();
    let document = index(&[]);
    let longest = "x".repeat(128);
    for tag in ["a", "_", "0", "A.b-c_d", longest.as_str()] {
        assert!(is_tag(tag));
        assert!(r.does(put_manifest("a", tag, &document)).succeeded(), "{tag}");
    }
    let too_long = "x".repeat(129);
    for tag in ["", ".a", "-a", "a/b", "a b", "a+b", "\u{fc}", "a\n", too_long.as_str()] {
        assert!(!is_tag(tag));
        let refusal = refused(400, Code::ManifestInvalid, Some(tag));
        assert_eq!(r.does(put_manifest("a", tag, &document)), refusal);
        assert_eq!(r.does(get_manifest("a", tag)), refusal);
    }
}

#[test]
fn the_lookup_of_a_digest_finds_every_tag_that_points_to_it_sorted() {
    for tag_lookup_limit in [-1, 0, 1, 8] {
        let mut r = ours_with(Options { tag_lookup_limit, ..deletable() });
        let (one, other) = (index(&[]), index(&[]).with("x", 1.into()));
        for tag in ["c", "a", "moved", "b"] {
            r.push("a", tag, &one);
        }
        r.push("a", "moved", &other);
        r.push("b", "elsewhere", &one);
        assert_eq!(r.does(tags_of("a", &one.digest())), names(&["a", "b", "c"], false));
        assert_eq!(r.does(tags_of("a", &other.digest())), names(&["moved"], false));
        assert_eq!(r.does(tags_of("a", &sha256("nothing"))), names(&[], false));
        assert_eq!(r.does(tags_of("nowhere", &one.digest())), names(&[], false));
        assert_eq!(r.does(tags_of("a", "sha256:x")), digest_invalid(Some("sha256:x")));
    }
}

#[test]
fn a_tag_remembers_every_digest_that_it_pointed_to_until_it_is_deleted() {
    let mut r = ours();
    let (one, other) = (index(&[]), index(&[]).with("x", 1.into()));
    r.push("a", "v1", &one);
    r.push("a", "v1", &other);
    r.push("a", "v1", &one);
    r.push("a", "v2", &one);
    assert_eq!(r.does(tag_history("a", "v1")), digests(&[&one.digest(), &other.digest()]));
    assert_eq!(r.does(tag_history("a", "v2")), digests(&[&one.digest()]));
    r.does(delete_manifest("a", &other.digest()));
    assert_eq!(r.does(tag_history("a", "v1")), digests(&[&one.digest(), &other.digest()]), "it is its past");
    r.does(delete_manifest("a", "v1"));
    assert_eq!(r.does(tag_history("a", "v1")), manifest_unknown("v1"));
    r.push("a", "v1", &one);
    assert_eq!(r.does(tag_history("a", "v1")), digests(&[&one.digest()]), "and begins anew");
}
