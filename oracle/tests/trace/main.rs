//! The order of system calls of `proofhouse serve` under a load: nothing is told to a client before it is durable.
//!
//! A kill leaves what the kernel has not written yet, so it cannot show a sync that is missing. A trace can.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests, and one says that it compares nothing")]

#[path = "../common/mod.rs"]
mod common;
mod order;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use common::{listening, program, run};

const CALLS: &str = "trace=openat,write,pwrite64,writev,sendto,sendmsg,ftruncate,fsync,fdatasync,syncfs,renameat,renameat2,mkdirat,unlinkat";

/// A trace of a server that took a load, and the directory that it served. None: nothing here can trace, and the test says so.
static TRACE: LazyLock<Option<(String, String)>> = LazyLock::new(|| {
    let traces = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !traces.is_ok_and(|status| status.success()) {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI has strace");
        eprintln!("there is no strace here, so nothing is traced");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let (root, out) = (directory.path().join("root"), directory.path().join("trace"));
    let mut command = Command::new("strace");
    // `-D`: the tracer is the child, so that what is killed is the server.
    command
        .args(["-D", "-f", "-y", "-qq", "-s", "256", "-e", CALLS, "-o"])
        .arg(&out)
        .arg(env!("CARGO_BIN_EXE_proofhouse"));
    command.args(["serve", "--delete", "--addr", "127.0.0.1:0", "--root"]).arg(&root);
    let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let url = listening(&mut server);
    // `--keep`: clean-up deletes over several connections at once, and then an answer cannot be told from another's work.
    let checked = run(&["check", &url, "--dialect", "proofhouse", "--seed", "3", "--cases", "12", "--keep"]);
    let told = Command::new("kill").arg(server.id().to_string()).status().unwrap();
    server.wait().unwrap();
    assert!(checked.status.success() && told.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let tree = fs::canonicalize(&root).unwrap().join("docker").to_str().unwrap().to_owned();
    Some((fs::read_to_string(&out).unwrap(), tree))
});

#[test]
fn nothing_is_acknowledged_before_it_is_durable_and_no_link_comes_before_what_it_names() {
    let Some((trace, tree)) = &*TRACE else { return };
    let seen = order::read(trace, tree);
    assert!(seen.acknowledged > 200 && seen.links > 50, "{} answers, {} links", seen.acknowledged, seen.links);
    assert!(seen.wrong.is_empty(), "{:#?}", &seen.wrong[..seen.wrong.len().min(20)]);
}

#[test]
fn a_trace_without_one_of_its_syncs_is_found_out() {
    let Some((trace, tree)) = &*TRACE else { return };
    let lines: Vec<&str> = trace.lines().collect();
    let is_sync = |line: &str| line.contains("syncfs(") || line.contains("fsync(") && line.contains(tree);
    let syncs: Vec<usize> = (0..lines.len()).filter(|at| is_sync(lines[*at])).collect();
    assert!(syncs.len() > 200, "{}", syncs.len());
    // Some directories are synced twice in a row; each twentieth is tried.
    let tried: Vec<usize> = syncs.iter().copied().step_by(20).collect();
    let noticed = tried.iter().filter(|missing| {
        let rest: Vec<&str> =
            lines.iter().enumerate().filter(|(at, _)| at != *missing).map(|(_, line)| *line).collect();
        !order::read(&rest.join("\n"), tree).wrong.is_empty()
    });
    let (noticed, tried) = (noticed.count(), tried.len());
    assert!(noticed * 2 > tried, "{noticed} of {tried}");
}

#[test]
fn a_program_that_is_not_traced_is_not_taken_for_a_durable_one() {
    let seen = order::read(
        "1 write(3</r/docker/f>, \"x\", 1) = 1\n1 writev(4<socket:[1]>, [{iov_base=\"HTTP/1.1 201 Created\", ",
        "/r/docker",
    );
    assert_eq!(seen.wrong, ["answer 1 was given while /r/docker/f was not synced"]);
    assert!(program(&["--version"]).output().unwrap().status.success());
}
