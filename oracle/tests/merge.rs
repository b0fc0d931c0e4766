//! Several reports as one.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{could_not, run, server_of_errors, stdout};
use serde_json::{Value, json};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs a check and keeps its report in a directory of that name.
fn kept(below: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let directory = below.join(name);
    let output = run(&[&["check"], arguments, &["--report", path(&directory)]].concat());
    assert!(directory.join("report.json").exists(), "{output:?}");
    directory
}

fn merge(reports: &[&Path], more: &[&str]) -> Output {
    let reports: Vec<&str> = reports.iter().map(|report| path(report)).collect();
    run(&[&["merge"], &reports[..], more].concat())
}

const CAMPAIGN: [&str; 6] = ["--cases", "20", "--ops", "20", "--seed", "7"];

/// A shard of that campaign.
fn shard(below: &Path, part: &str) -> PathBuf {
    kept(below, &part.replace('/', "-"), &[&CAMPAIGN[..], &["--shard", part]].concat())
}

#[test]
fn the_shards_of_a_campaign_come_to_what_it_comes_to_in_one() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path();
    let whole = read(&kept(below, "whole", &CAMPAIGN).join("report.json"));
    for shards in [&["1/2", "2/2"][..], &["3/3", "1/3", "2/3"]] {
        let parts: Vec<PathBuf> = shards.iter().map(|part| shard(below, part)).collect();
        let parts: Vec<&Path> = parts.iter().map(PathBuf::as_path).collect();
        let into = below.join("merged");
        let output = merge(&parts, &["--report", path(&into)]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let merged = read(&into.join("report.json"));
        for member in whole.as_object().unwrap().keys() {
            let is_another = ["elapsed_seconds", "operations_per_second", "parts"].contains(&member.as_str());
            assert!(is_another || merged[member] == whole[member], "{member}: {} {}", merged[member], whole[member]);
        }
        assert_eq!((&whole["cases"], merged["parts"].as_array().unwrap().len()), (&json!(20), shards.len()));
        let text = stdout(&output);
        assert!(text.starts_with("CONFORMS  20 cases, ") && !text.contains("\nmissing "), "{text}");
        assert!(into.join("report.html").exists() && into.join("junit.xml").exists());
        let json = merge(&parts, &["--format", "json"]);
        assert_eq!(stdout(&json), fs::read_to_string(into.join("report.json")).unwrap(), "both are one document");
    }
}

