//! Both forms of a report, of a divergence and of none.

use std::time::Duration;

use proofhouse_model::{Code, ErrorItem, Op, Outcome, Release, RuleId, UploadRef, Violation, ViolationKind, digest_of};

use super::*;
use crate::campaign::{Divergence, Finding, Shrunk, Step};
use crate::lockstep::{CAPABILITY_ASSUMED, Shape};
use crate::probe::Origin;

pub(super) fn setup() -> Setup {
    Setup {
        subject: Subject { url: Some("http://127.0.0.1:5000".into()), namespace: Some("ns".into()), fsync: None },
        dialect: Dialect::Oci,
        options: Some(Options { delete: true, ..Options::default() }),
        seed: 40,
        ops: 50,
        strict: false,
        inferred: Vec::new(),
        known: Vec::new(),
        arguments: vec!["http://127.0.0.1:5000".into(), "--assume".into(), "urls_allow=^$".into()],
    }
}

pub(super) fn campaign(finding: Option<Finding>) -> CampaignReport {
    let digest = digest_of("sha256", b"layer");
    let put = Op::PutBlob { repo: "a".into(), digest: digest.clone(), bytes: "layer".into(), upload: UploadRef(0) };
    let head = Op::HeadBlob { repo: "b".into(), digest: digest.clone() };
    let stored = Outcome::BlobStored { digest: Some(digest.clone()) };
    let found = Outcome::Blob { digest: Some(digest), size: 5, body: None };
    let mut coverage = crate::coverage::Coverage::default();
    coverage.count(&put, &stored, RuleId("upload.single"), true);
    let shrunk = finding.map(|finding| Shrunk {
        dialect: Dialect::Oci,
        options: Options { delete: true, ..Options::default() },
        steps: vec![Step { op: put, outcome: stored }, Step { op: head, outcome: found }],
        history: Vec::new(),
        finding,
        original_length: 61,
        attempts: 210,
        shrink_complete: true,
        shape: Shape {
            rule: "blob.unlinked".into(),
            expected: None,
            operation: "HeadBlob".into(),
            outcome: "Blob".into(),
        },
        replays: 3,
        replayed: 3,
    });
    let divergence =
        shrunk.map(|shrunk| Divergence { seed: 42, found_after: 1234, cases: 1, also: Vec::new(), shrunk });
    CampaignReport {
        cases: 3,
        operations: 12_345,
        generated: 150,
        elapsed: Duration::from_secs(2),
        coverage,
        ended: if divergence.is_some() { Ended::Divergence } else { Ended::Cases },
        divergences: divergence.into_iter().collect(),
        undecided: 0,
        known: Vec::new(),
        stopped: None,
    }
}

pub(super) fn answer(seen: Outcome) -> Finding {
    let permitted = vec![(RuleId("blob.unlinked"), "404 BLOB_UNKNOWN".to_owned())];
    let kind = ViolationKind::NotPermitted;
    Finding::Answer(Box::new(Violation { rule: RuleId("blob.unlinked"), permitted, seen, kind }))
}

#[test]
fn a_divergence_is_told_with_its_rule_and_how_to_see_it_again() {
    let seen = Outcome::Blob { digest: None, size: 5, body: None };
    let report = Report::new(setup(), campaign(Some(answer(seen))), Some(&Tally::default()));
    let text = report.text();
    let expected = [
        "divergence  after 1,234 operations; shrunk from 61 to 2 in 210 attempts",
        "   1. push blob sha256:dac1d7cfa950 to a in one request, or start upload 0: 5\n      bytes layer",
        "   2. HEAD blob sha256:dac1d7cfa950 in b\n\n",
        "permitted   404 BLOB_UNKNOWN [blob.unlinked]\n",
        "seen        200 blob (no digest) of 5 bytes\n",
        "rule        blob.unlinked (MUST): A blob that the repository does not link is\n",
        "            OCI distribution-spec 1.1, \"Pulling blobs\"\n",
        "options     delete: true\n",
        "reproduce   proofhouse check http://127.0.0.1:5000 --assume 'urls_allow=^$' --ops 50 --seed 42 --cases 1\n",
        "DIVERGES  3 cases, 12,345 operations in 2.0 s (6,172 per second)\n",
    ];
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let wide = text.lines().find(|line| line.chars().count() > 80 && !line.starts_with("reproduce"));
    assert_eq!(wide, None);
}

#[test]
fn a_broken_rule_of_the_wire_is_the_one_that_is_cited() {
    let seen = Outcome::Broken { what: "wire.location.upload: 202 without a Location".into() };
    let report = Report::new(setup(), campaign(Some(answer(seen))), None);
    let divergence = &report.divergences[0];
    assert_eq!(divergence.rule.id, "wire.location.upload");
    assert_eq!(divergence.seen, "202 without a Location");
    assert!(report.text().contains("rule        wire.location.upload (MUST): "));
}

