//! Rules 3 to 6 and 8: what stands at the top of a document.

use super::*;

#[test]
fn schema_version_is_the_integer_2() {
    for kind in ManifestType::ALL {
        for value in
            ["1", "3", "2.0", "2e0", "20e-1", "-2", "\"2\"", "null", "[2]", "{}", "true", "18446744073709551618"]
        {
            let error = refused(kind, &with(kind, "schemaVersion", value));
            assert!(matches!(error, Malformed::Wrong { wanted: Wanted::Two, .. }), "{error}");
        }
        let error = refused(kind, &without(kind, "schemaVersion"));
        assert!(matches!(error, Malformed::Missing { wanted: Wanted::Two, .. }), "{error}");
    }
}

#[test]
fn the_media_type_is_the_type_and_docker_needs_it() {
    for kind in ManifestType::ALL {
        for value in
            ["null", "2", "[]", "{}", "\"\"", "\"application/json\"", &format!("\"{kind};a\""), &format!("\"{kind} \"")]
        {
            assert_eq!(place(&refused(kind, &with(kind, "mediaType", value))), "/mediaType");
        }
        let document = without(kind, "mediaType");
        if kind.is_oci() {
            taken(kind, &document);
        } else {
            assert!(matches!(refused(kind, &document), Malformed::Missing { .. }));
        }
    }
}

#[test]
fn a_document_of_one_kind_carries_nothing_of_the_other_not_even_null() {
    for kind in ManifestType::ALL {
        let foreign: &[&'static str] = if kind.is_list() { &["config", "layers"] } else { &["manifests"] };
        for key in foreign {
            for value in ["null", "[]", "{}", "1"] {
                let error = refused(kind, &with(kind, key, value));
                assert!(matches!(&error, Malformed::Foreign { .. }), "{error}");
                assert_eq!(place(&error), format!("/{key}"));
            }
        }
    }
}

#[test]
fn config_layers_and_manifests_are_there_and_of_their_kind() {
    for kind in ManifestType::ALL {
        let arrays = if kind.is_list() { "manifests" } else { "layers" };
        taken(kind, &with(kind, arrays, "[]"));
        assert!(matches!(refused(kind, &without(kind, arrays)), Malformed::Missing { wanted: Wanted::Array, .. }));
        for value in ["null", "{}", "\"\"", "0", &descriptor("")] {
            assert!(matches!(
                refused(kind, &with(kind, arrays, value)),
                Malformed::Wrong { wanted: Wanted::Array, .. }
            ));
        }
        for element in ["null", "[]", "\"\"", "1"] {
            let error = refused(kind, &with(kind, arrays, &format!("[{},{element}]", descriptor(""))));
            assert_eq!(place(&error), format!("/{arrays}/1"));
        }
        if !kind.is_list() {
            assert!(matches!(
                refused(kind, &without(kind, "config")),
                Malformed::Missing { wanted: Wanted::Object, .. }
            ));
            for value in ["null", "[]", "\"\"", "0", &format!(r#"["t","{SHA256}",7]"#)] {
                assert_eq!(place(&refused(kind, &with(kind, "config", value))), "/config");
            }
        }
    }
}

#[test]
fn subject_artifact_type_and_annotations_may_be_absent_or_null() {
    for kind in [OciManifest, OciIndex] {
        let manifest = taken(kind, &and(kind, r#""subject":null,"artifactType":null,"annotations":null"#));
        assert_eq!((&manifest.subject, &manifest.artifact_type, &manifest.annotations), (&None, &None, &None));
        assert_eq!(manifest, taken(kind, &good(kind)));
        assert_eq!(taken(kind, &with(kind, "annotations", "{}")).annotations, Some(BTreeMap::new()));
        for (key, values) in [
            ("subject", &["[]", "\"\"", "1", "{}"][..]),
            ("artifactType", &["1", "[]", "{}", "false"]),
            ("annotations", &["[]", "\"\"", "1", r#"[["a","b"]]"#]),
        ] {
            for value in values {
                assert!(place(&refused(kind, &with(kind, key, value))).starts_with(&format!("/{key}")));
            }
        }
        for value in ["null", "1", "{}", "[]"] {
            assert_eq!(
                place(&refused(kind, &with(kind, "annotations", &format!(r#"{{"a":{value}}}"#)))),
                "/annotations"
            );
        }
    }
}

#[test]
fn docker_types_do_not_read_subject_artifact_type_and_annotations() {
    for kind in [DockerManifest, DockerList] {
        for value in ["null", "1", "[]", "\"a\"", &descriptor("")] {
            let more = format!(r#""subject":{value},"artifactType":{value},"annotations":{value}"#);
            assert_eq!(taken(kind, &and(kind, &more)), taken(kind, &good(kind)));
        }
    }
}

#[test]
fn referrers_show_the_artifact_type_or_the_media_type_of_the_config() {
    let shown = |kind, value: &str| {
        let manifest = taken(kind, &with(kind, "artifactType", value));
        manifest.referrer_artifact_type().map(str::to_owned)
    };
    assert_eq!(shown(OciManifest, "\"a\"").as_deref(), Some("a"));
    assert_eq!(shown(OciManifest, "\"\"").as_deref(), Some("t"));
    assert_eq!(shown(OciManifest, "null").as_deref(), Some("t"));
    assert_eq!(shown(OciIndex, "\"a\"").as_deref(), Some("a"));
    assert_eq!(shown(OciIndex, "\"\""), None);
    assert_eq!(shown(OciIndex, "null"), None);
}
