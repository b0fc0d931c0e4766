//! Texts and files that others rely on, held still: what an operator reads, what a client is told, what stands on disk.
//!
//! A change shows as a difference to `snapshots/`. Look at it, and if it is meant, run once more with `INSTA_UPDATE=always`.

#![allow(clippy::unwrap_used, reason = "tests fail by it; clippy knows only the functions marked as tests")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use proofhouse_model::{Dialect, Options, Platform, Specification, digest_of, explain};
use proofhouse_registry::api::{Api, ApiConfig, ApiError, Body, ByteRange, GcOptions, MountAnswer};
use proofhouse_registry::builder::{RegistryBuilder, UploadIds};
use proofhouse_registry::descriptor::{
    BlobDescriptor, BlobDescriptorService, BlobDescriptorServiceFactory, DescriptorError,
};
use proofhouse_registry::digest::Digest;
use proofhouse_registry::driver::{Driver, Filesystem, FilesystemOptions, ManualClock, Memory, Offload};
use proofhouse_registry::name::RepositoryName;
use proofhouse_tests::documents::{DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX, descriptor, image, sha256};

const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// A Docker image with one layer that is fetched elsewhere.
fn foreign(urls: &str) -> String {
    let config = descriptor("application/vnd.docker.container.image.v1+json", "config", "");
    let layer = descriptor(DOCKER_FOREIGN, "foreign", urls);
    format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER_IMAGE}","config":{config},"layers":[{layer}]}}"#)
}

