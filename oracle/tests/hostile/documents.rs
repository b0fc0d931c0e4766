//! Documents that are made to be expensive, and bodies that are not what they seem.

use std::fmt::Write as _;

use proofhouse_model::digest_of;

use crate::house::{House, status};
use crate::withstands;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// As large as a manifest may be, in bytes.
const MOST: usize = 4 << 20;

fn bombs() -> Vec<String> {
    let deep = |open: &str, inner: &str, close: &str, count: usize| open.repeat(count) + inner + &close.repeat(count);
    let head = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":"#);
    let entry = format!(r#"{{"mediaType":"{IMAGE}","digest":"{}","size":2}}"#, digest_of("sha256", b"{}"));
    let entries = (MOST - 200) / (entry.len() + 1);
    let annotations = (0..100_000).fold(String::new(), |mut all, at| {
        write!(all, r#""a{at}":"b","#).unwrap();
        all
    });
    vec![
        deep("[", "", "]", MOST / 2),
        deep(r#"{"a":"#, "1", "}", MOST / 6 - 10),
        deep("[", "", "", MOST - 1),
        format!("{head}{}}}", deep("[", "", "]", 100_000)),
        format!("{head}[{}]}}", vec![entry.as_str(); entries].join(",")),
        format!("{head}[{}]}}", vec!["{}"; 1_000_000].join(",")),
        format!(r#"{head}[],"annotations":{{{annotations}"z":"z"}}}}"#),
        format!(r#"{head}[],{}"z":1}}"#, r#""manifests":[],"#.repeat(100_000)),
        format!(r#"{head}[],{}"z":1}}"#, r#""mediaType":"x","#.repeat(100_000)),
        format!(
            r#"{head}[{{"mediaType":"{IMAGE}","digest":"{}","size":{}}}]}}"#,
            digest_of("sha256", b""),
            "9".repeat(1_000_000)
        ),
        format!(r#"{{"schemaVersion":1e{},"manifests":[]}}"#, "9".repeat(100_000)),
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"size":-1,"digest":"sha256:{}"}}]}}"#,
            "0".repeat(1_000_000)
        ),
        format!(
            r#"{{"schemaVersion":2,"artifactType":"{}","mediaType":"{INDEX}","manifests":[]}}"#,
            "\\u0000".repeat(100_000)
        ),
        "\u{feff}{}".to_owned(),
        "null".to_owned(),
        "\"\"".to_owned(),
        String::new(),
    ]
}

#[test]
fn a_document_that_is_a_bomb_is_read_within_bounds_or_refused() {
    let house = House::open(|_, _| {});
    let mut said = Vec::new();
    for document in bombs() {
        for kind in [INDEX, IMAGE, "application/vnd.docker.distribution.manifest.list.v2+json", "application/json"] {
            let shown: String = document.chars().take(60).collect();
            let answer =
                house.ask("PUT", "/v2/a/manifests/t", &format!("Content-Type: {kind}\r\n"), document.as_bytes());
            said.push((format!("{shown} as {kind}"), answer));
        }
    }
    let not_text = [&[0xff, 0xfe, 0x00][..], &[0x80; 1000], b"{\"a\":\"\xc0\xaf\"}", b"\0\0\0\0"];
    for bytes in not_text {
        said.push((
            format!("{bytes:?}"),
            house.ask("PUT", "/v2/a/manifests/t", &format!("Content-Type: {INDEX}\r\n"), bytes),
        ));
    }
    withstands(&house, said);
}

#[test]
fn nothing_is_unpacked_on_the_way() {
    let house = House::open(|_, _| {});
    // A gzip member of nothing. Were it unpacked, its digest would be that of nothing.
    let packed: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let (digest, of_nothing) = (digest_of("sha256", packed), digest_of("sha256", b""));
    let push = |digest: &str| {
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        house.ask("POST", &path, "Content-Encoding: gzip\r\nContent-Type: application/octet-stream\r\n", packed)
    };
    let (wrong, right) = (push(&of_nothing), push(&digest));
    assert_eq!((status(&wrong), status(&right)), (Some(400), Some(201)), "{wrong} {right}");
    let got = house.ask("GET", &format!("/v2/a/blobs/{digest}"), "Accept-Encoding: gzip\r\n", b"");
    assert!(
        got.to_ascii_lowercase().contains("\r\ncontent-length: 20\r\n")
            && !got.to_ascii_lowercase().contains("content-encoding"),
        "{got}"
    );
    let manifest =
        house.ask("PUT", "/v2/a/manifests/t", &format!("Content-Type: {INDEX}\r\nContent-Encoding: gzip\r\n"), packed);
    withstands(&house, [("a packed manifest".to_owned(), manifest)]);
}
