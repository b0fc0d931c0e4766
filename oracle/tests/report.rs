//! The files of a report as people use them: replays, and divergences that are known.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{could_not, run, server_of_errors, server_that, stdout};
use serde_json::{Value, json};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_divergence_is_replayed_where_it_was_found_and_elsewhere() {
    let (url, directory) = (server_of_errors(), tempfile::tempdir().unwrap());
    let report = directory.path().join("new/report");
    let arguments = ["check", &url, "--seed", "1", "--cases", "5", "--findings", "1", "--format", "json"];
    let output = run(&[&arguments[..], &["--report", path(&report)]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), fs::read_to_string(report.join("report.json")).unwrap(), "both are one document");
    let repro = report.join("divergence-1/repro.json");
    let there = run(&["replay", path(&repro), &url]);
    assert_eq!(there.status.code(), Some(1), "{there:?}");
    assert!(stdout(&there).contains("rule        wire.status.server-error (MUST): "), "{}", stdout(&there));
    assert!(stdout(&there).ends_with("DIVERGES  at step 1\n"), "{}", stdout(&there));
    let here = run(&["replay", path(&repro)]);
    assert_eq!(here.status.code(), Some(0), "{here:?}");
    assert!(stdout(&here).contains("\nCONFORMS  every answer is permitted"), "{}", stdout(&here));
}

#[test]
fn what_cannot_be_replayed_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("repro.json");
    let document = |ops: Value| json!({"version": 1, "dialect": "oci", "options": {}, "rule": "r", "seen": "s", "url": null, "several_clients": false, "ops": ops});
    let with = |key: &str, value: Value| {
        let mut document = document(json!([]));
        document[key] = value;
        document
    };
    let cases = [
        (json!([]), "it is another document; a repro.json is expected"),
        (with("version", json!(2)), "version 2"),
        (with("dialect", json!("docker")), "docker"),
        (with("options", json!({"delet": true})), "delet"),
        (with("ops", json!([{"Frobnicate": {}}])), "Frobnicate"),
        (with("several_clients", json!(true)), "several clients"),
        (document(json!([])), "its \"ops\" are empty: there is nothing to replay"),
    ];
    for (document, named) in cases {
        fs::write(&file, document.to_string()).unwrap();
        let told = could_not(&run(&["replay", path(&file)]));
        assert!(told.contains(named), "{named} is not in {told}");
    }
    fs::write(&file, "{").unwrap();
    assert!(could_not(&run(&["replay", path(&file)])).contains("repro.json"));
    let url = server_of_errors();
    fs::write(&file, document(json!(["Restart"])).to_string()).unwrap();
    assert!(could_not(&run(&["replay", path(&file), &url])).contains("--restart-cmd"));
    assert!(could_not(&run(&["replay", path(&file), "http://127.0.0.1:1"])).contains("nothing answers"));
    assert!(could_not(&run(&["replay", "/nowhere/repro.json"])).contains("/nowhere/repro.json"));
}

#[test]
fn what_is_known_does_not_fail_a_run_and_what_is_gone_is_told() {
    let (url, directory) = (server_of_errors(), tempfile::tempdir().unwrap());
    let known = directory.path().join("known.json");
    let arguments = ["check", &url, "--seed", "1", "--cases", "40", "--findings", "50"];
    let first = run(&[&arguments[..], &["--write-known", path(&known)]].concat());
    assert_eq!(first.status.code(), Some(1), "{first:?}");
    let baseline = read(&known);
    assert_eq!(baseline["version"], 1);
    let entries = baseline["known"].as_array().unwrap();
    assert!(!entries.is_empty());
    let sentence = "No request that a client can make is answered with a server error.";
    assert!(entries.iter().all(|entry| entry["comment"] == sentence), "{baseline:#}");

    // What is known no longer ends its case, so a run may reach what the one before did not.
    let both = [&arguments[..], &["--known", path(&known), "--write-known", path(&known)]].concat();
    let again = (0..9).map(|_| run(&both)).find(|again| again.status.code() != Some(1)).unwrap();
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(stdout(&again).contains("\nknown     wire.status.server-error MUST ("), "{}", stdout(&again));
    assert!(stdout(&again).contains("seen in"), "{}", stdout(&again));
    let more = read(&known)["known"].as_array().unwrap().clone();
    assert!(more.starts_with(entries), "what was known stays: {more:?}");

    let new = directory.path().join("new.json");
    let right = run(&["check", "--seed", "1", "--cases", "1", "--known", path(&known), "--write-known", path(&new)]);
    assert_eq!(right.status.code(), Some(0), "{right:?}");
    let text = stdout(&right).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("gone, or not reached this time"), "{text}");
    assert_eq!(read(&new), read(&known), "what is not seen is not forgotten");
}

