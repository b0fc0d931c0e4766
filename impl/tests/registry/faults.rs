//! Every fault changes what some client sees.
//!
//! One long script touches every rule that a fault breaks and writes down every answer. A registry with a fault must give
//! another transcript than one without. Only with the cargo feature `faults`.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use proofhouse_registry::api::{ApiError, Body, ByteRange, GcOptions};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::cache::InMemoryCache;
use proofhouse_registry::faults::Fault;
use regex::Regex;

use crate::middleware::Guard;
use crate::support::*;

const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";

/// What a client saw, line by line.
#[derive(Default)]
struct Transcript(Vec<String>);

impl Transcript {
    fn note<T: Debug>(&mut self, answer: Result<T, ApiError>) {
        self.0.push(match answer {
            Ok(answer) => format!("{answer:?}"),
            Err(_) => failure(answer),
        });
    }
}

fn house(
    fault: Option<Fault>,
    configure: impl Fn(RegistryBuilder) -> RegistryBuilder + Send + Sync + 'static,
) -> House {
    House::with(move |builder| {
        let builder = configure(builder);
        fault.into_iter().fold(builder, RegistryBuilder::fault)
    })
}

async fn transcript(fault: Option<Fault>) -> Vec<String> {
    let mut seen = Transcript::default();
    blobs(fault, &mut seen).await;
    uploads(fault, &mut seen).await;
    manifests(fault, &mut seen).await;
    lists(fault, &mut seen).await;
    middleware(fault, &mut seen).await;
    collection(fault, &mut seen).await;
    seen.0
}

async fn blobs(fault: Option<Fault>, seen: &mut Transcript) {
    let house = house(fault, RegistryBuilder::enable_delete);
    let x = house.push("a", "xyz").await;
    house.push("c", "xyz").await;
    seen.note(house.get("b", &x, None).await);
    seen.note(house.get("a", &x, Some(ByteRange::FromTo(0, 1))).await);
    seen.note(house.api.mount_blob("b", x.as_str(), Some("nobody")).await);
    seen.note(house.get("b", &x, None).await);
    seen.note(house.api.mount_blob("b", x.as_str(), Some("a")).await);
    seen.note(house.get("b", &x, None).await);
    seen.note(house.api.delete_blob("a", x.as_str()).await);
    seen.note(house.get("a", &x, None).await);
    seen.note(house.get("c", &x, None).await);
    let house = self::house(fault, |builder| builder);
    let x = house.push("a", "xyz").await;
    seen.note(house.api.delete_blob("a", x.as_str()).await);
}

async fn uploads(fault: Option<Fault>, seen: &mut Transcript) {
    let mut house = house(fault, RegistryBuilder::enable_delete);
    let (wrong, right) = (sha256("wrong"), sha256("ab"));
    house.push("b", "x").await;
    let id = &house.api.start_upload("a").await.unwrap().id;
    seen.note(house.api.append("a", id, None, body("a")).await);
    seen.note(house.api.append("a", id, Some((0, 0)), body("z")).await);
    seen.note(house.api.append("a", id, Some((1, 5)), body("z")).await);
    house.restart();
    seen.note(house.api.append("a", id, None, body("b")).await);
    seen.note(house.api.upload_status("b", id).await);
    house.restart();
    seen.note(house.api.finish("a", id, Some(wrong.as_str()), None, Body::empty()).await);
    seen.note(house.api.head_blob("a", wrong.as_str()).await);
    seen.note(house.api.finish("a", id, Some(right.as_str()), None, Body::empty()).await);
    seen.note(house.api.upload_status("a", id).await);
    let cancelled = house.api.start_upload("c").await.unwrap().id;
    seen.note(house.api.cancel("c", &cancelled).await);
    seen.note(house.api.upload_status("c", &cancelled).await);
    house.api.start_upload("c").await.unwrap();
    seen.note(house.api.purge_uploads(1_000, false).await);
}

fn entry(content: &str, architecture: &str, os: &str) -> String {
    let digest = sha256(content);
    format!(
        r#"{{"mediaType":"{OCI}","digest":"{digest}","size":1,"platform":{{"architecture":"{architecture}","os":"{os}"}}}}"#
    )
}

