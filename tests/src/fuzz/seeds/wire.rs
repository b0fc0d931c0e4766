//! What clients send over a connection, well-formed and not.

use super::Seed;
use crate::documents::{image, sha256};
use crate::fuzz::http::{SECRET, UPLOAD};

fn request(line: &str, headers: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n{body}")
}

pub(super) fn seeds() -> Vec<Seed> {
    let layer = sha256("layer");
    let pushed = image("config", &["layer"], r#","subject":null"#);
    let get = |path: &str, headers: &str| request(&format!("GET /v2/{path}"), headers, "");
    let upload = format!("/v2/a/blobs/uploads/{UPLOAD}?_state={}", SECRET.issue("a", UPLOAD, 0));
    let manifest_type = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";
    let all: Vec<(&str, String)> = vec![
        ("base", get("", "")),
        ("catalog", get("_catalog?n=1&last=a", "")),
        ("tags", get("a/tags/list?n=1", "")),
        ("blob", get(&format!("a/blobs/{layer}"), "")),
        ("blob-range", get(&format!("a/blobs/{layer}"), "Range: bytes=1-2\r\nIf-None-Match: \"x\"\r\n")),
        ("blob-head", request(&format!("HEAD /v2/a/blobs/{layer}"), "", "")),
        ("manifest", get("a/manifests/index", "Accept: application/vnd.oci.image.index.v1+json, */*;q=0.1\r\n")),
        ("referrers", get(&format!("a/referrers/{layer}?artifactType=a%2Fb"), "")),
        ("push", request(&format!("POST /v2/a/blobs/uploads/?digest={}", sha256("new")), "", "new")),
        ("mount", request(&format!("POST /v2/b/blobs/uploads/?mount={layer}&from=a"), "", "")),
        ("start", request("POST /v2/b/blobs/uploads/", "Content-Length: 0\r\n", "")),
        ("append", request(&format!("PATCH {upload}"), "Content-Range: 0-2\r\n", "new")),
        ("finish", request(&format!("PUT {upload}&digest={}", sha256("new")), "", "new")),
        ("status", request(&format!("GET {upload}"), "", "")),
        ("cancel", request(&format!("DELETE {upload}"), "", "")),
        ("put-manifest", request("PUT /v2/a/manifests/t?tag=u", manifest_type, &pushed)),
        ("delete-manifest", request("DELETE /v2/a/manifests/image", "If-Match: *\r\n", "")),
        ("delete-blob", request(&format!("DELETE /v2/a/blobs/{layer}"), "", "")),
        ("pipelined", format!("{}{}", get("", ""), get("a/tags/list", "Connection: close\r\n"))),
        (
            "chunked",
            "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnew\r\n0\r\n\r\n"
                .into(),
        ),
        (
            "chunked-torn",
            "PUT /v2/a/manifests/t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nnew".into(),
        ),
        ("short-body", "PUT /v2/a/manifests/t HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{".into()),
        ("no-host", "GET /v2/ HTTP/1.1\r\n\r\n".into()),
        ("http-1.0", "GET /v2/ HTTP/1.0\r\n\r\n".into()),
        ("http-2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ("climbing", get("..%2f..%2fetc/manifests/%2e%2e", "")),
        ("encoded", get("a%2Fb/tags/list?last=%00%FF", "")),
        ("bytes-in-headers", get("", "Range: \u{fc}\r\nX: \u{1}\r\n")),
        ("expect", request("PUT /v2/a/manifests/t", "Expect: 100-continue\r\n", "{}")),
    ];
    all.into_iter().map(|(name, text)| Seed::new("http_request", name, text)).collect()
}
