//! Any bytes as what a client sends over a connection.
//!
//! They go to the HTTP service as the server runs it, over a pipe, and then the client says no more. The registry holds an image, an
//! index and an open upload. There must be no panic and no 5xx, and whatever was written is below the root.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use proofhouse_registry::api::{Api, ApiConfig, Body};
use proofhouse_registry::builder::{RegistryBuilder, UploadIds};
use proofhouse_registry::driver::ManualClock;
use proofhouse_registry::http::{Front, HttpOptions, Secret, router};
use proofhouse_registry::manifest::ManifestType;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Taken;
use super::pair::run;
use crate::crash::{Disk, Volume, storage};
use crate::documents::{descriptor, image, sha256};

/// Of the upload that is open.
pub(super) const UPLOAD: &str = "upload";

/// What signs the Location of an upload.
pub(super) static SECRET: LazyLock<Secret> = LazyLock::new(|| Secret::new(b"of the fuzz targets"));

/// Sends the bytes. Taken: something was answered with success.
///
/// # Panics
/// If an answer is a 5xx, or something was written outside of the root.
pub fn http_request(data: &[u8]) -> Taken {
    static FILLED: LazyLock<Volume> = LazyLock::new(filled);
    let disk = Disk::of(FILLED.clone());
    let app = router(Front::new(api(&disk), HttpOptions::new(SECRET.clone())));
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let (inner, seen) = (TowerToHyperService::new(app), Arc::clone(&statuses));
    let service = service_fn(move |request| {
        let (answer, seen) = (inner.call(request), Arc::clone(&seen));
        async move {
            let answer = answer.await?;
            seen.lock().expect("nobody panics with it").push(answer.status().as_u16());
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let answered = run(async move {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut http = http1::Builder::new();
        let connection = http.half_close(true).serve_connection(TokioIo::new(server), service);
        let talk = async move {
            let (mut from, mut to) = tokio::io::split(&mut client);
            let say = async {
                // The server may hang up before it has heard all.
                let _ = to.write_all(data).await;
                let _ = to.shutdown().await;
            };
            let mut heard = Vec::new();
            let (_, read) = tokio::join!(say, from.read_to_end(&mut heard));
            read.map(|_| heard)
        };
        // What ends a connection early is for the client to see.
        let (_, heard) = tokio::join!(connection, talk);
        heard
    });
    let heard = answered.unwrap_or_else(|error: io::Error| panic!("a pipe fails: {error}"));
    let statuses = statuses.lock().expect("nobody panics with it");
    assert!(
        statuses.iter().all(|status| *status < 500) && !heard.starts_with(b"HTTP/1.1 5"),
        "{statuses:?}: {}\n {}",
        data.escape_ascii(),
        heard.escape_ascii(),
    );
    for path in disk.files() {
        assert!(path.starts_with("/docker/registry/v2/"), "{path} was written: {}", data.escape_ascii());
    }
    Taken::of(statuses.iter().any(|status| *status < 300))
}

/// Always the same.
#[derive(Debug)]
struct Ids;

impl UploadIds for Ids {
    fn fresh(&self) -> String {
        UPLOAD.to_owned()
    }
}

fn api(disk: &Disk) -> Api {
    let clock = Arc::new(ManualClock::at(0));
    let builder = RegistryBuilder::new(storage(disk.clone(), Arc::<ManualClock>::clone(&clock)));
    let registry = builder.clock(clock).upload_ids(Arc::new(Ids)).enable_delete().build();
    Api::new(registry.expect("no option fails"), ApiConfig::default())
}

/// The disk that each connection finds.
fn filled() -> Volume {
    let disk = Disk::default();
    let api = api(&disk);
    run(async {
        for content in ["config", "layer"] {
            let bytes = Body::from(Bytes::from_static(content.as_bytes()));
            api.put_blob("a", &sha256(content), bytes).await.expect("a blob is stored");
        }
        let image = image("config", &["layer"], "");
        let kind = ManifestType::OciManifest.as_str();
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, descriptor(kind, &image, ""));
        for (tag, kind, document) in [("image", kind, image), ("index", ManifestType::OciIndex.as_str(), index)] {
            api.put_manifest("a", tag, Some(kind), &[], document.into()).await.expect("a manifest is stored");
        }
        api.start_upload("a").await.expect("an upload is opened");
    });
    disk.volume()
}
