//! The middleware points: access control sees everything, and no cache changes an answer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proofhouse_registry::api::{Body, GcOptions, MountAnswer};
use proofhouse_registry::builder::{BuildError, RegistryBuilder};
use proofhouse_registry::cache::InMemoryCache;
use proofhouse_registry::descriptor::{
    BlobDescriptor, BlobDescriptorCacheProvider, BlobDescriptorService, BlobDescriptorServiceFactory, DescriptorError,
    ServiceError,
};
use proofhouse_registry::digest::Digest;
use proofhouse_registry::driver::Memory;
use proofhouse_registry::error::RepositoryError;
use proofhouse_registry::name::RepositoryName;
use proofhouse_registry::vacuum::Vacuum;

use crate::support::*;

/// Writes down every call, and denies what it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard(Arc<Mutex<Policy>>);

#[derive(Debug, Default)]
pub(crate) struct Policy {
    calls: Vec<String>,
    denied: BTreeSet<Digest>,
    /// Digests that may be read but not pushed.
    unpushable: BTreeSet<Digest>,
}

impl Guard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    pub(crate) fn deny(&self, digest: &Digest) {
        self.0.lock().unwrap().denied.insert(digest.clone());
    }

    fn forbid_pushing(&self, digest: &Digest) {
        self.0.lock().unwrap().unpushable.insert(digest.clone());
    }

    fn permit_all(&self) {
        *self.0.lock().unwrap() = Policy::default();
    }
}

impl BlobDescriptorServiceFactory for Guard {
    fn blob_access_controller(
        &self,
        repository: &RepositoryName,
        inner: Arc<dyn BlobDescriptorService>,
    ) -> Arc<dyn BlobDescriptorService> {
        Arc::new(Guarded { guard: self.clone(), repository: repository.clone(), inner })
    }
}

#[derive(Debug)]
struct Guarded {
    guard: Guard,
    repository: RepositoryName,
    inner: Arc<dyn BlobDescriptorService>,
}

impl Guarded {
    fn check(&self, call: &str, digest: &Digest) -> Result<(), DescriptorError> {
        let mut policy = self.guard.0.lock().unwrap();
        policy.calls.push(format!("{call} {}@{}", self.repository, &digest.hex()[..4]));
        let denied = policy.denied.contains(digest) || (call == "set" && policy.unpushable.contains(digest));
        if denied { Err(DescriptorError::Denied(digest.clone())) } else { Ok(()) }
    }
}

#[async_trait]
impl BlobDescriptorService for Guarded {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        self.check("stat", digest)?;
        self.inner.stat(digest).await
    }

    async fn set_descriptor(&self, digest: &Digest, descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        self.check("set", digest)?;
        assert_eq!(descriptor.digest, *digest);
        self.inner.set_descriptor(digest, descriptor).await
    }

    async fn clear(&self, digest: &Digest) -> Result<(), DescriptorError> {
        self.check("clear", digest)?;
        self.inner.clear(digest).await
    }
}

/// A house with a guard, and perhaps a cache behind it.
fn guarded(cache: bool) -> (House, Guard) {
    let guard = Guard::default();
    let factory = Arc::new(guard.clone());
    let provider = cache.then(|| Arc::new(InMemoryCache::new(1_000)) as Arc<dyn BlobDescriptorCacheProvider>);
    let house = House::with(move |builder| {
        builder
            .enable_delete()
            .enable_validate_image_index_images_exist()
            .blob_descriptor_cache_provider(provider.clone())
            .blob_descriptor_service_factory(factory.clone())
    });
    (house, guard)
}

fn cached() -> House {
    let cache: Arc<dyn BlobDescriptorCacheProvider> = Arc::new(InMemoryCache::new(1_000));
    House::with(move |builder| builder.enable_delete().blob_descriptor_cache_provider(Some(cache.clone())))
}

fn call(what: &str, repo: &str, digest: &Digest) -> String {
    format!("{what} {repo}@{}", &digest.hex()[..4])
}

