//! Bytes on a connection: pipelining, answers before the end of a body, clients that stop sending, malformed requests.

use std::time::Duration;

use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::ServerOptions;
use tokio::io::AsyncWriteExt as _;

use crate::support::{House, OCI, SECRET, head, image, is, options, rest, sha256};

/// What a client may wait for in vain is waited for this long.
const MOMENT: Duration = Duration::from_millis(20);

fn impatient() -> ServerOptions {
    ServerOptions::new(HttpOptions { body_timeout: MOMENT, ..HttpOptions::new(Secret::new(SECRET)) })
}

/// A header of a head that came over a connection.
fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name}: {head}"))
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let house = House::open().await;
    let requests = "GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\nHEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\n\
        POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n\
        GET /v2/_catalog HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answers = house.raw(requests).await;
    let statuses: Vec<&str> = answers.lines().filter_map(|line| Some(line.split_once("HTTP/1.1 ")?.1)).collect();
    assert_eq!(statuses, ["200 OK", "404 Not Found", "202 Accepted", "200 OK"], "{answers}");
    // The refusal of HEAD has no body; what follows it is the next answer.
    assert!(!answers.contains("nothing at this path"), "{answers}");
    assert!(answers.ends_with(r#"{"repositories":[]}"#), "{answers}");
}

#[tokio::test]
async fn a_client_that_sends_on_after_its_answer_can_read_it() {
    let house = House::open().await;
    for request in
        ["PATCH /v2/a/blobs/uploads/unknown", "PUT /v2/a/manifests/t", "POST /nowhere", "PUT /v2/a/tags/list"]
    {
        let mut stream = house.connect().await;
        let length = 64 << 20;
        let head = format!("{request} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // More than the system keeps for a reader that does not read.
        let piece = vec![0; 1 << 20];
        for _ in 0..length / piece.len() {
            stream.write_all(&piece).await.unwrap();
        }
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
        assert_eq!(header(&answer, "connection"), "close");
        assert!(answer.contains(r#"{"errors":[{"code":"#), "{answer}");
    }
}

#[tokio::test]
async fn after_a_short_body_that_nobody_wants_the_connection_goes_on() {
    let house = House::open().await;
    let mut stream = house.connect().await;
    for framing in ["Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"] {
        let request = format!("POST /nowhere HTTP/1.1\r\nHost: h\r\n{framing}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = head(&mut stream).await;
        if framing.starts_with("Content-Length") {
            assert!(answer.starts_with("HTTP/1.1 404") && !answer.contains("connection: close"), "{answer}");
            let mut body = vec![0; header(&answer, "content-length").parse().unwrap()];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body).await.unwrap();
        } else {
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_is_told_or_refused() {
    let house = House::open().await;
    house.push("a", "{}").await;
    let document = image("");
    let head_of = |length: usize| {
        format!(
            "PUT /v2/a/manifests/t HTTP/1.1\r\nHost: h\r\nContent-Type: {OCI}\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let refused = house.raw(head_of(5 << 20)).await;
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("SIZE_INVALID"), "{refused}");

    let mut stream = house.connect().await;
    stream.write_all(head_of(document.len()).as_bytes()).await.unwrap();
    assert_eq!(head(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(document.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 201"));
}

#[tokio::test]
async fn a_manifest_without_length_is_read_up_to_its_bound_and_no_further() {
    let house = House::open().await;
    let mut stream = house.connect().await;
    let head = "PUT /v2/a/manifests/t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let one_too_many = (4 << 20) + 1;
    stream.write_all(format!("{one_too_many:x}\r\n{}\r\n", " ".repeat(one_too_many)).as_bytes()).await.unwrap();
    // The body does not end here, but the answer is known.
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("SIZE_INVALID"), "{answer}");
}

#[tokio::test]
async fn an_upload_whose_client_stops_sending_keeps_what_came() {
    let house = House::with(impatient()).await;
    let location = house.start("a").await;
    let mut stream = house.connect().await;
    let request = format!("PATCH {location} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("BLOB_UPLOAD_INVALID"), "{answer}");
    assert_eq!(header(&answer, "connection"), "close");
    assert_eq!(header(&answer, "range"), "0-3");
    let done = format!("{}&digest={}", header(&answer, "location"), sha256("0123456789"));
    is(201, house.put(&done, "456789").await);
}

#[tokio::test]
async fn nothing_stays_of_a_blob_or_manifest_whose_client_stops_sending() {
    let house = House::with(impatient()).await;
    let digest = sha256("x");
    for (request, code) in [
        (format!("POST /v2/a/blobs/uploads/?digest={digest}"), "BLOB_UPLOAD_INVALID"),
        ("PUT /v2/a/manifests/t".to_owned(), "MANIFEST_INVALID"),
    ] {
        let mut stream = house.connect().await;
        let request = format!("{request} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains(code), "{answer}");
    }
    assert_eq!(house.driver.list(&proofhouse_registry::driver::StoragePath::root()).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn an_upload_whose_client_hangs_up_keeps_what_came() {
    let house = House::open().await;
    let location = house.start("a").await;
    let mut stream = house.connect().await;
    let request = format!("PATCH {location} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123");
    stream.write_all(request.as_bytes()).await.unwrap();
    house.upload_has("a", 4).await;
    drop(stream);
    // Waits until the request that was cut off has let go of the upload.
    assert_eq!(is(204, house.get(&location).await).header("range"), "0-3");
    is(201, house.put(&format!("{location}&digest={}", sha256("0123456789")), "456789").await);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let house = House::with(ServerOptions { head_timeout: MOMENT, ..options() }).await;
    for begun in ["", "GET /v2/ HTTP/1.1\r\nHost:"] {
        assert_eq!(house.raw(begun).await, "");
    }
    // Nor is the next request on a connection.
    assert!(house.raw("GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_is_malformed_is_refused_and_what_came_before_is_kept() {
    let house = House::open().await;
    let location = house.start("a").await;
    let mut stream = house.connect().await;
    let request = format!("PATCH {location} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    house.upload_has("a", 4).await;
    stream.write_all(b"not a chunk\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("BLOB_UPLOAD_INVALID"), "{answer}");
    assert_eq!(header(&answer, "range"), "0-3");
    is(204, house.delete(&location).await);
}
