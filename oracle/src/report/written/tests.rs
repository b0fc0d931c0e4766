//! A report that is read is the one that was written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proofhouse_model::{BlobBody, Op, Outcome, RuleId};
use serde_json::{Value, json};

use super::WrittenError;
use crate::campaign::{Also, Finding, Step};
use crate::lockstep::Shape;
use crate::probe::{Inference, Origin};
use crate::report::files::tests::{NASTY, of_several_clients, sample};
use crate::report::files::write_all;
use crate::report::tests::{answer, campaign, setup};
use crate::report::{Report, Setup, Subject, short};
use crate::wire::Tally;

/// With bytes that are no text, something absent, and a command of the user's that failed.
fn of_all_sorts() -> Report {
    let key = "mounts";
    let known = |origin| Inference { key, value: "false".into(), origin, evidence: "assumed".into(), absent: true };
    let mut setup = Setup { inferred: [Origin::Assumed, Origin::File].map(known).into(), strict: true, ..setup() };
    setup.arguments.extend(["--gc-cmd".into(), "TOKEN='hush' ./gc.sh".into()]);
    let broken = |what: &str| Outcome::Broken { what: format!("{what}: `TOKEN='hush' ./gc.sh` failed") };
    let mut campaign = campaign(Some(answer(broken("command.succeeds"))));
    campaign.stopped = Some(NASTY.into());
    campaign.undecided = 3;
    let divergence = &mut campaign.divergences[0];
    let bytes = BlobBody { bytes: (&b"\xff\x00a"[..]).into(), range: Some((0, 2)) };
    let get = Op::GetBlob { repo: "a".into(), digest: NASTY.into(), range: Some(proofhouse_model::Range::From(0)) };
    let got = Outcome::Blob { digest: None, size: 3, body: Some(bytes) };
    let collect = Op::CollectGarbage { delete_untagged: true, dry_run: false, grace_seconds: 1 };
    divergence.shrunk.steps.push(Step { op: get, outcome: got });
    divergence.shrunk.steps.push(Step { op: collect.clone(), outcome: broken("command.succeeds") });
    let shape = Shape { rule: "r".into(), expected: Some("e".into()), operation: String::new(), outcome: "o".into() };
    divergence.also.push(Also { step: Step { op: collect, outcome: broken("target.answers") }, shape });
    Report::new(setup, campaign, None).cut_off(Some("./gc.sh".into()))
}

fn in_process() -> Report {
    let subject = Subject { url: None, namespace: None, fsync: Some(true) };
    Report::new(Setup { subject, options: None, ..setup() }, campaign(None), None)
}

/// Reports with something in each of their lists, and with nothing.
fn all() -> [Report; 6] {
    let storage = Finding::Storage { differences: vec!["a blob too many".into()] };
    let of_storage = Report::new(setup(), campaign(Some(storage)), Some(&Tally::default()));
    [sample(NASTY), sample(""), of_several_clients(), of_all_sorts(), in_process(), of_storage]
}

#[test]
fn a_report_that_is_read_is_written_again_byte_by_byte() {
    for report in all() {
        let written = report.json();
        assert_eq!(Report::read(&written).unwrap().json(), written);
    }
}

/// Every file below a directory.
fn contents(directory: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = contents(&entry.path()).into_iter();
            all.extend(below.map(|(file, text)| (format!("{name}/{file}"), text)));
        } else {
            all.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
    all
}

#[test]
fn the_files_of_a_report_that_is_read_are_those_that_were_written_and_tell_no_command() {
    for report in all() {
        let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let read = Report::read(&report.json()).unwrap();
        write_all(&report, before.path()).unwrap();
        write_all(&read, after.path()).unwrap();
        assert_eq!(contents(after.path()), contents(before.path()));
        assert_eq!(read.text(), report.text());
        let told = |(name, text): &(String, String)| name.starts_with("divergence-") && text.contains("hush");
        assert_eq!(contents(after.path()).into_iter().find(told), None);
    }
}

#[test]
fn a_number_is_read_as_it_was_written_however_long_it_was() {
    let mut tally = Tally::default();
    tally.checked.insert(RuleId("wire.answer.whole"), u64::MAX);
    for number in (1..2_000).map(|at| 1e7 / f64::from(at)) {
        let written = serde_json::to_string(&short(number)).unwrap();
        let read: f64 = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
    let report = Report::new(Setup { seed: u64::MAX, ..setup() }, campaign(None), Some(&tally));
    let read = Report::read(&report.json()).unwrap();
    assert_eq!((read.seed, read.json()), (u64::MAX, report.json()));
}

/// What is said of the document when one of its values is another.
fn changed(pointer: &str, value: Value) -> String {
    let mut document: Value = serde_json::from_str(&sample("").json()).unwrap();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    Report::read(&document.to_string()).unwrap_err().to_string()
}

#[test]
fn a_word_that_a_report_does_not_have_is_named() {
    for (pointer, value, named) in [
        ("/divergences/0/rule/id", json!("blob.gets"), "there is no rule \"blob.gets\""),
        ("/advice/0/rule/id", json!("wire.lnk"), "there is no rule \"wire.lnk\""),
        ("/coverage/rules/0/rule/id", json!(""), "there is no rule \"\""),
        ("/dialect", json!("docker"), "there is no dialect \"docker\""),
        ("/ended", json!("bored"), "unknown variant `bored`, expected one of `cases`, `time`"),
        ("/verdict", json!("fine"), "unknown variant `fine`"),
        ("/inferred/0/key", json!("deletion"), "there is no option \"deletion\""),
        ("/inferred/0/origin", json!("rumour"), "unknown variant `rumour`"),
        ("/options", json!({"delet": true}), "delet"),
        ("/divergences/0/steps/0/op", json!("Frobnicate"), "unknown variant `Frobnicate`"),
        ("/cases", json!(-1), "-1"),
        ("/version", json!(2), "it is of version 2, and this program reads version 1"),
        ("/divergences", json!({}), "it is another document; a report.json is expected"),
    ] {
        let told = changed(pointer, value);
        assert!(told.contains(named), "{named} is not in {told}");
    }
    assert!(matches!(Report::read("{"), Err(WrittenError::Json { .. })));
}

#[test]
fn what_a_rule_says_is_looked_up_and_members_of_later_programs_are_passed_over() {
    let report = sample("");
    let mut document: Value = serde_json::from_str(&report.json()).unwrap();
    document["divergences"][0]["rule"] = json!({"id": "wire.status.server-error", "sentence": "as it was once"});
    document["later"] = json!({"anything": 1});
    assert_eq!(Report::read(&document.to_string()).unwrap().json(), report.json());
}