#[tokio::test]
async fn access_control_sees_every_stat_set_and_clear_with_and_without_a_cache() {
    for cache in [false, true] {
        let (house, guard) = guarded(cache);
        let (config, layer) = (sha256("config"), sha256("layer"));
        house.push("a", "config").await;
        assert_eq!(guard.take(), [call("set", "a", &config)]);
        for _ in 0..2 {
            house.api.head_blob("a", config.as_str()).await.unwrap();
            house.get("a", &config, None).await.unwrap();
        }
        assert_eq!(guard.take(), vec![call("stat", "a", &config); 4]);
        house.api.mount_blob("b", config.as_str(), Some("a")).await.unwrap();
        assert_eq!(guard.take(), [call("stat", "a", &config)]);
        house.push("a", "layer").await;
        guard.take();

        let image_digest = house.put("a", Some("t"), OCI, &image("config", &["layer"])).await;
        let expected = [("stat", &config), ("stat", &layer), ("set", &image_digest)];
        assert_eq!(guard.take(), expected.map(|(what, digest)| call(what, "a", digest)));
        house.api.get_manifest("a", "t").await.unwrap();
        assert_eq!(guard.take(), [call("stat", "a", &image_digest)]);
        let index_digest = house.put("a", None, INDEX, &index(&[&image_digest])).await;
        let expected = [("stat", &image_digest), ("set", &index_digest)];
        assert_eq!(guard.take(), expected.map(|(what, digest)| call(what, "a", digest)));

        house.api.delete_manifest("a", index_digest.as_str()).await.unwrap();
        let expected = [("stat", &index_digest), ("clear", &index_digest)];
        assert_eq!(guard.take(), expected.map(|(what, digest)| call(what, "a", digest)));
        house.api.delete_blob("a", layer.as_str()).await.unwrap();
        let expected = [("stat", &layer), ("clear", &layer)];
        assert_eq!(guard.take(), expected.map(|(what, digest)| call(what, "a", digest)));
    }
}

#[tokio::test]
async fn what_is_denied_is_denied_to_every_request_and_missing_to_manifests_and_mounts() {
    for cache in [false, true] {
        let (house, guard) = guarded(cache);
        let digest = house.push_image("a", Some("t"), "config", &["layer"]).await;
        let layer = sha256("layer");
        assert!(house.has("a", "layer").await, "a cache remembers it now");
        guard.deny(&layer);
        let denied = format!("403 DENIED {layer}");
        assert_eq!(failure(house.api.head_blob("a", layer.as_str()).await), denied);
        assert_eq!(failure(house.get("a", &layer, None).await), denied);
        assert_eq!(failure(house.get("nobody", &layer, None).await), denied);
        assert_eq!(failure(house.api.delete_blob("a", layer.as_str()).await), denied);
        let mounted = house.api.mount_blob("b", layer.as_str(), Some("a")).await.unwrap();
        assert!(matches!(mounted, MountAnswer::Started(_)));
        let refused = house.try_put("a", "t", OCI, &image("config", &["layer"])).await;
        assert_eq!(failure(refused), format!("400 MANIFEST_BLOB_UNKNOWN {layer}"));

        guard.deny(&digest);
        let denied = format!("403 DENIED {digest}");
        assert_eq!(failure(house.api.get_manifest("a", "t").await), denied);
        assert_eq!(failure(house.api.get_manifest("a", digest.as_str()).await), denied);
        assert_eq!(failure(house.api.delete_manifest("a", digest.as_str()).await), denied);
        let refused = house.try_put("a", "x", INDEX, &index(&[&digest])).await;
        assert_eq!(failure(refused), format!("400 MANIFEST_BLOB_UNKNOWN {digest}"));
        guard.permit_all();
        assert!(house.has("a", "layer").await && house.has_manifest("a", "t").await);
    }
}

#[tokio::test]
async fn a_push_that_access_control_refuses_leaves_the_upload_open_with_its_bytes() {
    for (already_there, first) in [(false, "hel"), (true, "hel"), (false, ""), (true, "")] {
        let (mut house, guard) = guarded(true);
        if already_there {
            house.push("b", "hello").await;
        }
        let digest = sha256("hello");
        guard.forbid_pushing(&digest);
        let id = house.api.start_upload("a").await.unwrap().id;
        house.api.append("a", &id, None, body(first)).await.unwrap();
        let refused = house.api.finish("a", &id, Some(digest.as_str()), None, body(&"hello"[first.len()..])).await;
        assert_eq!(failure(refused), format!("403 DENIED {digest}"));
        house.restart();
        assert_eq!(house.api.upload_status("a", &id).await.unwrap().size, 5);
        house.api.append("a", &id, Some((5, 5)), body("!")).await.unwrap();
        house.api.finish("a", &id, Some(sha256("hello!").as_str()), None, Body::empty()).await.unwrap();
        assert!(house.has("a", "hello!").await);
        let refused = house.api.put_blob("c", digest.as_str(), body("hello")).await;
        assert_eq!(failure(refused), format!("403 DENIED {digest}"));
        assert!(house.files().await.iter().all(|file| !file.contains("_uploads")));
    }
}

