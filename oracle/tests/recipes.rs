//! The recipes for operators, `ci/Containerfile` and `ci/proofhouse.service`, as far as they go without an engine or systemd, and those
//! for CI, `action.yml` and `docs/ci.md`.
//!
//! What they run is run here, with another directory and another port: a flag that is renamed is noticed.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{run, server_of_errors, stdout};
use serde_json::Value;

fn recipe(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci").join(name)).unwrap()
}

/// What stands after this at the beginning of a line.
fn after<'a>(recipe: &'a str, beginning: &str) -> &'a str {
    let lines: Vec<&str> = recipe.lines().filter_map(|line| line.trim().strip_prefix(beginning)).collect();
    let [line] = lines[..] else { panic!("{beginning} stands {} times", lines.len()) };
    line
}

fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap()
}

/// Runs these arguments, its directory and port changed, until it is asked to stop. `ask` gets the address.
fn runs(arguments: &[String], ask: impl FnOnce(&str)) {
    let directory = tempfile::tempdir().unwrap();
    let mut arguments = arguments.to_vec();
    let value_of = |flag: &str| arguments.iter().position(|one| one == flag).unwrap() + 1;
    let (root, address) = (value_of("--root"), value_of("--addr"));
    arguments[root] = directory.path().to_str().unwrap().to_owned();
    let host = arguments[address].split(':').next().unwrap().to_owned();
    arguments[address] = format!("{host}:0");
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    let mut process = command.args(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(':').next().unwrap();
    assert!(line.starts_with(&format!("listening on http://{host}:")), "{arguments:?}: {line}");
    ask(port);
    let stop = format!("kill -TERM {}", process.id());
    assert!(Command::new("sh").args(["-c", &stop]).status().unwrap().success());
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn the_unit_starts_a_server_and_gives_it_time_to_end() {
    let unit = recipe("proofhouse.service");
    let command: Vec<String> = after(&unit, "ExecStart=").split(' ').map(str::to_owned).collect();
    assert_eq!(command[0], "/usr/local/bin/proofhouse");
    runs(&command[1..], |_| ());
    // The directory is the one that the unit owns.
    let state = after(&unit, "StateDirectory=");
    assert!(command.contains(&format!("%S/{state}")), "{command:?}");
    // 30 seconds for requests under way, 5 for their last words.
    assert!(after(&unit, "TimeoutStopSec=").parse::<u64>().unwrap() > 35);
}

#[test]
fn the_container_starts_a_server_that_says_it_is_well() {
    let container = recipe("Containerfile");
    assert_eq!(words(after(&container, "ENTRYPOINT ")), ["proofhouse"]);
    let check = after(&container, "CMD [\"bash\"");
    let check = words(&format!("[\"bash\"{check}"));
    let arguments = words(&format!("[\"serve\"{}", after(&container, "CMD [\"serve\"")));
    let root = arguments.iter().position(|one| one == "--root").unwrap() + 1;
    assert_eq!(after(&container, "VOLUME "), arguments[root]);
    runs(&arguments, |port| {
        let ask = |port: &str| {
            let script = check[2].replace("/5000", &format!("/{port}"));
            Command::new(&check[0]).args([&check[1], &script]).stderr(Stdio::null()).status().unwrap().success()
        };
        assert!(ask(port));
        // Port 1 has no server.
        assert!(!ask("1"));
    });
}

/// A file of the repository.
fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// Every word of a text that looks like a flag.
fn flags(text: &str) -> BTreeSet<&str> {
    let word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let words = text.split(|character| !word(character));
    words.filter(|word| word.starts_with("--") && !word.trim_matches('-').is_empty()).collect()
}

#[test]
fn every_flag_of_the_recipes_for_ci_exists() {
    let help: String = ["check", "replay", "rules"].map(|command| stdout(&run(&[command, "--help"]))).concat();
    let there = flags(&help);
    // Of cargo and git, in the same lines.
    let others = ["--locked", "--path", "--root", "--depth"];
    let mut used = 0;
    for name in ["action.yml", "docs/ci.md", "docs/report.md"] {
        for flag in flags(&page(name)).into_iter().filter(|flag| !others.contains(flag)) {
            assert!(there.contains(flag), "{name} has {flag}, which is in no help");
            used += 1;
        }
    }
    assert!(used > 10, "{used}");
}

#[test]
fn the_action_runs_a_check_and_leaves_a_report() {
    let action: Value = serde_saphyr::from_str(&page("action.yml")).unwrap();
    let inputs = action["inputs"].as_object().unwrap();
    assert_eq!(action["runs"]["using"], "composite");
    let steps = action["runs"]["steps"].as_array().unwrap();
    let mentioned = page("action.yml");
    let mentioned = mentioned.split("inputs.").skip(1).map(|rest| rest.split(' ').next().unwrap());
    assert_eq!(mentioned.collect::<BTreeSet<_>>(), inputs.keys().map(String::as_str).collect());
    let build = steps[0]["run"].as_str().unwrap();
    assert!(build.starts_with("cargo install --locked --path \"$ACTION/oracle\""), "{build}");

    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("bash");
    command.args(["-e", "-o", "pipefail", "-c", steps[1]["run"].as_str().unwrap()]).current_dir(directory.path());
    for (variable, value) in steps[1]["env"].as_object().unwrap() {
        let input = value.as_str().unwrap().trim_matches(['$', '{', '}', ' ']).strip_prefix("inputs.");
        command.env(variable, input.map_or("", |input| inputs[input]["default"].as_str().unwrap_or_default()));
    }
    command.env("PROGRAM", env!("CARGO_BIN_EXE_proofhouse")).env("URL", server_of_errors());
    command.env("ARGS", "--seed 1 --cases 2 --write-known 'known ones.json'").stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = inputs["report-dir"]["default"].as_str().unwrap();
    for file in [&format!("{report}/report.html"), "known ones.json"] {
        assert!(directory.path().join(file).exists(), "{file}");
    }
}
