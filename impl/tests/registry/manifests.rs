//! Manifests are checked, stored as they came, and read back by tag and by digest.

use bytes::Bytes;
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use regex::Regex;

use crate::support::*;

const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

fn docker_image(layers: &str) -> String {
    let config = descriptor("application/vnd.docker.container.image.v1+json", &sha256("config"));
    format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER}","config":{config},"layers":[{layers}]}}"#)
}

fn layer(media_type: &str, content: &str, urls: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":1{urls}}}"#, sha256(content))
}

fn entry(content: &str, platform: &str) -> String {
    format!(r#"{{"mediaType":"{OCI}","digest":"{}","size":1{platform}}}"#, sha256(content))
}

#[tokio::test]
async fn a_manifest_is_read_back_as_it_came_by_tag_and_by_digest() {
    let mut house = House::new();
    let digest = house.push_image("a", Some("latest"), "config", &["layer"]).await;
    let document = image("config", &["layer"]);
    house.restart();
    for reference in ["latest", digest.as_str()] {
        let manifest = house.api.get_manifest("a", reference).await.unwrap();
        assert_eq!((manifest.digest, manifest.media_type), (digest.clone(), OCI));
        assert_eq!(manifest.bytes, document);
    }
    assert_eq!(failure(house.api.get_manifest("a", "v1").await), "404 MANIFEST_UNKNOWN v1");
    assert_eq!(failure(house.api.get_manifest("b", "latest").await), "404 MANIFEST_UNKNOWN latest");
    let other = house.api.get_manifest("b", digest.as_str()).await;
    assert_eq!(failure(other), format!("404 MANIFEST_UNKNOWN {digest}"));
}

#[tokio::test]
async fn a_manifest_is_no_blob_and_a_blob_no_manifest() {
    let house = House::new();
    let digest = house.put("a", Some("t"), INDEX, EMPTY_INDEX).await;
    assert!(!house.has("a", EMPTY_INDEX).await);
    house.push("b", EMPTY_INDEX).await;
    assert!(!house.has_manifest("b", digest.as_str()).await);
}

#[tokio::test]
async fn the_checks_of_a_push_stand_in_their_order() {
    let house = House::new();
    let large = Bytes::from(vec![b' '; (4 << 20) + 1]);
    let (missing, wrong) = (sha256("config"), sha256("wrong"));
    let bad_tag = ["-".to_owned()];
    let put = async |repo: &str, reference: &str, tags: &[String], kind: Option<&str>, bytes: &Bytes| {
        failure(house.api.put_manifest(repo, reference, kind, tags, bytes.clone()).await)
    };
    let document = Bytes::from(image("config", &[]));
    let junk = Bytes::from_static(b"{");
    assert_eq!(put("A", "-", &bad_tag, None, &large).await, "400 NAME_INVALID A");
    assert_eq!(put("a", "-x", &bad_tag, None, &large).await, "400 MANIFEST_INVALID -x");
    assert_eq!(put("a", "sha256:x", &bad_tag, None, &large).await, "400 DIGEST_INVALID sha256:x");
    assert_eq!(put("a", "t", &bad_tag, None, &large).await, "400 MANIFEST_INVALID -");
    assert_eq!(put("a", "t", &[], None, &large).await, "413 SIZE_INVALID -");
    assert_eq!(put("a", "t", &[], None, &junk).await, "400 MANIFEST_INVALID -");
    assert_eq!(put("a", "t", &[], Some("text/plain"), &junk).await, "400 MANIFEST_INVALID -");
    assert_eq!(put("a", wrong.as_str(), &[], Some(OCI), &junk).await, "400 MANIFEST_INVALID -");
    assert_eq!(put("a", wrong.as_str(), &[], Some(OCI), &document).await, format!("400 DIGEST_INVALID {wrong}"));
    let unknown = format!("400 MANIFEST_BLOB_UNKNOWN {missing}");
    assert_eq!(put("a", "t", &[], Some(OCI), &document).await, unknown);
    assert!(house.files().await.is_empty());
}

#[tokio::test]
async fn what_needs_no_bytes_can_be_checked_before_they_come() {
    let house = House::new();
    let check = |repo, reference, tags: &[String], size| {
        let checked = house.api.check_put_manifest(repo, reference, tags, size);
        checked.map_or_else(|error| failure(Err::<(), _>(error)), |()| "taken".into())
    };
    let bad = ["-x".to_owned()];
    assert_eq!(check("A", "-x", &bad, u64::MAX), "400 NAME_INVALID A");
    assert_eq!(check("a", "-y", &bad, u64::MAX), "400 MANIFEST_INVALID -y");
    assert_eq!(check("a", "t", &bad, u64::MAX), "400 MANIFEST_INVALID -x");
    assert_eq!(check("a", "t", &[], (4 << 20) + 1), "413 SIZE_INVALID -");
    assert_eq!(check("a", "t", &[], 4 << 20), "taken");
}

#[tokio::test]
async fn a_manifest_of_exactly_4_mib_is_taken() {
    let house = House::new();
    let document = format!("{}{EMPTY_INDEX}", " ".repeat((4 << 20) - EMPTY_INDEX.len()));
    house.put("a", Some("t"), INDEX, &document).await;
}

#[tokio::test]
async fn a_push_by_digest_sets_the_extra_tags_and_keeps_the_algorithm() {
    let house = House::new();
    let digest = sha512(EMPTY_INDEX);
    let tags = ["b", "a", "b"].map(str::to_owned);
    let bytes = Bytes::from_static(EMPTY_INDEX.as_bytes());
    let stored = house.api.put_manifest("a", digest.as_str(), Some(INDEX), &tags, bytes).await.unwrap();
    assert_eq!((&stored.digest, stored.subject), (&digest, None));
    assert_eq!(stored.tags.iter().map(ToString::to_string).collect::<Vec<_>>(), tags);
    assert_eq!(house.api.tags_of("a", digest.as_str()).await.unwrap(), ["a", "b"]);
    assert_eq!(house.api.get_manifest("a", "a").await.unwrap().digest, digest);
    assert!(!house.has_manifest("a", sha256(EMPTY_INDEX).as_str()).await);
}

#[tokio::test]
async fn everything_an_image_misses_is_reported_in_document_order() {
    let house = House::new();
    house.push("a", "there").await;
    house.push("b", "layer").await;
    let refused = house.try_put("a", "t", OCI, &image("config", &["layer", "there", "layer"])).await;
    let (config, layer) = (sha256("config"), sha256("layer"));
    assert_eq!(
        failure(refused),
        format!("400 MANIFEST_BLOB_UNKNOWN {config} MANIFEST_BLOB_UNKNOWN {layer} MANIFEST_BLOB_UNKNOWN {layer}")
    );
    let docker = docker_image(&self::layer("application/vnd.docker.image.rootfs.diff.tar.gzip", "layer", ""));
    let refused = house.try_put("a", "t", DOCKER, &docker).await;
    assert_eq!(failure(refused), format!("400 MANIFEST_BLOB_UNKNOWN {config} MANIFEST_BLOB_UNKNOWN {layer}"));
}

#[tokio::test]
async fn without_layer_verification_nothing_need_exist() {
    let house = House::with(RegistryBuilder::enable_validate_image_index_images_exist);
    let config = ApiConfig { skip_layer_verification: true, ..ApiConfig::default() };
    let api = Api::new(house.api.registry().clone(), config);
    let image = docker_image(&layer(DOCKER_FOREIGN, "layer", r#","urls":["ftp://x"]"#));
    api.put_manifest("a", "t", Some(DOCKER), &[], image.into()).await.unwrap();
    let index = index(&[&sha256("missing")]);
    api.put_manifest("a", "t", Some(INDEX), &[], index.into()).await.unwrap();
}

#[tokio::test]
async fn a_foreign_layer_with_good_urls_need_not_exist() {
    let house = House::with(|builder| {
        builder
            .manifest_urls_allow_regexp(Regex::new("example").unwrap())
            .manifest_urls_deny_regexp(Regex::new("secret").unwrap())
    });
    house.push("a", "config").await;
    let put = async |media_type: &str, urls: &str| {
        house.try_put("a", "t", DOCKER, &docker_image(&layer(media_type, "layer", urls))).await.map(drop)
    };
    let digest = sha256("layer");
    for media_type in [FOREIGN, DOCKER_FOREIGN] {
        put(media_type, r#","urls":["https://x.example/y","http://example"]"#).await.unwrap();
        for urls in [
            r#","urls":["https://other/"]"#,
            r#","urls":["https://example/secret"]"#,
            r#","urls":["ftp://example/"]"#,
            r#","urls":["https://example/","https://example/#f"]"#,
        ] {
            assert_eq!(failure(put(media_type, urls).await), format!("400 MANIFEST_INVALID {digest}"), "{urls}");
        }
    }
    for urls in ["", r#","urls":null"#, r#","urls":[]"#] {
        assert_eq!(failure(put(DOCKER_FOREIGN, urls).await), format!("400 MANIFEST_INVALID {digest}"));
        assert_eq!(failure(put(FOREIGN, urls).await), format!("400 MANIFEST_BLOB_UNKNOWN {digest}"));
    }
}

#[tokio::test]
async fn the_last_pattern_that_was_given_counts() {
    let house = House::with(|builder| {
        let pattern = |text| Regex::new(text).unwrap();
        builder.manifest_urls_allow_regexp(pattern("^$")).manifest_urls_allow_regexp(pattern("."))
    });
    house.push("a", "config").await;
    let document = docker_image(&layer(FOREIGN, "layer", r#","urls":["http://h"]"#));
    house.put("a", Some("t"), DOCKER, &document).await;
}

#[tokio::test]
async fn index_validation_asks_for_the_selected_platforms_only() {
    let amd64 = r#","platform":{"architecture":"amd64","os":"linux","variant":"v9"}"#;
    let windows = r#","platform":{"architecture":"amd64","os":"windows"}"#;
    let arm = r#","platform":{"architecture":"arm","os":"linux"}"#;
    let entries = [entry("x", amd64), entry("y", windows), entry("z", arm), entry("n", ""), entry("x", amd64)];
    let platform = |builder: RegistryBuilder| builder.add_validate_image_index_images_exist_platform("amd64", "linux");
    let mut house = House::with(|builder| builder);
    for kind in [INDEX, LIST] {
        let media_type = if kind == LIST { format!(r#","mediaType":"{LIST}""#) } else { String::new() };
        let document = index_of(&entries.join(","), &media_type);
        let missing = |contents: &[&str]| {
            let items = contents.iter().map(|content| format!(" MANIFEST_BLOB_UNKNOWN {}", sha256(content)));
            format!("400{}", items.collect::<String>())
        };
        house.reconfigure(platform);
        house.put("a", Some("t"), kind, &document).await;
        house.reconfigure(move |builder| platform(builder).enable_validate_image_index_images_exist());
        assert_eq!(failure(house.try_put("a", "t", kind, &document).await), missing(&["x", "x"]));
        house.reconfigure(RegistryBuilder::enable_validate_image_index_images_exist);
        assert_eq!(failure(house.try_put("a", "t", kind, &document).await), missing(&["x", "y", "z", "n", "x"]));
    }
}

#[tokio::test]
async fn an_entry_must_be_a_manifest_of_this_repository_and_not_a_blob() {
    let house = House::with(RegistryBuilder::enable_validate_image_index_images_exist);
    let entry = house.put("b", None, INDEX, EMPTY_INDEX).await;
    house.push("a", EMPTY_INDEX).await;
    let refused = house.try_put("a", "t", INDEX, &index(&[&entry])).await;
    assert_eq!(failure(refused), format!("400 MANIFEST_BLOB_UNKNOWN {entry}"));
    house.put("a", None, INDEX, EMPTY_INDEX).await;
    house.put("a", Some("t"), INDEX, &index(&[&entry])).await;
}

#[tokio::test]
async fn deleting_by_digest_takes_the_tags_that_point_there_along() {
    let house = House::new();
    let old = house.put("a", Some("moved"), INDEX, EMPTY_INDEX).await;
    house.put("a", Some("one"), INDEX, EMPTY_INDEX).await;
    house.put("a", Some("two"), INDEX, EMPTY_INDEX).await;
    let new = house.put("a", Some("moved"), INDEX, &index(&[&old])).await;
    house.api.delete_manifest("a", old.as_str()).await.unwrap();
    assert!(!house.has_manifest("a", old.as_str()).await);
    assert_eq!(house.api.list_tags("a", None, None).await.unwrap().items, ["moved"]);
    assert_eq!(house.api.get_manifest("a", "moved").await.unwrap().digest, new);
    assert_eq!(failure(house.api.get_manifest("a", "one").await), "404 MANIFEST_UNKNOWN one");
    let again = house.api.delete_manifest("a", old.as_str()).await;
    assert_eq!(failure(again), format!("404 MANIFEST_UNKNOWN {old}"));
    let mut history = [old, new];
    history.sort();
    assert_eq!(house.api.tag_history("a", "moved").await.unwrap(), history, "the entry still exists");
}

#[tokio::test]
async fn deleting_a_tag_leaves_the_manifest_and_forgets_the_history() {
    let house = House::new();
    let old = house.put("a", Some("t"), INDEX, EMPTY_INDEX).await;
    let new = house.put("a", Some("t"), INDEX, &index(&[&old])).await;
    house.api.delete_manifest("a", "t").await.unwrap();
    assert_eq!(failure(house.api.delete_manifest("a", "t").await), "404 MANIFEST_UNKNOWN t");
    assert_eq!(failure(house.api.tag_history("a", "t").await), "404 MANIFEST_UNKNOWN t");
    assert!(house.has_manifest("a", old.as_str()).await && house.has_manifest("a", new.as_str()).await);
    house.put("a", Some("t"), INDEX, &index(&[&old])).await;
    assert_eq!(house.api.tag_history("a", "t").await.unwrap(), [new]);
}

#[tokio::test]
async fn a_tag_that_a_crash_left_half_set_is_no_tag_and_has_no_past() {
    let house = House::new();
    let digest = house.put("a", None, INDEX, EMPTY_INDEX).await;
    let stray = sha256("stray");
    let entry = format!("/docker/registry/v2/repositories/a/_manifests/tags/t/index/sha256/{}/link", stray.hex());
    house.write(&entry, stray.as_str()).await;
    assert!(house.api.list_tags("a", None, None).await.unwrap().items.is_empty());
    assert!(!house.has_manifest("a", "t").await);
    assert_eq!(failure(house.api.delete_manifest("a", "t").await), "404 MANIFEST_UNKNOWN t");
    house.put("a", Some("t"), INDEX, EMPTY_INDEX).await;
    assert_eq!(house.api.tag_history("a", "t").await.unwrap(), [digest]);
}

#[tokio::test]
async fn the_tags_of_a_digest_are_the_same_whatever_the_lookup_limit() {
    let mut house = House::new();
    let digest = house.put("a", None, INDEX, EMPTY_INDEX).await;
    let other = house.put("a", Some("x"), INDEX, &index(&[&digest])).await;
    for n in 0..20 {
        house.put("a", Some(&format!("t{n:02}")), INDEX, EMPTY_INDEX).await;
    }
    let all: Vec<String> = (0..20).map(|n| format!("t{n:02}")).collect();
    for limit in [i64::MIN, -1, 0, 1, 3, 100, i64::MAX] {
        house.reconfigure(move |builder| builder.tag_lookup_concurrency_limit(limit));
        assert_eq!(house.api.tags_of("a", digest.as_str()).await.unwrap(), all, "{limit}");
        assert_eq!(house.api.tags_of("a", other.as_str()).await.unwrap(), ["x"]);
        assert!(house.api.tags_of("b", other.as_str()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_type_of_what_distribution_stored_is_derived_from_the_bytes() {
    let house = House::new();
    for (document, kind) in [
        (format!(r#"{{"mediaType":"{LIST}","schemaVersion":2,"manifests":[]}}"#), LIST),
        (r#"{"mediaType":"text/plain","manifests":[]}"#.to_owned(), INDEX),
        (r#"{"layers":[],"layers":[]}"#.to_owned(), OCI),
    ] {
        let digest = house.push("elsewhere", &document).await;
        let link = format!("/docker/registry/v2/repositories/a/_manifests/revisions/sha256/{}/link", digest.hex());
        house.write(&link, digest.as_str()).await;
        assert_eq!(house.api.get_manifest("a", digest.as_str()).await.unwrap().media_type, kind);
    }
}

#[tokio::test]
async fn a_tag_that_moves_while_its_old_manifest_is_deleted_is_always_there() {
    let house = House::new();
    let one = house.put("a", Some("t"), INDEX, EMPTY_INDEX).await;
    let two = index(&[&one]);
    let moving = async {
        for _ in 0..100 {
            house.put("a", Some("t"), INDEX, &two).await;
            house.api.delete_manifest("a", one.as_str()).await.unwrap();
            house.put("a", Some("t"), INDEX, EMPTY_INDEX).await;
            tokio::task::yield_now().await;
        }
    };
    let reading = async {
        for _ in 0..300 {
            assert!(house.has_manifest("a", "t").await);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(moving, reading);
}