#[test]
fn what_was_found_on_disk_or_lost_is_told_too() {
    let storage = Finding::Storage { differences: vec!["a blob too many".into(), "a link too few".into()] };
    let text = Report::new(setup(), campaign(Some(storage)), None).text();
    assert!(text.contains("seen        on disk: a blob too many; a link too few\n"), "{text}");
    let lost = Finding::Lost { repo: "a".into(), manifest: "m".into(), missing: "x".into() };
    let text = Report::new(setup(), campaign(Some(lost)), None).text();
    assert!(text.contains("rule        gc.closure (MUST): "), "{text}");
}

#[test]
fn the_json_says_the_same_uncut() {
    let seen = Outcome::Blob { digest: None, size: 5, body: None };
    let report = Report::new(setup(), campaign(Some(answer(seen))), None);
    let document: Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["verdict"], "diverges");
    assert_eq!(document["dialect"], "oci");
    assert_eq!(document["target"]["url"], "http://127.0.0.1:5000");
    assert_eq!(document["divergences"][0]["steps"][0]["op"]["PutBlob"]["digest"], digest_of("sha256", b"layer"));
    assert_eq!(document["divergences"][0]["permitted"][0]["rule"], "blob.unlinked");
    assert_eq!(document["divergences"][0]["options_set"], serde_json::json!({"delete": true}));
    assert_eq!(document["coverage"]["operations"][0]["operation"], "PutBlob");
}

#[test]
fn coverage_and_advice_are_told_when_all_is_well() {
    let mut tally = Tally::default();
    tally.checked.insert(RuleId("wire.answer.whole"), 7);
    tally.advice.insert(RuleId("wire.digest.present"), (3, "200 without it".into()));
    let report = Report::new(setup(), campaign(None), Some(&tally));
    let text = report.text();
    assert!(text.starts_with("CONFORMS  3 cases"), "{text}");
    assert!(text.contains("of 150 generated operations 100 % succeeded, 100 % wrote"), "{text}");
    // Nothing was said of it that it must do.
    let applicable = applicable(Dialect::Oci, false).iter().filter(|rule| **rule != CAPABILITY_ASSUMED).count();
    assert!(text.contains(&format!("coverage  2 of {applicable} rules that apply were exercised")), "{text}");
    assert!(!report.coverage.unreached.contains(&"wire.answer.whole".to_owned()));
    assert!(report.coverage.unreached.contains(&"wire.link".to_owned()));
    assert!(text.contains("advice    wire.digest.present (SHOULD, 3 times): "), "{text}");
    let count = |rule: &str| {
        let rows = &report.coverage.rules;
        rows.iter().find(|count| count.rule.id == rule).map(|count| (count.exercised, count.met))
    };
    assert_eq!(count("wire.answer.whole"), Some((7, 7)));
    assert_eq!(count("upload.single"), Some((1, 1)));
    assert_eq!(count("wire.link"), Some((0, 0)), "never exercised is told as such");
    let strict = Report::new(Setup { strict: true, ..setup() }, campaign(None), Some(&tally));
    assert_eq!((report.verdict, strict.verdict), (Verdict::Conforms, Verdict::Diverges));
    assert!(strict.text().contains("advice counts, since the run is strict"), "{}", strict.text());
}

#[test]
fn a_rule_that_was_broken_was_exercised_and_not_always_met() {
    let seen = Outcome::Blob { digest: None, size: 5, body: None };
    let mut tally = Tally::default();
    tally.checked.insert(RuleId("wire.answer.whole"), 7);
    tally.violated.insert(RuleId("wire.answer.whole"), 2);
    let report = Report::new(setup(), campaign(Some(answer(seen))), Some(&tally));
    let row = |id: &str| report.coverage.rules.iter().find(|count| count.rule.id == id).unwrap();
    assert_eq!((row("blob.unlinked").exercised, row("blob.unlinked").met), (1, 0));
    assert_eq!((row("wire.answer.whole").exercised, row("wire.answer.whole").met), (7, 5));
}

/// The hint of a report in which these deletions were answered so, the last wrongly, with deletion assumed to be on or off.
fn hint(dialect: Dialect, assumed: bool, rule: &'static str, answers: &[(Op, Outcome)]) -> Option<String> {
    let seen = answers.last().unwrap().1.clone();
    let violation = Violation { rule: RuleId(rule), permitted: Vec::new(), seen, kind: ViolationKind::NotPermitted };
    let mut campaign = campaign(Some(Finding::Answer(Box::new(violation))));
    let divergence = &mut campaign.divergences[0];
    divergence.shrunk.dialect = dialect;
    divergence.shrunk.options = Options { delete: assumed, ..Options::default() };
    divergence.shrunk.steps = answers.iter().cloned().map(|(op, outcome)| Step { op, outcome }).collect();
    let report = Report::new(Setup { dialect, ..setup() }, campaign, None);
    let hint = report.divergences[0].hint.clone();
    assert_eq!(report.text().contains("hint        it was assumed"), hint.is_some());
    hint
}