#[test]
fn a_shard_that_is_missing_is_named_and_leaves_the_campaign_incomplete() {
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("merged");
    let (first, third) = (shard(directory.path(), "1/3"), shard(directory.path(), "3/3"));
    let output = merge(&[&first, &third.join("report.json")], &["--report", path(&into)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stdout(&output);
    assert!(text.starts_with("INCOMPLETE  13 cases, "), "{text}");
    assert!(text.contains("\nmissing   shard 2 of 3: nothing is said of its cases\n"), "{text}");
    let report = read(&into.join("report.json"));
    assert_eq!((&report["missing"], &report["verdict"]), (&json!([2]), &json!("incomplete")));
    let page = fs::read_to_string(into.join("report.html")).unwrap();
    assert!(page.contains("parts of the campaign are missing") && page.contains("shard 2 of 3"), "{page}");
    let second = shard(directory.path(), "2/3");
    assert_eq!(merge(&[&into, &second], &[]).status.code(), Some(0), "a merged report is as good as its parts");
}

#[test]
fn what_two_parts_found_is_one_divergence_with_its_files() {
    let (url, directory) = (server_of_errors(), tempfile::tempdir().unwrap());
    let check = |part: &str| {
        let campaign = ["--cases", "8", "--seed", "7", "--findings", "50", "--gc-cmd", "echo hush", "--shard", part];
        kept(directory.path(), &part.replace('/', "-"), &[&[url.as_str()][..], &campaign].concat())
    };
    let (first, second, into) = (check("1/2"), check("2/2"), directory.path().join("merged"));
    let known = directory.path().join("known.json");
    let output = merge(&[&first, &second], &["--report", path(&into), "--write-known", path(&known)]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("\nDIVERGES  8 cases, "), "{}", stdout(&output));
    let found = |directory: &Path| -> Vec<(Value, u64)> {
        let report = read(&directory.join("report.json"));
        let all = report["divergences"].as_array().unwrap().iter();
        all.map(|it| (it["rule"]["id"].clone(), it["cases"].as_u64().unwrap())).collect()
    };
    let of = |directory: &Path| found(directory).iter().find(|it| it.0 == "wire.status.server-error").unwrap().1;
    assert_eq!(of(&into), of(&first) + of(&second));
    assert!(found(&into).len() < found(&first).len() + found(&second).len(), "{:?}", found(&into));
    for at in 1..=found(&into).len() {
        for file in ["repro.sh", "repro.json", "issue.md"] {
            let text = fs::read_to_string(into.join(format!("divergence-{at}/{file}"))).unwrap();
            assert!(!text.contains("hush"), "a command of the user's is nobody else's business: {text}");
        }
    }
    let again = run(&["replay", path(&into.join("divergence-1/repro.json")), &url]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let shapes = read(&known)["known"].as_array().unwrap().len();
    assert!(shapes >= found(&into).len(), "{shapes}");
}

/// A report in which one value is another.
fn changed(report: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut document = read(&report.join("report.json"));
    change(&mut document);
    let file = report.with_file_name(name);
    fs::write(&file, document.to_string()).unwrap();
    file
}

#[test]
fn what_is_no_report_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let first = shard(directory.path(), "1/2");
    let file = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    for (other, named) in [
        (directory.path().join("nothing"), "cannot read "),
        (directory.path().to_owned(), "report.json: No such file"),
        (file("text", "text"), "it is no JSON at line 1"),
        (file("known.json", r#"{"version": 1, "known": []}"#), "it is another document; a report.json is expected"),
        (changed(&first, "later.json", |it| it["version"] = json!(2)), "version 2, and this program reads version 1"),
        (changed(&first, "rule.json", |it| it["coverage"]["rules"][0]["rule"]["id"] = json!("x")), "no rule \"x\""),
        (changed(&first, "ended.json", |it| it["ended"] = json!("bored")), "unknown variant `bored`"),
        (changed(&first, "shard.json", |it| it["shard"]["index"] = json!(3)), "with K from 1 to N"),
    ] {
        let told = could_not(&merge(&[&first, &other], &[]));
        assert!(told.contains(named) && told.contains(path(&other)), "{named} is not in {told}");
    }
    assert!(could_not(&run(&["merge"])).contains("DIR_OR_FILE"));
}

#[test]
fn what_cannot_be_one_report_is_refused_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let (first, into) = (shard(directory.path(), "1/2"), directory.path().join("merged"));
    let other = |name: &str, change: fn(&mut Value)| {
        let as_second = |it: &mut Value| {
            (it["seed"], it["shard"]["index"]) = (json!(17), json!(2));
            change(it);
        };
        changed(&first, name, as_second)
    };
    assert_eq!(
        merge(&[&first, &other("second", |_| {})], &[]).status.code(),
        Some(0),
        "it is the change that is refused"
    );
    for (other, named) in [
        (
            other("dialect", |it| it["dialect"] = json!("oci")),
            "the dialect is proofhouse in the one and oci in the other",
        ),
        (other("url", |it| it["target"]["url"] = json!("http://a")), "the registry is ours, in process, in the one"),
        (other("options", |it| it["options"] = json!({"delete": true})), "the options are others in each case in"),
        (other("ops", |it| it["ops"] = json!(21)), "the operations of a case are 20 in the one and 21 in the other"),
        (other("strict", |it| it["strict"] = json!(true)), "counts (--strict) in the other"),
        (other("seed", |it| it["shard"]["seed"] = json!(8)), "are not parts of one campaign: the one is shard 1/2"),
        (other("of", |it| it["shard"]["of"] = json!(3)), "are not parts of one campaign: the one is shard 1/2"),
        (other("none", |it| it["shard"] = Value::Null), "are not parts of one campaign: the one is shard 1/2"),
        (first.join("report.json"), "have the same cases, from seed 7 on, which would count twice"),
        (
            other("overlap", |it| it["seed"] = json!(16)),
            "have the same cases, from seed 16 on, which would count twice",
        ),
    ] {
        let told = could_not(&merge(&[&first, &other], &["--report", path(&into)]));
        assert!(told.contains(named) && told.contains(path(&other)), "{named} is not in {told}");
    }
    assert!(!into.exists(), "nothing is written");
}
