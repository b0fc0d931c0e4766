//! The URLs of foreign layers.

mod common;

use common::*;
use proofhouse_model::*;
use serde_json::{Value, json};

const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const NONDISTRIBUTABLE: [&str; 3] = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
];

/// An image with one layer of this type, whose bytes nobody has, and these URLs.
fn image_with(media_type: &str, urls: Value) -> Document {
    let mut layer = layer_of(media_type, "far away");
    layer["urls"] = urls;
    image("config", &[]).with("layers", json!([layer]))
}

/// What a push of the image into a fresh registry under these options leads to.
fn push(options: &Options, image: &Document) -> Outcome {
    let mut r = ours_with(options.clone());
    r.push_blob("a", "config");
    r.does(put_manifest("a", "v1", image))
}

fn url_refused() -> Outcome {
    refused(400, Code::ManifestInvalid, Some(&sha256("far away")))
}

fn missing() -> Outcome {
    references_unknown(&[&sha256("far away")])
}

fn patterns(allow: Option<&str>, deny: Option<&str>) -> Options {
    Options { urls_allow: allow.map(str::to_owned), urls_deny: deny.map(str::to_owned), ..Options::default() }
}

#[test]
fn a_foreign_layer_with_good_urls_need_not_exist() {
    for media_type in NONDISTRIBUTABLE.into_iter().chain([DOCKER_FOREIGN]) {
        for urls in [json!(["http://host/path"]), json!(["https://host", "HTTP://HOST/?q"])] {
            let image = image_with(media_type, urls);
            for image in [image.clone(), image.docker()] {
                assert_eq!(push(&Options::default(), &image), manifest_stored(&image.digest(), None, &[]));
            }
        }
    }
}

#[test]
fn a_url_is_http_or_https_with_a_host_and_without_fragment_blanks_and_control_characters() {
    for good in ["http://h", "https://h/", "hTTps://h?q=1", "http://user@h:1/ü", "https://.", "http://h/%20"] {
        assert!(push(&Options::default(), &image_with(DOCKER_FOREIGN, json!([good]))).succeeded(), "{good}");
    }
    for bad in [
        "",
        "http:",
        "http://",
        "https:///path",
        "http://?q",
        "http://#",
        "ftp://h",
        "//h/path",
        " http://h",
        "http://h/#part",
        "http://h/a b",
        "http://h/\t",
        "http://h/\u{0}",
        "http://h/\u{85}",
        "httpsx://h",
        "file:///etc",
    ] {
        assert_eq!(push(&Options::default(), &image_with(DOCKER_FOREIGN, json!([bad]))), url_refused(), "{bad:?}");
        let among_good = image_with(NONDISTRIBUTABLE[0], json!(["http://h", bad]));
        assert_eq!(push(&Options::default(), &among_good), url_refused(), "{bad:?}");
    }
}

#[test]
fn a_url_must_match_the_allow_pattern_and_not_the_deny_pattern_anywhere_in_it() {
    for (allow, deny, url, good) in [
        (Some("allowed"), None, "https://allowed.example/x", true),
        (Some("allowed"), None, "https://h/?allowed", true),
        (Some("allowed"), None, "https://ALLOWED/x", false),
        (Some("^https://h/"), None, "https://h/x", true),
        (Some("^https://h/"), None, "http://h/x", false),
        (Some("^$"), None, "https://h/x", false),
        (None, Some("denied"), "https://h/denied/x", false),
        (None, Some("denied"), "https://h/x", true),
        (Some("h"), Some("x$"), "https://h/x", false),
        (Some("h"), Some("x$"), "https://h/xy", true),
        (Some(""), Some(""), "https://h/x", false),
    ] {
        let outcome = push(&patterns(allow, deny), &image_with(DOCKER_FOREIGN, json!([url])));
        assert_eq!(outcome.succeeded(), good, "allow {allow:?}, deny {deny:?}, {url}");
        assert!(good || outcome == url_refused());
    }
}

#[test]
fn patterns_add_to_what_a_url_must_be_and_take_nothing_away() {
    let everything = patterns(Some(""), None);
    assert_eq!(push(&everything, &image_with(DOCKER_FOREIGN, json!(["ftp://h"]))), url_refused());
}

#[test]
fn a_foreign_layer_of_docker_needs_a_url_in_a_docker_image_and_must_exist_without_one_elsewhere() {
    for urls in [json!(null), json!([])] {
        let docker = image_with(DOCKER_FOREIGN, urls.clone());
        assert_eq!(push(&Options::default(), &docker.docker()), url_refused());
        assert_eq!(push(&Options::default(), &docker), missing());
        for media_type in NONDISTRIBUTABLE {
            let image = image_with(media_type, urls.clone());
            assert_eq!(push(&Options::default(), &image), missing());
            assert_eq!(push(&Options::default(), &image.docker()), missing());
        }
    }
}

#[test]
fn a_linked_foreign_layer_is_fine_without_urls_but_its_urls_are_checked_all_the_same() {
    let mut r = ours();
    r.push_blob("a", "config");
    r.push_blob("a", "far away");
    assert!(r.does(put_manifest("a", "v1", &image_with(NONDISTRIBUTABLE[1], json!([])))).succeeded());
    let bad = image_with(NONDISTRIBUTABLE[1], json!(["ftp://h"]));
    assert_eq!(r.does(put_manifest("a", "v1", &bad)), url_refused());
    let without = image_with(DOCKER_FOREIGN, json!([])).docker();
    assert_eq!(r.does(put_manifest("a", "v1", &without)), url_refused());
}

#[test]
fn the_urls_of_every_other_layer_and_of_the_config_mean_nothing() {
    let near = [
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+xz",
        "application/vnd.docker.image.rootfs.Foreign.diff.tar.gzip",
        "",
    ];
    for media_type in near {
        for urls in [json!(["http://host/path"]), json!(["ftp://nonsense"])] {
            assert_eq!(push(&Options::default(), &image_with(media_type, urls)), missing(), "{media_type}");
        }
    }
    let mut config = layer_of(DOCKER_FOREIGN, "far away");
    config["urls"] = json!(["http://host/path"]);
    assert_eq!(push(&Options::default(), &image("config", &[]).with("config", config)), missing());
}

#[test]
fn refused_urls_and_missing_blobs_are_reported_together_in_document_order() {
    let mut bad = layer_of(DOCKER_FOREIGN, "bad");
    bad["urls"] = json!(["ftp://h", "gopher://h"]);
    let plain = |text| layer_of("application/vnd.oci.image.layer.v1.tar", text);
    let image = image("config", &[]).with("layers", json!([plain("one"), bad, plain("two")]));
    let error = |code, text: &str| ErrorItem { code, detail: Some(sha256(text)) };
    let errors = vec![
        error(Code::ManifestBlobUnknown, "one"),
        error(Code::ManifestInvalid, "bad"),
        error(Code::ManifestBlobUnknown, "two"),
    ];
    let expected = Outcome::Refused { status: 400, errors };
    assert_eq!(push(&Options::default(), &image), expected);
}

#[test]
fn a_pattern_that_is_no_regular_expression_is_no_option() {
    for (options, name) in [(patterns(Some("("), None), "urls_allow"), (patterns(None, Some("[z-a]")), "urls_deny")] {
        let error = Specification::new(Dialect::Proofhouse, options).unwrap_err();
        assert_eq!(error.option, name);
        assert!(error.to_string().starts_with(&format!("option {name}: ")), "{error}");
    }
}
