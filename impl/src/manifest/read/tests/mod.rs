//! Each rule of `docs/behaviour.md`, "Reading a manifest", with documents that keep it and documents that break it.

mod descriptors;
mod document;
mod json;
mod keys;

use proptest::prelude::*;

use super::*;
use crate::digest::Algorithm;
use crate::manifest::{Found, Wanted};
use ManifestType::{DockerList, DockerManifest, OciIndex, OciManifest};

const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A descriptor, with `more` (perhaps `,"a":1`) at its end.
fn descriptor(more: &str) -> String {
    format!(r#"{{"mediaType":"t","digest":"{SHA256}","size":7{more}}}"#)
}

/// The members of a good document of this type.
fn members(kind: ManifestType) -> Vec<(&'static str, String)> {
    let mut members = vec![("schemaVersion", "2".to_owned()), ("mediaType", format!("\"{kind}\""))];
    if kind.is_list() {
        members
            .push(("manifests", format!("[{}]", descriptor(r#","platform":{"architecture":"amd64","os":"linux"}"#))));
    } else {
        members.push(("config", descriptor("")));
        members.push(("layers", format!("[{},{}]", descriptor(""), descriptor(r#","urls":["http://h"]"#))));
    }
    members
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn good(kind: ManifestType) -> String {
    object(&members(kind))
}

/// A good document with `key` set to `value` instead, or as well.
fn with(kind: ManifestType, key: &'static str, value: &str) -> String {
    let mut members = members(kind);
    members.retain(|(present, _)| *present != key);
    members.push((key, value.to_owned()));
    object(&members)
}

/// A good document without `key`.
fn without(kind: ManifestType, key: &str) -> String {
    let mut members = members(kind);
    members.retain(|(present, _)| *present != key);
    object(&members)
}

/// A good document with `more` at its end.
fn and(kind: ManifestType, more: &str) -> String {
    let document = good(kind);
    format!("{},{more}}}", &document[..document.len() - 1])
}

fn taken(kind: ManifestType, document: &str) -> Manifest {
    read(kind, document.as_bytes()).unwrap_or_else(|error| panic!("{error}: {document}"))
}

fn refused(kind: ManifestType, document: &str) -> Malformed {
    match read(kind, document.as_bytes()) {
        Err(Malformed::Untyped(error)) => panic!("only the second pass refuses: {error}: {document}"),
        Err(error) => error,
        Ok(_) => panic!("taken: {document}"),
    }
}

/// Where a document was refused, if the reason says.
fn place(error: &Malformed) -> &str {
    match error {
        Malformed::TooDeep { at }
        | Malformed::LookAlike { at, .. }
        | Malformed::Twice { at, .. }
        | Malformed::Foreign { at, .. }
        | Malformed::Missing { at, .. }
        | Malformed::Wrong { at, .. } => at.as_str(),
        other => panic!("no place: {other}"),
    }
}

#[test]
fn a_manifest_is_what_its_document_says() {
    let image = taken(DockerManifest, &good(DockerManifest));
    assert_eq!((image.kind, image.layers.len(), image.entries.len()), (DockerManifest, 2, 0));
    let config = image.config.as_ref().unwrap();
    assert_eq!((config.media_type.as_str(), config.size), ("t", 7));
    assert_eq!(config.digest, Digest::of(Algorithm::Sha256, b""));
    assert_eq!(image.layers[1].urls, ["http://h"]);
    assert_eq!(image.references().count(), 3);

    let index =
        taken(OciIndex, &and(OciIndex, &format!(r#""subject":{},"annotations":{{"a":"b","A":""}}"#, descriptor(""))));
    let platform = Platform { architecture: "amd64".into(), os: "linux".into() };
    assert_eq!(index.entries[0].platform, Some(platform));
    assert_eq!(index.subject.as_ref().unwrap().size, 7);
    assert_eq!(index.references().count(), 1, "the subject is no part of it");
    let annotations = [("a".to_owned(), "b".to_owned()), ("A".to_owned(), String::new())];
    assert_eq!(index.annotations, Some(BTreeMap::from(annotations)));
}

#[test]
fn a_good_document_is_refused_under_every_other_type() {
    for kind in ManifestType::ALL {
        for other in ManifestType::ALL {
            assert_eq!(read(other, good(kind).as_bytes()).is_ok(), kind == other, "{kind} as {other}");
        }
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let size = refused(OciManifest, &with(OciManifest, "config", &descriptor("").replace(":7", ":\"7\"")));
    assert_eq!(
        size.to_string(),
        "/config/size: must be an integer from 0 to 9223372036854775807, and is the string \"7\""
    );
    let missing = refused(OciIndex, &without(OciIndex, "manifests"));
    assert_eq!(missing.to_string(), "/manifests: missing; it must be an array");
    let alike = refused(OciIndex, &and(OciIndex, r#""Subject":null"#));
    assert_eq!(
        alike.to_string(),
        "the document: the key `Subject` looks like `subject`; write it exactly so, or rename it"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for kind in ManifestType::ALL {
            let _ = read(kind, &bytes);
        }
        let _ = crate::manifest::derive_type(&bytes);
    }

    /// Documents put together from likely pieces: no panic, and never does the typed pass refuse what the walk takes.
    #[test]
    fn no_document_panics_and_both_passes_agree(document in documents(), kind in 0..4_usize) {
        let kind = ManifestType::ALL[kind];
        let result = read(kind, document.as_bytes());
        prop_assert!(!matches!(result, Err(Malformed::Untyped(_))), "{result:?}");
        prop_assert!(crate::manifest::derive_type(document.as_bytes()).is_some() || result.is_err());
    }

    /// Good documents with one byte changed.
    #[test]
    fn no_damaged_document_panics(kind in 0..4_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let kind = ManifestType::ALL[kind];
        let mut bytes = good(kind).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let result = read(kind, &bytes);
        prop_assert!(!matches!(result, Err(Malformed::Untyped(_))), "{result:?}");
    }
}

fn documents() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec![
            "2", "7", "null", "-0", "1e2", "2.0", "true", "\"\"", "\"t\"", "9223372036854775808",
            "\"application/vnd.oci.image.index.v1+json\"", "\"application/vnd.oci.image.manifest.v1+json\"",
            "\"application/vnd.docker.distribution.manifest.v2+json\"",
        ]).prop_map(str::to_owned),
        2 => Just(format!("\"{SHA256}\"")),
        4 => Just(descriptor("")),
    ];
    let value = leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop::sample::select(vec![
            "schemaVersion",
            "mediaType",
            "config",
            "layers",
            "manifests",
            "subject",
            "artifactType",
            "annotations",
            "digest",
            "size",
            "urls",
            "platform",
            "architecture",
            "os",
            "Size",
            "x",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|array| format!("[{}]", array.join(","))),
            proptest::collection::vec((key, inner), 0..7).prop_map(|members| object(&members)),
        ]
    });
    // Half of them begin well.
    (any::<bool>(), 0..4_usize, value).prop_map(|(well, kind, value)| {
        if well { and(ManifestType::ALL[kind], &format!("\"x\":{value}")) } else { value }
    })
}
