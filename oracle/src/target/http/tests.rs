//! Requests and answers, against a server that says what it is told.

use proofhouse_model::{BlobBody, Content, ErrorItem};

use super::server::{Asked, Reply, Server, reply};
use super::*;

pub(super) const LAYER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
pub(super) const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Performs operations against a script of answers (the ping is added), and says what was seen and asked.
pub(super) fn perform(dialect: Dialect, ops: &[Op], script: Vec<Reply>) -> (Vec<Outcome>, Vec<Asked>) {
    let options =
        HttpOptions { namespace: Some("ns".into()), timeout: Duration::from_secs(3), ..HttpOptions::new(dialect) };
    with_target(options, script, async |target, server| {
        let mut outcomes = Vec::new();
        for op in ops {
            outcomes.push(target.perform(op).await);
        }
        (outcomes, server.asked())
    })
}

pub(super) fn with_target<T>(
    options: HttpOptions,
    mut script: Vec<Reply>,
    f: impl AsyncFnOnce(&mut HttpTarget, &Server) -> T,
) -> T {
    script.insert(0, reply(200, &[JSON], "{}"));
    let server = Server::start(script);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut target = HttpTarget::connect(&server.url, options).await.unwrap();
        target.run = "ns/run".into();
        target.fresh(&Options::default()).await.unwrap();
        server.asked();
        f(&mut target, &server).await
    })
}

fn one(dialect: Dialect, op: Op, answer: Reply) -> (Outcome, Asked) {
    let (mut outcomes, mut asked) = perform(dialect, &[op], vec![answer]);
    (outcomes.remove(0), asked.remove(0))
}

pub(super) fn get(range: Option<Range>) -> Op {
    Op::GetBlob { repo: "a".into(), digest: LAYER.into(), range }
}

fn append(repo: &str, bytes: &str) -> Op {
    Op::Append { repo: repo.into(), upload: UploadRef(1), range: Some((0, 4)), bytes: bytes.into() }
}

fn start() -> Op {
    Op::StartUpload { repo: "a".into(), upload: UploadRef(1) }
}

pub(super) fn broken(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Broken { what } => what,
        other => panic!("not broken: {other}"),
    }
}

pub(super) fn refused(status: u16, errors: &[(&str, Option<&str>)]) -> Outcome {
    let item = |(code, detail): &(&str, Option<&str>)| ErrorItem {
        code: Code::from(*code),
        detail: detail.map(str::to_owned),
    };
    Outcome::Refused { status, errors: errors.iter().map(item).collect() }
}

#[test]
fn a_blob_is_read_whole_and_in_part() {
    let digest = digest_of("sha256", b"layer");
    let whole = reply(200, &[("Docker-Content-Digest", &digest)], "layer");
    let (outcome, asked) = one(Dialect::Oci, get(None), whole);
    let body = BlobBody { bytes: "layer".into(), range: None };
    assert_eq!(outcome, Outcome::Blob { digest: Some(digest), size: 5, body: Some(body) });
    assert_eq!(asked.line, format!("GET /v2/ns/run-1/a/blobs/{LAYER} HTTP/1.1"));

    let part = reply(206, &[("Content-Range", "bytes 1-2/5")], "ay");
    let (outcome, asked) = one(Dialect::Oci, get(Some(Range::FromTo(1, 2))), part);
    let body = BlobBody { bytes: "ay".into(), range: Some((1, 2)) };
    assert_eq!(outcome, Outcome::Blob { digest: None, size: 5, body: Some(body) });
    assert!(asked.has("range: bytes=1-2"));
}

