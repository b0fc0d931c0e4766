//! curl pushes blobs as the standard's text has it, request by request.

use proofhouse_model::digest_of;
use proofhouse_tests::client::{Answer, curl};

use super::{Ours, there};

/// More than curl sends without asking first, and no text.
fn large() -> Vec<u8> {
    (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

/// A request with a body.
fn send(method: &str, url: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut arguments = vec!["--request", method, "--header", "Content-Type: application/octet-stream"];
    for header in headers {
        arguments.extend(["--header", header]);
    }
    arguments.extend(["--data-binary", "@-", url]);
    curl(&arguments, body).unwrap()
}

fn start(ours: &Ours, query: &str) -> String {
    let started = send("POST", &ours.url(&format!("/v2/app/blobs/uploads/{query}")), &[], b"");
    assert_eq!(started.status, 202);
    ours.url(started.header("location"))
}

fn with_digest(location: &str, digest: &str) -> String {
    format!("{location}{}digest={digest}", if location.contains('?') { '&' } else { '?' })
}

/// Ends the upload where an answer says that it goes on, with its last bytes perhaps: the blob is served from then on.
fn finish(ours: &Ours, so_far: &Answer, digest: &str, last: (&[&str], &[u8]), content: &[u8]) -> Answer {
    let url = with_digest(&ours.url(so_far.header("location")), digest);
    let finished = send("PUT", &url, last.0, last.1);
    assert_eq!(finished.status, 201);
    // It has ended: nobody can go on with it.
    let upload = ours.url(so_far.header("location"));
    assert_eq!(curl(&[&upload], b"").unwrap().status, 404);
    serves(ours, digest, content);
    finished
}

/// The blob is there, whole, in part, and by name only.
fn serves(ours: &Ours, digest: &str, content: &[u8]) {
    let url = ours.url(&format!("/v2/app/blobs/{digest}"));
    let whole = curl(&[&url], b"").unwrap();
    assert_eq!((whole.status, whole.header("docker-content-digest")), (200, digest));
    assert!(whole.body == content, "{digest} has other bytes");
    let part = curl(&["--range", "3-9", &url], b"").unwrap();
    assert_eq!((part.status, part.body.as_slice()), (206, &content[3..=9]));
    let head = curl(&["--head", &url], b"").unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, content.len().to_string().as_str()));
}

#[test]
fn a_blob_is_pushed_in_chunks_and_the_last_one_comes_with_the_put() {
    if !there("curl") {
        return;
    }
    let ours = Ours::in_memory(|builder| builder);
    let content = large();
    let digest = digest_of("sha256", &content);
    let location = start(&ours, "");
    let first = send("PATCH", &location, &["Content-Range: 0-1199999"], &content[..1_200_000]);
    assert_eq!((first.status, first.header("range")), (202, "0-1199999"));
    let second = send(
        "PATCH",
        &ours.url(first.header("location")),
        &["Content-Range: 1200000-1399999"],
        &content[1_200_000..1_400_000],
    );
    assert_eq!((second.status, second.header("range")), (202, "0-1399999"));
    let last = (&["Content-Range: 1400000-1599999"][..], &content[1_400_000..]);
    let finished = finish(&ours, &second, &digest, last, &content);
    let stored = curl(&[&ours.url(finished.header("location"))], b"").unwrap();
    assert!(stored.status == 200 && stored.body == content);
}

#[test]
fn a_chunk_out_of_order_is_refused_by_patch_and_by_put_and_the_upload_goes_on() {
    if !there("curl") {
        return;
    }
    let ours = Ours::in_memory(|builder| builder);
    let content = b"0123456789abcdef";
    let digest = digest_of("sha256", content);
    let location = start(&ours, "");
    let first = send("PATCH", &location, &["Content-Range: 0-9"], &content[..10]);
    assert_eq!(first.status, 202);
    let location = ours.url(first.header("location"));
    // Once more, beyond the end, and with the digest.
    let again = send("PATCH", &location, &["Content-Range: 0-9"], &content[..10]);
    let beyond = send("PATCH", &location, &["Content-Range: 12-15"], &content[12..]);
    let last = send("PUT", &with_digest(&location, &digest), &["Content-Range: 12-15"], &content[12..]);
    for refused in [again, beyond, last] {
        assert_eq!((refused.status, refused.header("range")), (416, "0-9"), "{refused:?}");
    }
    let status = curl(&[&location], b"").unwrap();
    assert_eq!((status.status, status.header("range")), (204, "0-9"));
    // What the status says is what a client goes on with.
    finish(&ours, &status, &digest, (&["Content-Range: 10-15"], &content[10..]), content);
}

#[test]
fn a_blob_goes_by_sha512_from_the_start_to_the_pull() {
    if !there("curl") {
        return;
    }
    let ours = Ours::in_memory(|builder| builder);
    let content = b"hashed otherwise";
    let digest = digest_of("sha512", content);
    let location = start(&ours, "?digest-algorithm=sha512");
    let first = send("PATCH", &location, &["Content-Range: 0-3"], &content[..4]);
    assert_eq!(first.status, 202);
    let wrong = with_digest(&ours.url(first.header("location")), &digest_of("sha512", b"something else"));
    assert_eq!(send("PUT", &wrong, &["Content-Range: 4-15"], &content[4..]).status, 400);
    finish(&ours, &first, &digest, (&[], b""), content);
    // By the other algorithm nobody pushed it.
    let sha256 = ours.url(&format!("/v2/app/blobs/{}", digest_of("sha256", content)));
    assert_eq!(curl(&[&sha256], b"").unwrap().status, 404);
}

#[test]
fn a_stream_of_unknown_length_is_one_chunk() {
    if !there("curl") {
        return;
    }
    let ours = Ours::in_memory(|builder| builder);
    let content = large();
    let digest = digest_of("sha256", &content);
    let location = start(&ours, "");
    let kind = "Content-Type: application/octet-stream";
    let streamed = curl(&["--request", "PATCH", "--header", kind, "--upload-file", "-", &location], &content).unwrap();
    assert_eq!((streamed.status, streamed.header("range")), (202, "0-1599999"));
    finish(&ours, &streamed, &digest, (&[], b""), &content);
}

#[test]
fn a_blob_is_pushed_with_one_post() {
    if !there("curl") {
        return;
    }
    let ours = Ours::in_memory(|builder| builder);
    let content = large();
    let digest = digest_of("sha256", &content);
    let pushed = send("POST", &ours.url(&format!("/v2/app/blobs/uploads/?digest={digest}")), &[], &content);
    assert_eq!(pushed.status, 201);
    serves(&ours, &digest, &content);
}
