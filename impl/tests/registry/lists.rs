//! Lists: tags, the catalog, referrers.

use proofhouse_registry::api::{Api, ApiConfig};

use crate::support::*;

const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

async fn tags(house: &House, n: Option<&str>, last: Option<&str>) -> (Vec<String>, bool) {
    let page = house.api.list_tags("a", n, last).await.unwrap();
    (page.items, page.more)
}

async fn catalog(house: &House, n: Option<&str>, last: Option<&str>) -> (Vec<String>, bool) {
    let page = house.api.catalog(n, last).await.unwrap();
    (page.items, page.more)
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn tags_are_sorted_by_bytes_and_paged_strictly_after_last() {
    let house = House::new();
    for tag in ["b", "a", "B", "_", "a.b", "a-b"] {
        house.put("a", Some(tag), INDEX, EMPTY_INDEX).await;
    }
    let all = ["B", "_", "a", "a-b", "a.b", "b"];
    assert_eq!(tags(&house, None, None).await, (texts(&all), false));
    assert_eq!(tags(&house, Some("6"), None).await, (texts(&all), false));
    assert_eq!(tags(&house, Some("5"), None).await, (texts(&all[..5]), true));
    assert_eq!(tags(&house, Some("2"), Some("_")).await, (texts(&all[2..4]), true));
    assert_eq!(tags(&house, Some("2"), Some("a-c")).await, (texts(&all[4..]), false));
    assert_eq!(tags(&house, None, Some("b")).await, (vec![], false));
    assert_eq!(tags(&house, None, Some("")).await, (texts(&all), false));
    assert_eq!(tags(&house, Some("99999999999999999999"), Some("/ no tag")).await, (texts(&all), false));
    assert_eq!(tags(&house, Some("0"), None).await, (vec![], false));
}

#[tokio::test]
async fn what_a_push_that_was_cut_short_left_of_a_tag_does_not_follow_a_page() {
    let house = House::new();
    for tag in ["a", "b"] {
        house.put("a", Some(tag), INDEX, EMPTY_INDEX).await;
    }
    let digest = sha256(EMPTY_INDEX);
    let entry = format!("/docker/registry/v2/repositories/a/_manifests/tags/c/index/sha256/{}/link", digest.hex());
    house.write(&entry, digest.as_str()).await;
    assert_eq!(tags(&house, Some("2"), None).await, (texts(&["a", "b"]), false));
    assert_eq!(tags(&house, None, None).await, (texts(&["a", "b"]), false));
}

#[tokio::test]
async fn a_bound_on_tags_cuts_the_page_and_says_that_more_follow() {
    let house = House::new();
    for tag in ["a", "b", "c", "d"] {
        house.put("a", Some(tag), INDEX, EMPTY_INDEX).await;
    }
    let config = ApiConfig { tags_max: Some(2), ..ApiConfig::default() };
    let api = Api::new(house.api.registry().clone(), config);
    for (n, last, items, more) in [
        (Some("3"), None, &["a", "b"][..], true),
        (Some("2"), Some("b"), &["c", "d"], false),
        (Some("1"), None, &["a"], true),
        (Some("0"), None, &[], false),
        (None, None, &["a", "b", "c", "d"], false),
    ] {
        let page = api.list_tags("a", n, last).await.unwrap();
        assert_eq!((page.items, page.more), (texts(items), more), "{n:?}");
    }
}

#[tokio::test]
async fn the_page_size_of_tags_is_checked_before_the_repository() {
    let house = House::new();
    for n in ["-1", "x", "", "1.5"] {
        assert_eq!(failure(house.api.list_tags("a", Some(n), None).await), format!("400 UNSUPPORTED {n}"));
        assert_eq!(failure(house.api.list_tags("A", Some(n), None).await), "400 NAME_INVALID A");
    }
    assert_eq!(tags(&house, Some("0"), None).await, (vec![], false));
    assert_eq!(failure(house.api.list_tags("a", None, None).await), "404 NAME_UNKNOWN a");
    house.push("a", "only a blob").await;
    assert_eq!(failure(house.api.list_tags("a", Some("1"), None).await), "404 NAME_UNKNOWN a");
}

#[tokio::test]
async fn a_repository_without_tags_or_without_manifests_any_more_has_an_empty_list() {
    let house = House::new();
    let digest = house.put("a", None, INDEX, EMPTY_INDEX).await;
    assert_eq!(tags(&house, None, None).await, (vec![], false));
    house.put("a", Some("t"), INDEX, EMPTY_INDEX).await;
    house.api.delete_manifest("a", digest.as_str()).await.unwrap();
    assert_eq!(tags(&house, None, None).await, (vec![], false));
    assert_eq!(catalog(&house, None, None).await, (texts(&["a"]), false));
}

#[tokio::test]
async fn the_catalog_goes_by_path_components() {
    let house = House::new();
    let all = ["a/b/c", "zz", "zz/a", "zz/a/b", "zz/b", "zz-b", "zz.b", "zz_c"];
    for name in all {
        house.put(name, Some("t"), INDEX, EMPTY_INDEX).await;
    }
    house.push("no/manifest", "x").await;
    house.api.start_upload("zz/up").await.unwrap();
    house.write("/docker/registry/v2/repositories/lost+found/x/_manifests/y", "").await;
    house.write("/docker/registry/v2/repositories/stray", "").await;
    assert_eq!(catalog(&house, None, None).await, (texts(&all), false));
    for n in 1..=9 {
        let mut seen = Vec::new();
        let mut last = None;
        loop {
            let (items, more) = catalog(&house, Some(&n.to_string()), last.as_deref()).await;
            seen.extend(items);
            assert_eq!(more, seen.len() < all.len());
            if !more {
                break;
            }
            last = seen.last().cloned();
        }
        assert_eq!(seen, all);
    }
    for (last, rest) in
        [("zz/", 2), ("zz/a/a", 3), ("zz!", 5), ("a", 0), ("a/b/c/d", 1), ("", 0), ("~", 8), ("zz/zz", 5)]
    {
        assert_eq!(catalog(&house, None, Some(last)).await, (texts(&all[rest..]), false), "{last}");
    }
    // Whatever the client writes: all texts of at most four of these.
    let mut lasts = vec![String::new()];
    let mut longest = lasts.clone();
    for _ in 0..4 {
        let longer = |text: &String| ["a", "b", "zz", "/", "-", "_", "é", "A"].map(|more| format!("{text}{more}"));
        longest = longest.iter().flat_map(longer).collect();
        lasts.extend_from_slice(&longest);
    }
    for last in lasts {
        let rest: Vec<&str> = all.into_iter().filter(|name| name.split('/').gt(last.split('/'))).collect();
        assert_eq!(catalog(&house, None, Some(&last)).await, (texts(&rest), false), "{last}");
    }
}

#[tokio::test]
async fn the_page_size_of_the_catalog_is_bounded() {
    let house = House::new();
    for n in 0..102 {
        house.put(&format!("r{n:03}"), Some("t"), INDEX, EMPTY_INDEX).await;
    }
    let (first, more) = catalog(&house, None, None).await;
    assert_eq!((first.len(), more), (100, true));
    assert_eq!(catalog(&house, Some("1000"), None).await.0.len(), 102);
    assert!(!catalog(&house, Some("102"), None).await.1);
    assert_eq!(catalog(&house, Some("0"), None).await, (vec![], false));
    for n in ["1001", "-1", "x", "", "99999999999999999999"] {
        assert_eq!(failure(house.api.catalog(Some(n), None).await), format!("400 UNSUPPORTED {n}"));
    }
}

/// The digests, artifact types and annotation counts of the referrers.
async fn referrers(house: &House, digest: &str, filter: Option<&str>) -> Vec<(String, Option<String>, Option<usize>)> {
    let (referrers, filtered) = house.api.referrers("a", digest, filter).await.unwrap();
    assert_eq!(filtered, filter.is_some_and(|filter| !filter.is_empty()));
    let row = |r: proofhouse_registry::api::Referrer| {
        (r.digest.to_string(), r.artifact_type, r.annotations.map(|annotations| annotations.len()))
    };
    referrers.into_iter().map(row).collect()
}

#[tokio::test]
async fn referrers_are_listed_with_artifact_type_and_annotations_and_filtered() {
    let mut house = House::new();
    house.push("a", "config").await;
    let about = sha256("missing");
    let more = |artifact: &str| format!("{}{artifact}", subject(&about));
    let config_type = "application/vnd.oci.image.config.v1+json";
    let documents = [
        (
            OCI,
            image_with("config", &[], &more(r#","artifactType":"x/sig","annotations":{"k":"v"}"#)),
            Some("x/sig"),
            Some(1),
        ),
        (OCI, image_with("config", &[], &more(r#","artifactType":"""#)), Some(config_type), None),
        (OCI, image_with("config", &[], &more(r#","annotations":null"#)), Some(config_type), None),
        (INDEX, index_of("", &more(r#","artifactType":"x/list","annotations":{}"#)), Some("x/list"), Some(0)),
        (INDEX, index_of("", &more("")), None, None),
    ];
    let mut expected = Vec::new();
    for (kind, document, artifact_type, annotations) in &documents {
        let bytes = document.clone().into();
        let stored = house.api.put_manifest("a", "t", Some(kind), &[], bytes).await.unwrap();
        assert_eq!(stored.subject, Some(about.clone()));
        expected.push((stored.digest.to_string(), artifact_type.map(str::to_owned), *annotations));
    }
    expected.sort();
    for _ in 0..2 {
        assert_eq!(referrers(&house, about.as_str(), None).await, expected);
        assert_eq!(referrers(&house, about.as_str(), Some("")).await, expected);
        let two: Vec<_> = expected.iter().filter(|row| row.1.as_deref() == Some(config_type)).cloned().collect();
        assert_eq!(referrers(&house, about.as_str(), Some(config_type)).await, two);
        assert!(referrers(&house, about.as_str(), Some("x")).await.is_empty());
        house.restart();
    }
    let (_, filtered) = house.api.referrers("nobody", about.as_str(), Some("x")).await.unwrap();
    assert!(filtered);
    assert_eq!(failure(house.api.referrers("a", "sha256:x", None).await), "400 DIGEST_INVALID sha256:x");
    let first = &expected[0].0;
    house.api.delete_manifest("a", first).await.unwrap();
    assert_eq!(referrers(&house, about.as_str(), None).await, expected[1..]);
}

#[tokio::test]
async fn referrers_in_a_directory_that_distribution_wrote_are_found() {
    let mut house = House::new();
    house.push("a", "config").await;
    let about = sha256("missing");
    let digest = house.put("a", None, OCI, &image_with("config", &[], &subject(&about))).await;
    let deleted = house.put("a", None, INDEX, &index_of("", &subject(&about))).await;
    let links = "/docker/registry/v2/repositories/a/_manifests/referrers";
    house.driver.delete(&links.parse().unwrap()).await.unwrap();
    house.restart();
    assert_eq!(referrers(&house, about.as_str(), None).await.len(), 2);
    // Another program removes a revision and does not know of our links.
    let revision = format!("/docker/registry/v2/repositories/a/_manifests/revisions/sha256/{}", deleted.hex());
    house.driver.delete(&revision.parse().unwrap()).await.unwrap();
    let left = referrers(&house, about.as_str(), None).await;
    assert_eq!(left.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), [digest.as_str()]);
}

#[tokio::test]
async fn the_subject_of_a_docker_manifest_counts_for_nothing() {
    let house = House::new();
    let about = sha256("missing");
    let document = index_of("", &format!(r#","mediaType":"{LIST}"{}"#, subject(&about)));
    let stored = house.api.put_manifest("a", "t", Some(LIST), &[], document.into()).await.unwrap();
    assert_eq!(stored.subject, None);
    assert!(referrers(&house, about.as_str(), None).await.is_empty());
}

#[tokio::test]
async fn removing_a_repository_leaves_those_below_it() {
    let house = House::new();
    for name in ["a", "a/b"] {
        house.put(name, Some("t"), INDEX, EMPTY_INDEX).await;
        house.push(name, "x").await;
        house.api.start_upload(name).await.unwrap();
    }
    house.api.remove_repository("a").await.unwrap();
    assert_eq!(failure(house.api.remove_repository("a").await), "404 NAME_UNKNOWN a");
    assert_eq!(failure(house.api.remove_repository("A").await), "400 NAME_INVALID A");
    assert_eq!(failure(house.api.list_tags("a", None, None).await), "404 NAME_UNKNOWN a");
    assert!(!house.has("a", "x").await && house.has("a/b", "x").await);
    assert!(house.has_manifest("a/b", "t").await);
    assert_eq!(catalog(&house, None, None).await, (texts(&["a/b"]), false));
    house.push("only-blobs", "x").await;
    house.api.remove_repository("only-blobs").await.unwrap();
}
