//! Fills a registry for `ci/bench.sh`: `cargo run --release -p proofhouse-tests --example store -- WHERE KIND=NUMBER…`.
//!
//! WHERE is a directory, into which the layout that both registries read is written at once, without a server (one that is served
//! must not be); or the URL of a registry, to which the same is pushed. What is written is the same every time. The kinds:
//!
//! - `tags`: so many tags of the repository `tags`, each of an image of its own
//! - `repositories`: so many, `catalog/00000` and on, each with a tag
//! - `referrers`: so many of one image of the repository `referrers`; its digest is printed
//! - `entries`: so many images of the repository `entries`, without tags; the entries of an index of them are printed
//! - `blobs`: so many, a hundred in each repository, of which ten are referenced by nothing

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that only ci/bench.sh starts")]

use std::fs;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt as _};
use proofhouse_registry::digest::{Algorithm, Digest};
use proofhouse_registry::driver::StoragePath;
use proofhouse_registry::paths;
use proofhouse_tests::documents::OCI_IMAGE;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// How many requests are on their way at once, to a registry that is filled over HTTP; twice, of repositories and of their images.
const AT_ONCE: usize = 4;

/// How many blobs and images a repository of the kind `blobs` has: ten images of nine, with their manifests, and ten blobs beside.
const IMAGES: usize = 10;
const LAYERS: usize = 7;
const LOOSE: usize = 10;

/// An image's manifest, and what names it.
struct Image {
    manifest: Vec<u8>,
    tag: Option<String>,
    subject: Option<Digest>,
}

/// A repository, with everything in it.
struct Repository {
    name: String,
    blobs: Vec<Vec<u8>>,
    images: Vec<Image>,
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

fn described(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes).as_str(), "size": bytes.len() })
}

