//! Lists: tags, the catalog, referrers, and their pages.

use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::ServerOptions;

use crate::support::{House, INDEX, OCI, SECRET, descriptor, image, is, next, sha256};

async fn tagged(repositories: &[&str], tags: &[&str]) -> House {
    let house = House::open().await;
    for repository in repositories {
        house.push(repository, "{}").await;
        for tag in tags {
            is(201, house.put_manifest(repository, tag, OCI, &image("")).await);
        }
    }
    house
}

#[tokio::test]
async fn tags_are_listed_page_after_page() {
    let house = tagged(&["a/b"], &["c", "B", "a"]).await;
    let all = is(200, house.get("/v2/a/b/tags/list").await);
    assert_eq!(all.header("content-type"), "application/json");
    assert_eq!(all.text(), r#"{"name":"a/b","tags":["B","a","c"]}"#);
    assert_eq!(next(&all), None);

    let first = is(200, house.get("/v2/a/b/tags/list?n=2").await);
    assert_eq!(first.text(), r#"{"name":"a/b","tags":["B","a"]}"#);
    assert_eq!(next(&first).as_deref(), Some("/v2/a/b/tags/list?n=2&last=a"));
    let second = is(200, house.get(&next(&first).unwrap()).await);
    assert_eq!((second.text(), next(&second)), (r#"{"name":"a/b","tags":["c"]}"#, None));

    let none = is(200, house.get("/v2/a/b/tags/list?n=0").await);
    assert_eq!((none.text(), next(&none)), (r#"{"name":"a/b","tags":[]}"#, None));
    assert_eq!(house.head("/v2/a/b/tags/list").await.header("content-length"), all.body.len().to_string());
}

#[tokio::test]
async fn a_list_that_cannot_be_had_is_refused() {
    let house = tagged(&["a"], &["t"]).await;
    for (path, refusal) in [
        ("/v2/b/tags/list", "404 NAME_UNKNOWN b"),
        ("/v2/B/tags/list", "400 NAME_INVALID B"),
        ("/v2/a/tags/list?n=-1", "400 UNSUPPORTED -1"),
        ("/v2/a/tags/list?n=", "400 UNSUPPORTED "),
        ("/v2/_catalog?n=x%201", "400 UNSUPPORTED x 1"),
        ("/v2/_catalog?n=1001", "400 UNSUPPORTED 1001"),
        ("/v2/a/referrers/x", "400 DIGEST_INVALID x"),
    ] {
        assert_eq!(house.get(path).await.refusal(), refusal, "{path}");
    }
}

#[tokio::test]
async fn the_catalog_is_listed_page_after_page() {
    let house = tagged(&["b", "a/b", "a", "a-b"], &["t"]).await;
    let all = is(200, house.get("/v2/_catalog").await);
    assert_eq!(all.text(), r#"{"repositories":["a","a/b","a-b","b"]}"#);
    assert_eq!(next(&all), None);
    let first = is(200, house.get("/v2/_catalog?n=2").await);
    assert_eq!(next(&first).as_deref(), Some("/v2/_catalog?n=2&last=a%2Fb"));
    let second = is(200, house.get(&next(&first).unwrap()).await);
    assert_eq!((second.text(), next(&second)), (r#"{"repositories":["a-b","b"]}"#, None));
}

fn about(subject: &str, kind: &str, note: &str) -> String {
    let subject = descriptor(OCI, &sha256(subject), 7);
    image(&format!(r#","subject":{subject},"artifactType":"{kind}","annotations":{{"note":"{note}"}}"#))
}

#[tokio::test]
async fn referrers_are_an_index_that_can_be_filtered() {
    let house = tagged(&["a"], &[]).await;
    let (one, two) = (about("it", "x/y+z", "1"), about("it", "other", "2"));
    for document in [&one, &two] {
        is(201, house.put_manifest("a", sha256(document).as_str(), OCI, document).await);
    }
    let path = format!("/v2/a/referrers/{}", sha256("it"));
    let all = is(200, house.get(&path).await);
    assert_eq!((all.header("content-type"), all.header("oci-filters-applied")), (INDEX, ""));
    let document = all.json();
    assert_eq!((&document["schemaVersion"], &document["mediaType"]), (&2.into(), &INDEX.into()));
    assert_eq!(document["manifests"].as_array().unwrap().len(), 2);

    let filtered = is(200, house.get(&format!("{path}?artifactType=x%2Fy%2Bz")).await);
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    let row = format!(
        r#"{{"mediaType":"{OCI}","digest":"{}","size":{},"artifactType":"x/y+z","annotations":{{"note":"1"}}}}"#,
        sha256(&one),
        one.len()
    );
    assert_eq!(filtered.text(), format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{row}]}}"#));

    let none = is(200, house.get(&format!("/v2/nobody/referrers/{}", sha256("it"))).await);
    assert_eq!(none.text(), format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#));
}

#[tokio::test]
async fn referrers_come_in_pages_of_rows_and_of_bytes() {
    let http = HttpOptions { referrers_page: 2, ..HttpOptions::new(Secret::new(SECRET)) };
    let house = House::with(ServerOptions::new(http)).await;
    house.push("a", "{}").await;
    let large = "n".repeat(2 << 20);
    let mut pushed = Vec::new();
    for (subject, note) in [("rows", "1"), ("rows", "2"), ("rows", "3"), ("bytes", &*large), ("bytes", &large[1..])] {
        let document = about(subject, "x/y", note);
        is(201, house.put_manifest("a", sha256(&document).as_str(), OCI, &document).await);
        pushed.push((subject, sha256(&document).to_string()));
    }
    for (subject, pages) in [("rows", vec![2, 1]), ("bytes", vec![1, 1])] {
        let mut path = Some(format!("/v2/a/referrers/{}?artifactType=x%2Fy", sha256(subject)));
        let (mut lengths, mut digests) = (Vec::new(), Vec::new());
        while let Some(at) = path {
            let page = is(200, house.get(&at).await);
            assert_eq!(page.header("oci-filters-applied"), "artifactType");
            let rows: Vec<String> = page.json()["manifests"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["digest"].as_str().unwrap().to_owned())
                .collect();
            lengths.push(rows.len());
            digests.extend(rows);
            path = next(&page);
        }
        let mut expected: Vec<String> =
            pushed.iter().filter(|(of, _)| *of == subject).map(|(_, digest)| digest.clone()).collect();
        expected.sort();
        assert_eq!((lengths, digests), (pages, expected), "{subject}");
    }
}
