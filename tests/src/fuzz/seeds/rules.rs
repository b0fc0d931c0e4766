//! Documents at the edges of the rules of `docs/behaviour.md`, "Reading a manifest", and one for each exception of the third reader.

use proofhouse_registry::manifest::ManifestType;

use super::Seed;

const DOCKER: u8 = 0;
const LIST: u8 = 1;
const IMAGE: u8 = 2;
const INDEX: u8 = 3;

fn sha256() -> String {
    format!("sha256:{}", "a".repeat(64))
}

/// A descriptor, with these members after the three that it needs.
fn more(members: &str) -> String {
    format!(r#"{{"mediaType":"t","digest":"{}","size":7{members}}}"#, sha256())
}

/// A descriptor with this digest and this size.
fn named(digest: &str, size: &str) -> String {
    format!(r#"{{"mediaType":"t","digest":"{digest}","size":{size}}}"#)
}

/// A document of the type. `parts`: members in place of the usual ones, or besides them; an empty value takes one away.
pub(super) fn document(kind: u8, parts: &[(&str, &str)]) -> String {
    let descriptor = more("");
    let entry = more(r#","platform":{"architecture":"amd64","os":"linux"}"#);
    let (layers, entries) = (format!("[{descriptor}]"), format!("[{entry}]"));
    let media_type = format!("\"{}\"", ManifestType::ALL[usize::from(kind)]);
    let mut members = vec![("schemaVersion", "2"), ("mediaType", &*media_type)];
    members.extend(match kind {
        LIST | INDEX => vec![("manifests", &*entries)],
        _ => vec![("config", &*descriptor), ("layers", &*layers)],
    });
    for (key, value) in parts {
        match members.iter_mut().find(|(member, _)| member == key) {
            Some(member) => member.1 = value,
            None => members.push((key, value)),
        }
    }
    let written = members.iter().filter(|(_, value)| !value.is_empty());
    let written: Vec<String> = written.map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", written.join(","))
}

/// The same with members that may stand there already.
fn and(kind: u8, members: &str) -> String {
    let document = document(kind, &[]);
    format!("{}{members}}}", &document[..document.len() - 1])
}

pub(super) fn seeds() -> Vec<Seed> {
    let (list, deep) = (|items: &str| format!("[{items}]"), format!("{}{}", "[".repeat(63), "]".repeat(63)));
    let foreign =
        |urls: &str| more(urls).replace("\"t\"", r#""application/vnd.docker.image.rootfs.foreign.diff.tar.gzip""#);
    let platform = |platform: &str| list(&more(&format!(",\"platform\":{platform}")));
    let sha512 = format!("sha512:{}", "b".repeat(128));
    let of = |parts: &[(&str, &str)]| (IMAGE, document(IMAGE, parts));
    let index = |manifests: String| (INDEX, document(INDEX, &[("manifests", &manifests)]));
    let all: Vec<(&str, (u8, String))> = vec![
        ("empty-lists", of(&[("layers", "[]")])),
        ("empty-index", index("[]".into())),
        (
            "foreign-layers",
            (
                DOCKER,
                document(
                    DOCKER,
                    &[(
                        "layers",
                        &list(
                            &[
                                foreign(r#","urls":["https://x/y"]"#),
                                foreign(r#","urls":["ftp://x#y"]"#),
                                foreign(r#","urls":null"#),
                            ]
                            .join(","),
                        ),
                    )],
                ),
            ),
        ),
        (
            "subject",
            of(&[("subject", &named(&sha512, "7")), ("artifactType", "\"a\""), ("annotations", r#"{"k":"v"}"#)]),
        ),
        (
            "subject-null",
            (INDEX, document(INDEX, &[("subject", "null"), ("artifactType", "\"\""), ("annotations", "{}")])),
        ),
        ("null-platform", index(platform("null"))),
        ("odd-platform", index(platform(r#"{"os":null,"variant":7}"#))),
        ("platform-list", index(platform(r#"["amd64","linux",null,null,null,null]"#))),
        ("platform-incomplete", index(platform("{}"))),
        ("platform-unread", index(platform(r#"{"architecture":"amd64","os":"linux","variant":7,"os_version":[]}"#))),
        (
            "platform-unread-twice",
            index(platform(r#"{"architecture":"amd64","os":"linux","variant":"7","variant":""}"#)),
        ),
        ("platform-elsewhere", of(&[("config", &more(",\"platform\":7"))])),
        ("descriptor-unread", of(&[("config", &more(r#","annotations":7,"data":{},"artifactType":[]"#))])),
        ("descriptor-unread-twice", of(&[("config", &more(r#","data":"","data":"""#))])),
        ("docker-unread", (DOCKER, document(DOCKER, &[("subject", "7"), ("annotations", "[]")]))),
        ("docker-list-unread", (LIST, document(LIST, &[("artifactType", "7")]))),
        ("duplicate-key", (IMAGE, and(IMAGE, &format!(",\"config\":{}", more(""))))),
        ("duplicate-escaped", (IMAGE, and(IMAGE, r#","\u006cayers":[]"#))),
        ("duplicate-alien", (IMAGE, and(IMAGE, r#","manifests":0,"manifests":0"#))),
        ("duplicate-free-key", (IMAGE, and(IMAGE, r#","x":1,"x":[{}]"#))),
        ("duplicate-annotation", of(&[("annotations", r#"{"k":"v","K":"v","k":"w"}"#)])),
        ("look-alike-case", (INDEX, and(INDEX, r#","MANIFESTS":[]"#))),
        ("look-alike-long-s", (INDEX, and(INDEX, ",\"\u{17f}ubject\":null"))),
        ("look-alike-ligature", (IMAGE, and(IMAGE, ",\"con\u{fb01}g\":null"))),
        ("look-alike-not", (IMAGE, and(IMAGE, ",\"\u{441}onfig\":null"))),
        ("both-kinds", of(&[("manifests", "null")])),
        ("index-of-layers", (INDEX, document(INDEX, &[("layers", "[]")]))),
        ("version-1", of(&[("schemaVersion", "1")])),
        ("type-other", of(&[("mediaType", "\"application/json\"")])),
        ("type-absent", of(&[("mediaType", "")])),
        ("type-absent-docker", (DOCKER, document(DOCKER, &[("mediaType", "")]))),
        ("type-null", of(&[("mediaType", "null")])),
        (
            "numbers",
            of(&[
                ("schemaVersion", "2.0"),
                ("config", &named(&sha256(), "9223372036854775808")),
                ("x", "[1e999,-0,1E5]"),
            ]),
        ),
        ("number-unread", of(&[("x", "1e999")])),
        ("size-largest", of(&[("config", &named(&sha256(), "9223372036854775807"))])),
        ("size-too-large", of(&[("config", &named(&sha256(), "9223372036854775808"))])),
        ("size-negative-zero", of(&[("config", &named(&sha256(), "-0"))])),
        ("digest-sha384", of(&[("config", &named(&format!("sha384:{}", "c".repeat(96)), "7"))])),
        ("digest-other", of(&[("config", &named("md5+x:aB", "7"))])),
        ("digest-upper", of(&[("config", &named(&sha256().to_uppercase(), "7"))])),
        ("config-list", of(&[("config", &format!(r#"["t","{}",7,null,null,null,null,null]"#, sha256()))])),
        ("document-list", (IMAGE, format!(r#"[2,null,null,{},[],null,null]"#, more("")))),
        ("half-a-pair", of(&[("x", r#""\ud83d""#)])),
        ("depth-64", of(&[("x", &deep)])),
        ("depth-65", of(&[("x", &list(&deep))])),
        ("nothing", (IMAGE, String::new())),
        ("space-around", (INDEX, format!(" \n{}\t", document(INDEX, &[])))),
        ("something-after", (INDEX, format!("{}x", document(INDEX, &[])))),
    ];
    let seed = |(name, (kind, text)): (&str, (u8, String))| {
        Seed::new("manifest_parse", name, [&[kind], text.as_bytes()].concat())
    };
    all.into_iter().map(seed).collect()
}
