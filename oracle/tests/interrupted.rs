//! What becomes of a run that SIGINT or SIGTERM ends.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use common::{program, server_of_two_minds, serving};
use serde_json::Value;

/// Nothing takes so long.
const LONG: Duration = Duration::from_secs(60);

/// A check that does not end by itself.
struct Check {
    process: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Drop for Check {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Check {
    fn start(url: &str, arguments: &[&str]) -> Check {
        let mut command = program(&["check", url, "--time", "600s", "--seed", "1"]);
        let mut process = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        Check { process, stderr }
    }

    /// Waits until it says how it goes: then some cases have ended, or one diverged.
    fn has_begun(&mut self) {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        assert!(line.contains(" cases, ") || line.contains("shrinking"), "{line}");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Its exit status and, without line breaks, what it said on stdout and stderr.
    fn end(mut self) -> (ExitStatus, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.process.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        (self.process.wait().unwrap(), words(&out), words(&err))
    }
}

#[test]
fn an_interrupted_run_tells_what_it_has_and_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let (mut server, url) = serving(&directory.path().join("root"));
    let report = directory.path().join("report");
    let mut check = Check::start(&url, &["--report", report.to_str().unwrap()]);
    check.has_begun();
    check.signal("INT");
    let (status, out, err) = check.end();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{out} {err}");
    assert!(out.contains("CONFORMS") && out.contains("until it was interrupted"), "{out}");
    assert!(!out.contains("stay in repositories"), "{out}");
    assert!(err.contains("interrupted: what was found is told"), "{err}");
    let written: Value = serde_json::from_slice(&fs::read(report.join("report.json")).unwrap()).unwrap();
    assert_eq!(written["ended"], "interrupted");
}

#[test]
fn what_diverged_until_it_was_interrupted_is_the_verdict() {
    let mut check = Check::start(&server_of_two_minds(), &["--findings", "1000"]);
    check.has_begun();
    check.signal("TERM");
    let (status, out, err) = check.end();
    assert_eq!(status.code(), Some(1), "{out} {err}");
    assert!(out.contains("DIVERGES") && out.contains("until it was interrupted"), "{out}");
}

/// A registry that takes whatever is pushed to it, and never answers a DELETE. What comes is a word for each of those.
fn server_that_keeps() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (deletes, deleted) = channel();
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 16 * 1024];
            let length = stream.read(&mut request).unwrap_or_default();
            if request[..length].starts_with(b"DELETE ") {
                held.push(stream);
                // Nobody may be waiting for it any more.
                let _ = deletes.send(());
                continue;
            }
            let ping = request[..length].starts_with(b"GET /v2/ ");
            let status = if ping { "200 OK" } else { "201 Created" };
            let answer =
                format!("HTTP/1.1 {status}\r\nLocation: /v2/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    (url, deleted)
}

#[test]
fn a_second_signal_ends_it_at_once_and_what_may_be_left_is_named() {
    let (url, deleted) = server_that_keeps();
    // The probe deletes nothing, so the first deletion is that of what a case wrote.
    let lacks = ["blob_deletion=false", "manifest_deletion=false", "tag_deletion=false"];
    let lacks: Vec<&str> = lacks.into_iter().flat_map(|fact| ["--assume", fact]).collect();
    let check = Check::start(&url, &[&["--findings", "1000"], &lacks[..]].concat());
    deleted.recv_timeout(LONG).unwrap();
    check.signal("INT");
    // What is in flight is left, and what was written is deleted once more.
    deleted.recv_timeout(LONG).unwrap();
    check.signal("TERM");
    let (status, out, err) = check.end();
    assert_eq!(status.code(), Some(143), "{out} {err}");
    assert!(err.contains("something may be left in repositories that begin with proofhouse-"), "{err}");
}