#[test]
fn what_is_known_of_a_rule_that_is_none_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known.json");
    let shape = |rule: &str| json!({"rule": rule, "expected": null, "operation": "HeadBlob", "outcome": "x"});
    let entry = |rule: &str| json!({"comment": "as ever", "shape": shape(rule)});
    fs::write(&file, json!({"version": 1, "known": [entry("wire.lnk"), entry("wire.link")]}).to_string()).unwrap();
    let output = run(&["check", "--seed", "1", "--cases", "1", "--known", path(&file)]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    let warning =
        "warning: --known: there is no rule \"wire.lnk\": the entry (wire.lnk, HeadBlob, as ever) is never seen";
    assert!(text.contains(warning), "{text}");
    assert!(text.contains("wire.lnk (HeadBlob: x): there is no such rule"), "{text}");
    assert_eq!(text.matches("warning: ").count(), 1, "{text}");
    let json = run(&["check", "--seed", "1", "--cases", "1", "--known", path(&file), "--format", "json"]);
    assert!(String::from_utf8_lossy(&json.stderr).contains("there is no rule \"wire.lnk\""), "{json:?}");
    serde_json::from_slice::<Value>(&json.stdout).unwrap();
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known.json");
    let shape = json!({"rule": "r", "expected": null, "operation": "", "outcome": ""});
    let cases = [
        ("{".to_owned(), "it is no JSON at line 1"),
        (json!([]).to_string(), "it is another document; a file of known divergences is expected"),
        (json!({"version": 7, "known": []}).to_string(), "version 7"),
        (json!({"version": 1, "known": [{"comment": "x"}]}).to_string(), "shape"),
        (json!({"version": 1, "known": [{"shape": shape, "why": "x"}]}).to_string(), "why"),
    ];
    for (text, named) in cases {
        fs::write(&file, text).unwrap();
        let told = could_not(&run(&["check", "--cases", "1", "--known", path(&file)]));
        assert!(told.contains(named) && told.contains(path(&file)), "{named} is not in {told}");
    }
    assert!(could_not(&run(&["check", "--known", "/nowhere/known.json"])).contains("/nowhere/known.json"));
    let below_a_file = file.join("report");
    let told = could_not(&run(&["check", "--cases", "1", "--report", path(&below_a_file)]));
    assert!(told.contains("--report") && told.contains(path(&below_a_file)), "{told}");
    let written = run(&["check", "--cases", "1", "--write-known", path(&below_a_file)]);
    assert!(could_not(&written).contains(path(&below_a_file)), "{written:?}");
    assert_eq!(stdout(&written), "", "it is found out before the run");
    // That a file cannot be replaced shows only when it is.
    let report = directory.path().join("report");
    fs::create_dir_all(report.join("report.json/in the way")).unwrap();
    let written = run(&["check", "--cases", "1", "--report", path(&report)]);
    assert!(could_not(&written).contains("report.json"), "{written:?}");
    assert!(stdout(&written).contains("CONFORMS"), "what was found is told all the same");
}

/// A server that answers with an error of its own whoever knows the word, and anybody else with 401 or 403.
fn server_that_wants(authorization: &'static str, otherwise: &'static str) -> String {
    server_that(move |request| {
        let request = String::from_utf8_lossy(request).to_ascii_lowercase();
        let knows = request.contains(&format!("\r\nauthorization: {}\r\n", authorization.to_ascii_lowercase()));
        let status = if knows { "500 Internal Server Error" } else { otherwise };
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    })
}

#[test]
fn a_script_shows_credentials_and_says_so_if_it_has_none() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["check", &server_of_errors(), "--seed", "1", "--cases", "5", "--findings", "1"];
    run(&[&arguments[..], &["--report", path(directory.path())]].concat());
    let script = directory.path().join("divergence-1/repro.sh");
    // A curl that tells what a list of processes would show of it.
    let shown = directory.path().join("shown");
    let real = Command::new("sh").args(["-c", "command -v curl"]).output().unwrap();
    let Some(real) = stdout(&real).lines().next().map(str::to_owned) else { return };
    let curl = format!("#!/bin/sh\necho \"$@\" >>{}\nexec {real} \"$@\"\n", shown.display());
    fs::write(directory.path().join("curl"), curl).unwrap();
    fs::set_permissions(directory.path().join("curl"), fs::Permissions::from_mode(0o755)).unwrap();
    let search = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let asked = |url: &str, credentials: &[(&str, &str)]| {
        let mut command = Command::new("sh");
        command.arg(&script).arg(url).env("PATH", &search).envs(credentials.iter().copied());
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), stdout(&output))
    };
    // pass"\word, of the user alice.
    let basic = "Basic YWxpY2U6cGFzcyJcd29yZA==";
    let password = [("PROOFHOUSE_USERNAME", "alice"), ("PROOFHOUSE_PASSWORD", "pass\"\\word")];
    let token = [("PROOFHOUSE_TOKEN", "abc.def")];
    for otherwise in ["401 Unauthorized", "403 Forbidden"] {
        let url = server_that_wants(basic, otherwise);
        let (status, told) = asked(&url, &[]);
        assert_eq!(status, Some(2), "{told}");
        assert!(told.contains("cannot tell: it wants credentials; see the top of this script"), "{told}");
        let (status, told) = asked(&url, &token);
        assert_eq!(status, Some(2), "{told}");
        assert!(told.contains("cannot tell: it wants other credentials than the environment has"), "{told}");
        let (status, told) = asked(&url, &password);
        assert_eq!(status, Some(0), "{told}");
    }
    let (status, told) = asked(&server_that_wants("Bearer abc.def", "401 Unauthorized"), &token);
    assert_eq!(status, Some(0), "{told}");
    let shown = fs::read_to_string(shown).unwrap();
    assert!(shown.contains("/v2/") && !["alice", "word", "abc.def"].iter().any(|it| shown.contains(it)), "{shown}");
    let text = fs::read_to_string(&script).unwrap();
    let (comment, _) = text.split_once("set -u").unwrap();
    assert!(comment.contains("PROOFHOUSE_PASSWORD") && comment.contains("PROOFHOUSE_TOKEN"), "{comment}");
    let issue = fs::read_to_string(directory.path().join("divergence-1/issue.md")).unwrap();
    assert!(issue.contains("If the registry wants credentials"), "{issue}");
}
