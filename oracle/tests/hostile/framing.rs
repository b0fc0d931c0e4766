//! Messages that lie about their length, never end, or are too much.

use std::io::Write as _;
use std::net::Shutdown;

use crate::house::{House, all_of, status};
use crate::withstands;

const INDEX: &str = "Content-Type: application/vnd.oci.image.index.v1+json\r\n";

/// A head without an end to it, and what comes after.
fn head(line: &str, headers: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

#[test]
fn a_length_that_is_a_lie_takes_no_memory_and_stores_nothing() {
    let house = House::open(|_, _| {});
    let lines = [
        "PUT /v2/a/manifests/t",
        "POST /v2/a/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "POST /v2/a/blobs/uploads/",
        "GET /v2/",
        "DELETE /v2/a/manifests/t",
    ];
    let lengths = [
        "6",
        "1000000",
        "4611686018427387904",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999999",
        "-1",
        "+5",
        "0x5",
        "5, 6",
        "5.0",
        "",
        "5\r\nContent-Length: 6",
        "5\r\nTransfer-Encoding: chunked",
    ];
    let mut said = Vec::new();
    for line in lines {
        for length in lengths {
            let bytes = [head(line, &format!("{INDEX}Content-Length: {length}\r\n")), b"hello".to_vec()].concat();
            said.push((format!("{line} of {length}"), house.say(&bytes)));
        }
    }
    let statuses = withstands(&house, said);
    assert!(statuses.iter().flatten().any(|status| *status == 413), "{statuses:?}");
    let there = house.ask(
        "HEAD",
        "/v2/a/blobs/sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "",
        b"",
    );
    assert_eq!(status(&there), Some(404), "a push that was cut off stores nothing");
}

#[test]
fn chunks_that_are_abused_are_refused_or_cut_off() {
    let house = House::open(|_, _| {});
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let trailers = format!("5\r\nhello\r\n0\r\n{}\r\n", "X-Trailer: y\r\n".repeat(100_000));
    let tiny = "1\r\nx\r\n".repeat(200_000) + "0\r\n\r\n";
    let bodies = [
        "ffffffffffffffff\r\nhello",
        "fffffffffffffffff\r\nhello",
        "7fffffffffffffff\r\nhello",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhell",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "\r\n\r\n",
        "zz\r\n",
        &extension,
        &trailers,
        &tiny,
    ];
    let mut said = Vec::new();
    for line in [
        "PUT /v2/a/manifests/t",
        "POST /v2/a/blobs/uploads/?digest=sha256:0",
        "GET /v2/",
        "PATCH /v2/a/blobs/uploads/none",
    ] {
        for body in bodies {
            for coding in [
                "chunked",
                "gzip, chunked",
                "chunked, chunked",
                "identity",
                "chunked\r\nTransfer-Encoding: identity",
                "\x0bchunked",
            ] {
                let bytes = [head(line, &format!("{INDEX}Transfer-Encoding: {coding}\r\n")), body.into()].concat();
                said.push((
                    format!("{line} {coding:?} {}", body.escape_debug().take(60).collect::<String>()),
                    house.say(&bytes),
                ));
            }
        }
    }
    withstands(&house, said);
}

#[test]
fn a_flood_of_headers_is_refused() {
    let house = House::open(|_, _| {});
    let many = "X-A: b\r\n".repeat(20_000);
    let long = format!("X-A: {}\r\n", "b".repeat(4 << 20));
    let named = format!("{}: b\r\n", "X".repeat(1 << 20));
    let ranges = format!("Range: bytes={}\r\n", "0-1,".repeat(20_000));
    let accept = format!("Accept: {}\r\n", "a/b,".repeat(20_000));
    let token = format!("Authorization: Bearer {}\r\n", "e".repeat(60_000));
    let mut said = Vec::new();
    for headers in [
        many,
        long,
        named,
        ranges,
        accept,
        token,
        "X: \0\r\n".into(),
        "X\r\n".into(),
        " X: y\r\n".into(),
        "X: a\r\n folded\r\n".into(),
    ] {
        let shown: String = headers.escape_debug().take(40).collect();
        said.push((shown, house.say(&head("GET /v2/", &headers))));
    }
    said.push(("a long line".into(), house.say(&head(&format!("GET /v2/{}", "a".repeat(4 << 20)), ""))));
    let statuses = withstands(&house, said);
    assert!(statuses.iter().flatten().any(|status| *status == 431), "{statuses:?}");
}

#[test]
fn slow_clients_keep_nobody_else_waiting() {
    let house = House::open(|_, _| {});
    let mut slow: Vec<_> = (0..200).map(|_| house.connect()).collect();
    for (at, stream) in slow.iter_mut().enumerate() {
        let began: &[u8] = match at % 4 {
            0 => b"",
            1 => b"GET /v2/ HTTP/1.1\r\nHost: h\r\nX-",
            2 => {
                b"POST /v2/a/blobs/uploads/?digest=sha256:0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nhello"
            }
            _ => b"PUT /v2/a/manifests/t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        };
        stream.write_all(began).unwrap();
    }
    house.answers();
    // One more byte from each, and they are as slow as before.
    for stream in &mut slow {
        let _ = stream.write_all(b"x");
    }
    house.answers();
    drop(slow);
    withstands(&house, []);
}

#[test]
fn a_client_that_has_said_all_is_answered_though_it_says_no_more() {
    let house = House::open(|_, _| {});
    let whole = house.say(b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status(&whole), Some(200), "{whole}");
    let mut half = house.connect();
    half.write_all(b"PUT /v2/a/manifests/t HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut deaf = house.connect();
    deaf.write_all(&b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000)).unwrap();
    deaf.shutdown(Shutdown::Read).unwrap();
    drop(deaf);
    withstands(&house, [("half a body".to_owned(), all_of(&mut half))]);
}
