//! The recipes for operators, `ci/Containerfile` and `ci/proofhouse.service`, as far as they go without an engine or systemd.
//!
//! What they run is run here, with another directory and another port: a flag that is renamed is noticed.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

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
