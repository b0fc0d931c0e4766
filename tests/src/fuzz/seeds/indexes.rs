//! Options of the index validation with an index: see `Case` in `fuzz/index.rs` for what each byte is.

use proofhouse_model::digest_of;
use proofhouse_registry::manifest::ManifestType;

use super::Seed;
use super::images::documents;
use super::rules::document;

const VALIDATE: u8 = 1;
const IS_DOCKER: u8 = 2;
const RAW: u8 = 4;
const AMD64: u8 = 0;
const LINUX: u8 = 1;
const ARM64: u8 = 2;
const WINDOWS: u8 = 3;
const EMPTY: u8 = 4;
const NOWHERE: u8 = 0;
const HERE: u8 = 1;
const BY_SHA512: u8 = 2;
const ELSEWHERE: u8 = 3;
const ABSENT: u8 = 0;
const NULL: u8 = 1;
const TWICE: u8 = 3;
const OBJECT: u8 = 5;
const ESCAPED: u8 = 2;
const WRITTEN: u8 = 3;
const NO_MORE: u8 = 9;

/// An entry with a platform of two words.
const fn entry(digest: u8, architecture: u8, os: u8) -> [u8; 7] {
    [digest, OBJECT, WRITTEN, architecture, WRITTEN, os, NO_MORE]
}

fn child(number: u8) -> String {
    let text = format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"child":"{number}"}}}}"#);
    digest_of("sha256", text.as_bytes())
}

pub(super) fn seeds() -> Vec<Seed> {
    let three = [entry(0, AMD64, LINUX), entry(1, ARM64, LINUX), entry(2, AMD64, WINDOWS)].concat();
    let only_amd64 = [VALIDATE, 1, AMD64, LINUX];
    let empty = [VALIDATE, 1, EMPTY, EMPTY, 0, 0, 0, 0];
    let nowhere = [NOWHERE; 4];
    let mut all: Vec<(String, Vec<u8>)> = [
        ("off", [&[0, 0][..], &nowhere, &three].concat()),
        ("all-present", [&[VALIDATE, 0, HERE, HERE, HERE, NOWHERE][..], &three].concat()),
        ("all-missing", [&[VALIDATE | IS_DOCKER, 0, NOWHERE, ELSEWHERE, BY_SHA512, NOWHERE][..], &three].concat()),
        ("by-sha512", [&[VALIDATE, 0, BY_SHA512, 0, 0, 0][..], &entry(4, AMD64, LINUX)].concat()),
        ("sparse", [&only_amd64[..], &[HERE, NOWHERE, NOWHERE, NOWHERE], &three].concat()),
        ("sparse-refused", [&only_amd64[..], &[NOWHERE, HERE, HERE, NOWHERE], &three].concat()),
        ("two-filters", [&[VALIDATE, 2, AMD64, LINUX, ARM64, LINUX, HERE, HERE, 0, 0][..], &three].concat()),
        ("null-platform", [&empty[..], &[0, NULL, 1, ABSENT]].concat()),
        ("empty-platform", [&empty[..], &[0, NULL, 1, ABSENT, 2, OBJECT, 0, 0, NO_MORE]].concat()),
        ("odd-platform", [&only_amd64[..], &nowhere, &[0, OBJECT, 1, 0, WRITTEN, LINUX, NO_MORE]].concat()),
        ("duplicate-platform", [&only_amd64[..], &nowhere, &[0, TWICE, WRITTEN, AMD64, WRITTEN, LINUX, 9]].concat()),
        ("escaped-words", [&only_amd64[..], &nowhere, &[0, OBJECT, ESCAPED, AMD64, ESCAPED, LINUX, NO_MORE]].concat()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into();
    let platform = |number: u8, os: &str| {
        format!(
            r#"{{"mediaType":"t","digest":"{}","size":1,"platform":{{"architecture":"amd64","os":"{os}"}}}}"#,
            child(number)
        )
    };
    let raw = document(3, &[("manifests", &format!("[{},{}]", platform(0, "linux"), platform(1, "windows")))]);
    all.push(("raw".into(), [&[VALIDATE | RAW, 1, AMD64, LINUX, HERE, 0, 0, 0][..], raw.as_bytes()].concat()));
    for (name, kind, document) in documents() {
        let flags = match kind {
            ManifestType::OciIndex => VALIDATE | RAW,
            ManifestType::DockerList => VALIDATE | RAW | IS_DOCKER,
            _ => continue,
        };
        let bytes = [&[flags, 1, AMD64, LINUX, 0, 0, 0, 0][..], document.to_string().as_bytes()].concat();
        all.push((name.to_owned(), bytes));
    }
    all.into_iter().map(|(name, bytes)| Seed::new("index_platforms", name, bytes)).collect()
}
