//! Uploads: every way to push a blob, the Location and its token, and taking an upload up again.

use std::sync::Arc;

use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::Memory;
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::ServerOptions;
use reqwest::{Body, Method};

use crate::support::{Answer, House, is, options, send, sha256, sha512};

async fn chunk(house: &House, method: Method, location: &str, range: &str, body: &str) -> Answer {
    send(house.request(method, location).header("content-range", range).body(body.to_owned())).await
}

fn finish(location: &str, content: &str) -> String {
    format!("{location}&digest={}", sha256(content))
}

#[tokio::test]
async fn an_upload_begins_goes_on_and_ends() {
    let house = House::open().await;
    let started = is(202, house.post("/v2/a/b/blobs/uploads/").await);
    assert_eq!((started.header("range"), started.header("content-length")), ("0-0", "0"));
    assert_eq!(started.header("oci-chunk-min-length"), "65536");
    let (id, location) = (started.header("docker-upload-uuid"), started.header("location"));
    assert!(location.starts_with(&format!("/v2/a/b/blobs/uploads/{id}?_state=")), "{location}");

    let status = is(204, house.get(location).await);
    assert_eq!((status.header("range"), status.header("docker-upload-uuid")), ("0-0", id));
    let taken = is(202, house.patch(location, "hello ").await);
    assert_eq!((taken.header("range"), taken.header("docker-upload-uuid")), ("0-5", id));
    let status = is(204, house.get(taken.header("location")).await);
    assert_eq!((status.header("range"), status.header("location")), ("0-5", taken.header("location")));

    let done = is(201, house.put(&finish(status.header("location"), "hello world"), "world").await);
    assert_eq!(done.header("location"), format!("/v2/a/b/blobs/{}", sha256("hello world")));
    assert_eq!(done.header("docker-content-digest"), sha256("hello world").as_str());
    assert_eq!(is(200, house.get(done.header("location")).await).text(), "hello world");

    for answer in [
        house.get(location).await,
        house.patch(location, "x").await,
        house.put(&finish(location, "x"), "x").await,
        house.delete(location).await,
    ] {
        assert_eq!(answer.refusal(), "404 BLOB_UPLOAD_UNKNOWN -");
    }
}

#[tokio::test]
async fn an_upload_may_come_whole_with_the_put_or_with_the_post() {
    let house = House::open().await;
    is(201, house.put(&finish(&house.start("a").await, "whole"), "whole").await);
    is(201, house.put(&finish(&house.start("a").await, ""), "").await);
    let path = format!("/v2/a/blobs/uploads/?digest={}", sha512("post"));
    let posted = is(201, send(house.request(Method::POST, &path).body("post")).await);
    assert_eq!(posted.header("docker-content-digest"), sha512("post").as_str());
    is(200, house.get(posted.header("location")).await);
    let refused = send(house.request(Method::POST, &path).body("other")).await;
    assert_eq!(refused.refusal(), format!("400 DIGEST_INVALID {}", sha512("post")));
    assert_eq!(refused.header("location"), "");
}

#[tokio::test]
async fn a_body_without_a_length_is_streamed() {
    let house = House::open().await;
    let location = house.start("a").await;
    let pieces = futures::stream::iter(["one", "two", "three"].map(Ok::<_, std::io::Error>));
    let patch = house.request(Method::PATCH, &location).body(Body::wrap_stream(pieces));
    assert_eq!(is(202, send(patch).await).header("range"), "0-10");
    is(201, house.put(&finish(&location, "onetwothree"), "").await);
}

#[tokio::test]
async fn a_chunk_has_its_range_with_or_without_a_unit() {
    let house = House::open().await;
    let mut location = house.start("a").await;
    for (range, body) in [("0-2", "012"), ("bytes 3-5", "345"), ("bytes 6-8/9", "678")] {
        let taken = is(202, chunk(&house, Method::PATCH, &location, range, body).await);
        location = taken.header("location").to_owned();
    }
    is(201, chunk(&house, Method::PUT, &finish(&location, "0123456789"), "9-9", "9").await);
}

