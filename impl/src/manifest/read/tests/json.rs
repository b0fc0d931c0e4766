//! Rule 1: what JSON is.

use super::*;

/// A type, and a document of it with something in some place.
type Place = (ManifestType, fn(&str) -> String);

#[test]
fn white_space_of_json_may_stand_around_and_nothing_else() {
    for kind in ManifestType::ALL {
        let document = good(kind);
        taken(kind, &format!(" \t\r\n{document}\n "));
        for other in ["\u{feff}", "\u{a0}", "\u{b}", "\u{c}", "\0", "x", "{}", ",", "//"] {
            assert!(matches!(refused(kind, &format!("{document}{other}")), Malformed::NotJson(_)));
            assert!(read(kind, format!("{other}{document}").as_bytes()).is_err());
        }
    }
}

#[test]
fn only_an_object_is_a_document() {
    for kind in ManifestType::ALL {
        for text in ["null", "[]", "2", "\"\"", "true"] {
            let error = refused(kind, text);
            assert!(matches!(error, Malformed::Wrong { wanted: Wanted::Object, .. }), "{error}");
        }
        // serde takes an array for a struct; a manifest is none.
        assert_eq!(place(&refused(kind, &format!(r#"[2,"{kind}"]"#))), "");
        for text in ["", " ", "{", "}", "{\"a\"}", "{a:1}", "{'a':1}", "{\"a\":1,}", "{\"a\":01}", "{\"a\":NaN}"] {
            assert!(read(kind, text.as_bytes()).is_err(), "{text}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_wherever_they_are() {
    let document = and(OciIndex, r#""x":"?""#).replace('?', "\u{fffd}");
    let bytes = document.as_bytes();
    let at = document.find('\u{fffd}').unwrap();
    let bad = [&bytes[..at], b"\xff", &bytes[at + 3..]].concat();
    assert!(matches!(read(OciIndex, &bad), Err(Malformed::NotUtf8 { offset }) if offset == at));
    let surrogate = [&bytes[..at], b"\xed\xa0\x80", &bytes[at + 3..]].concat();
    assert!(matches!(read(OciIndex, &surrogate), Err(Malformed::NotUtf8 { .. })));
}

#[test]
fn arrays_and_objects_nest_64_deep_and_no_deeper() {
    for kind in ManifestType::ALL {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let nested = |levels: usize| format!(r#""x":{}1{}"#, open.repeat(levels), close.repeat(levels));
            taken(kind, &and(kind, &nested(63)));
            assert!(matches!(refused(kind, &and(kind, &nested(64))), Malformed::TooDeep { .. }));
            assert!(matches!(refused(kind, &and(kind, &nested(100_000))), Malformed::TooDeep { .. }));
        }
        // Many beside each other are not deep.
        taken(kind, &and(kind, &format!(r#""x":[{}0]"#, "[],{},".repeat(1000))));
    }
    // Below a platform, which is four levels down: document, manifests, entry, platform.
    let deep = |levels| {
        with(
            OciIndex,
            "manifests",
            &format!(
                "[{}]",
                descriptor(&format!(r#","platform":{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)))
            ),
        )
    };
    taken(OciIndex, &deep(60));
    assert_eq!(place(&refused(OciIndex, &deep(61))), "/manifests/0/platform");
}

#[test]
fn numbers_may_be_of_any_size_that_a_double_holds_in_parts_that_are_not_read_too() {
    let places: [Place; 4] = [
        (OciManifest, |number| and(OciManifest, &format!(r#""x":{number}"#))),
        (OciManifest, |number| with(OciManifest, "config", &descriptor(&format!(r#","x":[{{"y":{number}}}]"#)))),
        (OciManifest, |number| with(OciManifest, "config", &descriptor(&format!(r#","platform":{number}"#)))),
        (DockerList, |number| and(DockerList, &format!(r#""subject":[{number}]"#))),
    ];
    for (kind, document) in places {
        for number in
            ["0", "-0", "-1", "1.5", "1e2", "1E+2", "2e-400", "18446744073709551616", "1e308", &"9".repeat(300)]
        {
            taken(kind, &document(number));
        }
        for number in ["1e309", "-1e309", "1e99999999999", &"9".repeat(310), "+1", ".5", "1.", "0x1", "Infinity", "00"]
        {
            assert!(matches!(refused(kind, &document(number)), Malformed::NotJson(_)), "{number}");
        }
    }
}

#[test]
fn half_a_surrogate_pair_is_refused_in_any_string() {
    let places: [Place; 5] = [
        (OciManifest, |text| and(OciManifest, &format!(r#""x":"{text}""#))),
        (OciManifest, |text| and(OciManifest, &format!(r#""{text}":1"#))),
        (OciManifest, |text| and(OciManifest, &format!(r#""x":[{{"{text}":{{}}}}]"#))),
        (DockerManifest, |text| with(DockerManifest, "annotations", &format!(r#"{{"a":["{text}"]}}"#))),
        (OciIndex, |text| with(OciIndex, "annotations", &format!(r#"{{"{text}":""}}"#))),
    ];
    for (kind, document) in places {
        taken(kind, &document(r"\ud83d\ude00 \u0000 \/ \n"));
        for half in
            [r"\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83d\ud83d", r"\ud83dx", r"\ud83d\n", r"\u12", r"\x", "\u{1}"]
        {
            assert!(matches!(refused(kind, &document(half)), Malformed::NotJson(_)), "{half}");
        }
    }
}
