//! Blobs: pulls, ranges, conditions, deletion, redirects.

use std::sync::Arc;

use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{Memory, Redirecting};
use reqwest::Method;

use crate::support::{Answer, House, OCI, image, is, options, send, sha256, sha512};

const TEN: &str = "0123456789";

async fn with(house: &House, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(house.request(Method::GET, path), |request, (name, value)| request.header(*name, *value));
    send(request).await
}

#[tokio::test]
async fn a_blob_is_pulled_and_found_with_what_is_known_of_it() {
    let house = House::open().await;
    let path = house.push("a/b", TEN).await;
    assert_eq!(path, format!("/v2/a/b/blobs/{}", sha256(TEN)));
    let (got, found) = (is(200, house.get(&path).await), is(200, house.head(&path).await));
    assert_eq!((got.text(), found.text()), (TEN, ""));
    for answer in [got, found] {
        assert_eq!(answer.header("docker-content-digest"), sha256(TEN).as_str());
        assert_eq!(answer.header("etag"), format!("\"{}\"", sha256(TEN)));
        assert_eq!(answer.header("content-length"), "10");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
    }
}

#[tokio::test]
async fn a_blob_goes_by_the_algorithm_it_was_pushed_with() {
    let house = House::open().await;
    let digest = sha512(TEN);
    let push = house.request(Method::POST, &format!("/v2/a/blobs/uploads/?digest={digest}")).body(TEN);
    let path = is(201, send(push).await).header("location").to_owned();
    assert_eq!(path, format!("/v2/a/blobs/{digest}"));
    assert_eq!(is(200, house.get(&path).await).header("docker-content-digest"), digest.as_str());
    let other = format!("/v2/a/blobs/{}", sha256(TEN));
    assert_eq!(house.get(&other).await.refusal(), format!("404 BLOB_UNKNOWN {}", sha256(TEN)));
}

#[tokio::test]
async fn a_refused_pull_says_why_and_by_head_with_its_status_alone() {
    let house = House::open().await;
    let missing = sha256("missing");
    for (path, refusal) in [
        (format!("/v2/a/blobs/{missing}"), format!("404 BLOB_UNKNOWN {missing}")),
        (format!("/v2/A/blobs/{missing}"), "400 NAME_INVALID A".to_owned()),
        (format!("/v2/a//b/blobs/{missing}"), "400 NAME_INVALID a//b".to_owned()),
        (format!("/v2/{}/blobs/{missing}", "a".repeat(256)), format!("400 NAME_INVALID {}", "a".repeat(256))),
        ("/v2/a/blobs/md5:00".to_owned(), "400 DIGEST_INVALID md5:00".to_owned()),
        ("/v2/a/blobs/x%2Fy%FF".to_owned(), "400 DIGEST_INVALID x/y\u{FFFD}".to_owned()),
        ("/v2/a/blobs/".to_owned(), "400 DIGEST_INVALID ".to_owned()),
    ] {
        let (got, found) = (house.get(&path).await, house.head(&path).await);
        assert_eq!(got.refusal(), refusal);
        assert_eq!((found.status, found.text()), (got.status, ""), "{path}");
    }
}

#[tokio::test]
async fn one_range_is_a_part_and_others_are_the_whole() {
    let house = House::open().await;
    let path = house.push("a", TEN).await;
    for (range, content_range, text) in [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=7-99", "bytes 7-9/10", "789"),
        ("bytes=-3", "bytes 7-9/10", "789"),
    ] {
        let part = is(206, with(&house, &path, &[("range", range)]).await);
        assert_eq!((part.header("content-range"), part.text()), (content_range, text), "{range}");
        assert_eq!(part.header("content-length"), text.len().to_string());
        assert_eq!(part.header("docker-content-digest"), sha256(TEN).as_str());
    }
    for range in ["bytes=0-1,3-4", "lines=0-1"] {
        let whole = is(200, with(&house, &path, &[("range", range)]).await);
        assert_eq!((whole.header("content-range"), whole.text()), ("", TEN), "{range}");
    }
}

#[tokio::test]
async fn a_range_that_cannot_be_satisfied_is_answered_with_the_size() {
    let house = House::open().await;
    let path = house.push("a", TEN).await;
    for range in ["bytes=10-", "bytes=-0", "bytes=3-2", "bytes=x", "bytes=", "nonsense"] {
        let answer = with(&house, &path, &[("range", range)]).await;
        assert_eq!(answer.refusal(), "416 BLOB_UPLOAD_INVALID -", "{range}");
        assert_eq!(answer.header("content-range"), "bytes */10");
    }
    let empty = house.push("a", "").await;
    assert_eq!(with(&house, &empty, &[("range", "bytes=0-")]).await.header("content-range"), "bytes */0");
}