#[test]
fn head_tells_the_size_and_has_no_errors() {
    let op = Op::HeadBlob { repo: "a".into(), digest: LAYER.into() };
    let (outcome, _) =
        one(Dialect::Oci, op.clone(), Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".into()));
    assert_eq!(outcome, Outcome::Blob { digest: None, size: 5, body: None });
    let missing = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n";
    let (outcome, _) = one(Dialect::Proofhouse, op, Reply::Raw(missing.into()));
    assert_eq!(outcome, refused(404, &[]));
}

#[test]
fn an_answer_that_does_not_come_or_breaks_off_is_broken() {
    let (outcome, _) = one(Dialect::Oci, get(None), Reply::Cut(Vec::new()));
    assert!(broken(&outcome).starts_with("wire.answer.whole: connection closed"), "{outcome}");
    let (outcome, _) = one(Dialect::Oci, get(None), Reply::Hang);
    assert_eq!(broken(&outcome), "wire.answer.whole: no answer within 3s");
    let short = Reply::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nlayer".into());
    let (outcome, _) = one(Dialect::Oci, get(None), short.clone());
    assert!(
        broken(&outcome).starts_with("wire.answer.whole: the body of a 200 breaks off after 5 of 10 bytes"),
        "{outcome}"
    );
    let (outcome, _) = one(Dialect::Distribution(Release::V2_8), get(None), short);
    assert!(broken(&outcome).starts_with("wire.answer.whole"), "{outcome}");
    let (outcome, _) = one(Dialect::Oci, get(None), Reply::Cut(b"SSH-2.0-OpenSSH_9.6\r\n".into()));
    assert!(broken(&outcome).starts_with("wire.answer.whole"), "{outcome}");
}

#[test]
fn a_body_without_end_is_broken() {
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(endless.len() + transport::LONGEST_BODY + 1, b'x');
    let options = HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(Dialect::Oci) };
    let script = vec![Reply::Cut(endless)];
    let outcome = with_target(options, script, async |target, _| target.perform(&get(None)).await);
    assert_eq!(broken(&outcome), "wire.answer.whole: the body is longer than 67108864 bytes");
}

#[test]
fn distribution_may_break_off_a_416() {
    let cut = || Reply::Cut(b"HTTP/1.1 416 X\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n".into());
    let (outcome, _) = one(Dialect::Distribution(Release::V2_8), get(Some(Range::From(10))), cut());
    assert_eq!(outcome, refused(416, &[]));
    let (outcome, _) = one(Dialect::Oci, get(Some(Range::From(10))), cut());
    assert!(broken(&outcome).starts_with("wire.answer.whole"), "{outcome}");
}

#[test]
fn a_status_that_the_standard_does_not_give_is_broken() {
    let (outcome, _) = one(Dialect::Oci, start(), reply(200, &[("Location", "/x")], ""));
    assert_eq!(broken(&outcome), "wire.status.expected: 200, where success is 202");
    let (outcome, _) = one(Dialect::Oci, start(), reply(502, &[], "bad gateway"));
    assert!(broken(&outcome).starts_with("wire.status.server-error: 502"), "{outcome}");
    let (outcome, _) = one(Dialect::Oci, start(), reply(202, &[], ""));
    assert_eq!(broken(&outcome), "wire.location.upload: 202 without a Location");
}

#[test]
fn errors_are_read_and_their_details_name_the_subject() {
    let op = || Op::GetManifest { repo: "a".into(), reference: "latest".into() };
    let document = r#"{"errors":[
        {"code":"MANIFEST_UNKNOWN","message":"m","detail":{"Name":"ns/run-1/a","Revision":"sha256:x"}},
        {"code":"NAME_UNKNOWN","detail":{"name":"ns/run-1/a"}},
        {"code":"NAME_INVALID","detail":"ns/run-1/A"},
        {"code":"BLOB_UNKNOWN","detail":"sha256:y"},
        {"code":"UNKNOWN","detail":{}},
        {"code":"UNSUPPORTED"}]}"#;
    let expected = refused(
        404,
        &[
            ("MANIFEST_UNKNOWN", Some("sha256:x")),
            ("NAME_UNKNOWN", Some("a")),
            ("NAME_INVALID", Some("A")),
            ("BLOB_UNKNOWN", Some("sha256:y")),
            ("UNKNOWN", None),
            ("UNSUPPORTED", None),
        ],
    );
    let (outcome, asked) = one(Dialect::Oci, op(), reply(404, &[JSON], document));
    assert_eq!(outcome, expected);
    assert!(asked.headers.iter().any(|line| line.starts_with("accept: application/vnd.oci.image.manifest.v1+json, ")));

    let (outcome, _) = one(Dialect::Oci, op(), reply(404, &[("Content-Type", "text/html")], "<h1>404</h1>"));
    assert_eq!(outcome, refused(404, &[]));
    let (outcome, _) = one(Dialect::Oci, op(), reply(404, &[JSON], "<h1>404</h1>"));
    assert!(broken(&outcome).starts_with("wire.error.json: "), "{outcome}");
}

