//! Requests that no well-behaved client sends, byte by byte: each is answered, with a 4xx where it means nothing.

use proofhouse_registry::server::ServerOptions;

use crate::support::{House, OCI, image, is, options, sha256};

/// The head of a request to the base, with more lines.
fn get(more: &str) -> String {
    format!("GET /v2/ HTTP/1.1\r\n{more}Connection: close\r\n\r\n")
}

/// Asks for a path as it stands, and hangs up after the answer.
fn at(method: &str, target: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test]
async fn what_is_no_request_is_refused_by_the_library_without_a_body() {
    let house = House::with(ServerOptions { max_headers: 10, max_head_bytes: 8 << 10, ..options() }).await;
    let many: String = (0..11).map(|n| format!("X-{n}: x\r\n")).collect();
    let long = "x".repeat(16 << 10);
    for (request, expected) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), "400"),
        ("GET /\u{7} HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ a HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "400"),
        ("G(T /v2/ HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "400"),
        ("GET  HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "400"),
        ("GET v2/ HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "400"),
        ("GET /v2/\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ HTTP/0.9\r\nHost: h\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ HTTP/2.0\r\nHost: h\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ HTTP/1.2\r\nHost: h\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ HTTP/1.1\r\nHost : h\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n".to_owned(), "400"),
        ("GET /v2/ HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n".to_owned(), "400"),
        ("PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(), "400"),
        ("PUT / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n".to_owned(), "400"),
        ("PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_owned(), "400"),
        ("PUT / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx".to_owned(), "400"),
        ("PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(), "400"),
        ("PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(), "400"),
        ("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n".to_owned(), "400"),
        ("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
        (format!("GET /v2/ HTTP/1.1\r\n{many}\r\n"), "431"),
        (format!("GET /v2/ HTTP/1.1\r\nX: {long}\r\n\r\n"), "431"),
        (format!("GET /v2/ HTTP/1.1\r\n{long}: x\r\n\r\n"), "431"),
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), "431"),
        (format!("{long} / HTTP/1.1\r\n\r\n"), "431"),
    ] {
        let answer = house.raw(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{request:.80?}: {answer}");
        assert!(answer.ends_with("\r\n\r\n") && answer.contains("connection: close\r\n"), "{request:.80?}: {answer}");
    }
}

#[tokio::test]
async fn a_path_that_is_too_long_for_the_library_is_414() {
    let house = House::with(ServerOptions { max_head_bytes: 256 << 10, ..options() }).await;
    let answer = house.raw(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000))).await;
    assert!(answer.starts_with("HTTP/1.1 414"), "{answer}");
}

#[tokio::test]
async fn one_host_is_named_and_a_new_client_names_it() {
    let house = House::open().await;
    for more in ["", "Host: a\r\nHost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: \u{fc}\r\n"] {
        let answer = house.raw(get(more)).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(r#""code":"UNSUPPORTED""#), "{more}: {answer}");
    }
    for more in ["Host: h\r\n", "Host: h:5000\r\n", "Host: [::1]:5000\r\n", "Host:\r\n"] {
        let answer = house.raw(get(more)).await;
        assert_eq!(status(&answer), "200", "{more}: {answer}");
    }
    // Before 1.1 there was no such header.
    assert!(house.raw("GET /v2/ HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn a_body_has_one_length() {
    let house = House::open().await;
    // A length beside chunks is passed over, and the connection ends, as RFC 9112 has it.
    let both = "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\
        Connection: close\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    let answer = house.raw(both).await;
    assert!(matches!(status(&answer), "400" | "404"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    // The same length twice is one.
    let same =
        "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
    assert_eq!(status(&house.raw(same).await), "404");
}

#[tokio::test]
async fn chunks_that_are_malformed_are_refused() {
    let house = House::open().await;
    for chunks in ["x\r\n", "-1\r\nb\r\n", "fffffffffffffffff\r\n", "2\r\nbody\r\n0\r\n\r\n", "\r\n", "4;\nbody\r\n"] {
        let location = house.start("a").await;
        let head = format!("PATCH {location} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        let answer = house.raw(head + chunks).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("BLOB_UPLOAD_INVALID"), "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_refused_and_says_so() {
    let house = House::open().await;
    for target in [
        "/v2/%00/tags/list",
        "/v2/a%00b/manifests/t",
        "/v2/a/manifests/%c0%af",
        "/v2/%ff%fe/tags/list",
        "/v2/a/manifests/%",
        "/v2/a/manifests/%zz",
        "/v2/../../etc/passwd",
        "/v2/%2e%2e/%2e%2e/tags/list",
        "/v2/..%2f..%2f/manifests/t",
        "/v2/a/blobs/..%2f..%2fdata",
        "/v2/a/blobs/uploads/../../x",
        "/v2/a/blobs/uploads/%2e%2e",
        "/v2/a/../b/manifests/t",
        "/v2//manifests/t",
        "//v2/",
        "/v2/a/manifests/",
        "/v2/A/tags/list",
        "/v2/a/referrers/sha256:..",
        "/v2/a/tags/list/?n=%00",
        "http://h/nowhere",
        "http://h",
        "*",
        "?",
    ] {
        for method in ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "BREW"] {
            let answer = house.raw(at(method, target)).await;
            assert!(status(&answer).starts_with('4'), "{method} {target}: {answer}");
            // Whoever is refused by the library and not by us gets no body.
            let ours = answer.contains(r#"{"errors":[{"code":"#);
            assert!(
                ours || answer.ends_with("\r\n\r\n") && answer.contains("HTTP/1.1 400"),
                "{method} {target}: {answer}"
            );
        }
    }
    // Nothing of it was stored.
    assert_eq!(house.get("/v2/_catalog").await.text(), r#"{"repositories":[]}"#);
}

#[tokio::test]
async fn a_method_is_one_of_those_that_the_path_has_letter_by_letter() {
    let house = House::open().await;
    for method in ["get", "Get", "BREW", "OPTIONS", "TRACE", "CONNECT"] {
        let request = if method == "CONNECT" { at(method, "h:443") } else { at(method, "/v2/") };
        let answer = house.raw(request).await;
        assert!(matches!(status(&answer), "404" | "405") && answer.contains("UNSUPPORTED"), "{method}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_asked_for_is_passed_over() {
    let house = House::open().await;
    let with_body = "GET /v2/ HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
    let answers = house.raw(format!("{with_body}{}", get("Host: h\r\n"))).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
}

#[tokio::test]
async fn an_expectation_is_met_or_refused() {
    let house = House::open().await;
    house.push("a", "{}").await;
    let document = image("");
    let length = document.len();
    let put = |expectation: &str| {
        format!(
            "PUT /v2/a/manifests/t HTTP/1.1\r\nHost: h\r\nContent-Type: {OCI}\r\nContent-Length: {length}\r\n\
             Expect: {expectation}\r\nConnection: close\r\n\r\n{document}"
        )
    };
    let met = house.raw(put("100-continue")).await;
    assert!(met.contains("HTTP/1.1 201"), "{met}");
    // What cannot be met may be refused, or passed over; the answer is whole either way.
    let unmet = house.raw(put("a miracle")).await;
    assert!(matches!(status(&unmet), "201" | "417"), "{unmet}");
    is(200, house.get(&format!("/v2/a/manifests/{}", sha256(&document))).await);
}

#[tokio::test]
async fn a_path_may_come_with_its_host_before_it() {
    let house = House::open().await;
    let absolute = house.raw(at("GET", "http://h/v2/")).await;
    assert!(absolute.starts_with("HTTP/1.1 200"), "{absolute}");
}
