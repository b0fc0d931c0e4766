//! Two registries side by side.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;

use common::{Served, could_not, run, server_of_errors, stdout};
use serde_json::Value;

/// Every name of a member, but for those of operations, outcomes and options.
fn members(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                into.push(name.clone());
                if !["op", "outcome", "options"].contains(&name.as_str()) {
                    members(value, into);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, into)),
        _ => {}
    }
}

#[test]
fn two_of_one_kind_answer_alike_and_others_do_not() {
    let (one, other, keeps) = (Served::new(&["--delete"]), Served::new(&["--delete"]), Served::new(&[]));
    let arguments = ["--seed", "3", "--cases", "6"];
    let alike = run(&[&["diff", &one.url, &other.url][..], &arguments].concat());
    assert_eq!(alike.status.code(), Some(0), "{}", stdout(&alike));
    assert!(stdout(&alike).contains("ALIKE  0 differences in 6 cases"), "{}", stdout(&alike));

    let different = run(&[&["diff", &one.url, &keeps.url][..], &arguments].concat());
    let told = stdout(&different).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(different.status.code(), Some(1), "{told}");
    assert!(told.contains("[permitted by blob.delete]") && told.contains("[permitted by delete.off]"), "{told}");
    assert!(told.contains(" 1. ") && !told.contains(" 5. "), "what is not needed is left out: {told}");
    assert!(!told.contains("[breaks"), "each is right as it is set up: {told}");

    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("new/diff");
    let flags = ["--format", "json", "--report", report.to_str().unwrap()];
    let output = run(&[&["diff", &one.url, &keeps.url][..], &arguments, &flags].concat());
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["version"], &document["verdict"]), (&1.into(), &"different".into()));
    let differences = document["differences"].as_array().unwrap();
    let deletion = differences.iter().find(|it| it["operation"] == "DeleteBlob").unwrap();
    let rules = [&deletion["answers"][0]["rule"], &deletion["answers"][1]["rule"]];
    assert_eq!(rules, ["blob.delete", "delete.off"]);
    assert_eq!(document["targets"][1]["url"], keeps.url);
    assert_eq!(document["targets"][0]["options"]["delete"], true);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/report.md")).unwrap();
    let mut names = Vec::new();
    members(&document, &mut names);
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty() && names.len() > 20, "not in docs/report.md: {missing:?}");
    let written: Value = serde_json::from_slice(&fs::read(report.join("diff.json")).unwrap()).unwrap();
    assert_eq!(written, document);
    let text = fs::read_to_string(report.join("diff.txt")).unwrap();
    assert!(text.starts_with("comparing ") && text.contains("\nDIFFERENT  "), "{text}");

    let broken = run(&[&["diff", &one.url, &server_of_errors()][..], &arguments].concat());
    let told = stdout(&broken).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(broken.status.code(), Some(1), "{told}");
    assert!(told.contains("[breaks wire.status.server-error]"), "{told}");
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let told = could_not(&run(&["diff", &server_of_errors(), "http://127.0.0.1:1", "--cases", "1"]));
    assert!(told.contains("127.0.0.1:1"), "{told}");
}

#[test]
fn a_report_that_cannot_be_written_is_named_before_anything_is_asked() {
    let told = could_not(&run(&["diff", "http://127.0.0.1:1", "http://127.0.0.1:1", "--report", "/dev/null/diff"]));
    assert!(told.contains("--report: cannot make /dev/null/diff"), "{told}");
}
