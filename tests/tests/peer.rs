//! One directory, two registries: what ours wrote, CNCF distribution 2.8 serves, and the other way round.
//!
//! The peer is Debian's `docker-registry`. Where it is not installed these tests say so and pass; in CI they fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by it, and say why; clippy knows only the functions marked as tests"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use proofhouse_model::digest_of;
use proofhouse_registry::api::{Api, ApiConfig, BlobAnswer, Body, GcOptions};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::digest::Digest;
use proofhouse_registry::driver::{Filesystem, FilesystemOptions};
use proofhouse_tests::documents::{DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX};
use proofhouse_tests::peer::Peer;
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

const ALL_TYPES: [&str; 4] = [DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX];

fn peer(root: &Path) -> Option<Peer> {
    let peer = Peer::start(root).unwrap();
    if peer.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "docker-registry must be installed in CI");
        println!("docker-registry is not installed: nothing was compared with it");
    }
    peer
}

/// Ours over a directory, as in production: what is acknowledged is on the disk.
fn ours(root: &Path) -> Api {
    let driver = Arc::new(Filesystem::new(root, FilesystemOptions::default()));
    Api::new(RegistryBuilder::new(driver).enable_delete().build().unwrap(), ApiConfig::default())
}

/// A blob or a manifest, as it is pushed.
#[derive(Clone)]
struct Item {
    repo: &'static str,
    digest: String,
    bytes: Vec<u8>,
}

