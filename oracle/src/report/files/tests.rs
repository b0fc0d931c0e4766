//! What the files hold, whatever a registry says.

use std::collections::BTreeSet;
use std::process::Command;

use proofhouse_model::{Code, ErrorItem, Op, Outcome, UploadRef};
use serde_json::Value;

use super::*;
use crate::campaign::Step;
use crate::campaign::shard::Shard;
use crate::concurrent::history::Call;
use crate::lockstep::Shape;
use crate::probe::{Inference, Origin};
use crate::report::known::Entry;
use crate::report::tests::{answer, campaign, setup};
use crate::report::{Setup, ToldCall};
use crate::wire::Tally;

/// What a registry might say to break out of a page, a document or a terminal.
pub(in crate::report) const NASTY: &str = "</td><script>alert(1)</script>\"'&amp;`]]>\u{0}\u{1b}[2J\u{202e}\u{ffff}";

/// A report with something in each of its lists.
pub(in crate::report) fn sample(seen: &str) -> Report {
    let seen = Outcome::Broken { what: format!("wire.status.server-error: 500{seen}") };
    let shape = Shape { rule: "wire.link".into(), expected: None, operation: "ListTags".into(), outcome: NASTY.into() };
    let setup = Setup {
        known: vec![Entry { comment: NASTY.into(), shape }],
        inferred: vec![Inference {
            key: "delete",
            value: "true".into(),
            origin: Origin::Probe,
            evidence: NASTY.into(),
            absent: false,
        }],
        ..setup()
    };
    let mut campaign = campaign(Some(answer(seen)));
    campaign.known = vec![2];
    let mut tally = Tally::default();
    tally.advice.insert(proofhouse_model::RuleId("wire.digest.present"), (3, NASTY.into()));
    Report::new(setup, campaign, Some(&tally))
}

/// With calls of two clients, too.
pub(in crate::report) fn of_several_clients() -> Report {
    let part = "2/3".parse().unwrap();
    let mut report = sample(NASTY).of_shard(Some(Shard { part, seed: 7, cases: Some(100) }));
    let op = Op::HeadManifest { repo: "a".into(), reference: NASTY.into() };
    for client in 0..2 {
        let call = Call { client, op: op.clone(), outcome: None, called: client as u64, returned: 2 + client as u64 };
        report.divergences[0].history.push(ToldCall { call, request: NASTY.into(), seen: NASTY.into() });
    }
    report
}