async fn manifests(fault: Option<Fault>, seen: &mut Transcript) {
    let house = house(fault, |builder| {
        builder
            .enable_delete()
            .enable_validate_image_index_images_exist()
            .add_validate_image_index_images_exist_platform("amd64", "linux")
            .manifest_urls_allow_regexp(Regex::new("good").unwrap())
            .manifest_urls_deny_regexp(Regex::new("bad").unwrap())
    });
    seen.note(house.try_put("a", "t", DOCKER, &image("config", &[])).await);
    house.push("a", "config").await;
    seen.note(house.try_put("a", "t", DOCKER, &image("config", &[])).await);
    seen.note(house.try_put("a", "t", OCI, &image("missing", &["gone", "lost"])).await);
    seen.note(house.try_put("a", "t", OCI, &image("missing", &[])).await);
    seen.note(house.try_put("a", "t", OCI, &image("config", &["gone"])).await);
    seen.note(house.try_put("a", "t", INDEX, r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#).await);
    for (architecture, os) in [("amd64", "linux"), ("amd64", "windows"), ("arm", "linux")] {
        let entry = entry("gone", architecture, os);
        seen.note(house.try_put("a", "t", INDEX, &index_of(&entry, "")).await);
        let list = index_of(&entry, &format!(r#","mediaType":"{LIST}""#));
        seen.note(house.try_put("a", "t", LIST, &list).await);
    }
    seen.note(house.try_put("a", "t", INDEX, &index(&[&sha256("gone")])).await);
    for url in ["http://good/", "http://other/", "http://good/bad"] {
        let layer = descriptor(FOREIGN, &sha256("gone")).replace('}', &format!(r#","urls":["{url}"]}}"#));
        let document = image("config", &[]).replace("[]", &format!("[{layer}]"));
        seen.note(house.try_put("a", "u", OCI, &document).await);
    }
    seen.note(house.try_put("a", sha256("wrong").as_str(), INDEX, EMPTY_INDEX).await);
    let empty = sha256(EMPTY_INDEX);
    let tags = ["x".to_owned(), "y".to_owned()];
    let bytes = Bytes::from_static(EMPTY_INDEX.as_bytes());
    seen.note(house.api.put_manifest("a", empty.as_str(), Some(INDEX), &tags, bytes).await);
    seen.note(house.api.get_manifest("a", "y").await);
    seen.note(house.api.delete_manifest("a", "x").await);
    seen.note(house.api.get_manifest("a", "x").await);
    seen.note(house.api.get_manifest("a", empty.as_str()).await);
    house.put("a", Some("y"), INDEX, EMPTY_INDEX).await;
    seen.note(house.api.delete_manifest("a", empty.as_str()).await);
    seen.note(house.api.list_tags("a", None, None).await);
}

async fn lists(fault: Option<Fault>, seen: &mut Transcript) {
    let mut house = house(fault, |builder| builder.enable_delete().tag_lookup_concurrency_limit(1));
    for repo in ["a", "zz", "zz/a", "zz-b"] {
        house.put(repo, Some("one"), INDEX, EMPTY_INDEX).await;
    }
    let about = sha256("about");
    let old = house.put("a", Some("three"), INDEX, &index_of("", &subject(&about))).await;
    for tag in ["one", "three", "two"] {
        house.put("a", Some(tag), INDEX, EMPTY_INDEX).await;
    }
    seen.note(house.api.list_tags("a", None, Some("one")).await);
    seen.note(house.api.list_tags("a", Some("3"), None).await);
    seen.note(house.api.list_tags("a", Some("2"), None).await);
    seen.note(house.api.tags_of("a", sha256(EMPTY_INDEX).as_str()).await);
    seen.note(house.api.tag_history("a", "three").await);
    seen.note(house.api.catalog(None, None).await);
    seen.note(house.api.referrers("a", about.as_str(), Some("none")).await);
    house.restart();
    seen.note(house.api.referrers("a", about.as_str(), None).await);
    seen.note(house.api.delete_manifest("a", old.as_str()).await);
    seen.note(house.api.referrers("a", about.as_str(), None).await);
    seen.note(house.api.delete_manifest("zz", sha256(EMPTY_INDEX).as_str()).await);
    seen.note(house.api.catalog(None, None).await);
    seen.note(house.api.remove_repository("zz").await);
    seen.note(house.api.catalog(None, None).await);
}

async fn middleware(fault: Option<Fault>, seen: &mut Transcript) {
    let guard = Guard::default();
    let (factory, cache) = (Arc::new(guard.clone()), Arc::new(InMemoryCache::new(100)));
    let house = house(fault, move |builder| {
        builder
            .enable_delete()
            .blob_descriptor_cache_provider(Some(cache.clone()))
            .blob_descriptor_service_factory(factory.clone())
    });
    let (x, y) = (house.push("a", "x").await, house.push("a", "y").await);
    seen.note(house.get("a", &x, None).await);
    seen.note(house.get("a", &y, None).await);
    seen.note(house.get("b", &y, None).await);
    seen.note(house.api.delete_blob("a", y.as_str()).await);
    seen.note(house.get("a", &y, None).await);
    guard.deny(&x);
    seen.note(house.get("a", &x, None).await);
}

async fn collection(fault: Option<Fault>, seen: &mut Transcript) {
    let house = house(fault, RegistryBuilder::enable_delete);
    let child = house.push_image("a", None, "child", &["c"]).await;
    house.put("a", Some("t"), INDEX, &index(&[&child])).await;
    house.put("a", None, INDEX, &index_of("", &subject(&child))).await;
    let lost = house.push_image("a", None, "lost", &["l"]).await;
    let options = GcOptions { delete_untagged: true, dry_run: true, grace_seconds: 10 };
    seen.note(house.api.collect_garbage(options).await);
    house.advance(10);
    seen.note(house.api.collect_garbage(options).await);
    seen.note(house.api.get_manifest("a", lost.as_str()).await);
    seen.note(house.api.collect_garbage(GcOptions { dry_run: false, ..options }).await);
    seen.note(house.api.get_manifest("a", child.as_str()).await);
    house.push("b", "l").await;
    seen.note(house.get("a", &sha256("l"), None).await);
}

#[tokio::test]
async fn every_fault_changes_an_answer_and_no_two_runs_differ_without_one() {
    let good = transcript(None).await;
    assert_eq!(transcript(None).await, good);
    for fault in Fault::ALL {
        let bad = transcript(Some(*fault)).await;
        let changed = good.iter().zip(&bad).filter(|(good, bad)| good != bad).count();
        assert!(changed > 0, "nobody sees {}: {}", fault.name(), fault.describe());
    }
}
