//! A registry in memory with a clock that stands still, and shorthand for what tests say often.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use proofhouse_registry::api::{Api, ApiConfig, ApiError, BlobAnswer, Body, ByteRange, Code, GcOptions};
use proofhouse_registry::builder::{RegistryBuilder, UploadIds};
use proofhouse_registry::digest::{Algorithm, Digest};
use proofhouse_registry::driver::{Driver, ManualClock, Memory, StoragePath};
use proofhouse_registry::manifest::ManifestType;

pub(crate) const OCI: &str = ManifestType::OciManifest.as_str();
pub(crate) const INDEX: &str = ManifestType::OciIndex.as_str();
pub(crate) const DOCKER: &str = ManifestType::DockerManifest.as_str();
pub(crate) const LIST: &str = ManifestType::DockerList.as_str();

/// Collects every blob that nothing names.
pub(crate) const ALL: GcOptions = GcOptions { delete_untagged: false, dry_run: false, grace_seconds: 0 };
/// The same, and every manifest that no tag keeps.
pub(crate) const UNTAGGED: GcOptions = GcOptions { delete_untagged: true, ..ALL };

/// Ids `upload-1`, `upload-2`, ...
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU64);

impl UploadIds for Counting {
    fn fresh(&self) -> String {
        format!("upload-{}", self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// A registry, what it stands on, and how to build it again.
pub(crate) struct House {
    pub(crate) api: Api,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) clock: Arc<ManualClock>,
    ids: Arc<Counting>,
    configure: Box<dyn Fn(RegistryBuilder) -> RegistryBuilder + Send + Sync>,
}

impl House {
    /// Deletion on, all else at its default.
    pub(crate) fn new() -> Self {
        Self::with(RegistryBuilder::enable_delete)
    }

    pub(crate) fn with(configure: impl Fn(RegistryBuilder) -> RegistryBuilder + Send + Sync + 'static) -> Self {
        let clock = Arc::new(ManualClock::at(1_700_000_000));
        let driver = Arc::new(Memory::new(clock.clone()));
        Self::over(driver, clock, configure)
    }

    pub(crate) fn over(
        driver: Arc<dyn Driver>,
        clock: Arc<ManualClock>,
        configure: impl Fn(RegistryBuilder) -> RegistryBuilder + Send + Sync + 'static,
    ) -> Self {
        let ids = Arc::new(Counting::default());
        let configure = Box::new(configure);
        let api = build(&driver, &clock, &ids, &*configure);
        Self { api, driver, clock, ids, configure }
    }

    /// The process ends and starts anew.
    pub(crate) fn restart(&mut self) {
        self.api = build(&self.driver, &self.clock, &self.ids, &*self.configure);
    }

    /// Another process with other options.
    pub(crate) fn reconfigure(
        &mut self,
        configure: impl Fn(RegistryBuilder) -> RegistryBuilder + Send + Sync + 'static,
    ) {
        self.configure = Box::new(configure);
        self.restart();
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn push(&self, repo: &str, content: &str) -> Digest {
        self.api.put_blob(repo, sha256(content).as_str(), body(content)).await.unwrap()
    }

    /// Pushes a manifest, under a tag or, without one, its digest.
    pub(crate) async fn put(&self, repo: &str, tag: Option<&str>, kind: &str, document: &str) -> Digest {
        let digest = sha256(document);
        let reference = tag.unwrap_or(digest.as_str());
        let bytes = Bytes::copy_from_slice(document.as_bytes());
        self.api.put_manifest(repo, reference, Some(kind), &[], bytes).await.unwrap().digest
    }

    pub(crate) async fn try_put(
        &self,
        repo: &str,
        reference: &str,
        kind: &str,
        document: &str,
    ) -> Result<Digest, ApiError> {
        let bytes = Bytes::copy_from_slice(document.as_bytes());
        Ok(self.api.put_manifest(repo, reference, Some(kind), &[], bytes).await?.digest)
    }

    /// Pushes an image of a config and some layers, and what it consists of.
    pub(crate) async fn push_image(&self, repo: &str, tag: Option<&str>, config: &str, layers: &[&str]) -> Digest {
        self.push(repo, config).await;
        for layer in layers {
            self.push(repo, layer).await;
        }
        self.put(repo, tag, OCI, &image(config, layers)).await
    }

    pub(crate) async fn get(&self, repo: &str, digest: &Digest, range: Option<ByteRange>) -> Result<String, ApiError> {
        content(self.api.get_blob(repo, digest.as_str(), range).await?).await
    }

    /// Whether the repository serves the blob.
    pub(crate) async fn has(&self, repo: &str, content: &str) -> bool {
        self.get(repo, &sha256(content), None).await.is_ok()
    }

    pub(crate) async fn has_manifest(&self, repo: &str, reference: &str) -> bool {
        self.api.get_manifest(repo, reference).await.is_ok()
    }

    /// Every file, as `path: content`, in order.
    pub(crate) async fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut pending = vec![StoragePath::root()];
        while let Some(path) = pending.pop() {
            match self.driver.list(&path).await {
                Ok(names) => pending.extend(names.iter().rev().map(|name| path.join(name).unwrap())),
                Err(_) => files.push(format!("{path}: {:?}", self.driver.read(&path).await.unwrap())),
            }
        }
        files
    }

    /// The disk loses what is stored under a digest.
    pub(crate) async fn lose(&self, digest: &Digest) {
        let path = format!("/docker/registry/v2/blobs/{}/{}/{}", digest.algorithm(), &digest.hex()[..2], digest.hex());
        self.driver.delete(&path.parse().unwrap()).await.unwrap();
    }

    pub(crate) async fn write(&self, path: &str, content: &str) {
        let path = StoragePath::new(path).unwrap();
        self.driver.write(&path, content.to_owned().into()).await.unwrap();
    }
}

fn build(
    driver: &Arc<dyn Driver>,
    clock: &Arc<ManualClock>,
    ids: &Arc<Counting>,
    configure: &dyn Fn(RegistryBuilder) -> RegistryBuilder,
) -> Api {
    let builder = RegistryBuilder::new(driver.clone()).clock(clock.clone()).upload_ids(ids.clone());
    Api::new(configure(builder).build().unwrap(), ApiConfig::default())
}

pub(crate) fn sha256(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

pub(crate) fn sha512(content: &str) -> Digest {
    Digest::of(Algorithm::Sha512, content.as_bytes())
}

pub(crate) fn body(content: &str) -> Body {
    Body::from(Bytes::copy_from_slice(content.as_bytes()))
}

pub(crate) async fn content(answer: BlobAnswer) -> Result<String, ApiError> {
    match answer {
        BlobAnswer::Redirect(url) => Ok(url),
        BlobAnswer::Content { stream, .. } => {
            let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
            Ok(String::from_utf8(chunks.concat()).unwrap())
        }
    }
}

/// Of a failure: its codes, each with its detail, and the status.
pub(crate) fn failure<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
    let error = result.unwrap_err();
    let mut text = error.class().status().to_string();
    for item in &error.errors {
        write!(text, " {} {}", item.code, item.detail.as_deref().unwrap_or("-")).unwrap();
    }
    text
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> Code {
    result.unwrap_err().errors[0].code
}

pub(crate) fn descriptor(media_type: &str, digest: &Digest) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":1}}"#)
}

/// An OCI image.
pub(crate) fn image(config: &str, layers: &[&str]) -> String {
    image_with(config, layers, "")
}

/// An OCI image with more members, each after a comma.
pub(crate) fn image_with(config: &str, layers: &[&str], more: &str) -> String {
    let config = descriptor("application/vnd.oci.image.config.v1+json", &sha256(config));
    let layers: Vec<String> =
        layers.iter().map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar", &sha256(layer))).collect();
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{}]{more}}}"#, layers.join(","))
}

/// An OCI index of entries without platform.
pub(crate) fn index(entries: &[&Digest]) -> String {
    let entries: Vec<String> = entries.iter().map(|digest| descriptor(OCI, digest)).collect();
    index_of(&entries.join(","), "")
}

pub(crate) fn index_of(entries: &str, more: &str) -> String {
    format!(r#"{{"schemaVersion":2,"manifests":[{entries}]{more}}}"#)
}

pub(crate) fn subject(digest: &Digest) -> String {
    format!(r#","subject":{}"#, descriptor(OCI, digest))
}
