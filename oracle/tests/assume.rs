//! What is said of a registry before it is asked: by `--assume`, or by a file.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::process::Output;

use common::{Served, could_not, run, stdout};
use serde_json::Value;

/// Checks what deletes nothing.
struct Keeping(Served);

fn serve() -> Keeping {
    Keeping(Served::new(&[]))
}

impl Keeping {
    fn check(&self, more: &[&str]) -> Output {
        run(&[&["check", &self.0.url, "--cases", "4", "--ops", "30", "--seed", "1", "--keep"][..], more].concat())
    }

    /// A file beside it.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// In one line.
fn told(output: &Output) -> String {
    stdout(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_said_to_be_lacking_is_neither_asked_for_nor_missed() {
    let registry = serve();
    let lacking = ["mounts", "referrers", "sha512", "tag_deletion", "catalog"];
    let arguments: Vec<String> = lacking.iter().flat_map(|it| ["--assume".into(), format!("{it}=false")]).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = registry.check(&[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let operations = report["coverage"]["operations"].as_array().unwrap();
    let asked = |name: &str| operations.iter().any(|operation| operation["operation"] == name);
    assert!(asked("PutManifest") && !asked("MountBlob") && !asked("Referrers"), "{operations:?}");
    for key in lacking {
        let known = report["inferred"].as_array().unwrap().iter().find(|known| known["key"] == key).unwrap();
        assert_eq!((&known["value"], &known["origin"]), (&"false".into(), &"assumed".into()));
    }
    let names = |list: &str| report["coverage"][list].as_array().unwrap().contains(&"mount.linked".into());
    assert!(names("absent") && !names("unreached"));
}

#[test]
fn what_is_said_to_be_there_and_is_not_fails_the_run() {
    let registry = serve();
    let report = registry.0.directory.path().join("report");
    let report = report.to_str().unwrap();
    let output = registry.check(&["--assume", "tag_deletion=true", "--assume", "mounts=true", "--report", report]);
    let text = told(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("mounts=true, assumed") && text.contains("tag_deletion=true, assumed"), "{text}");
    assert!(text.contains("permitted what tag_deletion=true says; but deleting a tag was refused"), "{text}");
    assert!(text.contains("rule capability.assumed (MUST): "), "{text}");
    assert!(text.contains("--assume tag_deletion=true"), "the command says it again: {text}");
    assert_eq!(text.matches("rule capability.assumed").count(), 1, "the mounts are made: {text}");

    let line = could_not(&run(&["replay", &format!("{report}/divergence-1/repro.json"), &registry.0.url]));
    assert!(line.contains("run the command that the report gives"), "{line}");

    let known = registry.file("known.json", "");
    let kept = registry.check(&["--assume", "tag_deletion=true", "--write-known", &known]);
    assert_eq!(kept.status.code(), Some(1));
    let output = registry.check(&["--assume", "tag_deletion=true", "--known", &known]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(told(&output).contains("seen in 1 case"), "{}", stdout(&output));
}

#[test]
fn what_cannot_both_be_and_what_takes_a_registry_at_a_url_is_named() {
    for (arguments, named) in [
        (
            &["check", "localhost:1", "--assume", "delete=false", "--assume", "blob_deletion=true"][..],
            "delete=false (assumed) contradicts blob_deletion=true (assumed): say one of the two",
        ),
        (&["check", "--assume", "mounts=false"], "mounts=false says something of a registry at a URL"),
        (&["check", "localhost:1", "--assume", "sha512=no way"], "sha512 is \"no way\"; it must be true or false"),
        (&["check", "localhost:1", "--assume", "manifest_bytes=7"], "it must be a number of bytes, from 1024"),
    ] {
        let line = could_not(&run(arguments));
        assert!(line.contains(named), "{arguments:?}: {line}");
    }
    let registry = serve();
    let file = registry.file("config.yml", "version: 0.1\nstorage: {filesystem: {}}\n");
    let line = could_not(&registry.check(&["--config", &file, "--assume", "blob_deletion=true"]));
    assert!(line.contains(&format!("delete=false (from {file}) contradicts blob_deletion=true (assumed)")), "{line}");
}

#[test]
fn what_a_file_says_is_told_and_all_else_is_found_out() {
    let registry = serve();
    let file = registry.file("options.yml", "validate_index: none\nmounts: true\n");
    let text = told(&registry.check(&["--options", &file]));
    assert!(text.contains(&format!("validate_index=none, from {file}")), "{text}");
    assert!(text.contains(&format!("mounts=true, from {file}")), "{text}");
    assert!(text.contains("sha512=true, for a blob was pushed by its sha512"), "{text}");
    assert!(text.contains("delete=false, for deleting a blob and a manifest was refused"), "{text}");
    assert!(text.contains("CONFORMS"), "{text}");
}

#[test]
fn a_file_that_is_not_the_targets_own_is_told() {
    let registry = serve();
    let own = registry.file("own.yml", "version: 0.1\nvalidation: {disabled: true}\n");
    let other = registry.file("other.yml", "version: 0.1\nstorage: {delete: {enabled: true}}\n");
    let text = told(&registry.check(&["--config", &own]));
    assert!(!text.contains("warning:") && text.contains(&format!("delete=false, from {own}")), "{text}");
    let text = told(&registry.check(&["--config", &other]));
    for evidence in ["deleting a blob was refused", "deleting a manifest was refused"] {
        let warning =
            format!("warning: {other} says delete=true, and the target does otherwise: {evidence}; is it the target's");
        assert!(text.contains(&warning), "{text}");
    }
    let warning =
        format!("warning: {other} says validate_index=all, and the target does otherwise: an index was taken");
    assert!(text.contains(&warning), "{text}");

    let output = registry.check(&["--config", &other, "--format", "json"]);
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "{}", stdout(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: "));
}