#[tokio::test]
async fn a_chunk_out_of_order_is_refused_and_the_client_told_where_to_go_on() {
    let house = House::open().await;
    let location = house.start("a").await;
    let location = is(202, house.patch(&location, "0123").await).header("location").to_owned();
    for method in [Method::PATCH, Method::PUT] {
        for (range, body, refusal) in [
            ("0-3", "0123", "416 BLOB_UPLOAD_INVALID -"),
            ("5-6", "56", "416 BLOB_UPLOAD_INVALID -"),
            ("4-3", "", "416 BLOB_UPLOAD_INVALID -"),
            ("18446744073709551616-18446744073709551617", "56", "416 BLOB_UPLOAD_INVALID -"),
            ("4-9", "45", "400 SIZE_INVALID -"),
            ("four-five", "45", "400 BLOB_UPLOAD_INVALID -"),
        ] {
            let refused = chunk(&house, method.clone(), &finish(&location, "012345"), range, body).await;
            assert_eq!(refused.refusal(), refusal, "{method} {range}");
            assert_eq!(refused.header("range"), "0-3");
            let goes_on = refused.header("location").to_owned();
            assert_eq!(house.get(&goes_on).await.header("range"), "0-3");
        }
    }
    let taken = is(202, chunk(&house, Method::PATCH, &location, "4-5", "45").await);
    is(201, house.put(&finish(taken.header("location"), "012345"), "").await);
}

#[tokio::test]
async fn a_wrong_digest_leaves_the_upload_open_with_the_chunk() {
    let house = House::open().await;
    let location = house.start("a").await;
    let refused = house.put(&finish(&location, "other"), "content").await;
    assert_eq!(refused.refusal(), format!("400 DIGEST_INVALID {}", sha256("other")));
    assert_eq!(refused.header("range"), "0-6");
    assert_eq!(house.put(&location, "").await.refusal(), "400 DIGEST_INVALID -");
    assert_eq!(house.put(&format!("{location}&digest=x"), "").await.refusal(), "400 DIGEST_INVALID x");
    is(201, house.put(&finish(refused.header("location"), "content"), "").await);
}

#[tokio::test]
async fn an_upload_is_cancelled() {
    let house = House::open().await;
    let location = house.start("a").await;
    is(202, house.patch(&location, "content").await);
    let cancelled = is(204, house.delete(&location).await);
    assert_eq!(cancelled.header("content-length"), "");
    assert_eq!(house.get(&location).await.refusal(), "404 BLOB_UPLOAD_UNKNOWN -");
}

#[tokio::test]
async fn a_blob_is_mounted_or_else_an_upload_started() {
    let house = House::open().await;
    house.push("from/here", "content").await;
    let digest = sha256("content");
    let mounted = is(201, house.post(&format!("/v2/a/blobs/uploads/?mount={digest}&from=from%2Fhere")).await);
    assert_eq!(mounted.header("location"), format!("/v2/a/blobs/{digest}"));
    assert_eq!(mounted.header("docker-content-digest"), digest.as_str());
    is(200, house.get(mounted.header("location")).await);
    for query in [format!("mount={digest}"), format!("mount={digest}&from=b"), format!("mount={}&from=a", sha256("x"))]
    {
        let started = is(202, house.post(&format!("/v2/c/blobs/uploads/?{query}")).await);
        is(202, house.patch(started.header("location"), "content").await);
    }
    assert_eq!(house.post("/v2/c/blobs/uploads/?mount=x&from=a").await.refusal(), "400 DIGEST_INVALID x");
    let bad = house.post(&format!("/v2/c/blobs/uploads/?mount={digest}&from=B")).await;
    assert_eq!(bad.refusal(), "400 NAME_INVALID B");
}

