//! Access control, redirects, and the options that no client may notice.

mod common;

use common::*;
use proofhouse_model::*;

/// Our registry, which hides the digest from the readers of `a`.
fn hiding(digest: &str) -> Registry {
    let deny = Some(Deny { repo: "a".into(), digest: digest.into() });
    ours_with(Options { deny, validate_index: true, ..deletable() })
}

fn denied(digest: &str) -> Outcome {
    refused(403, Code::Denied, Some(digest))
}

#[test]
fn a_hidden_blob_is_denied_whether_it_is_there_or_not() {
    let digest = sha256("secret");
    let mut r = hiding(&digest);
    for pushed in [false, true] {
        if pushed {
            r.push_blob("a", "secret");
        }
        assert_eq!(r.does(get_blob("a", &digest)), denied(&digest));
        assert_eq!(r.does(get_part("a", &digest, Range::From(0))), denied(&digest));
        assert_eq!(r.does(head_blob("a", &digest)), bare(403));
        assert_eq!(r.does(delete_blob("a", &digest)), denied(&digest));
    }
    r.push_blob("b", "secret");
    assert!(r.has_blob("b", "secret"), "it is hidden from one repository");
    r.push_blob("a", "public");
    assert!(r.has_blob("a", "public"), "and one digest is");
}

#[test]
fn with_deletion_off_a_hidden_blob_is_not_even_denied() {
    let digest = sha256("secret");
    let deny = Some(Deny { repo: "a".into(), digest: digest.clone() });
    let mut r = ours_with(Options { deny, ..Options::default() });
    assert_eq!(r.does(delete_blob("a", &digest)), unsupported());
}

#[test]
fn a_hidden_blob_cannot_be_mounted_from_where_it_is_hidden() {
    let digest = sha256("secret");
    let mut r = hiding(&digest);
    r.push_blob("a", "secret");
    let upload = r.fresh();
    r.permits(mount("b", &digest, Some("a"), upload), upload_of(upload, 0));
    assert!(!r.has_blob("b", "secret"));
    r.push_blob("b", "secret");
    assert_eq!(r.does(mount("a", &digest, Some("b"), upload)), blob_stored(&digest), "but it can be mounted into it");
    assert_eq!(r.does(get_blob("a", &digest)), denied(&digest));
}

#[test]
fn what_access_control_hides_counts_as_missing_when_a_manifest_names_it() {
    let digest = sha256("secret");
    let mut r = hiding(&digest);
    r.push_blob("a", "config");
    r.push_blob("a", "secret");
    let document = image("config", &["secret"]);
    assert_eq!(r.does(put_manifest("a", "v1", &document)), references_unknown(&[&digest]));
    assert_eq!(r.does(put_manifest("a", "v1", &image("secret", &[]))), references_unknown(&[&digest]));
}

#[test]
fn a_hidden_manifest_is_denied_by_tag_and_by_digest_and_counts_as_missing_in_an_index() {
    let secret = image("config", &[]);
    let digest = secret.digest();
    let mut r = hiding(&digest);
    r.push_image("a", "v1", "config", &[]);
    for reference in ["v1", &digest] {
        assert_eq!(r.does(get_manifest("a", reference)), denied(&digest));
        assert_eq!(r.does(head_manifest("a", reference)), bare(403));
    }
    assert_eq!(r.does(get_manifest("a", "v2")), manifest_unknown("v2"));
    let parent = index(&[entry(&secret, None)]);
    assert_eq!(r.does(put_manifest("a", "all", &parent)), references_unknown(&[&digest]));
    assert_eq!(r.does(delete_manifest("a", &digest)), denied(&digest));
    assert_eq!(r.does(delete_manifest("a", "v1")), Outcome::Done, "a tag is no digest");
}

#[test]
fn a_refusal_to_read_does_not_keep_anybody_from_pushing() {
    let digest = sha256("secret");
    let mut r = hiding(&digest);
    let upload = r.fresh();
    assert_eq!(r.does(put_blob("a", &digest, "secret", upload)), blob_stored(&digest));
    assert_eq!(r.does(Op::ListBlobs), digests(&[&digest]));
}

