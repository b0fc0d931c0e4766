//! Rule 2: a key that is read stands at most once, and exactly as written.

use super::*;

/// Every object that is read, as a document with `more` at the end of that object.
fn objects(more: &str) -> Vec<(ManifestType, &'static str, &'static [&'static str], String)> {
    const DOCUMENT: &[&str] =
        &["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType", "annotations"];
    const DESCRIPTOR: &[&str] = &["mediaType", "digest", "size", "urls", "platform"];
    let one = || descriptor(&format!(",{more}"));
    let array = || format!("[{},{}]", descriptor(""), one());
    let platform = || format!("[{}]", descriptor(&format!(r#","platform":{{"architecture":"a","os":"o",{more}}}"#)));
    let mut objects = Vec::new();
    for kind in ManifestType::ALL {
        objects.push((kind, "", DOCUMENT, and(kind, more)));
        if kind.is_list() {
            objects.push((kind, "/manifests/1", DESCRIPTOR, with(kind, "manifests", &array())));
            objects.push((
                kind,
                "/manifests/0/platform",
                &["architecture", "os"],
                with(kind, "manifests", &platform()),
            ));
        } else {
            objects.push((kind, "/config", DESCRIPTOR, with(kind, "config", &one())));
            objects.push((kind, "/layers/1", DESCRIPTOR, with(kind, "layers", &array())));
        }
        if kind.is_oci() {
            objects.push((kind, "/subject", DESCRIPTOR, with(kind, "subject", &one())));
        }
    }
    objects
}

#[test]
fn a_known_key_in_another_case_is_refused_in_every_object_that_is_read() {
    let known = |key: &str| objects("\"x\":1").into_iter().filter(move |(_, _, known, _)| known.contains(&key)).count();
    for (written, meant) in [
        ("Digest", "digest"),
        ("dige\u{17f}t", "digest"),
        ("dıgest", "digest"),
        ("dige\u{fb06}", "digest"),
        ("SIZE", "size"),
        ("ſize", "size"),
        (r"\u017Fize", "size"),
        (r"\u0053ize", "size"),
        ("MediaType", "mediaType"),
        ("mediatype", "mediaType"),
        ("Urls", "urls"),
        ("PLATFORM", "platform"),
        ("Architecture", "architecture"),
        ("OS", "os"),
        ("oſ", "os"),
        ("schemaversion", "schemaVersion"),
        ("Config", "config"),
        ("con\u{fb01}g", "config"),
        ("LAYERS", "layers"),
        ("Manifests", "manifests"),
        ("\u{17f}ubject", "subject"),
        ("ArtifactType", "artifactType"),
        ("Annotations", "annotations"),
    ] {
        let mut refusals = 0;
        for (kind, at, known, document) in objects(&format!("\"{written}\":0")) {
            if known.contains(&meant) {
                let error = refused(kind, &document);
                assert!(matches!(&error, Malformed::LookAlike { known, .. } if *known == meant), "{error}");
                assert_eq!(place(&error), at);
                refusals += 1;
            } else {
                taken(kind, &document);
            }
        }
        assert_eq!(refusals, known(meant), "{written}");
        assert!(refusals > 0);
    }
}

#[test]
fn a_known_key_that_stands_twice_is_refused_and_any_other_is_free() {
    for (kind, _, _, document) in objects(r#""x":1,"x":{"Size":1,"size":2,"size":3},"X":2,"":0,"sïze":0"#) {
        taken(kind, &document);
    }
    let mediatype = |kind: ManifestType| format!(r#""mediaType":"{kind}""#);
    for kind in ManifestType::ALL {
        for more in [r#""schemaVersion":2"#, &mediatype(kind), r#""subject":null,"subject":null"#] {
            assert!(matches!(refused(kind, &and(kind, more)), Malformed::Twice { .. }), "{more}");
        }
    }
    for (kind, at, known, document) in objects(r#""size":7"#) {
        if known.contains(&"size") {
            let error = refused(kind, &document);
            assert!(matches!(&error, Malformed::Twice { key, .. } if key == "size"), "{error}");
            assert_eq!(place(&error), at);
        }
    }
    for (kind, at, known, document) in objects(r#""os":"o""#) {
        if known.contains(&"os") {
            assert_eq!(place(&refused(kind, &document)), at);
        }
    }
}

#[test]
fn the_same_key_written_with_an_escape_is_the_same_key() {
    let document = with(OciManifest, "config", &descriptor("").replace("size", r"\u0073ize"));
    taken(OciManifest, &document);
    let twice = with(OciManifest, "config", &descriptor(r#","\u0073ize":7"#));
    assert!(matches!(refused(OciManifest, &twice), Malformed::Twice { .. }));
}

#[test]
fn keys_of_objects_that_are_not_read_are_free() {
    let wild = r#"{"size":1,"size":2,"Size":3,"mediatype":null}"#;
    for kind in ManifestType::ALL {
        taken(kind, &and(kind, &format!(r#""x":{wild}"#)));
        if !kind.is_oci() {
            taken(kind, &and(kind, &format!(r#""subject":{wild},"artifactType":{wild},"annotations":{wild}"#)));
        }
    }
    // The platform of a layer is not looked at.
    let platform = r#","platform":{"os":1,"os":2,"OS":3}"#;
    taken(OciManifest, &with(OciManifest, "layers", &format!("[{}]", descriptor(platform))));
    taken(OciIndex, &with(OciIndex, "subject", &descriptor(platform)));
}

#[test]
fn no_annotation_stands_twice_but_case_matters_there() {
    for kind in [OciManifest, OciIndex] {
        taken(kind, &with(kind, "annotations", r#"{"a":"","A":"","ſize":"","size":"","Size":""}"#));
        let error = refused(kind, &with(kind, "annotations", r#"{"a":"1","b":"2","\u0061":"1"}"#));
        assert!(matches!(&error, Malformed::Twice { key, .. } if key == "a"));
        assert_eq!(place(&error), "/annotations");
    }
    taken(DockerManifest, &with(DockerManifest, "annotations", r#"{"a":1,"a":1}"#));
}
