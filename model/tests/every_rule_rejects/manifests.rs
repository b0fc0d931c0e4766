//! Manifests and tags.

use proofhouse_model::*;
use serde_json::{Value, json};

use super::common::*;
use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    [malformed_ones(), references(), stored(), left_open(), read_and_deleted()].into_iter().flatten().collect()
}

/// A push of an image whose document has one wrong member; it is not taken.
fn wrong(r: &mut Registry, key: &str, value: Value) -> (Op, Outcome, Outcome) {
    r.push_image("a", "sound", "config", &["layer"]);
    let document = image("config", &["layer"]).with(key, value);
    (put_manifest("a", "v1", &document), malformed(), manifest_stored(&document.digest(), None, &[]))
}

/// A push of a text as an OCI index; it is not taken.
fn wrong_text(text: &str) -> (Op, Outcome, Outcome) {
    (put_text("a", "v1", Some(OCI_INDEX), text), malformed(), manifest_stored(&sha256(text), None, &[]))
}

fn malformed_ones() -> Vec<Case> {
    vec![
        case("manifest.size", |_| {
            let text = index(&[]).text();
            let refusal = refused(413, Code::SizeInvalid, None);
            (put_text("a", "v1", Some(OCI_INDEX), &text), refusal, manifest_stored(&sha256(&text), None, &[]))
        })
        .under(Options { max_manifest_bytes: 10, ..deletable() }),
        case("manifest.type", |_| {
            let document = index(&[]);
            let put = put_text("a", "v1", Some("application/json"), &document.text());
            (put, malformed(), manifest_stored(&document.digest(), None, &[]))
        }),
        case("manifest.json", |_| wrong_text(r#"{"schemaVersion":2,"manifests":[],"x":1e999}"#)),
        case("manifest.keys", |_| wrong_text("{\"schemaVersion\":2,\"manifests\":[],\"manifest\u{17f}\":[]}")),
        case("manifest.schema-version", |r| wrong(r, "schemaVersion", json!("2"))),
        case("manifest.media-type", |r| wrong(r, "mediaType", json!(null))),
        case("manifest.confusion", |r| wrong(r, "manifests", json!(null))),
        case("manifest.structure", |r| wrong(r, "layers", json!(null))),
        case("manifest.descriptor", |r| wrong(r, "layers", json!([{"mediaType": "x/y", "digest": sha256("layer")}]))),
        case("manifest.platform", |_| {
            let mut entry = entry(&image("x", &[]), None);
            entry["platform"] = json!("linux");
            wrong_text(&index(&[entry]).text())
        }),
        case("manifest.digest", |_| {
            let digest = sha256("something else");
            let put = put_manifest("a", &digest, &index(&[]));
            (put, digest_invalid(Some(&digest)), manifest_stored(&digest, None, &[]))
        }),
    ]
}

/// A foreign layer that nobody has, with this URL.
fn foreign(url: &str) -> Document {
    let mut layer = layer_of("application/vnd.oci.image.layer.nondistributable.v1.tar", "far away");
    layer["urls"] = json!([url]);
    image("config", &[]).with("layers", json!([layer]))
}

fn references() -> Vec<Case> {
    let amd64 = vec![Platform { architecture: "amd64".into(), os: "linux".into() }];
    vec![
        case("manifest.references", |r| {
            r.push_blob("a", "config");
            let document = image("config", &["one", "two"]);
            let all = references_unknown(&[&sha256("one"), &sha256("two")]);
            (put_manifest("a", "v1", &document), all, references_unknown(&[&sha256("one")]))
        }),
        case("manifest.urls", |r| {
            r.push_blob("a", "config");
            let document = foreign("https://h/#part");
            let refusal = refused(400, Code::ManifestInvalid, Some(&sha256("far away")));
            (put_manifest("a", "v1", &document), refusal, manifest_stored(&document.digest(), None, &[]))
        }),
        case("manifest.foreign", |r| {
            r.push_blob("a", "config");
            let document = foreign("https://h/");
            let stored = manifest_stored(&document.digest(), None, &[]);
            (put_manifest("a", "v1", &document), stored, references_unknown(&[&sha256("far away")]))
        }),
        case("manifest.unverified", |_| {
            let document = image("config", &[]);
            let stored = manifest_stored(&document.digest(), None, &[]);
            (put_manifest("a", "v1", &document), stored, references_unknown(&[&sha256("config")]))
        })
        .under(Options { skip_layer_verification: true, ..deletable() }),
        case("index.entries", |_| {
            let child = image("x", &[]);
            let document = index(&[entry(&child, None)]);
            let stored = manifest_stored(&document.digest(), None, &[]);
            (put_manifest("a", "v1", &document), references_unknown(&[&child.digest()]), stored)
        })
        .under(Options { validate_index: true, ..deletable() }),
        case("index.entries.platform", |_| {
            let child = image("x", &[]);
            let document = index(&[entry(&child, Some("linux/amd64"))]);
            let stored = manifest_stored(&document.digest(), None, &[]);
            (put_manifest("a", "v1", &document), references_unknown(&[&child.digest()]), stored)
        })
        .under(Options { validate_index: true, platforms: amd64.clone(), ..deletable() }),
        case("index.sparse", |_| {
            let child = image("x", &[]);
            let document = index(&[entry(&child, Some("linux/arm64"))]);
            let stored = manifest_stored(&document.digest(), None, &[]);
            (put_manifest("a", "v1", &document), stored, references_unknown(&[&child.digest()]))
        })
        .under(Options { validate_index: true, platforms: amd64, ..deletable() }),
    ]
}

fn stored() -> Vec<Case> {
    vec![
        case("manifest.put.docker", |r| {
            let document = r.push_image("a", "v1", "config", &["layer"]).docker();
            (put_manifest("a", "v2", &document), manifest_stored(&document.digest(), None, &[]), malformed())
        }),
        case("manifest.put.docker-list", |_| {
            let document = index(&[]).docker();
            (put_manifest("a", "v1", &document), manifest_stored(&document.digest(), None, &[]), malformed())
        }),
        case("manifest.put.oci", |r| {
            let document = r.push_image("a", "v1", "config", &["layer"]);
            let missing = references_unknown(&[&sha256("layer")]);
            (put_manifest("a", "v2", &document), manifest_stored(&document.digest(), None, &[]), missing)
        }),
        case("manifest.put.oci-index", |_| {
            let document = index(&[]);
            (put_manifest("a", "v1", &document), manifest_stored(&document.digest(), None, &[]), malformed())
        }),
        case("manifest.put.subject", |_| {
            let (subject, document) = (index(&[]).digest(), index(&[]).about(&index(&[])));
            let confirmed = manifest_stored(&document.digest(), Some(&subject), &[]);
            (put_manifest("a", "v1", &document), confirmed, manifest_stored(&document.digest(), None, &[]))
        }),
        case("manifest.put.tags", |_| {
            let document = index(&[]);
            let put = tagging(put_manifest("a", &document.digest(), &document), &["v1", "v2"]);
            let digest = document.digest();
            (put, manifest_stored(&digest, None, &["v1", "v2"]), manifest_stored(&digest, None, &["v1"]))
        }),
    ]
}

fn left_open() -> Vec<Case> {
    vec![
        case("manifest.put.tags.ignored", |r| {
            let document = index(&[]);
            let put = tagging(put_manifest("a", &document.digest(), &document), &["v1"]);
            let ignored = manifest_stored(&document.digest(), None, &[]);
            r.permits(put.clone(), ignored.clone());
            (put, ignored, manifest_stored(&document.digest(), None, &["v1"]))
        })
        .of(Dialect::Oci),
        case("manifest.put.tags.many", |_| {
            let document = index(&[]);
            let tags = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
            let put = tagging(put_manifest("a", &document.digest(), &document), &tags);
            (put, bare(414), bare(416))
        })
        .of(Dialect::Oci),
        case("manifest.lenient", |_| {
            let put = put_text("a", "v1", Some("application/x-foo"), "nonsense");
            let other = manifest_stored(&sha256("other nonsense"), None, &[]);
            (put, manifest_stored(&sha256("nonsense"), None, &[]), other)
        })
        .of(Dialect::Oci),
        case("manifest.strict", |r| {
            let document = r.push_image("a", "v1", "config", &["layer"]).docker();
            let refusal = bare(415);
            r.permits(put_manifest("a", "v2", &document), refusal.clone());
            (put_manifest("a", "v2", &document), refusal, manifest_stored(&document.digest(), None, &[]))
        })
        .of(Dialect::Oci),
    ]
}

fn read_and_deleted() -> Vec<Case> {
    vec![
        case("manifest.head", |r| {
            let document = r.push_image("a", "v1", "config", &[]);
            let Outcome::Manifest { digest, media_type, size, .. } = manifest(&document) else { unreachable!() };
            let head = Outcome::Manifest { digest, media_type, size, bytes: None };
            (head_manifest("a", "v1"), head, manifest(&document))
        }),
        case("manifest.get.digest", |r| {
            let document = r.push_image("a", "v1", "config", &[]);
            let get = get_manifest("a", &document.digest());
            let Outcome::Manifest { digest, size, bytes, .. } = manifest(&document) else { unreachable!() };
            let other = Outcome::Manifest { digest, media_type: DOCKER_IMAGE.into(), size, bytes };
            (get, manifest(&document), other)
        }),
        case("manifest.get.tag", |r| {
            let old = r.push_image("a", "v1", "config", &[]);
            let new = r.push_image("a", "v1", "config", &["layer"]);
            (get_manifest("a", "v1"), manifest(&new), manifest(&old))
        }),
        case("manifest.unknown", |r| {
            let document = r.push_image("b", "v1", "config", &[]);
            (get_manifest("a", "v1"), manifest_unknown("v1"), manifest(&document))
        }),
        case("manifest.delete", |r| {
            let document = r.push_image("a", "v1", "config", &[]);
            (delete_manifest("a", &document.digest()), Outcome::Done, manifest_unknown(&document.digest()))
        }),
        case("manifest.delete.tag", |r| {
            r.push_image("a", "v1", "config", &[]);
            (delete_manifest("a", "v1"), Outcome::Done, unsupported())
        }),
        case("manifest.delete.unknown", |r| {
            r.push_image("a", "v1", "config", &[]);
            (delete_manifest("a", "v2"), manifest_unknown("v2"), Outcome::Done)
        }),
    ]
}