fn refused(status: u16, code: Code) -> Outcome {
    Outcome::Refused { status, errors: vec![ErrorItem { code, detail: None }] }
}

#[test]
fn a_target_that_deletes_otherwise_than_assumed_is_told_what_to_pass() {
    let distribution = Dialect::Distribution(Release::V2_8);
    let blob = || Op::DeleteBlob { repo: "a".into(), digest: digest_of("sha256", b"layer") };
    let tag = || Op::DeleteManifest { repo: "a".into(), reference: "latest".into() };
    let off = || refused(405, Code::Unsupported);
    let on = [
        (blob(), Outcome::Done),
        (blob(), refused(404, Code::BlobUnknown)),
        (tag(), refused(404, Code::NameUnknown)),
        (tag(), refused(400, Code::DigestInvalid)),
    ];
    for answer in on {
        let told = hint(distribution, false, "delete.off", std::slice::from_ref(&answer)).unwrap();
        assert!(told.ends_with("pass --assume delete=true"), "{answer:?}: {told}");
        let two_minds = [(blob(), off()), answer.clone()];
        assert_eq!(hint(distribution, false, "delete.off", &two_minds), None, "{answer:?}");
        assert_eq!(hint(Dialect::Oci, false, "delete.off", &[answer]), None);
    }
    for dialect in [distribution, Dialect::Oci] {
        let told = hint(dialect, true, "blob.delete", &[(blob(), off())]).unwrap();
        assert!(told.ends_with("pass --assume delete=false"), "{told}");
        let two_minds = [(blob(), Outcome::Done), (blob(), off())];
        assert_eq!(hint(dialect, true, "blob.delete.missing", &two_minds), None);
    }
}

#[test]
fn another_fault_in_a_deletion_has_no_hint() {
    let distribution = Dialect::Distribution(Release::V2_8);
    let blob = || Op::DeleteBlob { repo: "a".into(), digest: digest_of("sha256", b"layer") };
    let not_found = refused(404, Code::BlobUnknown);
    assert_eq!(hint(distribution, true, "blob.delete", &[(blob(), not_found.clone())]), None);
    assert_eq!(hint(distribution, false, "digest.invalid", &[(blob(), not_found.clone())]), None);
    let denied = refused(403, Code::Denied);
    assert_eq!(hint(distribution, false, "delete.off", &[(blob(), denied)]), None);
    let broken = Outcome::Broken { what: "wire.answer.whole: the connection was closed".into() };
    assert_eq!(hint(distribution, false, "delete.off", &[(blob(), broken)]), None);
    let head = Op::HeadBlob { repo: "a".into(), digest: digest_of("sha256", b"layer") };
    assert_eq!(hint(distribution, false, "delete.off", &[(blob(), Outcome::Done), (head, not_found)]), None);
}

#[test]
fn in_process_the_options_are_not_assumed() {
    let seen = Outcome::Done;
    let mut campaign = campaign(Some(answer(seen.clone())));
    let divergence = &mut campaign.divergences[0];
    divergence.shrunk.dialect = Dialect::Proofhouse;
    divergence.shrunk.options = Options::default();
    divergence.shrunk.finding = Finding::Answer(Box::new(Violation {
        rule: RuleId("delete.off"),
        permitted: Vec::new(),
        seen: seen.clone(),
        kind: ViolationKind::NotPermitted,
    }));
    let op = Op::DeleteBlob { repo: "a".into(), digest: digest_of("sha256", b"layer") };
    divergence.shrunk.steps = vec![Step { op, outcome: seen }];
    let local = Setup { subject: Subject { url: None, namespace: None, fsync: Some(false) }, ..setup() };
    let told = |setup: &Setup| Report::new(setup.clone(), campaign.clone(), None).divergences[0].hint.clone();
    assert_eq!(told(&local), None);
    assert!(told(&setup()).is_some());
}

#[test]
fn a_rule_of_something_that_is_absent_is_not_among_those_that_were_never_reached() {
    let absent = Inference {
        key: "mounts",
        value: "false".into(),
        origin: Origin::Assumed,
        evidence: "assumed".into(),
        absent: true,
    };
    let all = Report::new(setup(), campaign(None), None).coverage;
    let report = Report::new(Setup { inferred: vec![absent], ..setup() }, campaign(None), None);
    let Coverage { applicable, rules, unreached, absent, .. } = report.coverage.clone();
    assert_eq!(absent, ["mount.linked", "mount.fallback", "mount.anywhere"]);
    assert!(absent.iter().all(|rule| all.unreached.contains(rule) && !unreached.contains(rule)));
    assert_eq!((applicable, rules.len()), (all.applicable - absent.len(), all.rules.len()));
    assert!(report.text().contains("of what is absent there: mount.linked, mount.fallback"), "{}", report.text());
}
