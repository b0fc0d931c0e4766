//! Manifests: pushes by tag and digest, extra tags, subjects, bounds, conditions, deletion.

use reqwest::{Body, Method};

use crate::support::{Answer, House, INDEX, OCI, descriptor, image, is, send, sha256, sha512};

async fn open() -> House {
    let house = House::open().await;
    house.push("a", "{}").await;
    house
}

fn tags(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("oci-tag").iter().map(|tag| tag.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_manifest_is_read_back_as_it_came() {
    let house = open().await;
    let document = format!("{}\n", image(""));
    let digest = sha256(&document);
    let put = is(201, house.put_manifest("a", "latest", OCI, &document).await);
    assert_eq!(put.header("location"), format!("/v2/a/manifests/{digest}"));
    assert_eq!(put.header("docker-content-digest"), digest.as_str());
    assert_eq!(put.header("oci-subject"), "");
    for reference in ["latest", digest.as_str()] {
        let path = format!("/v2/a/manifests/{reference}");
        let (got, found) = (is(200, house.get(&path).await), is(200, house.head(&path).await));
        assert_eq!((got.text(), found.text()), (document.as_str(), ""));
        for answer in [got, found] {
            assert_eq!(answer.header("docker-content-digest"), digest.as_str());
            assert_eq!(answer.header("etag"), format!("\"{digest}\""));
            assert_eq!(answer.header("content-type"), OCI);
            assert_eq!(answer.header("content-length"), document.len().to_string());
        }
        let known = house.request(Method::GET, &path).header("if-none-match", format!("\"{digest}\""));
        assert_eq!(is(304, send(known).await).header("docker-content-digest"), digest.as_str());
    }
    let missing = house.request(Method::GET, "/v2/a/manifests/missing").header("if-none-match", "*");
    assert_eq!(send(missing).await.refusal(), "404 MANIFEST_UNKNOWN missing");
    assert_eq!(house.head("/v2/a/manifests/missing").await.text(), "");
}

#[tokio::test]
async fn a_push_by_digest_goes_by_its_algorithm_and_sets_the_tags_it_names() {
    let house = open().await;
    let digest = sha512(&image(""));
    let put = is(201, house.put_manifest("a", &format!("{digest}?tag=one&tag=two"), OCI, &image("")).await);
    assert_eq!(put.header("docker-content-digest"), digest.as_str());
    assert_eq!(tags(&put), ["one", "two"]);
    let got = is(200, house.get("/v2/a/manifests/two").await);
    assert_eq!(got.header("docker-content-digest"), digest.as_str());
    let wrong = sha256("other");
    let refused = house.put_manifest("a", wrong.as_str(), OCI, &image("")).await;
    assert_eq!(refused.refusal(), format!("400 DIGEST_INVALID {wrong}"));
}

#[tokio::test]
async fn so_many_tags_are_taken_and_no_more() {
    let house = open().await;
    let query = |count: usize| (0..count).map(|n| format!("tag=t{n}")).collect::<Vec<_>>().join("&");
    let digest = sha256(&image(""));
    let put = is(201, house.put_manifest("a", &format!("{digest}?{}", query(32)), OCI, &image("")).await);
    assert_eq!(tags(&put).len(), 32);
    let refused = house.put_manifest("a", &format!("{digest}?{}", query(33)), OCI, &image("")).await;
    assert_eq!(refused.refusal(), "414 UNSUPPORTED -");
    let refused = house.put_manifest("a", &format!("{digest}?tag=good&tag=-bad"), OCI, &image("")).await;
    assert_eq!(refused.refusal(), "400 MANIFEST_INVALID -bad");
    assert_eq!(house.get("/v2/a/manifests/good").await.status, 404);
}

#[tokio::test]
async fn a_subject_is_answered_whether_or_not_it_exists() {
    let house = open().await;
    let subject = sha256("nowhere");
    let document = image(&format!(r#","subject":{}"#, descriptor(OCI, &subject, 7)));
    assert_eq!(is(201, house.put_manifest("a", "t", OCI, &document).await).header("oci-subject"), subject.as_str());
}

#[tokio::test]
async fn every_reference_that_is_missing_is_an_error() {
    let house = House::open().await;
    let (one, two) = (sha256("one"), sha256("two"));
    let layers = format!("{},{}", descriptor("l", &one, 3), descriptor("l", &two, 3));
    let document = image("").replace("[]", &format!("[{layers}]"));
    let refused = house.put_manifest("a", "t", OCI, &document).await;
    let missing = |digest| format!(" MANIFEST_BLOB_UNKNOWN {digest}");
    assert_eq!(refused.refusal(), format!("400{}{}{}", missing(sha256("{}")), missing(one), missing(two)));
}

#[tokio::test]
async fn a_content_type_is_needed_and_its_parameters_are_not() {
    let house = open().await;
    is(201, house.put_manifest("a", "t", &format!("{OCI}; charset=utf-8"), &image("")).await);
    assert_eq!(house.get("/v2/a/manifests/t").await.header("content-type"), OCI);
    for kind in ["text/plain", INDEX, ""] {
        assert_eq!(house.put_manifest("a", "t", kind, &image("")).await.refusal(), "400 MANIFEST_INVALID -");
    }
    assert_eq!(house.put("/v2/a/manifests/t", &image("")).await.refusal(), "400 MANIFEST_INVALID -");
}

#[tokio::test]
async fn a_manifest_that_is_too_large_is_refused_with_and_without_its_length() {
    let house = open().await;
    let limit = 4 << 20;
    let large = " ".repeat(limit + 1);
    let put = |reference: &str, body: Body| {
        let path = format!("/v2/a/manifests/{reference}");
        send(house.request(Method::PUT, &path).header("content-type", OCI).body(body))
    };
    let pieces = || {
        let pieces = large.as_bytes().chunks(64 << 10).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        Body::wrap_stream(futures::stream::iter(pieces.collect::<Vec<_>>()))
    };
    assert_eq!(put("t", large.clone().into()).await.refusal(), "413 SIZE_INVALID -");
    assert_eq!(put("t", pieces()).await.refusal(), "413 SIZE_INVALID -");
    // The name of it is wrong before it is too large.
    assert_eq!(put("-t", large.clone().into()).await.refusal(), "400 MANIFEST_INVALID -t");
    assert_eq!(put("-t", pieces()).await.refusal(), "400 MANIFEST_INVALID -t");
    let largest = format!("{}{}", image(""), " ".repeat(limit - image("").len()));
    assert_eq!(put("t", largest.into()).await.status, 201);
}

#[tokio::test]
async fn a_tag_and_a_manifest_are_deleted() {
    let house = open().await;
    let digest = sha256(&image(""));
    for tag in ["one", "two"] {
        is(201, house.put_manifest("a", tag, OCI, &image("")).await);
    }
    is(202, house.delete("/v2/a/manifests/one").await);
    assert_eq!(house.get("/v2/a/manifests/one").await.refusal(), "404 MANIFEST_UNKNOWN one");
    is(200, house.get("/v2/a/manifests/two").await);
    is(202, house.delete(&format!("/v2/a/manifests/{digest}")).await);
    assert_eq!(house.get("/v2/a/manifests/two").await.refusal(), "404 MANIFEST_UNKNOWN two");
    let again = house.delete(&format!("/v2/a/manifests/{digest}")).await;
    assert_eq!(again.refusal(), format!("404 MANIFEST_UNKNOWN {digest}"));
    for reference in ["one", digest.as_str()] {
        let nowhere = house.delete(&format!("/v2/no/such/manifests/{reference}")).await;
        assert_eq!(nowhere.refusal(), format!("404 MANIFEST_UNKNOWN {reference}"));
    }
}
