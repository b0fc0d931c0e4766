//! `replay` and `diff` get in where `check` does.

use std::fs;

use super::served::{AUTH, Check, Served};
use super::tokens::Issuer;

/// A sequence of one question, as a report has it.
const REPRO: &str = r#"{"version": 1, "dialect": "oci", "options": {}, "rule": "blob.unlinked", "seen": "", "url": null,
    "several_clients": false, "ops": [{"GetManifest": {"repo": "a", "reference": "t"}}]}"#;

fn repro(served: &Served) -> String {
    let path = served.file("repro.json");
    fs::write(&path, REPRO).unwrap();
    path.to_str().unwrap().to_owned()
}

/// An auth file with Alice's password for each of them.
fn authfile(all: &[&Served]) -> String {
    let entry = |served: &&Served| {
        let (_, host) = served.url.split_once("://").unwrap();
        format!(r#""{host}": {{"auth": "{AUTH}"}}"#)
    };
    let entries: Vec<String> = all.iter().map(entry).collect();
    let path = all[0].file("auth.json");
    fs::write(&path, format!(r#"{{"auths": {{{}}}}}"#, entries.join(", "))).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_sequence_is_replayed_behind_tls_and_a_password() {
    let served = Served::behind_tls();
    let (repro, ca) = (repro(&served), served.file("ca.pem"));
    let replay = || Check::command(&["replay", &repro, &served.url, "--rate", "1000"]);
    let user = ["--username", "alice", "--password-stdin"];
    let trusted = || replay().with(&["--ca", ca.to_str().unwrap()]);
    trusted().with(&user).stdin("secret").run().conforms();
    trusted().with(&["--authfile", &authfile(&[&served])]).run().conforms();
    trusted().env("PROOFHOUSE_USERNAME", "alice").env("PROOFHOUSE_PASSWORD", "secret").run().conforms();
    let insecure = replay().with(&["--insecure"]).with(&user).stdin("secret").run();
    insecure.conforms();
    assert!(insecure.stdout.starts_with("--insecure: no certificate is verified"), "{insecure:?}");
    assert!(replay().run().could_not().contains("--ca FILE names the authority"));
    let in_process = Check::command(&["replay", &repro, "--insecure"]).run();
    assert!(in_process.could_not().contains("URL"), "{in_process:?}");
}

#[test]
fn a_sequence_is_replayed_where_tokens_are_wanted() {
    let issuer = Issuer::start();
    let served = issuer.registry();
    let replay = Check::command(&["replay", &repro(&served), &served.url, "--username", "alice", "--password-stdin"]);
    replay.stdin("secret").run().conforms();
    assert!(!issuer.asked().is_empty());
}

#[test]
fn two_registries_are_compared_each_with_credentials_of_its_own() {
    let (one, other) = (Served::behind_tls(), Served::start(super::served::htpasswd));
    let ca = one.file("ca.pem");
    let diff = || {
        let diff = ["diff", &one.url, &other.url, "--cases", "1", "--seed", "1", "--ca", ca.to_str().unwrap()];
        Check::command(&diff).with(&["--rate", "10000"])
    };
    diff().with(&["--authfile", &authfile(&[&one, &other])]).run().conforms();
    // What is told on the command line is shown to the first only.
    let user = ["--username", "alice", "--password-stdin"];
    let first_only = diff().with(&user).stdin("secret").run();
    let wants = format!("{} wants credentials", other.url);
    assert!(first_only.could_not().contains(&wants), "{first_only:?}");
    let second = authfile(&[&other]);
    diff().with(&user).with(&["--authfile", &second]).stdin("secret").run().conforms();
}