/// What is wrong with a document as XML; of a page without its first line.
fn malformed(document: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = document;
    if let Some(bad) = document
        .chars()
        .find(|it| matches!(it, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'))
    {
        return Some(format!("XML has no {bad:?}"));
    }
    while let Some(at) = rest.find(['<', '&', '>']) {
        let (what, after) = rest[at..].split_at(1);
        match what {
            ">" => return Some(format!("a lone > at {:.40}", &rest[at..])),
            "&" => {
                let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
                if !known.iter().any(|entity| after.starts_with(entity)) {
                    return Some(format!("no entity: {after:.40}"));
                }
                rest = after;
            }
            _ => {
                let Some((tag, then)) = after.split_once('>') else { return Some("a tag without end".into()) };
                let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
                if tag.contains('<') || !tag.matches('"').count().is_multiple_of(2) {
                    return Some(format!("a malformed tag {tag}"));
                }
                match (tag.starts_with(['?', '!']), tag.starts_with('/'), tag.ends_with('/')) {
                    (true, ..) | (_, _, true) => {}
                    (_, true, _) if open.pop() != Some(name) => return Some(format!("</{name}> closes nothing")),
                    (_, true, _) => {}
                    _ => open.push(name),
                }
                rest = then;
            }
        }
    }
    open.pop().map(|name| format!("<{name}> is not closed"))
}

#[test]
fn a_document_that_is_no_xml_is_found_out() {
    for bad in ["<a>", "<a></b>", "</a>", "<a b=\"></a>", "a & b", "<a>\u{1b}</a>", "a > b", "<a"] {
        assert!(malformed(bad).is_some(), "{bad:?}");
    }
    assert_eq!(malformed("<?xml?><a b=\"c\"><d/>&lt;e</a>"), None);
}

#[test]
fn pages_and_documents_are_well_formed_whatever_a_registry_says() {
    for report in [sample(NASTY), of_several_clients(), Report::new(setup(), campaign(None), None)] {
        for document in [html::render(&report), junit::render(&report)] {
            assert_eq!(malformed(&document), None, "{document}");
            assert!(!document.contains("<script"), "{document}");
        }
        for link in html::render(&report).split("href=\"").skip(1) {
            assert!(!link.starts_with("http"), "nothing from elsewhere: {link:.80}");
        }
    }
}

#[test]
fn each_rule_is_a_test_case_that_passed_failed_or_was_skipped() {
    let report = sample("");
    let document = junit::render(&report);
    let case = |rule: &str| {
        let name = format!("name=\"{rule}\" time=\"0\">");
        let from = document.find(&name).unwrap_or_else(|| panic!("no case for {rule}")) + name.len();
        document[from..].split_once("</testcase>").unwrap().0
    };
    assert!(case("wire.status.server-error").starts_with("<failure "), "{document}");
    assert!(case("upload.single").starts_with("<system-out>"), "{document}");
    assert!(case("wire.link").starts_with("<skipped message=\"never exercised\"/>"), "{document}");
    assert!(case("wire.link").contains("known: wire.link MUST (ListTags: "), "{document}");
    let cases = document.matches("<testcase ").count();
    assert!(document.contains(&format!("tests=\"{cases}\" failures=\"1\" errors=\"0\"")), "{document}");
    assert!(cases >= report.coverage.applicable);
    let strict = Report { strict: true, ..report };
    assert!(junit::render(&strict).contains("failures=\"2\""));
}

#[test]
fn the_issue_of_a_divergence_is_ready_to_be_pasted() {
    let error = ErrorItem { code: Code::ManifestInvalid, detail: Some("a".into()) };
    let seen = Outcome::Refused { status: 400, errors: vec![error] };
    let report = Report::new(setup(), campaign(Some(answer(seen))), None);
    insta::assert_snapshot!(issue::render(&report, &report.divergences[0]));
}

#[test]
fn a_page_of_an_issue_has_no_markup_of_others() {
    let report = of_several_clients();
    let text = issue::render(&report, &report.divergences[0]);
    assert!(!text.contains("<script") || text.contains("\\<script"), "{text}");
    assert!(!text.contains(['\u{0}', '\u{1b}', '\u{202e}']), "{text}");
}

/// Every name of a member, but for those of operations, outcomes and options, which are described elsewhere.
fn members(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                into.insert(name.clone());
                if !["op", "ops", "outcome", "options", "options_set"].contains(&name.as_str()) {
                    members(value, into);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, into)),
        _ => {}
    }
}

#[test]
fn every_member_of_the_documents_is_described() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.md")).unwrap();
    let report = of_several_clients();
    let mut names = BTreeSet::new();
    members(&serde_json::from_str(&report.json()).unwrap(), &mut names);
    members(&serde_json::to_value(Repro::new(&report, &report.divergences[0])).unwrap(), &mut names);
    assert!(names.len() > 60, "{names:?}");
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/report.md: {missing:?}");
}

#[test]
fn a_script_sends_every_byte_as_it_is_and_runs_nothing_of_a_registry() {
    let bytes: Vec<u8> = (0..=255).chain(*b"%s $(x) '`\\n").collect();
    let mut report = sample("");
    let url = "http://localhost/$(touch evil)`touch evil`\"'}";
    report.target.url = Some(url.into());
    let step = &mut report.divergences[0].steps[0];
    step.op =
        Op::PutBlob { repo: "$(x)\n'".into(), digest: NASTY.into(), bytes: bytes[..].into(), upload: UploadRef(0) };
    let text = script(&report, &report.divergences[0]);
    let directory = tempfile::tempdir().unwrap();
    // A curl that sends nothing, and tells the last argument and the body.
    let curl = format!(
        "#!/bin/sh\ncp \"$work/payload\" '{}/sent'; for it; do :; done; echo \"$it\" >>'{0}/urls'\n",
        directory.path().display()
    );
    write(&directory.path().join("curl"), &curl).unwrap();
    fs::set_permissions(directory.path().join("curl"), fs::Permissions::from_mode(0o755)).unwrap();
    // The first step only.
    let first = text.split("\n# 2. ").next().unwrap().replace("mktemp -d)", "mktemp -d); export work");
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let run = Command::new("sh").args(["-c", &first]).env("PATH", path).current_dir(directory.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stderr), "");
    assert_eq!(fs::read(directory.path().join("sent")).unwrap(), bytes);
    let asked = fs::read_to_string(directory.path().join("urls")).unwrap();
    assert!(asked.starts_with(&format!("{url}/v2/proofhouse-")), "{asked}");
    assert!(!directory.path().join("evil").exists());
}

