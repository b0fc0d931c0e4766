//! gc, purge-uploads and fsck as operators call them: what they refuse, in one line and with exit status 2.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The digest of `hello`.
const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A directory with a blob that a repository links.
fn registry() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |place: &str, content: &str| {
        let path = at(root.path(), place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write(&format!("blobs/sha256/2c/{HEX}/data"), "hello");
    write(&format!("repositories/a/_layers/sha256/{HEX}/link"), &format!("sha256:{HEX}"));
    root
}

fn at(root: &Path, place: &str) -> PathBuf {
    root.join("docker/registry/v2").join(place)
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.args(arguments).arg("--root").arg(root);
    command
}

fn on(root: &Path, arguments: &[&str]) -> Output {
    command(root, arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_collection_refuses_what_it_does_not_understand_and_a_check_tells_it() {
    let root = registry();
    fs::create_dir_all(at(root.path(), "repositories/ALPHA/_manifests")).unwrap();
    for arguments in [&["gc", "--grace", "0s"][..], &["gc", "--grace", "0s", "--dry-run"]] {
        let output = on(root.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
        let line = "proofhouse: /docker/registry/v2/repositories/ALPHA: no repository can have this name; ";
        assert!(stderr(&output).starts_with(line) && stderr(&output).lines().count() == 1, "{}", stderr(&output));
        assert!(stderr(&output).contains("`proofhouse fsck`"), "{}", stderr(&output));
    }
    assert!(at(root.path(), &format!("blobs/sha256/2c/{HEX}/data")).exists());
    let output = on(root.path(), &["fsck"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).starts_with("/docker/registry/v2/repositories/ALPHA: no repository can have this name"));
}

#[test]
fn a_repair_without_any_blobs_removes_nothing_and_says_why() {
    let root = registry();
    fs::rename(at(root.path(), "blobs"), root.path().join("unmounted")).unwrap();
    let output = on(root.path(), &["fsck", "--repair"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stdout(&output).contains("is a disk not mounted?"), "{}", stdout(&output));
    let expected = "proofhouse: nothing is stored below /docker/registry/v2/blobs/sha256, so no link to a sha256 digest was \
                    removed; mount or restore the blobs, then repair again\n";
    assert_eq!(stderr(&output), expected);
    assert!(at(root.path(), &format!("repositories/a/_layers/sha256/{HEX}/link")).exists());
    assert_eq!(on(root.path(), &["fsck"]).status.code(), Some(1));
    assert_eq!(on(root.path(), &["gc", "--grace", "0s"]).status.code(), Some(2));
    fs::rename(root.path().join("unmounted"), at(root.path(), "blobs")).unwrap();
    assert_eq!(on(root.path(), &["fsck"]).status.code(), Some(0));
}

/// Runs a command as somebody who may not write to the directory: root may write everywhere, so it becomes nobody first.
fn as_a_reader(root: &Path, arguments: &[&str]) -> Output {
    let mut command = command(root, arguments);
    if fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0) {
        command.gid(65_534).uid(65_534);
    }
    command.output().unwrap()
}

#[test]
fn what_only_reads_works_on_a_directory_that_cannot_be_written() {
    let root = registry();
    let allow = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(root.path(), 0o555);
    let readers = [
        &["fsck", "--deep"][..],
        &["gc", "--grace", "0s", "--dry-run"],
        &["purge-uploads", "--dry-run", "--older-than", "0s"],
    ];
    for arguments in readers {
        let output = as_a_reader(root.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("read-only here and was not locked"), "{arguments:?}: {}", stderr(&output));
    }
    for arguments in [&["fsck", "--repair"][..], &["gc"], &["purge-uploads"]] {
        let output = as_a_reader(root.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(".proofhouse/lock"), "{arguments:?}: {}", stderr(&output));
    }
    // A lock that is there is taken, though nobody can write into it; and is waited for by nobody.
    allow(root.path(), 0o755);
    let place = root.path().join(".proofhouse");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("lock"), "serve (process 1)").unwrap();
    for (path, mode) in [(place.join("lock"), 0o444), (place.clone(), 0o555), (root.path().to_owned(), 0o555)] {
        allow(&path, mode);
    }
    for arguments in readers {
        let output = as_a_reader(root.path(), arguments);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{arguments:?}");
    }
    let held = fs::File::open(place.join("lock")).unwrap();
    held.lock().unwrap();
    let output = as_a_reader(root.path(), &["fsck"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is in use by serve (process 1)"), "{}", stderr(&output));
    allow(&place, 0o755);
    allow(root.path(), 0o755);
}