#[test]
fn a_redirect_names_the_path_of_the_bytes_without_regard_to_a_range() {
    let mut r = ours_with(Options { redirect: Some("https://cdn".into()), ..deletable() });
    for digest in [sha256("layer"), sha512("layer")] {
        r.push_blob_as("a", "layer", &digest);
        let (algorithm, hex) = digest.split_once(':').unwrap();
        let url = format!("https://cdn/docker/registry/v2/blobs/{algorithm}/{}/{hex}/data", &hex[..2]);
        for range in [None, Some(Range::From(2)), Some(Range::From(99)), Some(Range::Last(0))] {
            let get = Op::GetBlob { repo: "a".into(), digest: digest.clone(), range };
            assert_eq!(r.does(get.clone()), Outcome::Redirect { url: url.clone() });
            assert_eq!(r.rejects(get, blob(&digest, "layer")), "blob.redirect");
        }
        assert_eq!(r.does(head_blob("a", &digest)), blob_head(&digest, "layer"), "HEAD is answered");
    }
    assert_eq!(r.does(get_blob("b", &sha256("layer"))), blob_unknown(&sha256("layer")), "after the same checks");
}

#[test]
fn where_verification_is_skipped_nothing_that_a_manifest_names_is_looked_at() {
    let mut r = ours_with(Options { skip_layer_verification: true, validate_index: true, ..deletable() });
    let mut foreign = layer_of("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "x");
    foreign["urls"] = serde_json::json!(["ftp://refused"]);
    let documents = [
        image("missing", &["missing too"]),
        image("missing", &[]).with("layers", serde_json::json!([foreign])),
        index(&[entry(&image("missing", &[]), None)]),
    ];
    for document in documents {
        assert_eq!(r.does(put_manifest("a", "v1", &document)), manifest_stored(&document.digest(), None, &[]));
    }
    assert_eq!(r.does(put_text("a", "v1", Some(OCI_INDEX), "{}")), malformed(), "but a document is still read");
}

#[test]
fn cache_resumption_and_lookup_limit_change_no_answer() {
    let history = |options: Options| {
        let mut r = ours_with(options);
        let image = r.push_image("a", "v1", "config", &["layer"]);
        let upload = r.start("a");
        [
            get_blob("a", &sha256("layer")),
            delete_blob("a", &sha256("layer")),
            head_blob("a", &sha256("layer")),
            append("a", upload, None, "chunk"),
            finish("a", upload, &sha256("chunk"), ""),
            tags_of("a", &image.digest()),
            collect(true, 0),
        ]
        .map(|op| r.does(op))
    };
    let plain = history(deletable());
    for cache in [Cache::Off, Cache::Tiny, Cache::Large] {
        for digest_resumption in [false, true] {
            for tag_lookup_limit in [-1, 0, 1, 100] {
                assert_eq!(history(Options { cache, digest_resumption, tag_lookup_limit, ..deletable() }), plain);
            }
        }
    }
}

#[test]
fn the_library_begins_with_everything_off() {
    let options = Options::default();
    assert!(!options.delete && !options.validate_index && !options.skip_layer_verification);
    assert_eq!((options.redirect, options.urls_allow, options.urls_deny, options.deny), (None, None, None, None));
    assert!(options.platforms.is_empty());
    assert_eq!((options.max_manifest_bytes, options.catalog_max), (4_194_304, 1_000));
}

#[test]
fn options_are_read_from_json_with_defaults_and_without_surprises() {
    let options: Options = serde_json::from_str(r#"{"delete": true, "cache": "tiny"}"#).unwrap();
    assert_eq!(options, Options { cache: Cache::Tiny, ..deletable() });
    assert!(serde_json::from_str::<Options>(r#"{"delte": true}"#).is_err());
}
