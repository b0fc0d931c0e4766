//! Symbolic links in the root that lead out of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proofhouse_model::digest_of;

use crate::house::{House, status};
use crate::withstands;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const TEXT: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// Everything that a client can ask of a repository and a digest.
fn all_of_it(house: &House, repository: &str) -> Vec<(String, String)> {
    let (blob, manifest) = (digest_of("sha256", b"precious"), digest_of("sha256", TEXT.as_bytes()));
    let kind = format!("Content-Type: {INDEX}\r\n");
    let mut said = Vec::new();
    let mut ask = |method: &str, path: String, headers: &str, body: &[u8]| {
        let answer = house.ask(method, &path, headers, body);
        said.push((format!("{method} {path}"), answer));
    };
    ask("GET", "/v2/_catalog".into(), "", b"");
    ask("GET", format!("/v2/{repository}/tags/list"), "", b"");
    ask("GET", format!("/v2/{repository}/blobs/{blob}"), "", b"");
    ask(
        "POST",
        format!("/v2/{repository}/blobs/uploads/?digest={blob}"),
        "Content-Type: application/octet-stream\r\n",
        b"precious",
    );
    ask("POST", format!("/v2/{repository}/blobs/uploads/"), "", b"");
    ask("POST", format!("/v2/other/blobs/uploads/?mount={blob}&from={repository}"), "", b"");
    ask("PUT", format!("/v2/{repository}/manifests/t"), &kind, TEXT.as_bytes());
    ask("PUT", format!("/v2/{repository}/manifests/{manifest}"), &kind, TEXT.as_bytes());
    ask("GET", format!("/v2/{repository}/manifests/t"), "", b"");
    ask("GET", format!("/v2/{repository}/referrers/{manifest}"), "", b"");
    ask("DELETE", format!("/v2/{repository}/manifests/t"), "", b"");
    ask("DELETE", format!("/v2/{repository}/manifests/{manifest}"), "", b"");
    ask("DELETE", format!("/v2/{repository}/blobs/{blob}"), "", b"");
    said
}

/// Where a link is planted below the root, and what it leads to outside.
fn planted(at: &str, to: &str) {
    let house = House::open(|root: &Path, outside: &Path| {
        let place = root.join("docker/registry/v2").join(at);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        symlink(outside.join(to), place).unwrap();
    });
    let said = all_of_it(&house, "a");
    for (what, answer) in &said {
        let reads = what.starts_with("GET") && status(answer).is_some_and(|status| status < 300);
        assert!(!(reads && answer.contains("precious")), "{at}: {what} reads what is outside: {answer}");
    }
    withstands(&house, said.into_iter().map(|(what, answer)| (format!("{at}: {what}"), answer)).collect::<Vec<_>>());
}

#[test]
fn no_link_in_the_tree_is_followed() {
    let (blob, manifest) = (digest_of("sha256", b"precious"), digest_of("sha256", TEXT.as_bytes()));
    let (blob, manifest) = (blob.trim_start_matches("sha256:"), manifest.trim_start_matches("sha256:"));
    for (at, to) in [
        ("blobs".to_owned(), ""),
        ("blobs/sha256".to_owned(), ""),
        (format!("blobs/sha256/{}", &blob[..2]), ""),
        (format!("blobs/sha256/{}/{blob}", &blob[..2]), ""),
        (format!("blobs/sha256/{}/{blob}/data", &blob[..2]), "precious"),
        (format!("blobs/sha256/{}/{blob}/data", &blob[..2]), "missing"),
        ("repositories".to_owned(), ""),
        ("repositories/a".to_owned(), ""),
        ("repositories/a/_layers".to_owned(), ""),
        (format!("repositories/a/_layers/sha256/{blob}"), ""),
        (format!("repositories/a/_layers/sha256/{blob}/link"), "precious"),
        ("repositories/a/_manifests".to_owned(), ""),
        ("repositories/a/_manifests/revisions".to_owned(), ""),
        (format!("repositories/a/_manifests/revisions/sha256/{manifest}/link"), "precious"),
        ("repositories/a/_manifests/tags".to_owned(), ""),
        ("repositories/a/_manifests/tags/t".to_owned(), ""),
        ("repositories/a/_manifests/tags/t/current".to_owned(), ""),
        ("repositories/a/_manifests/tags/t/current/link".to_owned(), "precious"),
        ("repositories/a/_manifests/tags/t/index".to_owned(), ""),
        ("repositories/a/_uploads".to_owned(), ""),
        ("incoming".to_owned(), ""),
    ] {
        planted(&at, to);
    }
}
