//! What the registry asks the storage, where an answer does not show it: it must not ask for what it knows, or need not know.

use crate::blind::Blind;
use crate::support::*;

#[tokio::test]
async fn a_page_of_the_catalog_looks_into_nothing_that_comes_before_it() {
    let (driver, house) = Blind::house();
    for name in ["a/b", "a/c", "m/x", "m/x/y", "m/z", "z"] {
        house.put(name, Some("t"), INDEX, &index_of("", "")).await;
    }
    driver.asked();
    let page = house.api.catalog(Some("2"), Some("m/x/y")).await.unwrap();
    assert_eq!((page.items, page.more), (vec!["m/z".to_owned(), "z".to_owned()], false));
    let asked = driver.asked();
    let into = |name: &str| asked.contains(&format!("list /docker/registry/v2/repositories/{name}"));
    // Below the first three may be what comes after; the others are the page.
    assert!(["m", "m/x", "m/x/y", "m/z", "z"].iter().all(|name| into(name)), "{asked:?}");
    assert!(!["a", "a/b", "a/c"].iter().any(|name| into(name)), "{asked:?}");
}

#[tokio::test]
async fn the_referrers_of_a_repository_are_gathered_once() {
    let (driver, house) = Blind::house();
    let about = sha256("missing");
    house.put("a", None, INDEX, &index_of("", &subject(&about))).await;
    for is_first in [true, false] {
        driver.asked();
        let (found, _) = house.api.referrers("a", about.as_str(), None).await.unwrap();
        assert_eq!(found.len(), 1);
        let asked = driver.asked();
        let revisions = "list /docker/registry/v2/repositories/a/_manifests/revisions/sha256".to_owned();
        assert_eq!(asked.contains(&revisions), is_first, "{asked:?}");
    }
}

#[tokio::test]
async fn a_referrer_that_goes_takes_its_link_along() {
    let (_, house) = Blind::house();
    let about = sha256("missing");
    let digest = house.put("a", None, INDEX, &index_of("", &subject(&about))).await;
    let links = |files: Vec<String>| files.iter().filter(|file| file.contains("/referrers/")).count();
    assert_eq!(links(house.files().await), 1);
    house.api.delete_manifest("a", digest.as_str()).await.unwrap();
    assert_eq!(links(house.files().await), 0);
}

#[tokio::test]
async fn referrers_whose_links_cannot_be_looked_at_are_an_error_and_the_next_time_there() {
    let (driver, mut house) = Blind::house();
    let about = sha256("missing");
    let digest = house.put("a", None, INDEX, &index_of("", &subject(&about))).await;
    house.restart();
    let link = format!("referrers/sha256/{}/sha256/{}/link", about.hex(), digest.hex());
    let before = house.files().await;
    *driver.spot.lock().unwrap() = Some(link);
    assert!(house.api.referrers("a", about.as_str(), None).await.is_err());
    *driver.spot.lock().unwrap() = None;
    assert_eq!(house.files().await, before);
    assert_eq!(house.api.referrers("a", about.as_str(), None).await.unwrap().0.len(), 1);
}