#[test]
fn a_500_of_distribution_is_a_refusal_if_it_says_what_it_is() {
    let told = || reply(500, &[JSON], r#"{"errors":[{"code":"UNKNOWN","message":"m","detail":{}}]}"#);
    let (outcome, _) = one(Dialect::Distribution(Release::V3), get(None), told());
    assert_eq!(outcome, refused(500, &[("UNKNOWN", None)]));
    let (outcome, _) = one(Dialect::Oci, get(None), told());
    assert!(broken(&outcome).starts_with("wire.status.server-error: 500"), "{outcome}");
}

#[test]
fn an_upload_goes_on_where_the_last_answer_says() {
    let ops = [start(), append("a", "layer"), Op::UploadStatus { repo: "b".into(), upload: UploadRef(1) }];
    let unknown = reply(404, &[JSON], r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#);
    let script = vec![
        reply(202, &[("Location", "/v2/ns/run-1/a/blobs/uploads/x?_state=1"), ("Docker-Upload-UUID", "x")], ""),
        reply(202, &[("Location", "/v2/ns/run-1/a/blobs/uploads/x?_state=2"), ("Range", "0-4")], ""),
        unknown,
    ];
    let (outcomes, asked) = perform(Dialect::Oci, &ops, script);
    assert_eq!(outcomes[0], Outcome::Upload { id: "x".into(), size: 0 });
    assert_eq!(outcomes[1], Outcome::Upload { id: "/v2/ns/run-1/a/blobs/uploads/x".into(), size: 5 });
    assert_eq!(outcomes[2], refused(404, &[("BLOB_UPLOAD_UNKNOWN", None)]));
    assert_eq!(asked[0].line, "POST /v2/ns/run-1/a/blobs/uploads/ HTTP/1.1");
    assert!(asked[0].has("content-length: 0"));
    assert_eq!(asked[1].line, "PATCH /v2/ns/run-1/a/blobs/uploads/x?_state=1 HTTP/1.1");
    assert!(asked[1].has("content-range: 0-4") && asked[1].has("content-length: 5"));
    assert_eq!(asked[1].body, b"layer");
    assert_eq!(asked[2].line, "GET /v2/ns/run-1/b/blobs/uploads/x?_state=2 HTTP/1.1");
}

#[test]
fn an_upload_that_was_never_opened_is_asked_for_under_an_id_that_nobody_gave() {
    let (_, asked) = one(Dialect::Oci, append("a", ""), reply(404, &[], ""));
    let line = "PATCH /v2/ns/run-1/a/blobs/uploads/00000000-0000-4000-8000-000000000001 HTTP/1.1";
    assert_eq!(asked.line, line);
    assert!(asked.has("content-length: 0"), "an empty chunk says so: {:?}", asked.headers);
}

#[test]
fn finishing_adds_the_digest_to_the_location() {
    let finish = |digest: Option<&str>| Op::FinishUpload {
        repo: "a".into(),
        upload: UploadRef(1),
        digest: digest.map(str::to_owned),
        range: None,
        bytes: "r".into(),
    };
    let mismatch = reply(400, &[JSON], r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
    let status = Op::UploadStatus { repo: "a".into(), upload: UploadRef(1) };
    let ops = [start(), finish(None), finish(Some(LAYER)), status, finish(Some(LAYER))];
    let script = vec![
        reply(202, &[("Location", "/u?_state=1")], ""),
        mismatch.clone(),
        mismatch,
        reply(204, &[("Location", "/u?_state=2"), ("Range", "0-0")], ""),
        reply(201, &[("Location", "/b"), ("Docker-Content-Digest", LAYER)], ""),
    ];
    let (outcomes, asked) = perform(Dialect::Oci, &ops, script);
    assert_eq!(asked[1].line, "PUT /u?_state=1 HTTP/1.1");
    assert_eq!(asked[2].line, format!("PUT /u?_state=1&digest={} HTTP/1.1", LAYER.replace(':', "%3A")));
    assert_eq!(outcomes[3], Outcome::Upload { id: "/u".into(), size: 1 }, "0-0 agrees with the one byte sent");
    assert_eq!(asked[4].line, format!("PUT /u?_state=2&digest={} HTTP/1.1", LAYER.replace(':', "%3A")));
    assert_eq!(outcomes[4], Outcome::BlobStored { digest: Some(LAYER.into()) });
}

#[test]
fn a_blob_in_one_request_is_stored_or_starts_an_upload() {
    let put = || Op::PutBlob { repo: "a".into(), digest: LAYER.into(), bytes: "layer".into(), upload: UploadRef(1) };
    let (outcome, asked) = one(Dialect::Oci, put(), reply(201, &[("Location", "/b")], ""));
    assert_eq!(outcome, Outcome::BlobStored { digest: None });
    assert_eq!(asked.body, b"layer");
    let script = vec![reply(202, &[("Location", "/u")], ""), reply(202, &[("Location", "/u"), ("Range", "0-4")], "")];
    let (outcomes, asked) = perform(Dialect::Oci, &[put(), append("a", "layer")], script);
    assert_eq!(outcomes[0], Outcome::Upload { id: "/u".into(), size: 0 });
    assert_eq!(asked[1].line, "PATCH /u HTTP/1.1");
}

#[test]
fn a_mount_names_both_repositories() {
    let op = Op::MountBlob { repo: "a".into(), digest: LAYER.into(), from: Some("b".into()), upload: UploadRef(1) };
    let (outcome, asked) = one(Dialect::Oci, op, reply(201, &[("Location", "/b")], ""));
    assert_eq!(outcome, Outcome::BlobStored { digest: None });
    let digest = LAYER.replace(':', "%3A");
    assert_eq!(asked.line, format!("POST /v2/ns/run-1/a/blobs/uploads/?mount={digest}&from=ns%2Frun-1%2Fb HTTP/1.1"));
}

#[test]
fn a_manifest_is_stored_and_read() {
    let op = Op::PutManifest {
        repo: "a".into(),
        reference: LAYER.into(),
        content_type: Some(" application/x ; a=b".into()),
        tags: vec!["t".into(), "u".into()],
        bytes: "{}".into(),
    };
    let headers = [("Location", "/m"), ("OCI-Subject", LAYER), ("OCI-Tag", "t, u"), ("Docker-Content-Digest", LAYER)];
    let (outcome, asked) = one(Dialect::Oci, op, reply(201, &headers, ""));
    let tags = vec!["t".into(), "u".into()];
    assert_eq!(outcome, Outcome::ManifestStored { digest: Some(LAYER.into()), subject: Some(LAYER.into()), tags });
    assert_eq!(asked.line, format!("PUT /v2/ns/run-1/a/manifests/{LAYER}?tag=t&tag=u HTTP/1.1"));

    let op = Op::GetManifest { repo: "a".into(), reference: "t".into() };
    let typed = || reply(200, &[("Content-Type", "application/x; charset=utf-8")], "{}");
    let (outcome, _) = one(Dialect::Oci, op.clone(), typed());
    let bytes = Some(Content::from("{}"));
    assert_eq!(outcome, Outcome::Manifest { digest: None, media_type: "application/x".into(), size: 2, bytes });
    let (outcome, _) = one(Dialect::Proofhouse, op, typed());
    assert!(matches!(outcome, Outcome::Manifest { media_type, .. } if media_type.ends_with("utf-8")));
}

#[test]
fn lists_are_read_page_by_page() {
    let op = Op::ListTags { repo: "a".into(), n: Some("1".into()), last: Some("q".into()) };
    let link = ("Link", "</v2/ns/run-1/a/tags/list?last=t&n=1>; rel=\"next\"");
    let (outcome, asked) = one(Dialect::Oci, op, reply(200, &[JSON, link], r#"{"name":"ns/run-1/a","tags":["t"]}"#));
    assert_eq!(outcome, Outcome::Names { names: vec!["t".into()], more: true });
    assert_eq!(asked.line, "GET /v2/ns/run-1/a/tags/list?n=1&last=q HTTP/1.1");

    let page =
        |names: &str, link: &str| reply(200, &[JSON, ("Link", link)], &format!(r#"{{"repositories":[{names}]}}"#));
    let script = vec![
        page(r#""ns/run-1/a","ns/run-1/b""#, "</v2/_catalog?last=b&n=2>; rel=\"next\""),
        page(r#""ns/run-1/c","other""#, "</v2/_catalog?last=other&n=2>; rel=\"next\""),
    ];
    let dialect = Dialect::Distribution(Release::V3);
    let (outcomes, asked) = perform(dialect, &[Op::WalkRepositories { n: 2 }], script);
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(outcomes[0], Outcome::Names { names, more: false });
    assert_eq!(asked[0].line, "GET /v2/_catalog?n=2&last=ns%2Frun-1 HTTP/1.1");
    assert_eq!(asked.len(), 2, "what comes after the case's repositories is not read");
}

#[test]
fn redirects_are_followed_for_pulls_of_others() {
    let digest = digest_of("sha256", b"layer");
    let script = || {
        vec![
            reply(307, &[("Location", "/elsewhere"), ("Docker-Content-Digest", &digest)], ""),
            reply(200, &[], "layer"),
        ]
    };
    let (outcomes, asked) = perform(Dialect::Oci, &[get(None)], script());
    let body = Some(BlobBody { bytes: "layer".into(), range: None });
    assert_eq!(outcomes[0], Outcome::Blob { digest: Some(digest.clone()), size: 5, body });
    assert_eq!(asked[1].line, "GET /elsewhere HTTP/1.1");

    let (outcomes, _) = perform(Dialect::Proofhouse, &[get(None)], script());
    assert_eq!(broken(&outcomes[0]), "wire.status.expected: 307 to /elsewhere, where success is 200");
    let far = vec![reply(307, &[("Location", "ftp://storage.example/layer")], "")];
    let options = HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(Dialect::Oci) };
    let why = with_target(options, far, async |target, _| {
        target.perform(&get(None)).await;
        target.interruption()
    });
    assert!(matches!(why, Some(TargetError::Unsupported(_))), "that is not the registry's fault: {why:?}");
}

#[test]
fn a_redirect_is_an_answer_where_it_is_an_option() {
    let options = HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(Dialect::Proofhouse) };
    let script = vec![reply(307, &[("Location", "http://storage/layer")], "")];
    let outcome = with_target(options, script, async |target, _| {
        target.fresh(&Options { redirect: Some("http://storage".into()), ..Options::default() }).await.unwrap();
        target.perform(&get(None)).await
    });
    assert_eq!(outcome, Outcome::Redirect { url: "http://storage/layer".into() });
}

#[test]
fn every_case_has_repositories_of_its_own() {
    let options = HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(Dialect::Oci) };
    let script = vec![reply(404, &[], ""), reply(404, &[], "")];
    let asked = with_target(options, script, async |target, server| {
        target.perform(&get(None)).await;
        target.fresh(&Options::default()).await.unwrap();
        target.perform(&get(None)).await;
        server.asked()
    });
    assert!(asked[0].line.starts_with("GET /v2/ns/run-1/a/"));
    assert!(asked[1].line.starts_with("GET /v2/ns/run-2/a/"));
}

#[test]
fn what_no_client_can_ask_is_not_offered() {
    for (dialect, here) in [(Dialect::Proofhouse, true), (Dialect::Oci, false)] {
        let options = HttpOptions { namespace: Some("ns".into()), ..HttpOptions::new(dialect) };
        with_target(options, Vec::new(), async |target, _| {
            let head = |repo: &str, digest: &str| Op::HeadBlob { repo: repo.into(), digest: digest.into() };
            let pages = |n: &str| Op::ListRepositories { n: Some(n.into()), last: None };
            assert!(target.offers(&get(None)));
            assert!(!target.offers(&Op::ListBlobs) && !target.offers(&Op::Restart));
            assert!(!target.offers(&pages("10")) && !target.offers(&Op::ListRepositories { n: None, last: None }));
            assert!(!target.offers(&head("../a", LAYER)) && !target.offers(&head("a", "..")));
            assert_eq!(target.offers(&pages("-1")), here);
            assert_eq!(target.offers(&pages("1001")), here);
            assert_eq!(target.offers(&Op::WalkRepositories { n: 2 }), here);
            assert_eq!(target.offers(&head("a//b", LAYER)), here);
            assert_eq!(target.offers(&head("a", "sha256:../../etc/passwd")), here);
        });
    }
}
