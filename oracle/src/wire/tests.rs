//! Each rule rejects an answer, and lets another pass.

use proofhouse_model::{Content, Range, Release, UploadRef, digest_of};
use reqwest::header::{HeaderName, HeaderValue};

use super::*;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Answer { status, headers: map, body: body.into(), failure: None }
}

fn exchange<'a>(dialect: Dialect, op: &'a Op, answer: &'a Answer) -> Exchange<'a> {
    Exchange { dialect, op, repository: "p/a", held: 5, redirects: false, answer }
}

const LAYER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn get_blob() -> Op {
    Op::GetBlob { repo: "a".into(), digest: LAYER.into(), range: Some(Range::From(0)) }
}

fn head_blob() -> Op {
    Op::HeadBlob { repo: "a".into(), digest: LAYER.into() }
}

fn get_manifest() -> Op {
    Op::GetManifest { repo: "a".into(), reference: "latest".into() }
}

fn start() -> Op {
    Op::StartUpload { repo: "a".into(), upload: UploadRef(0) }
}

fn status() -> Op {
    Op::UploadStatus { repo: "a".into(), upload: UploadRef(0) }
}

fn finish() -> Op {
    Op::FinishUpload { repo: "a".into(), upload: UploadRef(0), digest: None, range: None, bytes: Content::default() }
}

fn tags() -> Op {
    Op::ListTags { repo: "a".into(), n: None, last: None }
}

