//! Limits and the end: too many at once, clients that read nothing, stopping with requests under way.

use std::sync::Arc;
use std::time::Duration;

use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{Driver as _, Filesystem, FilesystemOptions, StoragePath};
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::ServerOptions;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{House, OCI, SECRET, head, is, options, rest, send, sha256};

const LONG: Duration = Duration::from_secs(3_600);

/// Sends the head of a PATCH and four of its ten bytes, and waits until they are taken.
async fn begin(house: &House, location: &str) -> TcpStream {
    let mut stream = house.connect().await;
    let request = format!("PATCH {location} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123");
    stream.write_all(request.as_bytes()).await.unwrap();
    house.upload_has("a", 4).await;
    stream
}

#[tokio::test]
async fn one_upload_too_many_is_told_to_come_back() {
    let http = HttpOptions { max_uploads: 1, ..HttpOptions::new(Secret::new(SECRET)) };
    let house = House::with(ServerOptions::new(http)).await;
    let location = house.start("a").await;
    let other = house.start("b").await;
    let mut first = begin(&house, &location).await;
    let digest = sha256("x");
    for (method, path) in [
        (Method::PATCH, other.clone()),
        (Method::PUT, format!("{other}&digest={digest}")),
        (Method::POST, format!("/v2/b/blobs/uploads/?digest={digest}")),
        (Method::PUT, "/v2/b/manifests/t".to_owned()),
    ] {
        let refused = send(house.request(method, &path).header("content-type", OCI).body("x")).await;
        assert_eq!((refused.refusal().as_str(), refused.header("retry-after")), ("429 TOOMANYREQUESTS -", "1"));
    }
    // What sends nothing is not held up.
    is(204, house.get(&other).await);
    assert!(house.get("/metrics").await.text().contains("proofhouse_uploads_in_flight 1\n"));
    first.write_all(b"456789").await.unwrap();
    assert!(head(&mut first).await.starts_with("HTTP/1.1 202"));
    is(201, house.put(&format!("{other}&digest={digest}"), "x").await);
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_ends() {
    let house = House::with(ServerOptions { drain: LONG, ..options() }).await;
    let location = house.start("a").await;
    let mut idle = house.connect().await;
    idle.write_all(b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert!(head(&mut idle).await.starts_with("HTTP/1.1 200"));
    let mut stream = begin(&house, &location).await;
    let address = house.address;
    let stopped = house.stop();
    // Nobody new is let in; whoever was idle is let go.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(rest(&mut idle).await, "{}");
    stream.write_all(b"456789").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    stopped.await;
}

#[tokio::test]
async fn an_upload_that_the_end_cuts_off_is_taken_up_again() {
    // On a disk, where putting something away takes its time.
    let directory = tempfile::tempdir().unwrap();
    let driver = Arc::new(Filesystem::new(directory.path(), FilesystemOptions::default()));
    let hasty = ServerOptions { drain: Duration::ZERO, ..options() };
    let house = House::over(driver.clone(), hasty, RegistryBuilder::enable_delete).await;
    let location = house.start("a").await;
    let mut stream = begin(&house, &location).await;
    house.stop().await;
    // The request had its last words: the next one need not hash again what it took.
    let uploads = StoragePath::new("/docker/registry/v2/repositories/a/_uploads").unwrap();
    let ids = driver.list(&uploads).await.unwrap();
    let states = uploads.join(format!("{}/hashstates/sha256", ids[0])).unwrap();
    assert_eq!(driver.list(&states).await.unwrap(), ["4"]);
    let mut end = Vec::new();
    // However the connection went, no answer came.
    let _ = stream.read_to_end(&mut end).await;
    assert_eq!(end, b"");

    let house = House::over(driver, options(), RegistryBuilder::enable_delete).await;
    let status = is(204, house.get(&location).await);
    assert_eq!(status.header("range"), "0-3");
    let rest = house.request(Method::PATCH, &location).header("content-range", "4-9").body("456789");
    let location = is(202, send(rest).await).header("location").to_owned();
    is(201, house.put(&format!("{location}&digest={}", sha256("0123456789")), "").await);
}

#[tokio::test]
async fn a_connection_on_which_nothing_was_asked_holds_nothing_up() {
    let house = House::with(ServerOptions { drain: LONG, ..options() }).await;
    let silent = house.connect().await;
    // Accepted before this is answered: connections come in order.
    is(200, house.get("/v2/").await);
    tokio::time::timeout(Duration::from_secs(60), house.stop()).await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up() {
    let patient = ServerOptions { drain: LONG, write_timeout: Duration::from_millis(20), ..options() };
    let house = House::with(patient).await;
    // More than the system keeps for a reader that does not read.
    let path = house.push("a", &"x".repeat(32 << 20)).await;
    let mut stream = house.connect().await;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    tokio::time::timeout(Duration::from_secs(60), house.stop()).await.unwrap();
}

#[tokio::test]
async fn a_connection_too_many_waits_until_another_ends() {
    let house = House::with(ServerOptions { max_connections: 1, ..options() }).await;
    let request = b"GET /v2/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let mut first = house.connect().await;
    first.write_all(b"HEAD /v2/ HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert!(head(&mut first).await.starts_with("HTTP/1.1 200"));
    // The system takes it and what it sends; the server has not seen it.
    let mut second = house.connect().await;
    second.write_all(request).await.unwrap();
    // Whatever the second is told, it is told after the first: so much is asked there that both would be served meanwhile.
    for _ in 0..100 {
        first.write_all(b"HEAD /v2/ HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        assert!(head(&mut first).await.starts_with("HTTP/1.1 200"));
    }
    let error = second.try_read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "it was let in");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200"));
}