#[tokio::test]
async fn a_push_that_access_control_refuses_leaves_nothing_that_a_later_request_can_read() {
    let large = "x".repeat(100_000);
    for content in ["hello", &large] {
        for in_one_request in [true, false] {
            for cache in [true, false] {
                let (house, guard) = guarded(cache);
                let digest = sha256(content);
                guard.forbid_pushing(&digest);
                let refused = if in_one_request {
                    house.api.put_blob("a", digest.as_str(), body(content)).await
                } else {
                    let id = house.api.start_upload("a").await.unwrap().id;
                    house.api.finish("a", &id, Some(digest.as_str()), None, body(content)).await
                };
                assert_eq!(failure(refused), format!("403 DENIED {digest}"));
                guard.permit_all();
                assert!(!house.has("a", content).await);
                assert!(house.api.list_blobs().await.unwrap().is_empty());
                let mounted = house.api.mount_blob("b", digest.as_str(), Some("a")).await.unwrap();
                assert!(matches!(mounted, MountAnswer::Started(_)));
                assert!(house.files().await.iter().all(|file| !file.contains("_layers")));
            }
        }
    }
}

#[tokio::test]
async fn a_manifest_that_access_control_refuses_is_not_linked() {
    let (house, guard) = guarded(false);
    let document = r#"{"schemaVersion":2,"manifests":[]}"#;
    let digest = sha256(document);
    guard.forbid_pushing(&digest);
    assert_eq!(failure(house.try_put("a", "t", INDEX, document).await), format!("403 DENIED {digest}"));
    assert!(!house.has_manifest("a", digest.as_str()).await);
    assert_eq!(failure(house.api.list_tags("a", None, None).await), "404 NAME_UNKNOWN a");
    assert_eq!(house.files().await, [""; 0]);
}

#[tokio::test]
async fn a_cache_never_serves_what_was_deleted_collected_or_removed() {
    let house = cached();
    for round in 0..2 {
        for repo in ["a", "b"] {
            house.push(repo, "x").await;
            assert!(house.has(repo, "x").await);
        }
        assert!(!house.has("c", "x").await);
        house.api.delete_blob("a", sha256("x").as_str()).await.unwrap();
        assert!(!house.has("a", "x").await && house.has("b", "x").await);
        match round {
            0 => drop(house.api.collect_garbage(GcOptions::default()).await.unwrap()),
            _ => drop(Vacuum::new(house.api.registry().clone()).remove_blob(&sha256("x")).await.unwrap()),
        }
        assert!(!house.has("b", "x").await);
        house.push("a", "x").await;
        assert!(house.has("a", "x").await);
        house.api.remove_repository("a").await.unwrap();
        assert!(!house.has("a", "x").await);
    }
}

#[tokio::test]
async fn a_lookup_that_races_with_a_deletion_leaves_nothing_in_the_cache() {
    let house = cached();
    let digest = sha256("x");
    for _ in 0..200 {
        house.push("a", "x").await;
        let looking = async {
            for _ in 0..3 {
                let _ = house.api.head_blob("a", digest.as_str()).await;
                tokio::task::yield_now().await;
            }
        };
        let deleting = async {
            tokio::task::yield_now().await;
            house.api.delete_blob("a", digest.as_str()).await.unwrap();
            assert!(!house.has("a", "x").await);
        };
        tokio::join!(looking, deleting);
        assert!(!house.has("a", "x").await);
    }
}

/// A cache that fails at what it is told to fail at.
#[derive(Debug, Default)]
struct Moody {
    scopes: AtomicBool,
    calls: Arc<AtomicBool>,
}

