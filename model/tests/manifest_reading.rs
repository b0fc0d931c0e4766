//! "Reading a manifest" of `docs/behaviour.md`, rule by rule, for each of the four types: what is taken, and what is
//! refused by which rule.

mod common;

use common::*;
use proofhouse_model::*;
use serde_json::{Value, json};

/// A document of this type as text. It has everything that can be read.
fn complete(media_type: &str) -> String {
    let digest = sha256("x");
    let extra = if media_type.contains("oci") {
        format!(
            r#","subject":{{"mediaType":"s","digest":"{digest}","size":1}},"artifactType":"t","annotations":{{"k":"v"}}"#
        )
    } else {
        String::new()
    };
    let content = if is_list(media_type) {
        format!(
            r#""manifests":[{{"mediaType":"m","digest":"{digest}","size":2,"platform":{{"architecture":"amd64","os":"linux"}}}}]"#
        )
    } else {
        format!(
            r#""config":{{"mediaType":"c","digest":"{digest}","size":2}},"layers":[{{"mediaType":"l","digest":"{digest}","size":3}}]"#
        )
    };
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}",{content}{extra}}}"#)
}

fn is_list(media_type: &str) -> bool {
    media_type == OCI_INDEX || media_type == DOCKER_LIST
}

/// Is the document taken under this Content-Type? Or else which rule does it break?
fn read(content_type: &str, text: impl Into<Content>) -> Result<(), &'static str> {
    let mut r = ours_with(Options { skip_layer_verification: true, ..Options::default() });
    let bytes = text.into();
    let content_type = Some(content_type.to_owned());
    let op = Op::PutManifest { repo: "a".into(), reference: "t".into(), content_type, tags: Vec::new(), bytes };
    let rule = r.model.expected(&op)[0].rule.0;
    match r.does(op) {
        Outcome::ManifestStored { .. } => Ok(()),
        refusal => {
            assert_eq!(refusal, malformed(), "by {rule}");
            assert_eq!(*r.model.state(), State::default(), "nothing is stored");
            Err(rule)
        }
    }
}

