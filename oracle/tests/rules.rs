//! `proofhouse rules`: every rule is listed, and each is explained.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::process::{Command, Output};

use proofhouse::report::catalogue;
use serde_json::Value;

fn rules(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_proofhouse")).arg("rules").args(arguments).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = rules(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_rule_is_listed_with_its_level_within_80_columns() {
    let text = text(&[]);
    for row in catalogue() {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(row.id.as_str()));
        let line = line.unwrap_or_else(|| panic!("{} is not listed", row.id));
        assert_eq!(line.split_whitespace().nth(1), Some(row.level.as_str()));
    }
    assert_eq!(text.lines().find(|line| line.chars().count() > 80), None);
    assert!(text.contains(&format!("{} rules", catalogue().len())));
}

#[test]
fn one_rule_is_explained_with_its_source_and_dialects() {
    let told = text(&["blob.unlinked"]);
    for part in
        ["blob.unlinked (MUST)", "OCI distribution-spec 1.1, \"Pulling blobs\"", "proofhouse, oci, distribution-2.8"]
    {
        assert!(told.contains(part), "{told}");
    }
    assert!(text(&["storage.layout"]).contains("only by a library call"));
}

#[test]
fn rules_are_chosen_by_the_beginning_of_their_name_and_by_dialect() {
    let parse = |arguments: &[&str]| -> Vec<Value> { serde_json::from_str(&text(arguments)).unwrap() };
    let blobs = parse(&["blob.", "--format", "json"]);
    assert!(blobs.len() > 3 && blobs.iter().all(|rule| rule["id"].as_str().unwrap().starts_with("blob.")));
    let oci = parse(&["--dialect", "oci", "--format", "json"]);
    assert!(oci.len() < catalogue().len());
    let held = |rule: &Value| rule["dialects"].as_array().unwrap().contains(&"oci".into());
    assert!(oci.iter().all(|rule| held(rule) && rule["library_only"] == false));
}

#[test]
fn a_name_that_no_rule_has_is_exit_2_and_one_line() {
    let output = rules(&["blob.unlinkd"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("blob.unlinkd") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn a_rule_that_is_our_reading_says_so() {
    let told = |id: &str| text(&[id]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told("wire.status.server-error")
            .contains("reading our reading, which stands in no MUST there: RFC 9110, 15.6, ")
    );
    assert!(told("tags.page").contains("reading partly our reading: "));
    assert!(!told("blob.get").contains("reading"));
}
