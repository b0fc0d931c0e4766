//! `docs/conformance.md` names rules and tests that are there, and leaves no rule of the standard out.
//!
//! The page is read as text: a row is a line of six cells. That a test which is named proves what its row says is for readers
//! to judge; that it is there, is a test and has not been renamed is judged here.

#![allow(clippy::unwrap_used, reason = "tests fail by it; clippy knows only the functions marked as tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proofhouse::report;
use proofhouse::wire::{self, Source};
use proofhouse_model::{Dialect, Level, Standard, rules};

const COLUMNS: [&str; 6] = ["section", "what is asked", "level", "since", "rules", "tests"];

/// One row of the page.
#[derive(Debug, PartialEq)]
struct Row {
    section: String,
    asked: String,
    level: String,
    rules: Vec<String>,
    tests: Vec<String>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> Vec<Row> {
    let text = fs::read_to_string(repository().join("docs/conformance.md")).unwrap();
    let rows = read(&text).unwrap();
    // A page of which nothing is understood must not pass.
    assert!(rows.len() > 80, "{} rows", rows.len());
    rows
}

/// The rows of all tables of a page; else what is wrong with it.
fn read(text: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if cells == COLUMNS || cells == ["---"; 6] {
            continue;
        }
        let [section, asked, level, since, rules, tests] = cells[..] else {
            return Err(format!("no row of six cells: {line}"));
        };
        if section.is_empty() || asked.is_empty() || since.is_empty() {
            return Err(format!("an empty cell: {line}"));
        }
        let (Some(rules), Some(tests)) = (names(rules), names(tests)) else {
            return Err(format!("neither names nor `none yet`: {line}"));
        };
        let (section, asked, level) = (section.to_owned(), asked.to_owned(), level.to_owned());
        rows.push(Row { section, asked, level, rules, tests });
    }
    Ok(rows)
}

/// Names in backquotes, with commas between them; `none yet` are none. Nothing else is a list of names.
fn names(cell: &str) -> Option<Vec<String>> {
    if cell == "none yet" {
        return Some(Vec::new());
    }
    let quoted = |name: &str| Some(name.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned());
    cell.split(',').map(quoted).collect()
}

/// The file has a function of that name that is marked as a test.
fn has_test(file: &str, name: &str) -> bool {
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let named =
            line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with('('));
        let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("///"));
        named && attributes.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_rule_that_is_named_is_in_the_catalogue() {
    for row in page() {
        for rule in &row.rules {
            assert!(report::row(rule).is_some(), "{rule}: no such rule; {}", row.asked);
        }
    }
}

#[test]
fn every_test_that_is_named_is_in_its_file() {
    for row in page() {
        for test in &row.tests {
            let (path, name) = test.split_once("::").unwrap_or_else(|| panic!("{test}: no FILE::TEST"));
            let file = fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(has_test(&file, name), "{path} has no test {name}; {}", row.asked);
        }
    }
}

#[test]
fn every_level_is_one_of_the_three() {
    for row in page() {
        assert!(["MUST", "SHOULD", "MAY"].contains(&row.level.as_str()), "{row:?}");
    }
}

#[test]
fn no_row_stands_twice() {
    let rows = page();
    for (at, row) in rows.iter().enumerate() {
        assert!(!rows[..at].contains(row), "{row:?}");
    }
}

#[test]
fn no_rule_of_the_standard_that_binds_our_registry_is_left_out() {
    let named: BTreeSet<String> = page().into_iter().flat_map(|row| row.rules).collect();
    let ours = Dialect::Proofhouse;
    let model = rules().iter().filter(|rule| rule.standard == Standard::Oci && rule.applies_to(ours, false));
    let wire = wire::rules().iter().filter(|rule| rule.source == Source::Oci && rule.applies_to(ours));
    let wanted: Vec<(String, Level)> = model
        .map(|rule| (rule.id.to_string(), rule.level))
        .chain(wire.map(|rule| (rule.id.to_string(), rule.level)))
        .collect();
    assert!(wanted.len() > 50, "{wanted:?}");
    for (rule, level) in wanted {
        assert!(named.contains(&rule), "{rule} ({level}) has no row");
    }
}

#[test]
fn what_is_no_row_or_no_test_is_noticed() {
    assert!(read("| a | b | MUST | 1.0 | `x` |").is_err());
    assert!(read("| a | b | MUST | 1.0 | x | none yet |").is_err());
    assert!(read("| a | b | MUST | 1.0 | | none yet |").is_err());
    let file = "#[test]\nfn one() {}\nfn helper() {}\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn two() {}\n";
    assert!(has_test(file, "one") && has_test(file, "two"));
    for none in ["helper", "on", "three"] {
        assert!(!has_test(file, none), "{none}");
    }
}
