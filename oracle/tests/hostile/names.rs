//! Names, digests and parameters that try to be paths.

use crate::house::House;
use crate::withstands;

/// Ways to say "one directory up", and other things that are no name.
const TRICKS: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    "%2E%2E%2F%2E%2E",
    "..%2f..%2f..%2foutside",
    "%252e%252e%252f",
    "..%5c..",
    "..\\..",
    "%00",
    "a%00b",
    "%c0%ae%c0%ae%c0%af",
    "%e0%80%ae",
    "%f8%80%80%80%ae",
    "%ff%fe",
    "%",
    "%zz",
    "%2",
    "a%0d%0aSet-Cookie:x",
    "_uploads",
    "_layers",
    "_manifests",
    ".tmp-1-1",
    ".proofhouse",
    "%2eproofhouse",
    "~root",
    "$(id)",
    "|id",
    "a;b",
    "a?b",
    "CON",
    "%F0%9F%90%B3",
    "a%20b",
    "+",
    "*",
];

/// Every place of a path or query into which a client writes something.
fn requests(trick: &str) -> Vec<(&'static str, String)> {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut requests = Vec::new();
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        requests.push((method, format!("/v2/{trick}/manifests/t")));
        requests.push((method, format!("/v2/a/{trick}/b/manifests/t")));
        requests.push((method, format!("/v2/a/manifests/{trick}")));
        requests.push((method, format!("/v2/a/manifests/sha256:{trick}")));
        requests.push((method, format!("/v2/a/manifests/{digest}?tag={trick}")));
        requests.push((method, format!("/v2/a/blobs/{trick}")));
        requests.push((method, format!("/v2/a/blobs/sha256:{trick}")));
        requests.push((method, format!("/v2/{trick}/blobs/{digest}")));
    }
    for method in ["GET", "PATCH", "PUT", "DELETE"] {
        requests.push((method, format!("/v2/a/blobs/uploads/{trick}")));
        requests.push((method, format!("/v2/a/blobs/uploads/{trick}?digest={digest}")));
        requests.push((method, format!("/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000?_state={trick}")));
    }
    for path in [
        format!("/v2/{trick}/blobs/uploads/"),
        format!("/v2/a/blobs/uploads/?digest={trick}"),
        format!("/v2/a/blobs/uploads/?digest=sha256:{trick}"),
        format!("/v2/a/blobs/uploads/?mount={digest}&from={trick}"),
        format!("/v2/a/blobs/uploads/?mount={trick}&from=a"),
        format!("/v2/a/blobs/uploads/?digest-algorithm={trick}"),
    ] {
        requests.push(("POST", path));
    }
    for path in [
        format!("/{trick}"),
        format!("/v2/{trick}"),
        format!("/v2/../../{trick}"),
        format!("/v2/{trick}/tags/list"),
        format!("/v2/a/tags/list?n={trick}"),
        format!("/v2/a/tags/list?last={trick}"),
        format!("/v2/_catalog?last={trick}"),
        format!("/v2/_catalog?n={trick}"),
        format!("/v2/a/referrers/{trick}"),
        format!("/v2/a/referrers/{digest}?artifactType={trick}"),
        format!("/v2/a/referrers/{digest}?last={trick}&n={trick}"),
    ] {
        requests.push(("GET", path));
    }
    requests
}

#[test]
fn no_name_leads_out_of_the_root() {
    let house = House::open(|_, _| {});
    let long = "l".repeat(5000);
    let deep = "a/".repeat(2000) + "a";
    let up = "../".repeat(500) + "etc/passwd";
    let tricks = TRICKS.iter().copied().chain([long.as_str(), deep.as_str(), up.as_str()]);
    let asked = tricks.flat_map(requests).map(|(method, path)| {
        let headers = "Content-Type: application/vnd.oci.image.index.v1+json\r\n";
        let body = if matches!(method, "PUT" | "POST" | "PATCH") { &b"{}"[..] } else { b"" };
        let answer = house.ask(method, &path, headers, body);
        assert!(!answer.contains("root:x:") && !answer.contains("precious"), "{path}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("\r\nset-cookie"), "{path}: {answer}");
        (format!("{method} {path}"), answer)
    });
    let statuses = withstands(&house, asked.collect::<Vec<_>>());
    let refused = statuses.iter().filter(|status| status.is_some_and(|status| status >= 400)).count();
    assert!(refused * 2 > statuses.len(), "{refused} of {} were refused", statuses.len());
}
