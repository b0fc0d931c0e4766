//! Rule 7: descriptors, in every place that one can stand in.

use super::*;

/// A descriptor in every place that one can stand in.
fn everywhere(one: &str) -> Vec<(ManifestType, String)> {
    let mut documents = Vec::new();
    for kind in ManifestType::ALL {
        let arrays = if kind.is_list() { "manifests" } else { "layers" };
        documents.push((kind, with(kind, arrays, &format!("[{one}]"))));
        if !kind.is_list() {
            documents.push((kind, with(kind, "config", one)));
        }
        if kind.is_oci() {
            documents.push((kind, with(kind, "subject", one)));
        }
    }
    documents
}

fn refused_everywhere(one: &str, key: &str) {
    for (kind, document) in everywhere(one) {
        let error = refused(kind, &document);
        assert!(place(&error).ends_with(&format!("/{key}")), "{error}");
    }
}

fn taken_everywhere(one: &str) {
    for (kind, document) in everywhere(one) {
        taken(kind, &document);
    }
}

#[test]
fn a_descriptor_has_a_media_type_a_digest_and_a_size() {
    let parts = [r#""mediaType":"""#.to_owned(), format!(r#""digest":"{SHA256}""#), r#""size":0"#.to_owned()];
    taken_everywhere(&format!("{{{}}}", parts.join(",")));
    for (left_out, key) in ["mediaType", "digest", "size"].into_iter().enumerate() {
        let mut parts = parts.to_vec();
        parts.remove(left_out);
        refused_everywhere(&format!("{{{}}}", parts.join(",")), key);
    }
}

#[test]
fn a_media_type_is_any_string() {
    for value in ["null", "1", "[]", "{}", "false"] {
        refused_everywhere(&descriptor("").replace("\"t\"", value), "mediaType");
    }
    for value in ["\"\"", "\"no type at all\"", r#""\u0000""#] {
        taken_everywhere(&descriptor("").replace("\"t\"", value));
    }
}

#[test]
fn a_digest_is_a_well_formed_digest() {
    let quoted = format!("\"{SHA256}\"");
    let sha384 = format!("\"sha384:{}\"", "0".repeat(96));
    for value in ["null", "1", "\"\"", "\"sha256:\"", &quoted.to_uppercase(), &sha384, &quoted.replace("55\"", "5\"")] {
        refused_everywhere(&descriptor("").replace(&quoted, value), "digest");
    }
    taken_everywhere(&descriptor("").replace(&quoted, &format!("\"{}\"", Digest::of(Algorithm::Sha512, b""))));
    taken_everywhere(&descriptor("").replace(":e3", r"\u003ae3"));
}

#[test]
fn a_size_is_an_integer_from_0_to_2_to_the_63_less_1() {
    for (value, size) in [("0", 0), ("1", 1), ("9223372036854775807", i64::MAX as u64)] {
        let document = with(OciManifest, "config", &descriptor("").replace(":7", &format!(":{value}")));
        assert_eq!(taken(OciManifest, &document).config.unwrap().size, size);
    }
    for value in [
        "-1",
        "-0",
        "0.0",
        "7.0",
        "1e2",
        "7e0",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "null",
        "\"7\"",
        "[7]",
        "{}",
        "true",
    ] {
        refused_everywhere(&descriptor("").replace(":7", &format!(":{value}")), "size");
    }
    let error = refused(OciManifest, &with(OciManifest, "config", &descriptor("").replace(":7", ":-1")));
    assert!(matches!(error, Malformed::Wrong { wanted: Wanted::Size, found: Found::Negative(-1), .. }));
}

#[test]
fn urls_are_absent_null_or_strings() {
    for value in ["null", "[]", r#"["",""]"#, r#"["not a url"]"#] {
        taken_everywhere(&descriptor(&format!(r#","urls":{value}"#)));
    }
    for value in ["{}", "\"http://h\"", "1", "false"] {
        refused_everywhere(&descriptor(&format!(r#","urls":{value}"#)), "urls");
    }
    refused_everywhere(&descriptor(r#","urls":["",null]"#), "urls/1");
    refused_everywhere(&descriptor(r#","urls":[["a"]]"#), "urls/0");
}

#[test]
fn a_platform_is_looked_at_in_entries_only() {
    let entry = |platform: &str| format!("[{}]", descriptor(&format!(r#","platform":{platform}"#)));
    for kind in [DockerList, OciIndex] {
        let platform = |text: &str| taken(kind, &with(kind, "manifests", &entry(text))).entries.remove(0).platform;
        assert_eq!(platform("null"), None);
        assert_eq!(platform("{}"), Some(Platform::default()));
        let arm = Platform { architecture: "arm".into(), os: String::new() };
        assert_eq!(platform(r#"{"architecture":"arm","variant":7,"features":null}"#), Some(arm));
        for value in ["[]", r#"["arm","linux"]"#, "\"linux\"", "1", "false"] {
            let error = refused(kind, &with(kind, "manifests", &entry(value)));
            assert_eq!(place(&error), "/manifests/0/platform");
        }
        for value in [r#"{"os":null}"#, r#"{"os":1}"#, r#"{"architecture":"a","os":[]}"#] {
            let error = refused(kind, &with(kind, "manifests", &entry(value)));
            assert_eq!(place(&error), "/manifests/0/platform/os");
        }
    }
    for value in ["[]", "1", r#"{"os":null}"#] {
        for kind in [DockerManifest, OciManifest] {
            let image = taken(kind, &with(kind, "layers", &entry(value)));
            assert_eq!(image.layers[0].platform, None);
        }
    }
}