/// The complete document with one edit.
#[track_caller]
fn edited(media_type: &str, from: &str, to: &str) -> String {
    let text = complete(media_type);
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

/// The complete document with one more member.
fn adding(media_type: &str, member: &str) -> String {
    let text = complete(media_type);
    format!("{},{member}}}", &text[..text.len() - 1])
}

#[test]
fn a_complete_document_of_each_type_is_taken() {
    for media_type in ALL_TYPES {
        assert_eq!(read(media_type, complete(media_type).as_str()), Ok(()), "{media_type}");
    }
}

#[test]
fn rule_1_a_manifest_is_one_json_object_and_nothing_else() {
    for media_type in ALL_TYPES {
        let text = complete(media_type);
        for (what, text) in [("white space around", format!(" \t\r\n{text} \t\r\n")), ("none", text.clone())] {
            assert_eq!(read(media_type, text.as_str()), Ok(()), "{what}");
        }
        for other in ["", " ", "null", "[]", "2", "\"{}\"", "true", "{", &text[1..], &text[..text.len() - 1]] {
            assert_eq!(read(media_type, other), Err("manifest.json"), "{other}");
        }
        for around in [format!("{text}x"), format!("{text}{text}"), format!("\u{feff}{text}"), format!("{text}\u{a0}")]
        {
            assert_eq!(read(media_type, around.as_str()), Err("manifest.json"), "{around}");
        }
    }
}

#[test]
fn rule_1_holds_for_the_parts_that_are_not_read_too() {
    let media_type = OCI_IMAGE;
    for taken in [
        r#""x":"\ud83d\ude00""#,
        r#""x":1e308"#,
        r#""x":1e-999"#,
        r#""x":123456789012345678901234567890"#,
        r#""x":{"a":1,"a":2,"A":3}"#,
        r#""x":[[],{}]"#,
    ] {
        assert_eq!(read(media_type, adding(media_type, taken).as_str()), Ok(()), "{taken}");
    }
    for refused in [
        r#""x":"\ud83d""#,
        r#""x":"\ude00""#,
        r#""\ud83d":1"#,
        r#""x":1e999"#,
        r#""x":-1e999"#,
        r#""x":01"#,
        r#""x":1."#,
        r#""x":NaN"#,
        r#""x":"\x""#,
        "\"x\":\"\n\"",
        r#""x":'y'"#,
        r#""x":[1,]"#,
    ] {
        assert_eq!(read(media_type, adding(media_type, refused).as_str()), Err("manifest.json"), "{refused}");
    }
    let mut bytes = adding(media_type, r#""x":"?""#).into_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xff;
    assert_eq!(read(media_type, bytes), Err("manifest.json"), "not UTF-8");
}

#[test]
fn rule_1_a_manifest_nests_at_most_64_levels_deep_itself_being_the_first() {
    for media_type in ALL_TYPES {
        let nested = |depth: usize| adding(media_type, &format!(r#""x":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
        assert_eq!(read(media_type, nested(63).as_str()), Ok(()));
        assert_eq!(read(media_type, nested(64).as_str()), Err("manifest.json"));
        assert_eq!(read(media_type, nested(10_000).as_str()), Err("manifest.json"));
        let objects =
            |depth: usize| adding(media_type, &format!(r#""x":{}1{}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth)));
        assert_eq!(read(media_type, objects(63).as_str()), Ok(()));
        assert_eq!(read(media_type, objects(64).as_str()), Err("manifest.json"));
    }
}

#[test]
fn rule_2_a_key_of_the_document_stands_once_and_as_it_is_written() {
    let keys =
        ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType", "annotations"];
    for media_type in ALL_TYPES {
        for key in keys {
            let upper = key.to_uppercase();
            let long_s = key.replace('s', "\u{17f}");
            for variant in [&upper, &long_s].into_iter().filter(|it| *it != key) {
                let text = adding(media_type, &format!(r#""{variant}":null"#));
                assert_eq!(read(media_type, text.as_str()), Err("manifest.keys"), "{variant} in {media_type}");
            }
            let twice = adding(media_type, &format!(r#""{key}":null,"{key}":null"#));
            assert_eq!(read(media_type, twice.as_str()), Err("manifest.keys"), "{key} in {media_type}");
        }
    }
}

#[test]
fn rule_2_folds_each_character_to_upper_and_then_to_lower_case() {
    let read = |key: &str| read(OCI_IMAGE, adding(OCI_IMAGE, &format!(r#""{key}":1"#)).as_str());
    for variant in ["con\u{fb01}g", "\\u0043onfig", "conf\u{131}g", "ANNOTAT\u{131}ONS", "layer\u{17f}"] {
        assert_eq!(read(variant), Err("manifest.keys"), "{variant}");
    }
    for free in ["extra", "config ", "configs", "conf\u{130}g", "con\\u0000fig", "", "\u{43a}onfig", "digest", "size"] {
        assert_eq!(read(free), Ok(()), "{free:?}");
    }
}

#[test]
fn rule_2_takes_an_escape_for_the_letter() {
    let escaped = edited(OCI_IMAGE, r#""schemaVersion""#, r#""\u0073chemaVersion""#);
    assert_eq!(read(OCI_IMAGE, escaped.as_str()), Ok(()));
    let twice = adding(OCI_IMAGE, r#""\u0073chemaVersion":2"#);
    assert_eq!(read(OCI_IMAGE, twice.as_str()), Err("manifest.keys"));
}

#[test]
fn rule_2_holds_in_descriptors_and_platforms_that_are_read() {
    let descriptor = |media_type, member: &str| edited(media_type, r#""digest""#, &format!(r#"{member},"digest""#));
    for media_type in ALL_TYPES {
        for member in [
            r#""Digest":1"#,
            r#""size":2"#,
            r#""MEDIATYPE":1"#,
            r#""urls":null,"urls":null"#,
            r#""Platform":1"#,
            r#""url\u017f":1"#,
        ] {
            assert_eq!(read(media_type, descriptor(media_type, member).as_str()), Err("manifest.keys"), "{member}");
        }
        for free in [r#""x":1,"x":2"#, r#""annotations":1,"annotations":2"#, r#""data":1"#, r#""Architecture":1"#] {
            assert_eq!(read(media_type, descriptor(media_type, free).as_str()), Ok(()), "{free}");
        }
    }
    for media_type in [OCI_INDEX, DOCKER_LIST] {
        let platform = |member: &str| edited(media_type, r#""os""#, &format!(r#"{member},"os""#));
        for member in [r#""os":"linux""#, r#""OS":"linux""#, r#""Architecture":"x""#, r#""o\u017f":1"#] {
            assert_eq!(read(media_type, platform(member).as_str()), Err("manifest.keys"), "{member}");
        }
        assert_eq!(read(media_type, platform(r#""os.version":1,"os.version":2,"variant":3"#).as_str()), Ok(()));
    }
    let subject = edited(OCI_INDEX, r#""mediaType":"s""#, r#""mediaType":"s","mediaType":"s""#);
    assert_eq!(read(OCI_INDEX, subject.as_str()), Err("manifest.keys"));
    let unread = adding(DOCKER_LIST, r#""subject":{"size":1,"size":2,"SIZE":3}"#);
    assert_eq!(read(DOCKER_LIST, unread.as_str()), Ok(()), "Docker's types have no subject");
}

#[test]
fn rule_2_no_annotation_stands_twice_but_case_matters_there() {
    for media_type in [OCI_IMAGE, OCI_INDEX] {
        let annotated = |members: &str| edited(media_type, r#""k":"v""#, members);
        assert_eq!(read(media_type, annotated(r#""k":"v","K":"v","":"","config":"""#).as_str()), Ok(()));
        for twice in [r#""k":"v","k":"v""#, r#""k":"v","\u006b":"w""#] {
            assert_eq!(read(media_type, annotated(twice).as_str()), Err("manifest.keys"), "{twice}");
        }
    }
}

#[test]
fn rule_3_the_schema_version_is_the_integer_2() {
    for media_type in ALL_TYPES {
        for wrong in ["1", "3", "-2", "2.0", "2e0", "0.2e1", "\"2\"", "null", "true", "[2]", "18446744073709551618"] {
            let text = edited(media_type, r#""schemaVersion":2"#, &format!(r#""schemaVersion":{wrong}"#));
            assert_eq!(read(media_type, text.as_str()), Err("manifest.schema-version"), "{wrong}");
        }
        let text = edited(media_type, r#""schemaVersion":2,"#, "");
        assert_eq!(read(media_type, text.as_str()), Err("manifest.schema-version"));
    }
}

#[test]
fn rule_4_the_media_type_is_the_content_type_and_only_oci_may_leave_it_out() {
    for media_type in ALL_TYPES {
        let said = format!(r#""mediaType":"{media_type}","#);
        let absent = read(media_type, edited(media_type, &said, "").as_str());
        assert_eq!(absent, if media_type.contains("oci") { Ok(()) } else { Err("manifest.media-type") });
        let others = ALL_TYPES.iter().filter(|other| **other != media_type).map(|other| format!(r#""{other}""#));
        let upper = format!(r#""{}""#, media_type.to_uppercase());
        let parameter = format!(r#""{media_type};x=y""#);
        let odd = ["null", "\"\"", "2", "[]"].map(str::to_owned);
        for wrong in others.chain(odd).chain([upper, parameter]) {
            let text = edited(media_type, &said, &format!(r#""mediaType":{wrong},"#));
            assert_eq!(read(media_type, text.as_str()), Err("manifest.media-type"), "{wrong} as {media_type}");
        }
    }
}

#[test]
fn rule_5_no_document_can_be_read_as_both_an_image_and_an_index() {
    for media_type in ALL_TYPES {
        let alien: &[&str] = if is_list(media_type) { &["config", "layers"] } else { &["manifests"] };
        for key in alien {
            for value in ["null", "[]", "{}", "1", "\"\""] {
                let text = adding(media_type, &format!(r#""{key}":{value}"#));
                assert_eq!(
                    read(media_type, text.as_str()),
                    Err("manifest.confusion"),
                    "{key}: {value} in {media_type}"
                );
            }
        }
    }
}

#[test]
fn rule_6_an_image_has_a_config_and_layers_and_a_list_has_entries() {
    let document = |media_type: &'static str, key: &str, value: Option<Value>| {
        let mut json: Value = serde_json::from_str(&complete(media_type)).unwrap();
        match value {
            Some(value) => json[key] = value,
            None => drop(json.as_object_mut().unwrap().remove(key)),
        }
        read(media_type, json.to_string().as_str())
    };
    for media_type in ALL_TYPES {
        let (list, all): (&str, &[&str]) =
            if is_list(media_type) { ("manifests", &["manifests"]) } else { ("layers", &["config", "layers"]) };
        assert_eq!(document(media_type, list, Some(json!([]))), Ok(()), "it may be empty");
        for key in all {
            for wrong in [None, Some(Value::Null), Some(json!(1)), Some(json!("x"))] {
                assert_eq!(document(media_type, key, wrong.clone()), Err("manifest.structure"), "{key}: {wrong:?}");
            }
        }
        for wrong in [json!({}), json!([null]), json!([[]]), json!(["x"])] {
            assert_eq!(document(media_type, list, Some(wrong.clone())), Err("manifest.structure"), "{wrong}");
        }
        if !is_list(media_type) {
            assert_eq!(document(media_type, "config", Some(json!([]))), Err("manifest.structure"));
        }
    }
}

#[test]
fn rule_7_a_descriptor_has_a_media_type_a_digest_and_a_size() {
    for media_type in ALL_TYPES {
        let content_type = if is_list(media_type) { r#""mediaType":"m","# } else { r#""mediaType":"c","# };
        let digest = format!(r#""digest":"{}","#, sha256("x"));
        let size = r#""size":2"#;
        for (member, name, taken, refused) in [
            (content_type, "mediaType", &["\"\"", "\"x\""][..], &["null", "1", "[]"][..]),
            (
                &digest,
                "digest",
                &[&format!("\"{}\"", sha512("x"))],
                &["null", "1", "\"\"", "\"sha256:0\"", "\"md5:d41d8cd98f00b204e9800998ecf8427e\"", "\"x\""],
            ),
            (
                size,
                "size",
                &["0", "9223372036854775807"],
                &["9223372036854775808", "18446744073709551616", "-1", "-0", "1.0", "1e1", "null", "\"2\"", "[]"],
            ),
        ] {
            let comma = if member.ends_with(',') { "," } else { "" };
            for (values, expected) in [(taken, Ok(())), (refused, Err("manifest.descriptor"))] {
                for value in values {
                    let text = edited(media_type, member, &format!(r#""{name}":{value}{comma}"#));
                    assert_eq!(read(media_type, text.as_str()), expected, "{name}: {value} in {media_type}");
                }
            }
            let text = edited(media_type, member, if comma.is_empty() { r#""x":1"# } else { "" });
            assert_eq!(read(media_type, text.as_str()), Err("manifest.descriptor"), "no {name} in {media_type}");
        }
    }
}

#[test]
fn rule_7_urls_are_absent_or_null_or_strings() {
    for media_type in ALL_TYPES {
        let with = |urls: &str| edited(media_type, r#""size""#, &format!(r#""urls":{urls},"size""#));
        for taken in ["null", "[]", r#"["http://a/b"]"#, r#"["nonsense",""]"#] {
            assert_eq!(read(media_type, with(taken).as_str()), Ok(()), "{taken}");
        }
        for refused in ["\"http://a/b\"", "{}", "1", "[null]", "[1]", r#"["http://a/b",[]]"#] {
            assert_eq!(read(media_type, with(refused).as_str()), Err("manifest.descriptor"), "{refused}");
        }
    }
}

#[test]
fn rule_7_a_platform_is_looked_at_in_the_entries_of_lists_only() {
    let platform = r#"{"architecture":"amd64","os":"linux"}"#;
    for media_type in [OCI_INDEX, DOCKER_LIST] {
        for taken in ["null", "{}", r#"{"os":"linux"}"#, r#"{"architecture":"","os":"","variant":1}"#] {
            assert_eq!(read(media_type, edited(media_type, platform, taken).as_str()), Ok(()), "{taken}");
        }
        for refused in ["\"linux\"", "[]", "1", r#"{"os":null}"#, r#"{"architecture":1}"#, r#"{"os":["linux"]}"#] {
            let text = edited(media_type, platform, refused);
            assert_eq!(read(media_type, text.as_str()), Err("manifest.platform"), "{refused}");
        }
    }
    for media_type in [OCI_IMAGE, DOCKER_IMAGE] {
        let text = edited(media_type, r#""size""#, r#""platform":1,"size""#);
        assert_eq!(read(media_type, text.as_str()), Ok(()));
    }
    let subject = edited(OCI_IMAGE, r#""mediaType":"s""#, r#""mediaType":"s","platform":[]"#);
    assert_eq!(read(OCI_IMAGE, subject.as_str()), Ok(()));
}

#[test]
fn rule_8_subject_artifact_type_and_annotations_are_read_in_oci_types_only() {
    let digest = sha256("x");
    let cases = [
        ("subject", "null", Ok(())),
        ("subject", "[]", Err("manifest.structure")),
        ("subject", "\"sha256:\"", Err("manifest.structure")),
        ("subject", "{}", Err("manifest.descriptor")),
        ("artifactType", "null", Ok(())),
        ("artifactType", "\"\"", Ok(())),
        ("artifactType", "1", Err("manifest.structure")),
        ("annotations", "null", Ok(())),
        ("annotations", "{}", Ok(())),
        ("annotations", "[]", Err("manifest.structure")),
        ("annotations", r#"{"k":1}"#, Err("manifest.structure")),
        ("annotations", r#"{"k":null}"#, Err("manifest.structure")),
    ];
    for (key, value, expected) in cases {
        for media_type in [OCI_IMAGE, OCI_INDEX] {
            let before = match key {
                "subject" => format!(r#""subject":{{"mediaType":"s","digest":"{digest}","size":1}}"#),
                "artifactType" => r#""artifactType":"t""#.to_owned(),
                _ => r#""annotations":{"k":"v"}"#.to_owned(),
            };
            let text = edited(media_type, &before, &format!(r#""{key}":{value}"#));
            assert_eq!(read(media_type, text.as_str()), expected, "{key}: {value} in {media_type}");
        }
        for media_type in [DOCKER_IMAGE, DOCKER_LIST] {
            let text = adding(media_type, &format!(r#""{key}":{value}"#));
            assert_eq!(read(media_type, text.as_str()), Ok(()), "{key}: {value} in {media_type}");
        }
    }
}

#[test]
fn a_content_type_is_compared_without_parameters_blanks_and_case() {
    for media_type in ALL_TYPES {
        let text = complete(media_type);
        let upper = media_type.to_uppercase();
        for same in [format!("  {media_type} "), format!("{media_type}; charset=utf-8"), format!("{upper} ;;x"), upper]
        {
            assert_eq!(read(&same, text.as_str()), Ok(()), "{same}");
        }
        for other in ["", "application/json", "text/plain", ";", &format!("x/{media_type}"), &format!("{media_type}+x")]
        {
            assert_eq!(read(other, text.as_str()), Err("manifest.type"), "{other}");
        }
    }
    let mut r = ours();
    assert_eq!(r.does(put_text("a", "t", None, &complete(OCI_IMAGE))), malformed());
}
