//! `proofhouse check URL` with the commands that restart, kill and collect.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::process::{Child, Command, Output, Stdio};

use common::serving;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_proofhouse");

/// A server on a directory of its own. A command may end it and start another; `pid` always names the last.
struct Server {
    directory: tempfile::TempDir,
    first: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let last = format!("kill -9 $(cat {}/pid)", self.place());
        // It may have ended by itself.
        let _ = Command::new("sh").args(["-c", &last]).stderr(Stdio::null()).status();
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}

impl Server {
    fn start() -> Server {
        let directory = tempfile::tempdir().unwrap();
        let (first, url) = serving(&directory.path().join("root"));
        let address = url.strip_prefix("http://").unwrap().to_owned();
        fs::write(directory.path().join("pid"), first.id().to_string()).unwrap();
        Server { directory, first, address }
    }

    fn place(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    /// A command that ends the server with a signal, waits until it has let go of the directory, and starts another.
    fn again(&self, signal: &str) -> String {
        let (place, address) = (self.place(), &self.address);
        let serve = format!("{PROGRAM} serve --delete --addr {address} --root {place}/root");
        format!(
            "kill -{signal} $(cat {place}/pid) && flock -w 30 {place}/root/.proofhouse/lock true && \
             {{ {serve} >/dev/null 2>&1 & echo $! >{place}/pid; }}"
        )
    }

    fn check(&self, arguments: &[&str]) -> Output {
        let url = format!("http://{}", self.address);
        let mut command = Command::new(PROGRAM);
        let dialect = if arguments.contains(&"--dialect") { &[][..] } else { &["--dialect", "oci"] };
        command.args(["check", &url, "--seed", "11", "--format", "json"]).args(dialect).args(arguments);
        command.output().unwrap()
    }
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// How often a rule was exercised.
fn exercised(report: &Value, rule: &str) -> u64 {
    let rows = report["coverage"]["rules"].as_array().unwrap();
    let row = rows.iter().find(|row| row["rule"]["id"] == rule);
    row.unwrap_or_else(|| panic!("{rule} is not there"))["exercised"].as_u64().unwrap()
}

#[test]
fn what_was_acknowledged_survives_restarts_and_kills() {
    let server = Server::start();
    let (restart, kill) = (server.again("TERM"), server.again("KILL"));
    let output = server.check(&["--cases", "12", "--restart-cmd", &restart, "--kill-cmd", &kill]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert!(exercised(&report, "restart") >= 2, "both ways were taken");
}

#[test]
fn what_is_named_survives_a_collection_that_is_right() {
    let server = Server::start();
    let gc = format!("{PROGRAM} gc --delete-untagged --root {}/root", server.place());
    let output = server.check(&["--cases", "12", "--gc-cmd", &gc]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert!(exercised(&report, "gc.closure") > 0 && exercised(&report, "gc.tags") > 0);
}

#[test]
fn a_collection_that_takes_too_much_is_found_and_shown_with_few_steps() {
    let server = Server::start();
    let gc = format!("find {}/root/docker/registry/v2/blobs -name data -delete", server.place());
    let output = server.check(&["--cases", "40", "--findings", "1", "--gc-cmd", &gc]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let divergence = &report["divergences"][0];
    assert_eq!(divergence["rule"]["id"], "gc.tags", "{divergence:#}");
    let steps = divergence["steps"].as_array().unwrap();
    assert!(steps.len() <= 5, "{divergence:#}");
    assert!(
        steps.iter().any(|step| step["request"].as_str().unwrap().starts_with("collect garbage")),
        "{divergence:#}"
    );
}

#[test]
fn a_command_that_fails_is_an_outcome_that_no_rule_permits() {
    let server = Server::start();
    let output = server.check(&["--cases", "40", "--findings", "1", "--restart-cmd", "echo no >&2; exit 3"]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    assert_eq!(report["divergences"][0]["rule"]["id"], "command.succeeds");
    assert_eq!(report["divergences"][0]["steps"].as_array().map(Vec::len), Some(1), "{report:#}");
    let seen = report["divergences"][0]["seen"].as_str().unwrap();
    assert!(seen.contains("exit 3`") && seen.contains("failed"), "{seen}");
}

#[test]
fn a_collection_that_fails_is_told_once_with_one_step_that_a_script_shows() {
    let server = Server::start();
    let directory = server.directory.path().join("report");
    let to = directory.to_str().unwrap();
    let output = server.check(&["--cases", "40", "--gc-cmd", "exit 3", "--report", to]);
    let report = report(&output);
    let divergences = report["divergences"].as_array().unwrap();
    assert_eq!((output.status.code(), divergences.len()), (Some(1), 1), "{report:#}");
    assert_eq!(divergences[0]["rule"]["id"], "command.succeeds");
    assert_eq!(divergences[0]["steps"].as_array().map(Vec::len), Some(1), "{report:#}");
    let script = directory.join("divergence-1/repro.sh");
    let shown = |gc: &str| {
        let mut command = Command::new("sh");
        command.arg(&script).env("GC", gc).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code()
    };
    assert_eq!((shown("exit 3"), shown("true")), (Some(0), Some(1)));
}

#[test]
fn a_command_that_takes_longer_than_it_may_is_a_divergence() {
    let server = Server::start();
    let output = server.check(&["--cases", "40", "--findings", "1", "--gc-cmd", "sleep 600", "--cmd-timeout", "200ms"]);
    let report = report(&output);
    assert_eq!(report["divergences"][0]["rule"]["id"], "command.succeeds", "{report:#}");
    assert_eq!(report["divergences"][0]["steps"].as_array().map(Vec::len), Some(1), "{report:#}");
}

#[test]
fn a_replay_compares_what_was_asked_before_a_collection_with_what_is_asked_after_it() {
    let (server, other) = (Server::start(), Server::start());
    let directory = server.directory.path().join("report");
    let bad = format!("find {}/root/docker/registry/v2/blobs -name data -delete", server.place());
    let good = format!("{PROGRAM} gc --root {}/root", other.place());
    let output =
        server.check(&["--cases", "40", "--findings", "1", "--gc-cmd", &bad, "--report", directory.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let replayed = |server: &Server, gc: &str| {
        let (repro, url) = (directory.join("divergence-1/repro.json"), format!("http://{}", server.address));
        let mut command = Command::new(PROGRAM);
        command.arg("replay").arg(repro).args([&url, "--gc-cmd", gc]).output().unwrap()
    };
    let (again, sound) = (replayed(&server, &bad), replayed(&other, &good));
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stdout).contains("gc.tags"), "{again:?}");
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
}

/// Whether a process of the group runs. One that has ended and that nobody asked after does not.
fn runs(group: &str) -> bool {
    let of_group = |stat: String| {
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields[0] != "Z" && fields[2] == group
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("stat"));
    processes.filter_map(|stat| fs::read_to_string(stat).ok()).filter(|stat| stat.contains(')')).any(of_group)
}

#[test]
fn the_time_of_a_run_bounds_its_commands_and_ends_in_no_divergence() {
    let server = Server::start();
    let (group, place) = (server.directory.path().join("group"), server.place());
    let output = server.check(&["--time", "4s", "--gc-cmd", &format!("echo $$ >{place}/group; sleep 600; true")]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("incomplete") && text.contains("sleep 600; true") || text.contains("never came to its end"),
        "{text}"
    );
    let group = fs::read_to_string(group).unwrap();
    assert!(!runs(group.trim()), "what the command started goes on");
}

#[test]
fn a_restart_that_the_end_of_the_run_meets_is_finished_so_that_the_registry_is_up_and_clean() {
    let server = Server::start();
    let begun = server.directory.path().join("begun");
    // Down for longer than the run has.
    let restart = format!(
        "touch {} && kill -TERM $(cat {}/pid) && sleep 5 && {}",
        begun.display(),
        server.place(),
        server.again("TERM").split_once(" && ").unwrap().1
    );
    // The case of this seed restarts it early.
    let (url, time) = (format!("http://{}", server.address), ["--seed", "15", "--time", "5s"]);
    let output = Command::new(PROGRAM).args(["check", &url, "--restart-cmd", &restart]).args(time).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(begun.exists(), "no restart came: {told}");
    assert!(std::net::TcpStream::connect(&server.address).is_ok(), "it was left down: {told}");
    assert!(!told.contains("may stay"), "{told}");
}

#[test]
fn a_collection_and_several_clients_do_not_get_into_the_way_of_one_another() {
    let server = Server::start();
    let gc = format!("{PROGRAM} gc --grace 0s --root {}/root", server.place());
    let output = server.check(&["--cases", "16", "--clients", "4", "--gc-cmd", &gc]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert!(exercised(&report, "gc.tags") > 0 && exercised(&report, "history.linearizable") > 0);
}

/// The report of a run in which four clients work, and one of them may kill the registry.
fn clients_and_kills(server: &Server, dialect: &str, kill: &str, arguments: &[&str]) -> Value {
    let output = server.check(&[&["--dialect", dialect, "--clients", "4", "--kill-cmd", kill], arguments].concat());
    report(&output)
}

#[test]
fn what_several_clients_were_told_survives_a_kill_while_they_work() {
    for dialect in ["oci", "proofhouse"] {
        let server = Server::start();
        let count = server.directory.path().join("kills");
        let kill = format!("echo >>{} && {}", count.display(), server.again("KILL"));
        let report = clients_and_kills(&server, dialect, &kill, &["--cases", "24"]);
        assert_eq!(report["divergences"].as_array().map(Vec::len), Some(0), "{report:#}");
        assert!(exercised(&report, "history.linearizable") > 0);
        let kills = fs::read_to_string(&count).unwrap().len() as u64;
        let alone = exercised(&report, "restart");
        assert!(kills > alone, "of {kills} kills {alone} came while one client worked alone");
    }
}

#[test]
fn what_a_kill_takes_from_several_clients_is_found() {
    let server = Server::start();
    let place = server.place();
    let kill = format!(
        "{} && rm -rf {place}/root/docker/registry/v2/repositories/*/*/*/_manifests/tags",
        server.again("KILL")
    );
    let report = clients_and_kills(&server, "oci", &kill, &["--cases", "60", "--findings", "1"]);
    assert_eq!(report["divergences"].as_array().map(Vec::len), Some(1), "{report:#}");
}
