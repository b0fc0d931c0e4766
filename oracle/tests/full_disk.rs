//! A server whose disk is full: a file system of 4 MiB of its own, where one may be mounted.
//!
//! The disk that fails at each call (`tests/tests/crash`) is a simulation; this is the kernel's own. What was acknowledged before, and
//! while, the disk is full is there after a kill; and once there is room, pushes go on.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests, and one says that it compares nothing")]

mod common;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::{run, serving};
use proofhouse_model::digest_of;

/// A small file system, as long as this lives.
struct Small(tempfile::TempDir);

impl Small {
    /// None: nobody here may mount one.
    fn mount() -> Option<Small> {
        let small = Small(tempfile::tempdir().unwrap());
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=4m", "proofhouse-test"]).arg(small.0.path());
        let mounted = command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(small)
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

fn kill(server: &mut Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

/// The status of a request by curl.
fn ask(url: &str, more: &[&str]) -> u16 {
    let mut command = Command::new("curl");
    command.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/octet-stream"]);
    let output = command.args(more).arg(url).output().unwrap();
    String::from_utf8(output.stdout).unwrap().parse().unwrap()
}

/// A blob of 256 KiB, like no other.
fn blob(number: usize) -> (String, String) {
    let text = format!("{number:08}").repeat(32 << 10);
    (digest_of("sha256", text.as_bytes()), text)
}

#[test]
fn a_full_disk_is_told_of_and_nothing_acknowledged_is_lost() {
    let curl = Command::new("curl").arg("-V").stdout(Stdio::null()).status();
    let (Some(small), Ok(_)) = (Small::mount(), curl) else {
        eprintln!("no file system may be mounted here, or there is no curl: no disk gets full");
        return;
    };
    let (mut server, url) = serving(&small.root());
    let files = tempfile::tempdir().unwrap();
    let push = |url: &str, number: usize| {
        let (digest, text) = blob(number);
        let file = files.path().join("blob");
        std::fs::write(&file, text).unwrap();
        let body = format!("@{}", file.display());
        ask(&format!("{url}/v2/a/blobs/uploads/?digest={digest}"), &["--data-binary", &body])
    };
    let statuses: Vec<u16> = (0..20).map(|number| push(&url, number)).collect();
    let stored: Vec<usize> = (0..20).filter(|number| statuses[*number] == 201).collect();
    assert!(stored.len() >= 8 && stored.len() < 20, "the disk is full after some: {statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 500 | 507)), "{statuses:?}");
    let there = |url: &str, number: usize| ask(&format!("{url}/v2/a/blobs/{}", blob(number).0), &[]);
    let all_there = |url: &str| {
        for number in 0..20 {
            let expected = if stored.contains(&number) { 200 } else { 404 };
            assert_eq!(there(url, number), expected, "blob {number} of {statuses:?}");
        }
    };
    all_there(&url);
    kill(&mut server);
    let (mut server, url) = serving(&small.root());
    all_there(&url);
    // Half of it goes, and there is room again.
    for number in &stored[..stored.len() / 2] {
        assert_eq!(ask(&format!("{url}/v2/a/blobs/{}", blob(*number).0), &["-X", "DELETE"]), 202);
    }
    let collected = run(&["gc", "--grace", "0s", "--root", small.root().to_str().unwrap()]);
    assert!(collected.status.success(), "{collected:?}");
    assert_eq!(push(&url, 20), 201);
    kill(&mut server);
}