fn moody() -> DescriptorError {
    DescriptorError::Service("moody".into())
}

#[async_trait]
impl BlobDescriptorService for Moody {
    async fn stat(&self, digest: &Digest) -> Result<BlobDescriptor, DescriptorError> {
        if self.calls.load(Ordering::SeqCst) { Err(moody()) } else { Err(DescriptorError::Unknown(digest.clone())) }
    }

    async fn set_descriptor(&self, _digest: &Digest, _descriptor: BlobDescriptor) -> Result<(), DescriptorError> {
        if self.calls.load(Ordering::SeqCst) { Err(moody()) } else { Ok(()) }
    }

    async fn clear(&self, _digest: &Digest) -> Result<(), DescriptorError> {
        if self.calls.load(Ordering::SeqCst) { Err(moody()) } else { Ok(()) }
    }
}

impl BlobDescriptorCacheProvider for Moody {
    fn repository_scoped(&self, _repository: &RepositoryName) -> Result<Arc<dyn BlobDescriptorService>, ServiceError> {
        if self.scopes.load(Ordering::SeqCst) {
            return Err("no scope".into());
        }
        Ok(Arc::new(Self { scopes: AtomicBool::new(false), calls: self.calls.clone() }))
    }
}

#[tokio::test]
async fn a_cache_that_fails_is_passed_over_unless_it_is_to_forget() {
    let cache = Arc::new(Moody::default());
    let provider = cache.clone();
    let house =
        House::with(move |builder| builder.enable_delete().blob_descriptor_cache_provider(Some(provider.clone())));
    cache.calls.store(true, Ordering::SeqCst);
    let digest = house.push("a", "x").await;
    assert!(house.has("a", "x").await);
    assert_eq!(failure(house.api.delete_blob("a", digest.as_str()).await), "500 UNKNOWN -");
    assert_eq!(failure(house.api.remove_repository("a").await), "500 UNKNOWN -");
    assert_eq!(failure(house.api.collect_garbage(GcOptions::default()).await), "500 UNKNOWN -");
    assert!(house.has("a", "x").await, "what a cache may still remember was not removed");
    cache.calls.store(false, Ordering::SeqCst);
    house.api.delete_blob("a", digest.as_str()).await.unwrap();
}

#[tokio::test]
async fn a_cache_without_a_scope_for_a_repository_makes_the_repository_fail() {
    let cache = Arc::new(Moody::default());
    cache.scopes.store(true, Ordering::SeqCst);
    let provider = cache.clone();
    let house = House::with(move |builder| builder.blob_descriptor_cache_provider(Some(provider.clone())));
    let name: RepositoryName = "a".parse().unwrap();
    let error = house.api.registry().repository(&name).unwrap_err();
    assert!(matches!(error, RepositoryError::Cache { name: found, .. } if found == name));
    assert_eq!(failure(house.api.start_upload("a").await), "500 UNKNOWN -");
}

#[tokio::test]
async fn a_cache_provider_of_none_does_nothing() {
    let cache = Arc::new(Moody::default());
    cache.scopes.store(true, Ordering::SeqCst);
    let provider = cache.clone();
    let house = House::with(move |builder| {
        builder.blob_descriptor_cache_provider(Some(provider.clone())).blob_descriptor_cache_provider(None)
    });
    assert_eq!(failure(house.api.start_upload("a").await), "500 UNKNOWN -");
}

#[test]
fn an_option_that_fails_makes_the_build_fail_and_stops_later_ones() {
    let built = RegistryBuilder::new(Arc::new(Memory::default()))
        .option(|_| Err("first"))
        .option(|_| -> Result<(), &str> { panic!("applied") })
        .build();
    assert!(matches!(built, Err(BuildError::Option(error)) if error.to_string() == "first"));
}

#[tokio::test]
async fn the_global_statter_knows_bytes_whoever_links_them() {
    let house = cached();
    let digest = house.push("a", "hello").await;
    let registry = house.api.registry();
    assert_eq!(registry.blob_statter().stat(&digest).await.unwrap().size, 5);
    assert_eq!(registry.blobs().stat(&digest).await.unwrap().size, 5);
    assert!(registry.blob_statter().stat(&sha256("x")).await.is_err());
    assert!(registry.scope().contains(&"anything/at/all".parse().unwrap()));
}
