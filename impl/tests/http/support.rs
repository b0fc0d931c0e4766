//! A server on a free port of loopback, a client, and shorthand for what tests say often.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::digest::{Algorithm, Digest};
use proofhouse_registry::driver::{Driver, Memory};
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::manifest::ManifestType;
use proofhouse_registry::server::{Server, ServerOptions};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const OCI: &str = ManifestType::OciManifest.as_str();
pub(crate) const INDEX: &str = ManifestType::OciIndex.as_str();

/// What signs the tokens unless a test says otherwise.
pub(crate) const SECRET: &[u8] = b"the same in every process";

/// A server that runs.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) driver: Arc<dyn Driver>,
    client: Client,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

pub(crate) fn options() -> ServerOptions {
    ServerOptions::new(HttpOptions::new(Secret::new(SECRET)))
}

impl House {
    /// In memory, deletion on, all else at its default.
    pub(crate) async fn open() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: ServerOptions) -> Self {
        Self::over(Arc::new(Memory::default()), options, RegistryBuilder::enable_delete).await
    }

    pub(crate) async fn over(
        driver: Arc<dyn Driver>,
        options: ServerOptions,
        configure: impl FnOnce(RegistryBuilder) -> RegistryBuilder,
    ) -> Self {
        let registry = configure(RegistryBuilder::new(driver.clone())).build().unwrap();
        let api = Api::new(registry, ApiConfig::default());
        let server = Server::bind("127.0.0.1:0", api, options).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { address, driver, client, stop, running }
    }

    /// Asks the server to stop. The future ends when it has.
    pub(crate) fn stop(self) -> impl Future<Output = ()> {
        self.stop.send(()).unwrap();
        async { self.running.await.unwrap() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        send(self.request(Method::HEAD, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        send(self.request(Method::POST, path)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &str) -> Answer {
        send(self.request(Method::PATCH, path).body(body.to_owned())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        send(self.request(Method::PUT, path).body(body.to_owned())).await
    }

    /// Stores a blob; gives its path.
    pub(crate) async fn push(&self, repository: &str, content: &str) -> String {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", sha256(content));
        let answer = send(self.request(Method::POST, &path).body(content.to_owned())).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.header("location").to_owned()
    }

    /// Stores a manifest under a reference.
    pub(crate) async fn put_manifest(&self, repository: &str, reference: &str, kind: &str, document: &str) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        send(self.request(Method::PUT, &path).header("content-type", kind).body(document.to_owned())).await
    }

    /// Starts an upload; gives its Location.
    pub(crate) async fn start(&self, repository: &str) -> String {
        let answer = self.post(&format!("/v2/{repository}/blobs/uploads/")).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.header("location").to_owned()
    }

    /// A connection on which any bytes can be sent.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes, and gives all that comes until the server closes.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        rest(&mut stream).await
    }

    /// Waits until the only upload of the repository has so many bytes on disk.
    pub(crate) async fn upload_has(&self, repository: &str, bytes: u64) {
        let uploads = format!("/docker/registry/v2/repositories/{repository}/_uploads");
        let uploads = proofhouse_registry::driver::StoragePath::new(uploads).unwrap();
        loop {
            for id in self.driver.list(&uploads).await.unwrap_or_default() {
                let data = uploads.join(format!("{id}/data")).unwrap();
                if self.driver.stat(&data).await.is_ok_and(|stat| stat.size == bytes) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// All that comes until the server closes. One that never does fails the test instead of holding it up.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("the server does not close").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The next bytes up to the end of a head.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    head
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let answer = Answer { status, headers, body: response.bytes().await.unwrap() };
    assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
    assert!(!answer.header("x-request-id").is_empty());
    answer
}

impl Answer {
    /// The only value of a header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert_eq!(values.next(), None, "{name} stands twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Of a refusal: the status, and its codes, each with its detail.
    pub(crate) fn refusal(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        let mut text = self.status.to_string();
        for error in self.json()["errors"].as_array().unwrap() {
            assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
            let detail = error.get("detail").map_or("-", |detail| detail.as_str().unwrap());
            write!(text, " {} {detail}", error.get("code").map_or("-", |code| code.as_str().unwrap())).unwrap();
        }
        text
    }
}

/// Checks a status and gives the answer on.
pub(crate) fn is(status: u16, answer: Answer) -> Answer {
    assert_eq!(answer.status, status, "{answer:?}");
    answer
}

pub(crate) fn sha256(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

pub(crate) fn sha512(content: &str) -> Digest {
    Digest::of(Algorithm::Sha512, content.as_bytes())
}

/// An OCI image of no layers and the config `{}`, with more members, each after a comma.
pub(crate) fn image(more: &str) -> String {
    let config = descriptor("application/vnd.oci.image.config.v1+json", &sha256("{}"), 2);
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]{more}}}"#)
}

pub(crate) fn descriptor(media_type: &str, digest: &Digest, size: usize) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
}

/// The target of a `Link` to the next page.
pub(crate) fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"");
    Some(target.unwrap_or_else(|| panic!("{link}")).to_owned())
}