impl Item {
    fn new(repo: &'static str, bytes: impl Into<Vec<u8>>) -> Item {
        let bytes = bytes.into();
        Item { repo, digest: digest_of("sha256", &bytes), bytes }
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

#[derive(Clone)]
struct Document {
    item: Item,
    kind: &'static str,
    tag: Option<&'static str>,
}

/// Two repositories, one nested in the other, with manifests of all four types.
struct Goods {
    blobs: Vec<Item>,
    documents: Vec<Document>,
    /// The tags of each repository.
    tags: BTreeMap<&'static str, Vec<&'static str>>,
}

const APP: &str = "team/app";
const NESTED: &str = "team/app/debug";

/// The manifest that the signature is about.
const SUBJECT: usize = 0;
const INDEX: usize = 1;
const SIGNATURE: usize = 2;
const LONE: usize = 5;

fn goods() -> Goods {
    let config = Item::new(APP, r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#);
    // Longer than one chunk of either registry, and no text.
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let large = Item::new(APP, large);
    let empty = Item::new(APP, "");
    let nothing = Item::new(APP, "{}");
    let lonely = Item::new(APP, "a layer that only an untagged image names");
    let nested_config = Item { repo: NESTED, ..config.clone() };
    let small = Item::new(NESTED, "a small layer\n");

    let image = |repo, kind: &str, config: &Item, layers: &[&Item], more: Value| {
        let docker = kind == DOCKER_IMAGE;
        let config_type = if docker {
            "application/vnd.docker.container.image.v1+json"
        } else {
            "application/vnd.oci.image.config.v1+json"
        };
        let layer_type = if docker {
            "application/vnd.docker.image.rootfs.diff.tar.gzip"
        } else {
            "application/vnd.oci.image.layer.v1.tar+gzip"
        };
        let layers: Vec<Value> = layers.iter().map(|layer| layer.descriptor(layer_type)).collect();
        document(repo, json!({ "config": config.descriptor(config_type), "layers": layers }), more)
    };
    let subject = image(APP, OCI_IMAGE, &config, &[&large, &empty], json!({}));
    let entry = |item: &Item, kind: &str| {
        let mut entry = item.descriptor(kind);
        entry["platform"] = json!({ "architecture": "amd64", "os": "linux" });
        entry
    };
    let index =
        document(APP, json!({ "manifests": [entry(&subject, OCI_IMAGE)] }), json!({ "annotations": { "a": "b" } }));
    let about = json!({
        "mediaType": OCI_IMAGE,
        "subject": subject.descriptor(OCI_IMAGE),
        "artifactType": "application/x-signature",
        "annotations": { "by": "nobody" },
    });
    let signature = image(APP, OCI_IMAGE, &nothing, &[&nothing], about);
    let docker = image(NESTED, DOCKER_IMAGE, &nested_config, &[&small], json!({ "mediaType": DOCKER_IMAGE }));
    let list =
        document(NESTED, json!({ "manifests": [entry(&docker, DOCKER_IMAGE)] }), json!({ "mediaType": DOCKER_LIST }));
    let lone = image(APP, OCI_IMAGE, &config, &[&lonely], json!({ "annotations": { "is": "untagged" } }));
    let stored = |item, kind, tag| Document { item, kind, tag };
    Goods {
        blobs: vec![config, large, empty, nothing, lonely, nested_config, small],
        documents: vec![
            stored(subject, OCI_IMAGE, Some("1.0")),
            stored(index, OCI_INDEX, Some("latest")),
            stored(signature, OCI_IMAGE, None),
            stored(docker, DOCKER_IMAGE, None),
            stored(list, DOCKER_LIST, Some("list")),
            stored(lone, OCI_IMAGE, None),
        ],
        tags: BTreeMap::from([(APP, vec!["1.0", "latest"]), (NESTED, vec!["list"])]),
    }
}

/// A manifest of these members, indented: only its very bytes have its digest.
fn document(repo: &'static str, mut members: Value, more: Value) -> Item {
    members["schemaVersion"] = json!(2);
    if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
        members.extend(more);
    }
    Item::new(repo, serde_json::to_vec_pretty(&members).unwrap())
}

async fn push_to_ours(api: &Api, goods: &Goods) {
    for blob in &goods.blobs {
        let body = Body::from(Bytes::copy_from_slice(&blob.bytes));
        api.put_blob(blob.repo, &blob.digest, body).await.unwrap();
    }
    for Document { item, kind, tag } in &goods.documents {
        let bytes = Bytes::copy_from_slice(&item.bytes);
        let reference = tag.unwrap_or(&item.digest);
        api.put_manifest(item.repo, reference, Some(kind), &[], bytes).await.unwrap();
    }
}

async fn send(peer: &Peer, method: Method, path: &str) -> Response {
    let accept = ALL_TYPES.join(", ");
    Client::new().request(method, peer.url(path)).header(ACCEPT, accept).send().await.unwrap()
}

async fn json_of(response: Response) -> Value {
    assert_eq!(response.status(), 200, "{}", response.url());
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn push_to_peer(peer: &Peer, goods: &Goods) {
    for blob in &goods.blobs {
        let started = send(peer, Method::POST, &format!("/v2/{}/blobs/uploads/", blob.repo)).await;
        assert_eq!(started.status(), 202);
        let location = header(&started, LOCATION.as_str());
        let separator = if location.contains('?') { '&' } else { '?' };
        let finish = format!("{}{separator}digest={}", peer.url(&location), blob.digest);
        let finished = Client::new()
            .put(finish)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(blob.bytes.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(finished.status(), 201, "{}", blob.digest);
    }
    for Document { item, kind, tag } in &goods.documents {
        let path = format!("/v2/{}/manifests/{}", item.repo, tag.unwrap_or(&item.digest));
        let request = Client::new().put(peer.url(&path)).header(CONTENT_TYPE, *kind).body(item.bytes.clone());
        let stored = request.send().await.unwrap();
        let status = stored.status();
        assert_eq!(status, 201, "{path}: {}", stored.text().await.unwrap());
    }
}

/// Asks the peer for everything in `goods`, and compares every byte.
async fn peer_serves(peer: &Peer, goods: &Goods) {
    for blob in &goods.blobs {
        let path = format!("/v2/{}/blobs/{}", blob.repo, blob.digest);
        let head = send(peer, Method::HEAD, &path).await;
        assert_eq!(header(&head, "content-length"), blob.bytes.len().to_string(), "{path}");
        let answer = send(peer, Method::GET, &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.bytes().await.unwrap() == blob.bytes, "{path} has other bytes");
    }
    for Document { item, kind, tag } in &goods.documents {
        for reference in tag.iter().copied().chain([item.digest.as_str()]) {
            let path = format!("/v2/{}/manifests/{reference}", item.repo);
            let answer = send(peer, Method::GET, &path).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(header(&answer, "content-type"), *kind, "{path}");
            assert_eq!(header(&answer, "docker-content-digest"), item.digest, "{path}");
            assert!(answer.bytes().await.unwrap() == item.bytes, "{path} has other bytes");
        }
    }
    for (repo, tags) in &goods.tags {
        let mut listed = json_of(send(peer, Method::GET, &format!("/v2/{repo}/tags/list")).await).await;
        // This release lists them in any order.
        listed["tags"].as_array_mut().unwrap().sort_by_key(Value::to_string);
        assert_eq!(listed, json!({ "name": repo, "tags": tags }));
    }
    let catalog = json_of(send(peer, Method::GET, "/v2/_catalog").await).await;
    assert_eq!(catalog, json!({ "repositories": [APP, NESTED] }));
}

async fn blob_of_ours(api: &Api, repo: &str, digest: &str) -> Vec<u8> {
    match api.get_blob(repo, digest, None).await.unwrap() {
        BlobAnswer::Content { stream, .. } => stream.try_collect::<Vec<Bytes>>().await.unwrap().concat(),
        redirect @ BlobAnswer::Redirect(_) => panic!("{redirect:?}"),
    }
}

/// Asks ours for everything in `goods`, and compares every byte.
async fn ours_serves(api: &Api, goods: &Goods) {
    for blob in &goods.blobs {
        let found = blob_of_ours(api, blob.repo, &blob.digest).await;
        assert!(found == blob.bytes, "{} of {} has other bytes", blob.digest, blob.repo);
    }
    for Document { item, kind, tag } in &goods.documents {
        for reference in tag.iter().copied().chain([item.digest.as_str()]) {
            let found = api.get_manifest(item.repo, reference).await.unwrap();
            assert_eq!((found.digest.as_str(), found.media_type), (item.digest.as_str(), *kind));
            assert!(found.bytes == item.bytes, "{reference} of {} has other bytes", item.repo);
        }
    }
    for (repo, tags) in &goods.tags {
        assert_eq!(api.list_tags(repo, None, None).await.unwrap().items, *tags);
    }
    assert_eq!(api.catalog(None, None).await.unwrap().items, [APP, NESTED]);
    let subject = &goods.documents[SUBJECT].item;
    let (referrers, _) = api.referrers(APP, &subject.digest, None).await.unwrap();
    let [referrer] = referrers.as_slice() else { panic!("{referrers:?}") };
    let signature = &goods.documents[SIGNATURE].item;
    assert_eq!(referrer.digest.as_str(), signature.digest);
    assert_eq!((referrer.media_type.as_str(), referrer.size), (OCI_IMAGE, signature.bytes.len() as u64));
    assert_eq!(referrer.artifact_type.as_deref(), Some("application/x-signature"));
    assert_eq!(referrer.annotations, Some(BTreeMap::from([("by".into(), "nobody".into())])));
}

/// Removes what no tag reaches, and takes it from `goods`: one image, and the layer that only it names.
async fn collect(api: &Api, goods: &mut Goods) {
    let collection = GcOptions { delete_untagged: true, dry_run: false, grace_seconds: 0 };
    let report = api.collect_garbage(collection).await.unwrap();
    let lone = goods.documents.remove(LONE).item;
    let lonely = goods.blobs.remove(4);
    assert_eq!(report.manifests.len(), 1, "{report:?}");
    assert_eq!(report.manifests[0].1.as_str(), lone.digest);
    let mut gone = [lone.digest.as_str(), lonely.digest.as_str()];
    gone.sort_unstable();
    assert_eq!(report.blobs.iter().map(Digest::as_str).collect::<Vec<_>>(), gone);
}

#[tokio::test]
async fn what_ours_wrote_and_collected_the_peer_serves_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let Some(peer) = peer(directory.path()) else { return };
    let mut goods = goods();
    let api = ours(directory.path());
    push_to_ours(&api, &goods).await;
    peer_serves(&peer, &goods).await;

    // A tag that moved and came back, one that went, an upload that stays open: none of it confuses the peer.
    let index = &goods.documents[INDEX];
    let lone = &goods.documents[LONE].item;
    for item in [lone, &index.item] {
        let kind = if item.digest == lone.digest { OCI_IMAGE } else { index.kind };
        let bytes = Bytes::copy_from_slice(&item.bytes);
        api.put_manifest(APP, "latest", Some(kind), &["gone".to_owned()], bytes).await.unwrap();
    }
    api.delete_manifest(APP, "gone").await.unwrap();
    let open = api.start_upload(APP).await.unwrap().id;
    api.append(APP, &open, None, Body::from(Bytes::from_static(b"not yet a blob"))).await.unwrap();
    peer_serves(&peer, &goods).await;

    let all = goods.documents.clone();
    collect(&api, &mut goods).await;
    peer_serves(&peer, &goods).await;
    let removed = format!("/v2/{APP}/manifests/{}", all[LONE].item.digest);
    assert_eq!(send(&peer, Method::GET, &removed).await.status(), 404);

    // What the peer deletes is gone for us.
    let signature = format!("/v2/{APP}/manifests/{}", all[SIGNATURE].item.digest);
    assert_eq!(send(&peer, Method::DELETE, &signature).await.status(), 202);
    let (referrers, _) = api.referrers(APP, &all[SUBJECT].item.digest, None).await.unwrap();
    assert!(referrers.is_empty(), "{referrers:?}");
}

#[tokio::test]
async fn what_the_peer_wrote_ours_serves_byte_for_byte_with_the_referrers_it_never_linked() {
    let directory = tempfile::tempdir().unwrap();
    let Some(peer) = peer(directory.path()) else { return };
    let mut goods = goods();
    push_to_peer(&peer, &goods).await;
    peer_serves(&peer, &goods).await;
    let links = directory.path().join("docker/registry/v2/repositories").join(APP).join("_manifests/referrers");
    assert!(!links.exists(), "the peer keeps no referrers");

    let api = ours(directory.path());
    ours_serves(&api, &goods).await;
    assert!(links.exists());
    // Our links are nothing to the peer.
    peer_serves(&peer, &goods).await;

    collect(&api, &mut goods).await;
    ours_serves(&ours(directory.path()), &goods).await;
    peer_serves(&peer, &goods).await;
}

#[tokio::test]
async fn an_upload_that_the_peer_began_ours_finishes() {
    let directory = tempfile::tempdir().unwrap();
    let Some(peer) = peer(directory.path()) else { return };
    let started = send(&peer, Method::POST, &format!("/v2/{APP}/blobs/uploads/")).await;
    assert_eq!(started.status(), 202);
    let location = peer.url(&header(&started, LOCATION.as_str()));
    let request = Client::new().patch(location).header(CONTENT_TYPE, "application/octet-stream").body("half of ");
    let appended = request.send().await.unwrap();
    assert_eq!(appended.status(), 202);
    let id = header(&appended, "docker-upload-uuid");

    let api = ours(directory.path());
    assert_eq!(api.upload_status(APP, &id).await.unwrap().size, 8);
    let digest = digest_of("sha256", b"half of a blob");
    let rest = Body::from(Bytes::from_static(b"a blob"));
    api.finish(APP, &id, Some(&digest), Some((8, 13)), rest).await.unwrap();
    assert_eq!(blob_of_ours(&api, APP, &digest).await, b"half of a blob");
    let answer = send(&peer, Method::GET, &format!("/v2/{APP}/blobs/{digest}")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap(), "half of a blob");
}