fn platform(architecture: &str, os: &str) -> String {
    format!(r#","platform":{{"architecture":"{architecture}","os":"{os}"}}"#)
}

/// A list: OCI's without a media type, or Docker's with its own.
fn list(media_type: Option<&str>, entries: &[String], more: &str) -> String {
    let media_type = media_type.map(|it| format!(r#""mediaType":"{it}","#)).unwrap_or_default();
    format!(r#"{{"schemaVersion":2,{media_type}"manifests":[{}]{more}}}"#, entries.join(","))
}

fn explained(options: Options, content_type: Option<&str>, document: &str) -> String {
    let specification = Specification::new(Dialect::Proofhouse, options).unwrap();
    let explanation = explain(&specification, content_type, document.as_bytes());
    format!("accepted: {}\n{explanation}", explanation.accepted)
}

fn validating(platforms: &[(&str, &str)]) -> Options {
    let platforms = platforms
        .iter()
        .map(|(architecture, os)| Platform { architecture: (*architecture).to_owned(), os: (*os).to_owned() });
    Options { validate_index: true, platforms: platforms.collect(), ..Options::default() }
}

#[test]
fn an_explanation_says_which_entries_of_a_sparse_index_must_exist() {
    let entries = [
        descriptor(OCI_IMAGE, "amd64", &platform("amd64", "linux")),
        descriptor(OCI_IMAGE, "arm64", &platform("arm64", "linux")),
        descriptor(OCI_IMAGE, "windows", &platform("amd64", "windows")),
    ];
    let document = list(None, &entries, "");
    insta::assert_snapshot!("explain_sparse_index", explained(validating(&[("amd64", "linux")]), None, &document));
    insta::assert_snapshot!("explain_index_without_filter", explained(validating(&[]), None, &document));
    insta::assert_snapshot!("explain_index_without_validation", explained(Options::default(), None, &document));
}

#[test]
fn an_explanation_says_that_no_filter_selects_an_entry_without_platform() {
    let entries = [
        descriptor(OCI_IMAGE, "none", ""),
        descriptor(OCI_IMAGE, "null", r#","platform":null"#),
        descriptor(OCI_IMAGE, "empty", r#","platform":{}"#),
    ];
    let subject = format!(r#","subject":{}"#, descriptor(OCI_IMAGE, "subject", ""));
    let document = list(None, &entries, &subject);
    insta::assert_snapshot!("explain_no_platform", explained(validating(&[("amd64", "linux")]), None, &document));
}

#[test]
fn an_explanation_names_the_layer_whose_url_is_refused() {
    let options = || Options { urls_allow: Some(r"^https://good\.example/".into()), ..Options::default() };
    let good = foreign(r#","urls":["https://good.example/layer"]"#);
    let bad = foreign(r#","urls":["https://good.example/layer","https://evil.example/layer"]"#);
    insta::assert_snapshot!("explain_permitted_url", explained(options(), None, &good));
    insta::assert_snapshot!("explain_refused_url", explained(options(), None, &bad));
    insta::assert_snapshot!("explain_foreign_without_url", explained(options(), None, &foreign("")));
}

#[test]
fn an_explanation_refuses_a_document_that_is_index_and_image_at_once() {
    let confused = image("config", &["layer"], r#","manifests":[]"#);
    insta::assert_snapshot!("explain_confused_as_image", explained(Options::default(), Some(OCI_IMAGE), &confused));
    insta::assert_snapshot!("explain_confused_as_index", explained(Options::default(), Some(OCI_INDEX), &confused));
}

#[test]
fn an_explanation_of_a_docker_list_says_its_type_and_entries() {
    let entries = [
        descriptor(DOCKER_IMAGE, "amd64", &platform("amd64", "linux")),
        descriptor(DOCKER_IMAGE, "s390x", &platform("s390x", "linux")),
    ];
    let document = list(Some(DOCKER_LIST), &entries, "");
    insta::assert_snapshot!("explain_docker_list", explained(validating(&[("s390x", "linux")]), None, &document));
    insta::assert_snapshot!("explain_docker_list_as_oci", explained(Options::default(), Some(OCI_INDEX), &document));
}

/// Hides one digest in every repository.
#[derive(Debug)]
struct Hiding(String);

#[derive(Debug)]
struct Hidden(String, Arc<dyn BlobDescriptorService>);

impl BlobDescriptorServiceFactory for Hiding {
    fn blob_access_controller(
        &self,
        _: &RepositoryName,
        inner: Arc<dyn BlobDescriptorService>,
    ) -> Arc<dyn BlobDescriptorService> {
        Arc::new(Hidden(self.0.clone(), inner))
    }
}

#[async_trait]
impl BlobDescriptorService for Hidden {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        if digest.as_str() == self.0 { Err(DescriptorError::Denied(digest.clone())) } else { self.1.stat(digest).await }
    }

    async fn set_descriptor(&self, digest: &Digest, descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        self.1.set_descriptor(digest, descriptor).await
    }

    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError> {
        self.1.clear(digest).await
    }
}

/// Ids `upload-1`, `upload-2`, ...
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl UploadIds for Counting {
    fn fresh(&self) -> String {
        format!("upload-{}", self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn registry(
    driver: Arc<dyn Driver>,
    clock: &Arc<ManualClock>,
    more: impl Fn(RegistryBuilder) -> RegistryBuilder,
) -> Api {
    let clock = Arc::<ManualClock>::clone(clock);
    let builder = RegistryBuilder::new(driver).clock(clock).upload_ids(Arc::new(Counting::default()));
    Api::new(more(builder).build().unwrap(), ApiConfig::default())
}

fn body(content: &str) -> Body {
    Body::from(Bytes::copy_from_slice(content.as_bytes()))
}

async fn push(api: &Api, repo: &str, content: &str) {
    api.put_blob(repo, &sha256(content), body(content)).await.unwrap();
}

async fn put(api: &Api, repo: &str, reference: &str, kind: Option<&str>, document: &str) -> Result<(), ApiError> {
    let bytes = Bytes::copy_from_slice(document.as_bytes());
    api.put_manifest(repo, reference, kind, &[], bytes).await.map(drop)
}

/// What clients were told, one refusal after another.
#[derive(Default)]
struct Refusals(String);

impl Refusals {
    fn add<T: std::fmt::Debug>(&mut self, request: &str, answer: Result<T, ApiError>) {
        let error = answer.unwrap_err();
        writeln!(self.0, "{request}\n  {} {}", error.class().status(), error.to_json()).unwrap();
    }
}

#[tokio::test]
async fn every_row_of_the_table_of_errors_has_its_body() {
    let clock = Arc::new(ManualClock::at(1_600_000_000));
    let memory = Arc::new(Memory::new(Arc::<ManualClock>::clone(&clock)));
    let api =
        registry(memory, &clock, |builder| builder.blob_descriptor_service_factory(Arc::new(Hiding(sha256("hidden")))));
    push(&api, "a", "content").await;
    push(&api, "a", "hidden").await;
    push(&api, "a", "config").await;
    let unknown = sha256("never pushed");
    let open = api.start_upload("a").await.unwrap().id;
    api.append("a", &open, None, body("0123")).await.unwrap();

    let mut told = Refusals::default();
    told.add("name outside the grammar", api.head_blob("A//b", &unknown).await);
    told.add("tags of an unknown repository", api.list_tags("b", None, None).await);
    told.add("malformed digest", api.head_blob("a", "sha256:abc").await);
    told.add("unknown algorithm", api.head_blob("a", &unknown.replace("sha256", "md5")).await);
    told.add("content that hashes to another digest", api.put_blob("a", &unknown, body("else")).await);
    told.add("finish without digest", api.finish("a", &open, None, None, Body::empty()).await);
    told.add("tag outside the grammar", api.get_manifest("a", ".hidden").await);
    let document = image("config", &[], "");
    told.add("manifest without content type", put(&api, "a", "t", None, &document).await);
    told.add("manifest of an unknown type", put(&api, "a", "t", Some("text/plain"), &document).await);
    told.add("malformed manifest", put(&api, "a", "t", Some(OCI_IMAGE), "{").await);
    told.add("manifest under another digest", put(&api, "a", &unknown, Some(OCI_IMAGE), &document).await);
    told.add("foreign layer without URL", put(&api, "a", "t", Some(DOCKER_IMAGE), &foreign("")).await);
    let urls = r#","urls":["ftp://example.com/layer"]"#;
    told.add("layer with a refused URL", put(&api, "a", "t", Some(DOCKER_IMAGE), &foreign(urls)).await);
    let lacking = image("no config", &["content", "no layer", "hidden"], "");
    told.add("manifest that names what is missing", put(&api, "a", "t", Some(OCI_IMAGE), &lacking).await);
    told.add("unknown tag", api.get_manifest("a", "t").await);
    told.add("unknown revision", api.get_manifest("a", &unknown).await);
    let huge = " ".repeat((4 << 20) + 1);
    told.add("manifest of more than 4 MiB", put(&api, "a", "t", Some(OCI_IMAGE), &huge).await);
    told.add("chunk of another length than its range", api.append("a", &open, Some((4, 9)), body("45")).await);
    told.add("unknown blob", api.head_blob("a", &unknown).await);
    told.add("unknown upload", api.upload_status("a", "nobody").await);
    told.add("upload of another repository", api.upload_status("b", &open).await);
    told.add("chunk out of order", api.append("a", &open, Some((5, 5)), body("5")).await);
    told.add("range beyond the blob", api.get_blob("a", &sha256("content"), Some(ByteRange::From(7))).await);
    told.add("deletion of a blob while it is off", api.delete_blob("a", &unknown).await);
    told.add("deletion of a manifest while it is off", api.delete_manifest("a", "t").await);
    told.add("page size below zero", api.list_tags("a", Some("-1"), None).await);
    told.add("page size that is no number", api.list_tags("a", Some("many"), None).await);
    told.add("page size above the maximum", api.catalog(Some("1001"), None).await);
    told.add("blob that access control hides", api.head_blob("a", &sha256("hidden")).await);
    told.add("manifest that access control hides", api.get_manifest("a", &sha256("hidden")).await);
    insta::assert_snapshot!("error_bodies", told.0);
}

/// Everything below a directory, in order: files with what is in them, and directories with nothing in them.
fn tree(root: &Path) -> String {
    fn walk(directory: &Path, root: &Path, lines: &mut Vec<String>) {
        let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        if entries.is_empty() {
            lines.push(format!("{}/\n", directory.strip_prefix(root).unwrap().display()));
        }
        for path in entries {
            if path.is_dir() {
                walk(&path, root, lines);
            } else {
                let content = shown(&fs::read(&path).unwrap());
                lines.push(format!("{}\n  {content}\n", path.strip_prefix(root).unwrap().display()));
            }
        }
    }
    let mut lines = Vec::new();
    walk(root, root, &mut lines);
    lines.concat()
}

/// Text as it is, for it shows a line break at the end; other bytes in hexadecimal.
fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{} bytes: {text}", bytes.len()),
        _ => format!("{} bytes: {}", bytes.len(), bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

#[tokio::test]
async fn a_fixed_sequence_leaves_the_same_files_on_disk_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(1_600_000_000));
    let options = FilesystemOptions {
        fsync: false,
        offload: Offload::Inline,
        root_held: true,
        clock: Some(Arc::<ManualClock>::clone(&clock)),
    };
    let driver = Arc::new(Filesystem::new(directory.path(), options));
    let api = registry(driver, &clock, RegistryBuilder::enable_delete);

    // One upload in chunks that is finished, under each algorithm, and one that stays open.
    for algorithm in ["sha256", "sha512"] {
        let upload = api.start_upload("team/app").await.unwrap().id;
        api.append("team/app", &upload, Some((0, 4)), body("first")).await.unwrap();
        let digest = digest_of(algorithm, b"first, last");
        api.finish("team/app", &upload, Some(&digest), Some((5, 10)), body(", last")).await.unwrap();
    }
    let open = api.start_upload("team/app").await.unwrap().id;
    api.append("team/app", &open, None, body("a chunk, ")).await.unwrap();
    clock.advance(Duration::from_secs(60));
    api.append("team/app", &open, None, body("and another")).await.unwrap();

    // Blobs, a mount, images, an index of them, and a signature of one.
    for content in ["config", "layer", "old config", "lonely config", "{}"] {
        push(&api, "team/app", content).await;
    }
    let mounted = api.mount_blob("team", &sha256("layer"), Some("team/app")).await.unwrap();
    assert!(matches!(mounted, MountAnswer::Mounted(_)), "{mounted:?}");
    let old = image("old config", &["layer"], "");
    let new = image("config", &["layer"], "");
    let lonely = image("lonely config", &[], "");
    let index = list(None, &[descriptor(OCI_IMAGE, &new, &platform("amd64", "linux"))], "");
    let subject = descriptor(OCI_IMAGE, &new, "");
    let signature = image("{}", &[], &format!(r#","subject":{subject},"artifactType":"application/x-signature""#));
    let oci = Some(OCI_IMAGE);
    put(&api, "team/app", "latest", oci, &old).await.unwrap();
    put(&api, "team/app", "latest", oci, &new).await.unwrap();
    put(&api, "team/app", &sha256(&lonely), oci, &lonely).await.unwrap();
    put(&api, "team/app", "gone", oci, &lonely).await.unwrap();
    put(&api, "team/app", "multi", Some(OCI_INDEX), &index).await.unwrap();
    put(&api, "team/app", &sha256(&signature), oci, &signature).await.unwrap();
    api.delete_manifest("team/app", "gone").await.unwrap();
    insta::assert_snapshot!("disk_before_collection", tree(directory.path()));

    let collection = GcOptions { delete_untagged: true, dry_run: false, grace_seconds: 0 };
    let before = tree(directory.path());
    let announced = api.collect_garbage(GcOptions { dry_run: true, ..collection }).await.unwrap();
    assert_eq!(tree(directory.path()), before, "a dry run changed something");
    assert_eq!(api.collect_garbage(collection).await.unwrap(), announced);
    insta::assert_snapshot!("disk_after_collection", tree(directory.path()));
}