#[test]
fn what_is_given_to_others_has_no_command_of_the_users() {
    let mut setup = setup();
    setup.arguments.extend(["--gc-cmd".into(), "TOKEN=hush ./gc.sh".into()]);
    let what = "command.succeeds: `TOKEN=hush ./gc.sh` failed: exit status: 1".to_owned();
    let mut campaign = campaign(Some(answer(Outcome::Broken { what: what.clone() })));
    let op = Op::CollectGarbage { delete_untagged: false, dry_run: false, grace_seconds: 0 };
    campaign.divergences[0].shrunk.steps = [Outcome::Broken { what: what.clone() }, Outcome::Broken { what }]
        .map(|outcome| Step { op: op.clone(), outcome })
        .into();
    let report = Report::new(setup, campaign, None);
    let directory = tempfile::tempdir().unwrap();
    write_all(&report, directory.path()).unwrap();
    let text = |file: &str| fs::read_to_string(directory.path().join(file)).unwrap();
    for file in ["issue.md", "repro.sh", "repro.json"] {
        let text = text(&format!("divergence-1/{file}"));
        assert!(!text.contains("hush"), "{file}: {text}");
        assert!(text.contains("YOUR-GC-COMMAND"), "{file}: {text}");
    }
    assert!(text("divergence-1/repro.sh").contains("\"${GC:-}\""));
    for file in ["report.json", "report.html"] {
        assert!(text(file).contains("TOKEN=hush ./gc.sh") && !text(file).contains("YOUR-GC"), "{file} is its owner's");
    }
}

#[test]
fn the_headings_of_a_page_tell_one_divergence_from_another() {
    let body = format!("500, with the body {{\"errors\":[{}]}}", "x".repeat(300));
    let seen = Outcome::Broken { what: format!("wire.status.server-error: {body}") };
    let mut report = Report::new(setup(), campaign(Some(answer(seen))), None);
    let title = "wire.status.server-error: HEAD blob sha256:dac1d7cfa950… in b → 500";
    assert_eq!(report.divergences[0].title, title);
    assert!(html::render(&report).contains(&format!("<summary>1. {title}</summary>")));
    assert!(junit::render(&report).contains(&format!("<failure type=\"divergence\" message=\"{title}\">")));
    let issue = issue::render(&report, &report.divergences[0]);
    let heading = "# HEAD /v2/NAMESPACE/b/blobs/sha256:dac1d7cfa950…: answered with 500\n";
    assert!(issue.starts_with(heading), "{issue}");
    report.divergences[0].steps.clear();
    assert!(issue::render(&report, &report.divergences[0]).starts_with("# wire.status.server-error: "));
}

#[test]
fn a_script_goes_on_after_a_denial_that_was_reported() {
    let mut report = sample("");
    let denied = |report: &Report| script(report, &report.divergences[0]).matches("denied=403\nask ").count();
    assert_eq!(denied(&report), 0);
    report.divergences[0].steps[0].outcome = Outcome::Refused { status: 403, errors: Vec::new() };
    report.divergences[0].steps[1].outcome =
        Outcome::Broken { what: "wire.error.body: 403 without a JSON body".into() };
    assert_eq!(denied(&report), 2);
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("new/report");
    write_all(&sample(NASTY), &into).unwrap();
    let mut names: Vec<String> =
        fs::read_dir(&into).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["divergence-1", "junit.xml", "report.html", "report.json"]);
    fs::write(into.join("divergence-1/mine"), "x").unwrap();
    write_all(&Report::new(setup(), campaign(None), None), &into).unwrap();
    let left: Vec<_> = fs::read_dir(into.join("divergence-1")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["mine"], "what others put there stays");
    let before = fs::read(into.join("report.html")).unwrap();
    fs::remove_file(into.join("junit.xml")).unwrap();
    fs::create_dir(into.join("junit.xml")).unwrap();
    let error = write_all(&sample(""), &into).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot write {}: ", into.join("junit.xml").display())), "{error}");
    assert_eq!(fs::read(into.join("report.html")).unwrap(), before);
    assert!(fs::read_dir(&into).unwrap().all(|it| !it.unwrap().file_name().to_string_lossy().starts_with('.')));
}