fn referrers() -> Op {
    Op::Referrers { repo: "a".into(), digest: LAYER.into(), artifact_type: None }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const INDEX: (&str, &str) = ("content-type", "application/vnd.oci.image.index.v1+json");

/// Rule, operation, an answer that it rejects, an answer that it keeps.
fn cases() -> Vec<(&'static str, Op, Answer, Answer)> {
    let digest = digest_of("sha256", b"layer");
    let digest = ("docker-content-digest", digest.as_str());
    let dropped = Answer { failure: Some("the connection was closed".into()), ..Answer::default() };
    let many_warnings = format!("299 - \"{}\"", "w".repeat(4096));
    let error = |text: &str| format!("{{\"errors\":[{text}]}}");
    vec![
        ("wire.answer.whole", start(), dropped, answer(202, &[], "")),
        ("wire.status.known", start(), answer(999, &[], ""), answer(599, &[], "")),
        ("wire.status.server-error", start(), answer(503, &[], "busy"), answer(404, &[], "")),
        ("wire.status.expected", start(), answer(201, &[], ""), answer(202, &[], "")),
        ("wire.status.expected", get_blob(), answer(307, &[], ""), answer(206, &[], "")),
        ("wire.status.expected", status(), answer(200, &[], ""), answer(204, &[], "")),
        (
            "wire.header.single",
            start(),
            answer(202, &[("location", "/a"), ("location", "/b")], ""),
            answer(202, &[("location", "/a")], ""),
        ),
        (
            "wire.warning",
            start(),
            answer(202, &[("warning", &many_warnings)], ""),
            answer(202, &[("warning", "299 - \"soon\"")], ""),
        ),
        ("wire.error.body", start(), answer(404, &[], "gone"), answer(404, &[JSON], &error(r#"{"code":"X"}"#))),
        ("wire.error.body", start(), answer(404, &[JSON], &error("")), answer(404, &[], &error(r#"{"code":"X"}"#))),
        ("wire.error.json", start(), answer(404, &[JSON], "{"), answer(404, &[JSON], &error(r#"{"code":"X"}"#))),
        ("wire.error.json", start(), answer(404, &[JSON], &error("{}")), answer(404, &[JSON], &error(""))),
        (
            "wire.error.code",
            start(),
            answer(404, &[JSON], &error(r#"{"code":"blob unknown"}"#)),
            answer(404, &[JSON], &error(r#"{"code":"BLOB_UNKNOWN"}"#)),
        ),
        (
            "wire.error.known",
            start(),
            answer(404, &[JSON], &error(r#"{"code":"NOT_THERE"}"#)),
            answer(404, &[JSON], &error(r#"{"code":"BLOB_UNKNOWN"},{"code":"TAG_INVALID"}"#)),
        ),
        (
            "wire.error.message",
            start(),
            answer(404, &[JSON], &error(r#"{"code":"DENIED","message":"17"}"#)),
            answer(404, &[JSON], &error(r#"{"code":"DENIED","message":""},{"code":"DENIED","message":"no"}"#)),
        ),
        (
            "wire.error.message",
            start(),
            answer(404, &[JSON], &error(r#"{"code":"DENIED","message":"\u0000a"}"#)),
            answer(404, &[JSON], &error(r#"{"code":"DENIED"}"#)),
        ),
        (
            "wire.upload.least",
            start(),
            answer(202, &[("oci-chunk-min-length", "64 KiB")], ""),
            answer(202, &[("oci-chunk-min-length", "65536")], ""),
        ),
        (
            "wire.error.detail",
            start(),
            answer(404, &[JSON], &error(r#"{"code":"X","detail":{"digest":"d"}}"#)),
            answer(404, &[JSON], &error(r#"{"code":"X","detail":"d"}"#)),
        ),
        (
            "wire.location.url",
            start(),
            answer(202, &[("location", "ftp://a/b")], ""),
            answer(202, &[("location", "/a?b=c")], ""),
        ),
        ("wire.location.url", start(), answer(202, &[("location", "")], ""), answer(202, &[("location", "x")], "")),
        ("wire.location.upload", start(), answer(202, &[], ""), answer(202, &[("location", "/a")], "")),
        ("wire.location.stored", finish(), answer(201, &[], ""), answer(201, &[("location", "/a")], "")),
        ("wire.upload.range", status(), answer(204, &[], ""), answer(204, &[("range", "0-4")], "")),
        (
            "wire.upload.range",
            start(),
            answer(202, &[("range", "bytes=0-4")], ""),
            answer(202, &[("range", "0-0")], ""),
        ),
        (
            "wire.digest.form",
            head_blob(),
            answer(200, &[("docker-content-digest", "sha256-abc")], ""),
            answer(200, &[("docker-content-digest", "sha256:abc")], ""),
        ),
        ("wire.digest.body", get_blob(), answer(200, &[digest], "other"), answer(200, &[digest], "layer")),
        ("wire.digest.present", head_blob(), answer(200, &[], ""), answer(200, &[digest], "")),
        ("wire.head.length", head_blob(), answer(200, &[], ""), answer(200, &[("content-length", "5")], "")),
        (
            "wire.blob.part",
            get_blob(),
            answer(206, &[("content-range", "bytes 0-4/10")], "1234"),
            answer(206, &[("content-range", "bytes 0-4/10")], "12345"),
        ),
        (
            "wire.blob.part",
            get_blob(),
            answer(206, &[], "12345"),
            answer(206, &[("content-range", "bytes 5-9/10")], "12345"),
        ),
        (
            "wire.blob.unsatisfied",
            get_blob(),
            answer(416, &[], ""),
            answer(416, &[("content-range", "bytes */10")], ""),
        ),
        (
            "wire.manifest.parameters",
            get_manifest(),
            answer(200, &[("content-type", "application/json; charset=utf-8")], ""),
            answer(200, &[JSON], ""),
        ),
        (
            "wire.tags.body",
            tags(),
            answer(200, &[JSON], r#"{"name":"a","tags":[]}"#),
            answer(200, &[JSON], r#"{"name":"p/a","tags":["latest"]}"#),
        ),
        (
            "wire.tags.body",
            tags(),
            answer(200, &[JSON], r#"{"name":"p/a","tags":[1]}"#),
            answer(200, &[JSON], r#"{"name":"p/a","tags":[]}"#),
        ),
        (
            "wire.catalog.body",
            Op::WalkRepositories { n: 2 },
            answer(200, &[JSON], r#"["a"]"#),
            answer(200, &[JSON], r#"{"repositories":["a"]}"#),
        ),
        (
            "wire.link",
            tags(),
            answer(200, &[("link", "/v2/p/a/tags/list?n=1; rel=next")], ""),
            answer(200, &[("link", "</v2/p/a/tags/list?n=1>; rel=\"next\"")], ""),
        ),
        ("wire.referrers.type", referrers(), answer(200, &[JSON], ""), answer(200, &[INDEX], "")),
        (
            "wire.referrers.body",
            referrers(),
            answer(200, &[INDEX], r#"{"schemaVersion":2,"manifests":[{"digest":"d"}]}"#),
            answer(200, &[INDEX], r#"{"schemaVersion":2,"manifests":[{"digest":"d","mediaType":"m","size":1}]}"#),
        ),
    ]
}

#[test]
fn every_rule_rejects_an_answer_and_keeps_another() {
    let mut met: Vec<&str> = Vec::new();
    for (id, op, bad, good) in cases() {
        let rule = rule(id).unwrap_or_else(|| panic!("no rule {id}"));
        let dialect = [Dialect::Proofhouse, Dialect::Oci, Dialect::Distribution(Release::V3)];
        let dialect = dialect.into_iter().find(|dialect| rule.applies_to(*dialect)).unwrap();
        let verdict = rule.check(&exchange(dialect, &op, &bad));
        assert!(matches!(verdict, Verdict::Broken(_)), "{id} says {verdict:?} of {bad:?}");
        let verdict = rule.check(&exchange(dialect, &op, &good));
        assert_eq!(verdict, Verdict::Kept, "{id} of {good:?}");
        met.push(id);
    }
    for rule in rules() {
        assert!(met.contains(&rule.id.0), "nothing shows that {} rejects anything", rule.id);
    }
}

#[test]
fn every_rule_has_a_name_of_its_own_and_a_sentence() {
    for (at, rule) in rules().iter().enumerate() {
        assert!(rule.id.0.starts_with("wire."), "{}", rule.id);
        assert!(rule.sentence.ends_with('.'), "{}", rule.id);
        assert!(rules()[..at].iter().all(|other| other.id != rule.id), "{} stands twice", rule.id);
        assert_eq!(proofhouse_model::rule(rule.id), None, "{} is one of the model's", rule.id);
    }
}

#[test]
fn a_broken_must_is_named_and_a_broken_should_is_counted() {
    let op = head_blob();
    let mut tally = Tally::default();
    let no_digest = answer(200, &[("content-length", "5")], "");
    assert_eq!(check(&exchange(Dialect::Oci, &op, &no_digest), &mut tally), Ok(()));
    assert_eq!(tally.advice[&RuleId("wire.digest.present")], (1, "200 without it".into()));

    let what = check(&exchange(Dialect::Oci, &op, &answer(200, &[], "")), &mut tally).unwrap_err();
    let (rule, seen) = cited(&what).unwrap();
    assert_eq!((rule.id.0, seen), ("wire.head.length", "200 without a Content-Length"));
    assert!(cited("the connection was closed").is_none());
    assert_eq!(tally.checked[&RuleId("wire.head.length")], 2);
}

#[test]
fn distribution_may_answer_nonsense_with_a_500_that_says_what_it_is() {
    let dialect = Dialect::Distribution(Release::V2_8);
    let rule = rule("wire.status.server-error").unwrap();
    let op = get_manifest();
    let told = answer(500, &[JSON], r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{}}]}"#);
    assert_eq!(rule.check(&exchange(dialect, &op, &told)), Verdict::Kept);
    assert!(matches!(rule.check(&exchange(Dialect::Oci, &op, &told)), Verdict::Broken(_)));
    assert!(matches!(rule.check(&exchange(dialect, &op, &answer(500, &[], "oops"))), Verdict::Broken(_)));
}

#[test]
fn an_empty_upload_needs_no_range() {
    let op = status();
    let empty = answer(204, &[("location", "/a")], "");
    let exchange = Exchange { held: 0, ..exchange(Dialect::Oci, &op, &empty) };
    assert_eq!(rule("wire.upload.range").unwrap().check(&exchange), Verdict::Silent);
}

#[test]
fn a_body_that_is_cut_says_so_and_bytes_that_are_no_text_are_told_in_hexadecimal() {
    use super::answers::glimpse;
    assert_eq!(glimpse(b" short\n"), ", with the body short");
    let long = format!("x{}", "\u{e9}".repeat(200));
    assert_eq!(glimpse(long.as_bytes()), format!(", with the body x{}\u{2026}", "\u{e9}".repeat(99)));
    assert_eq!(glimpse(b"\0\xff"), ", with the body 2 bytes (in hexadecimal) 00ff");
    assert_eq!(glimpse(b"caf\xe9"), ", with the body caf\u{fffd}", "text in another encoding is text all the same");
    assert_eq!(glimpse(b" "), "");
}
