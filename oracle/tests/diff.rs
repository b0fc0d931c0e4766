//! Two registries side by side.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::process::{Child, Command, Stdio};

use common::{could_not, listening, run, server_of_errors, stdout};

/// A server on a directory of its own, until it is dropped.
struct Served {
    process: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(more: &[&str]) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(directory.path()).args(more);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let url = listening(&mut process);
    Served { process, url, _directory: directory }
}

#[test]
fn two_of_one_kind_answer_alike_and_others_do_not() {
    let (one, other, keeps) = (serve(&["--delete"]), serve(&["--delete"]), serve(&[]));
    let arguments = ["--seed", "3", "--cases", "6"];
    let alike = run(&[&["diff", &one.url, &other.url][..], &arguments].concat());
    assert_eq!(alike.status.code(), Some(0), "{}", stdout(&alike));
    assert!(stdout(&alike).contains("ALIKE  0 differences in 6 cases"), "{}", stdout(&alike));

    let different = run(&[&["diff", &one.url, &keeps.url][..], &arguments].concat());
    let told = stdout(&different).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(different.status.code(), Some(1), "{told}");
    assert!(told.contains("[permitted by blob.delete]") && told.contains("[permitted by delete.off]"), "{told}");
    assert!(told.contains(" 1. ") && !told.contains(" 5. "), "what is not needed is left out: {told}");
    assert!(!told.contains("[breaks"), "each is right as it is set up: {told}");

    let broken = run(&[&["diff", &one.url, &server_of_errors()][..], &arguments].concat());
    let told = stdout(&broken).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(broken.status.code(), Some(1), "{told}");
    assert!(told.contains("[breaks wire.status.server-error]"), "{told}");
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let told = could_not(&run(&["diff", &server_of_errors(), "http://127.0.0.1:1", "--cases", "1"]));
    assert!(told.contains("127.0.0.1:1"), "{told}");
}