/// Bytes that nothing else has, 100 to 4,000 of them; the same for the same words.
fn content(words: &str) -> Vec<u8> {
    let mut block = digest(words.as_bytes());
    let length = 100 + usize::from_str_radix(&block.hex()[..8], 16).unwrap() % 3901;
    let mut bytes = Vec::with_capacity(length + 64);
    while bytes.len() < length {
        bytes.extend_from_slice(block.hex().as_bytes());
        block = digest(block.as_str().as_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn config(words: &str) -> Vec<u8> {
    json!({ "architecture": "amd64", "os": "linux", "author": words, "rootfs": { "type": "layers", "diff_ids": [] } })
        .to_string()
        .into_bytes()
}

impl Repository {
    fn new(name: impl Into<String>) -> Repository {
        Repository { name: name.into(), blobs: Vec::new(), images: Vec::new() }
    }

    /// A repository with one config and one layer, of which its images are made.
    fn plain(name: impl Into<String>) -> Repository {
        Repository { blobs: vec![config("all"), content("all")], ..Repository::new(name) }
    }

    /// Adds an image of blobs that are there: of the last of them, the first of which is the config.
    fn image(&mut self, layers: usize, words: &str, tag: Option<String>, subject: Option<&Value>) -> Value {
        let blobs = &self.blobs[self.blobs.len() - 1 - layers..];
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "config": described("application/vnd.oci.image.config.v1+json", &blobs[0]),
            "layers": blobs[1..].iter().map(|layer| described("application/vnd.oci.image.layer.v1.tar", layer)).collect::<Vec<_>>(),
            "annotations": { "bench": words },
        });
        if let Some(subject) = subject {
            manifest["artifactType"] = "application/vnd.example.bench".into();
            manifest["subject"] = subject.clone();
        }
        let subject = subject.map(|subject| subject["digest"].as_str().unwrap().parse().unwrap());
        let manifest = manifest.to_string().into_bytes();
        let described = described(OCI_IMAGE, &manifest);
        self.images.push(Image { manifest, tag, subject });
        described
    }
}

/// The repositories of a kind, made one after another; and what of it is printed.
fn kind(kind: &str, number: usize) -> (Box<dyn Iterator<Item = Repository>>, Option<String>) {
    match kind {
        "tags" => {
            let mut repository = Repository::plain("tags");
            for n in 0..number {
                repository.image(1, &n.to_string(), Some(format!("t{n:05}")), None);
            }
            (Box::new([repository].into_iter()), None)
        }
        "repositories" => {
            let one = |n| {
                let mut repository = Repository::plain(format!("catalog/{n:05}"));
                repository.image(1, "all", Some("latest".to_owned()), None);
                repository
            };
            (Box::new((0..number).map(one)), None)
        }
        "referrers" => {
            let mut repository = Repository::plain("referrers");
            let subject = repository.image(1, "subject", Some("subject".to_owned()), None);
            for n in 0..number {
                repository.image(1, &n.to_string(), None, Some(&subject));
            }
            let printed = subject["digest"].as_str().unwrap().to_owned();
            (Box::new([repository].into_iter()), Some(printed))
        }
        "entries" => {
            let mut repository = Repository::plain("entries");
            let mut entries = Vec::new();
            for n in 0..number {
                let mut entry = repository.image(1, &n.to_string(), None, None);
                entry["platform"] = json!({ "architecture": "amd64", "os": "linux" });
                entries.push(entry);
            }
            (Box::new([repository].into_iter()), Some(Value::Array(entries).to_string()))
        }
        "blobs" => {
            let each = IMAGES * (LAYERS + 2) + LOOSE;
            assert!(number.is_multiple_of(each), "blobs come by the {each}");
            let one = |n| {
                let mut repository = Repository::new(format!("blobs/{n:05}"));
                for image in 0..IMAGES {
                    let words = format!("{n}/{image}");
                    repository.blobs.push(config(&words));
                    repository.blobs.extend((0..LAYERS).map(|layer| content(&format!("{words}/{layer}"))));
                    repository.image(LAYERS, &words, Some(format!("t{image}")), None);
                }
                repository.blobs.extend((0..LOOSE).map(|loose| content(&format!("{n} loose {loose}"))));
                repository
            };
            (Box::new((0..number / each).map(one)), None)
        }
        _ => panic!("there is no kind {kind}; there are tags, repositories, referrers, entries and blobs"),
    }
}

/// A directory, as `docs/behaviour.md` lays it out.
struct Directory(PathBuf);

impl Directory {
    fn write(&self, path: &StoragePath, bytes: &[u8]) {
        let path = self.0.join(path.as_str().trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn link(&self, path: &StoragePath, digest: &Digest) {
        self.write(path, digest.as_str().as_bytes());
    }

    fn fill(&self, repository: &Repository) {
        let name = repository.name.parse().unwrap();
        for blob in &repository.blobs {
            let digest = digest(blob);
            self.write(&paths::blob_data(&digest), blob);
            self.link(&paths::layer_link(&name, &digest), &digest);
        }
        for image in &repository.images {
            let digest = digest(&image.manifest);
            self.write(&paths::blob_data(&digest), &image.manifest);
            self.link(&paths::revision_link(&name, &digest), &digest);
            if let Some(subject) = &image.subject {
                self.link(&paths::referrer_link(&name, subject, &digest), &digest);
            }
            if let Some(tag) = &image.tag {
                let tag = tag.parse().unwrap();
                self.link(&paths::tag_entry_link(&name, &tag, &digest), &digest);
                self.link(&paths::tag_current(&name, &tag), &digest);
            }
        }
    }
}

/// A registry, over HTTP.
struct Registry {
    client: Client,
    url: String,
}

impl Registry {
    /// A request, by its path or by a location that the registry gave.
    fn request(&self, method: Method, location: &str) -> RequestBuilder {
        let url = if location.starts_with("http") { location.to_owned() } else { format!("{}{location}", self.url) };
        self.client.request(method, url)
    }

    async fn fill(&self, repository: Repository) {
        let name = &repository.name;
        for blob in repository.blobs {
            let started =
                self.request(Method::POST, &format!("/v2/{name}/blobs/uploads/")).body("").send().await.unwrap();
            assert_eq!(started.status(), StatusCode::ACCEPTED, "an upload is started in {name}");
            let location = started.headers()[LOCATION].to_str().unwrap();
            let mark = if location.contains('?') { '&' } else { '?' };
            let finish = format!("{location}{mark}digest={}", digest(&blob));
            let put = self.request(Method::PUT, &finish).body(blob);
            assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED, "a blob is pushed to {name}");
        }
        let put = |image: Image| async {
            let reference = image.tag.unwrap_or_else(|| digest(&image.manifest).as_str().to_owned());
            let put = self.request(Method::PUT, &format!("/v2/{name}/manifests/{reference}"));
            let answer = put.header(CONTENT_TYPE, OCI_IMAGE).body(image.manifest).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::CREATED, "a manifest is pushed to {name}");
        };
        stream::iter(repository.images).for_each_concurrent(AT_ONCE, put).await;
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().expect("a directory, or the URL of a registry");
    for argument in arguments {
        let (name, number) = argument.split_once('=').expect("KIND=NUMBER");
        let (repositories, printed) = kind(name, number.parse().expect("a number"));
        if place.starts_with("http") {
            let registry = Registry { client: Client::new(), url: place.trim_end_matches('/').to_owned() };
            let filling = stream::iter(repositories).for_each_concurrent(AT_ONCE, |one| registry.fill(one));
            tokio::runtime::Runtime::new().unwrap().block_on(filling);
        } else {
            let directory = Directory(Path::new(&place).to_owned());
            repositories.for_each(|one| directory.fill(&one));
        }
        if let Some(printed) = printed {
            println!("{printed}");
        }
    }
}