#[tokio::test]
async fn an_algorithm_is_taken_if_it_is_known() {
    let house = House::open().await;
    let started = is(202, house.post("/v2/a/blobs/uploads/?digest-algorithm=sha512").await);
    let location = started.header("location");
    let done = house.put(&format!("{location}&digest={}", sha512("content")), "content").await;
    assert_eq!(is(201, done).header("docker-content-digest"), sha512("content").as_str());
    let refused = house.post("/v2/a/blobs/uploads/?digest-algorithm=md5").await;
    assert_eq!(refused.refusal(), "400 DIGEST_INVALID md5");
    let name_first = house.post("/v2/A/blobs/uploads/?digest-algorithm=md5").await;
    assert_eq!(name_first.refusal(), "400 NAME_INVALID A");
}

#[tokio::test]
async fn nothing_goes_on_without_the_token_of_the_upload() {
    let house = House::open().await;
    let location = house.start("a").await;
    let (path, token) = location.split_once("?_state=").unwrap();
    let other = house.start("a").await;
    let (_, other) = other.split_once("?_state=").unwrap();
    // Says more bytes than were ever there, with the right signature for fewer.
    let grown = token.replacen('0', "9", 1);
    let cut = &token[..token.len() - 1];
    for state in ["", "?_state=", &format!("?_state={other}"), &format!("?_state={grown}"), &format!("?_state={cut}")] {
        let at = format!("{path}{state}");
        for refused in [
            house.patch(&at, "x").await,
            house.put(&format!("{at}{}digest={}", if state.is_empty() { '?' } else { '&' }, sha256("x")), "x").await,
            house.delete(&at).await,
        ] {
            assert_eq!(refused.refusal(), "404 BLOB_UPLOAD_INVALID -", "{at}");
        }
        // The status needs none, and tells a good one.
        let status = is(204, house.get(&at).await);
        assert_eq!((status.header("range"), status.header("location")), ("0-0", location.as_str()));
    }
    is(201, house.put(&finish(&location, "x"), "x").await);
}

#[tokio::test]
async fn an_upload_is_unknown_in_another_repository() {
    let house = House::open().await;
    let elsewhere = house.start("a").await.replacen("/v2/a/", "/v2/b/", 1);
    for answer in [
        house.get(&elsewhere).await,
        house.patch(&elsewhere, "x").await,
        house.put(&finish(&elsewhere, "x"), "x").await,
        house.delete(&elsewhere).await,
    ] {
        assert_eq!(answer.refusal(), "404 BLOB_UPLOAD_UNKNOWN -");
    }
    assert_eq!(house.get("/v2/A/blobs/uploads/x").await.refusal(), "400 NAME_INVALID A");
}

fn other_secret() -> ServerOptions {
    ServerOptions::new(HttpOptions::new(Secret::new(b"another")))
}

#[tokio::test]
async fn an_upload_goes_on_in_the_next_process() {
    let driver = Arc::new(Memory::default());
    let house = House::over(driver.clone(), options(), RegistryBuilder::enable_delete).await;
    let location = is(202, house.patch(&house.start("a").await, "hello ").await).header("location").to_owned();
    house.stop().await;

    // With the same secret, at the same Location.
    let house = House::over(driver.clone(), options(), RegistryBuilder::enable_delete).await;
    let location = is(202, house.patch(&location, "wor").await).header("location").to_owned();
    house.stop().await;

    // With another, once the client has asked where.
    let house = House::over(driver, other_secret(), RegistryBuilder::enable_delete).await;
    let done = finish(&location, "hello world");
    assert_eq!(house.put(&done, "ld").await.refusal(), "404 BLOB_UPLOAD_INVALID -");
    let status = is(204, house.get(&location).await);
    assert_eq!(status.header("range"), "0-8");
    is(201, house.put(&finish(status.header("location"), "hello world"), "ld").await);
}