#[tokio::test]
async fn a_range_counts_only_of_what_if_range_names() {
    let house = House::open().await;
    let path = house.push("a", TEN).await;
    let tag = format!("\"{}\"", sha256(TEN));
    let asked = async |tag: &str| with(&house, &path, &[("range", "bytes=0-1"), ("if-range", tag)]).await;
    assert_eq!(asked(&tag).await.status, 206);
    for other in ["\"x\"", &format!("W/{tag}"), "Tue, 01 Jan 2030 00:00:00 GMT"] {
        assert_eq!(asked(other).await.text(), TEN);
    }
}

#[tokio::test]
async fn a_client_that_has_it_is_told_so_if_it_exists() {
    let house = House::open().await;
    let path = house.push("a", TEN).await;
    let tag = format!("\"{}\"", sha256(TEN));
    for method in [Method::GET, Method::HEAD] {
        for known in [&*tag, "*", &format!("\"x\", W/{tag}")] {
            let request = house.request(method.clone(), &path).header("if-none-match", known);
            let answer = is(304, send(request).await);
            assert_eq!((answer.header("etag"), answer.text()), (&*tag, ""));
            assert_eq!(answer.header("docker-content-digest"), sha256(TEN).as_str());
        }
        let request = house.request(method.clone(), &path).header("if-none-match", "\"x\"");
        is(200, send(request).await);
        let missing = format!("/v2/a/blobs/{}", sha256("missing"));
        let request = house.request(method, &missing).header("if-none-match", format!("\"{}\"", sha256("missing")));
        is(404, send(request).await);
    }
}

#[tokio::test]
async fn a_blob_is_deleted_if_deletion_is_on() {
    let house = House::open().await;
    let path = house.push("a", TEN).await;
    is(202, house.delete(&path).await);
    assert_eq!(house.delete(&path).await.refusal(), format!("404 BLOB_UNKNOWN {}", sha256(TEN)));
    assert_eq!(house.get(&path).await.status, 404);

    let house = House::over(Arc::new(Memory::default()), options(), |builder| builder).await;
    let path = house.push("a", TEN).await;
    let refused = house.delete(&path).await;
    assert_eq!((refused.refusal().as_str(), refused.header("allow")), ("405 UNSUPPORTED -", "GET, HEAD"));
    is(200, house.get(&path).await);
}

#[tokio::test]
async fn where_the_driver_has_a_url_the_client_is_sent_there() {
    let driver = Redirecting::new(Arc::new(Memory::default()), "https://cdn.example");
    let house = House::over(Arc::new(driver), options(), RegistryBuilder::enable_redirect).await;
    let path = house.push("a", TEN).await;
    for range in ["bytes=0-1", "bytes=99-"] {
        let answer = is(307, with(&house, &path, &[("range", range)]).await);
        assert!(answer.header("location").starts_with("https://cdn.example/"), "{answer:?}");
        assert_eq!(answer.header("docker-content-digest"), sha256(TEN).as_str());
    }
    is(200, house.head(&path).await);
    assert_eq!(house.get(&format!("/v2/a/blobs/{}", sha256("x"))).await.status, 404);
}

#[tokio::test]
async fn what_is_not_what_the_client_takes_it_for_is_not_given() {
    let house = House::open().await;
    let blob = house.push("a", TEN).await;
    house.push("a", "{}").await;
    let document = image("");
    is(201, house.put_manifest("a", "t", OCI, &document).await);
    for (path, digest) in [(&*blob, sha256(TEN)), ("/v2/a/manifests/t", sha256(&document))] {
        let good = format!("\"x\", \"{digest}\"");
        for method in [Method::GET, Method::HEAD] {
            for (name, value, status) in [
                ("if-match", &*good, 200),
                ("if-match", "*", 200),
                ("if-match", "\"x\"", 412),
                ("if-none-match", &*good, 304),
                ("if-none-match", "*", 304),
                // No dates are kept, so there is none to compare with.
                ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
                ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT", 200),
            ] {
                let answer = is(status, send(house.request(method.clone(), path).header(name, value)).await);
                assert_eq!(answer.header("etag"), format!("\"{digest}\""), "{method} {path} {name}: {value}");
                if status == 412 && method == Method::GET {
                    assert_eq!(answer.refusal(), format!("412 UNSUPPORTED {digest}"));
                }
            }
        }
        // It comes before a range and before the other condition.
        let failed = [("if-match", "\"x\""), ("if-none-match", "*"), ("range", "bytes=0-1")];
        is(412, with(&house, path, &failed).await);
    }
    // What is not there is that, whatever the conditions.
    let missing = format!("/v2/a/blobs/{}", sha256("missing"));
    is(404, with(&house, &missing, &[("if-match", "*")]).await);
}
