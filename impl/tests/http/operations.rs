//! What operators look at, and what is answered where nothing is: health, metrics, failures of the storage, other paths.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{Appender, ContentStream, Driver, DriverError, Entry, Memory, Stat, StoragePath};
use reqwest::Method;

use crate::support::{House, OCI, image, is, options, send, sha256};

const WELL: u8 = 0;
const FAILS: u8 = 1;
const PANICS: u8 = 2;

/// A storage that can be told to fail.
#[derive(Debug, Default)]
struct Frail {
    inner: Memory,
    mood: AtomicU8,
}

impl Frail {
    fn try_it(&self, path: &StoragePath) -> Result<(), DriverError> {
        match self.mood.load(Ordering::SeqCst) {
            WELL => Ok(()),
            FAILS => {
                let source = std::io::Error::other("the disk is on fire");
                Err(DriverError::Io { path: path.clone(), operation: "do anything", source })
            }
            _ => panic!("a mistake in the driver"),
        }
    }
}

#[async_trait]
impl Driver for Frail {
    fn name(&self) -> &'static str {
        "frail"
    }
    async fn read_at_most(&self, path: &StoragePath, limit: u64) -> Result<Bytes, DriverError> {
        self.try_it(path)?;
        self.inner.read_at_most(path, limit).await
    }
    async fn reader(&self, path: &StoragePath, offset: u64, length: Option<u64>) -> Result<ContentStream, DriverError> {
        self.try_it(path)?;
        self.inner.reader(path, offset, length).await
    }
    async fn write(&self, path: &StoragePath, content: Bytes) -> Result<(), DriverError> {
        self.try_it(path)?;
        self.inner.write(path, content).await
    }
    async fn append(&self, path: &StoragePath) -> Result<Box<dyn Appender>, DriverError> {
        self.try_it(path)?;
        self.inner.append(path).await
    }
    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.try_it(path)?;
        self.inner.stat(path).await
    }
    async fn list(&self, path: &StoragePath) -> Result<Vec<String>, DriverError> {
        self.try_it(path)?;
        self.inner.list(path).await
    }
    async fn entries(&self, path: &StoragePath) -> Result<Vec<Entry>, DriverError> {
        self.try_it(path)?;
        self.inner.entries(path).await
    }
    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        self.try_it(from)?;
        self.inner.rename(from, to).await
    }
    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.try_it(path)?;
        self.inner.delete(path).await
    }
}

#[tokio::test]
async fn the_base_is_answered_with_and_without_its_slash() {
    let house = House::open().await;
    for path in ["/v2/", "/v2"] {
        let answer = is(200, house.get(path).await);
        assert_eq!((answer.header("content-type"), answer.text()), ("application/json", "{}"));
        assert_eq!(house.head(path).await.text(), "");
    }
}

#[tokio::test]
async fn where_nothing_is_the_answer_says_so() {
    let house = House::open().await;
    for path in ["/", "/v1/", "/v2/a", "/v2/a/tags", "/favicon.ico", "/v2/a/blobs/x/y"] {
        assert_eq!(house.get(path).await.refusal(), format!("404 UNSUPPORTED {path}"));
    }
}

#[tokio::test]
async fn a_method_that_a_path_has_not_is_refused_with_those_it_has() {
    let house = House::open().await;
    let blob = format!("/v2/a/blobs/{}", sha256("x"));
    for (method, path, allow) in [
        (Method::POST, "/v2/", "GET, HEAD"),
        (Method::GET, "/v2/a/blobs/uploads/", "POST"),
        (Method::POST, "/v2/a/blobs/uploads/x", "GET, HEAD, PATCH, PUT, DELETE"),
        (Method::PUT, &blob, "GET, HEAD, DELETE"),
        (Method::PATCH, "/v2/a/manifests/x", "GET, HEAD, PUT, DELETE"),
        (Method::DELETE, "/v2/a/tags/list", "GET, HEAD"),
        (Method::OPTIONS, "/v2/_catalog", "GET, HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/metrics", "GET, HEAD"),
    ] {
        let answer = send(house.request(method.clone(), path)).await;
        assert_eq!(answer.refusal(), format!("405 UNSUPPORTED {method}"), "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn a_failure_of_the_storage_is_ours_and_tells_nothing() {
    let driver = Arc::new(Frail::default());
    let house = House::over(driver.clone(), options(), RegistryBuilder::enable_delete).await;
    let path = house.push("a", "content").await;
    let location = house.start("a").await;
    for mood in [FAILS, PANICS] {
        driver.mood.store(mood, Ordering::SeqCst);
        for answer in [
            house.get(&path).await,
            house.delete(&path).await,
            house.patch(&location, "x").await,
            house.put_manifest("a", "t", OCI, &image("")).await,
            house.get("/v2/a/tags/list").await,
            house.get("/v2/_catalog").await,
            house.post("/v2/a/blobs/uploads/").await,
        ] {
            assert_eq!(answer.refusal(), "500 - -", "{mood}");
            assert!(!answer.text().contains("fire") && !answer.text().contains("mistake"), "{answer:?}");
        }
        driver.mood.store(WELL, Ordering::SeqCst);
        assert_eq!(is(200, house.get(&path).await).text(), "content");
    }
}

#[tokio::test]
async fn health_is_that_of_the_storage() {
    let driver = Arc::new(Frail::default());
    let house = House::over(driver.clone(), options(), |builder| builder).await;
    is(200, house.get("/healthz").await);
    driver.mood.store(FAILS, Ordering::SeqCst);
    assert!(!is(503, house.get("/healthz").await).text().contains("fire"));
}

#[tokio::test]
async fn what_was_answered_is_counted() {
    let house = House::open().await;
    house.push("a", "content").await;
    house.get(&format!("/v2/a/blobs/{}", sha256("content"))).await;
    house.get("/v2/a/manifests/missing").await;
    let metrics = house.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        r#"proofhouse_http_requests_total{method="POST",route="uploads",status="201"} 1"#,
        r#"proofhouse_http_requests_total{method="GET",route="blob",status="200"} 1"#,
        r#"proofhouse_http_requests_total{method="GET",route="manifest",status="404"} 1"#,
        r#"proofhouse_http_request_duration_seconds_count{method="GET",route="blob"} 1"#,
        "proofhouse_http_received_bytes_total 7",
        "proofhouse_uploads_in_flight 0",
    ] {
        assert!(metrics.text().lines().any(|had| had == line), "{line}\n{}", metrics.text());
    }
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let house = House::open().await;
    let (one, two) = (house.get("/v2/").await, house.get("/nowhere").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}
