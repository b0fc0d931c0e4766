//! The program as people call it.
//!
//! Whatever keeps it from running is exit status 2 and one line on stderr that names what is wrong.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use common::{could_not, program, run, server_of_two_minds, server_with, stdout};
use serde_json::Value;

/// A directory with a file in it.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A server that gives every connection the same answer.
fn server(answer: &str) -> String {
    server_with(answer, answer)
}

#[test]
fn bad_arguments_are_named() {
    for (arguments, named) in [
        (&["check", "--dialect", "docker"][..], "docker"),
        (&["check", "--cases", "0"], "--cases"),
        (&["check", "--cases", "many"], "many"),
        (&["check", "--ops", "0"], "--ops"),
        (&["check", "--seed", "-1"], "-1"),
        (&["check", "--time", "60"], "60"),
        (&["check", "--seed", "1", "--shard", "0/2"], "0/2"),
        (&["check", "--seed", "1", "--shard", "3/2"], "a part is K/N, the K-th of N parts, with K from 1 to N"),
        (&["check", "--seed", "1", "--shard", "1/65537"], "N at most 65536"),
        (&["check", "--seed", "1", "--shard", "half"], "half"),
        (&["check", "--shard", "1/2"], "--shard needs --seed: the parts of one campaign are told by one seed"),
        (&["check", "--seed", "1", "--cases", "2", "--shard", "1/3"], "no case in that part, of 2 cases in all"),
        (&["check", "--time", "0s"], "0s"),
        (&["check", "--format", "xml"], "xml"),
        (&["check", "--frobnicate"], "--frobnicate"),
        (&["check", "--namespace", "mine"], "--namespace"),
        (&["check", "localhost", "--rate", "0"], "--rate"),
        (&["check", "--rate", "5"], "<URL"),
        (&["check", ""], "it is empty"),
        (&["check", "http://localhost", "--fsync"], "--fsync"),
        (&["check", "--assume", "delete"], "KEY=VALUE"),
        (&["check", "--assume", "validate_index="], "\"validate_index\" is given no value: it must be KEY=VALUE"),
        (&["check", "--write-known", "/no/such/known.json"], "--write-known: cannot write /no/such/known.json"),
        (&["check", "--write-known", "/"], "--write-known: cannot write /: is a directory"),
        (&["rules", "BLOB.GET"], "names are in lower case: blob.get"),
        (&["rules", "blob.gets"], "proofhouse rules lists them"),
        (&["check", "--assume", "deletion=true"], "there are cache, catalog_default, "),
        (&["check", "--assume", "delete=maybe"], "delete"),
        (&["check", "--assume", "validate_index=amd64"], "amd64"),
        (&["check", "--assume", "urls_allow=("], "urls_allow"),
        (&["check", "one", "two"], "two"),
        (&["explain"], "MANIFEST"),
        (&["check", "--time=-1s"], "a duration is"),
        (&["check", "--time", "-1s"], "-1"),
        (&["check", "foo.invalid"], "http:// was assumed"),
        (&["rules", ""], "the name of a rule is empty"),
        (&["replay", "/dev/zero"], "cannot read /dev/zero: it is a device"),
        (&["check", "--known", "/dev/zero"], "cannot read /dev/zero: it is a device"),
        (&["check", "--options", "/dev/zero"], "cannot read /dev/zero: it is a device"),
        (&["explain", "--config", "/dev/zero", "-"], "cannot read /dev/zero: it is a device"),
        (&["explain", "/dev/zero"], "cannot read /dev/zero: it is a device"),
        (&["serve", "--config", "/dev/zero"], "/dev/zero: it is a device"),
        (&["replay", "/"], "cannot read /: it is a directory"),
        (&["verify"], "verify"),
        (&[], "check"),
    ] {
        let line = could_not(&run(arguments));
        assert!(line.contains(named), "{arguments:?}: {line}");
    }
}

#[test]
fn a_document_of_another_kind_is_told_what_was_expected() {
    for text in ["[]", "[1, 2]", "{}", "null", "\"text\"", r#"{"version": 1}"#, "no JSON", ""] {
        let (_directory, file) = file(text);
        let replayed = could_not(&run(&["replay", path(&file)]));
        assert!(
            replayed.contains("a repro.json is expected, as `proofhouse check --report DIR`"),
            "{text}: {replayed}"
        );
        let known = could_not(&run(&["check", "--known", path(&file)]));
        assert!(known.contains("as `proofhouse check --write-known FILE` writes it"), "{text}: {known}");
        for line in [replayed, known] {
            assert!(!line.contains("struct") && !line.contains("invalid type"), "{text}: {line}");
        }
    }
}

#[test]
fn a_registry_that_cannot_be_tested_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let line = could_not(&run(&["check", &closed]));
    assert!(line.contains(&format!("nothing answers at http://{closed}")), "{line}");

    let url = server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let line = could_not(&run(&["check", &url]));
    assert!(line.contains(&format!("{url} is not a registry: GET /v2/ answered 404")), "{line}");

    let challenge = "WWW-Authenticate: Basic realm=\"registry\"\r\n";
    let url =
        server(&format!("HTTP/1.1 401 Unauthorized\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n"));
    let line = could_not(&run(&["check", &url]));
    assert!(line.contains("wants credentials: GET /v2/ is answered with 401 (Basic realm=\"registry\")"), "{line}");

    let url = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    let line = could_not(&run(&["check", &url, "--namespace", "Not/A/Name"]));
    assert!(line.contains("Not/A/Name"), "{line}");
}

const PONG: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/// A server that takes connections and answers the ping, or not even that.
fn silent_server(ping: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            if stream.read(&mut [0; 4096]).is_ok() && held.is_empty() && !ping.is_empty() {
                let _ = stream.write_all(ping.as_bytes());
            }
            held.push(stream);
        }
    });
    url
}

#[test]
fn a_target_that_hangs_costs_no_more_than_the_time_that_was_given() {
    let url = silent_server("");
    let line = could_not(&run(&["check", &url, "--time", "1ms"]));
    assert!(
        line.contains(&format!("the time is up before {url} is asked anything; give the run more --time")),
        "{line}"
    );
    let line = could_not(&run(&["check", &url, "--time", "300ms"]));
    assert!(line.contains(&format!("{url} does not answer within ")), "{line}");

    let line = could_not(&run(&["check", &silent_server(PONG), "--time", "600ms"]));
    assert!(line.contains("nothing was checked: no case was finished within 600ms"), "{line}");
}

#[test]
fn a_target_that_throttles_is_not_said_to_break_a_rule() {
    let throttles =
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for url in [server(throttles), server_with(PONG, throttles)] {
        let line = could_not(&run(&["check", &url, "--cases", "1"]));
        assert!(line.contains("the target throttles: ") && line.contains("use --rate or a quieter target"), "{line}");
    }
}

#[test]
fn without_a_finished_case_nothing_is_said_to_conform() {
    let output = run(&["check", "--time", "1ms", "--ops", "10000", "--seed", "1"]);
    assert!(could_not(&output).contains("nothing was checked: no case was finished within 1ms"));
    assert!(!stdout(&output).contains("CONFORMS"));
}

#[test]
fn a_directory_for_temporary_files_that_is_not_there_is_named() {
    let output = program(&["check", "--cases", "1"]).env("TMPDIR", "/no/such/directory").output().unwrap();
    assert!(could_not(&output).contains("/no/such/directory"));
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let line = could_not(&run(&["check", "--config", "/no/such/config.yml"]));
    assert_eq!(line.matches("/no/such/config.yml").count(), 1, "{line}");
    for (text, named) in [
        ("storage: {delete: {enabled: true}", "malformed YAML"),
        ("{}", "version is missing: it must be 0.1"),
        ("", "it must be a mapping with version: 0.1"),
        ("{version: 0.1, storage: {delete: {enabled: 7}}}", "storage.delete.enabled"),
        ("{version: 0.1, validation: {manifests: {urls: {allow: ['(']}}}}", "urls_allow"),
        (
            "{version: 0.1, validation: {manifests: {indexes: {platforms: most}}}}",
            "validation.manifests.indexes.platforms",
        ),
    ] {
        let (_directory, config) = file(text);
        let line = could_not(&run(&["check", "--config", path(&config)]));
        assert!(line.contains(named), "{text}: {line}");
    }
}

#[test]
fn a_registry_that_breaks_the_protocol_diverges() {
    let url = server_of_two_minds();
    for seed in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        let output = run(&["check", &url, "--cases", "3", "--ops", "5", "--seed", seed, "--namespace", "mine"]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("rule        wire.header.single (MUST): "), "{text}");
        assert!(text.contains("DIVERGES"), "{text}");
        assert!(text.contains(&format!("reproduce   proofhouse check {url} --ops 5 --seed {seed} ")), "{text}");
        let too_wide = text.lines().find(|line| line.chars().count() > 80 && !line.starts_with("reproduce"));
        assert_eq!(too_wide, None);
    }
}

#[test]
fn the_json_report_is_one_document() {
    let url = server_of_two_minds();
    let output = run(&["check", &url, "--cases", "3", "--ops", "5", "--seed", "1", "--format", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(document["version"], 1);
    assert_eq!(document["verdict"], "diverges");
    assert_eq!(document["target"]["url"], url);
    assert!(document["target"]["namespace"].as_str().unwrap().starts_with("proofhouse-"));
    assert!(document["divergences"][0]["steps"].as_array().is_some_and(|steps| !steps.is_empty()));
    assert_eq!(document["divergences"][0]["rule"]["id"], "wire.header.single");
    assert_eq!(document["divergences"][0]["rule"]["level"], "MUST");
}

const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"platform":{"architecture":"amd64","os":"linux"},
     "digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"platform":{"architecture":"s390x","os":"linux"},
     "digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111"}]}"#;

#[test]
fn explain_says_which_entries_must_exist() {
    let (_index, index) = file(INDEX);
    let ours = "validate_index: [linux/amd64]\n";
    let theirs = "version: 0.1\nvalidation: {manifests: {indexes: {platforms: list, platformlist: \
        [{architecture: amd64, os: linux}]}}}\n";
    for (as_what, written) in [("--options", ours), ("--config", theirs)] {
        let (_options, options) = file(written);
        let output = run(&["explain", as_what, path(&options), path(&index)]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        let entry = |digit: &str| text.lines().find(|line| line.contains(&digit.repeat(64))).unwrap().to_owned();
        assert!(entry("0").contains("must exist"), "{text}");
        assert!(entry("1").contains("need not exist"), "{text}");
    }
}

#[test]
fn explain_says_why_a_manifest_is_refused() {
    let (_manifest, manifest) = file(r#"{"schemaVersion": 1}"#);
    let output = run(&["explain", path(&manifest)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("refused"));
    let output = run(&["explain", path(&manifest), "--content-type", "text/plain"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("text/plain"), "{}", stdout(&output));
}

#[test]
fn what_a_manifest_says_forges_no_line_of_its_explanation() {
    let forged = INDEX.replace("\"s390x\"", "\"x\\naccepted, if every blob\"");
    let (_manifest, manifest) = file(&forged);
    let text = stdout(&run(&["explain", path(&manifest)]));
    assert!(text.contains("\\naccepted, if every blob"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("accepted")).count(), 1, "{text}");
}

#[test]
fn explain_names_what_it_cannot_read() {
    assert!(could_not(&run(&["explain", "/no/such/manifest"])).contains("/no/such/manifest"));
    let (_manifest, manifest) = file(INDEX);
    for (text, named) in [
        ("\ndeletes: true", "there is no option \"deletes\" (line 2); there are "),
        ("delete: 3", "delete is 3 (line 1); it must be true or false"),
        ("platforms: linux", "platforms is \"linux\" (line 1); it must be all, none, or platforms such as linux/amd64"),
        ("{", "malformed YAML"),
    ] {
        let (_options, options) = file(text);
        let line = could_not(&run(&["explain", "--options", path(&options), path(&manifest)]));
        assert!(line.contains(named), "{text}: {line}");
    }
    let (_options, options) = file("urls_deny: '['");
    let line = could_not(&run(&["explain", "--options", path(&options), path(&manifest)]));
    assert!(line.contains("urls_deny"), "{line}");
}

#[test]
fn help_and_version_are_no_errors() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("check") && stdout(&output).contains("explain"));
    assert_eq!(run(&["--version"]).status.code(), Some(0));
}

/// What stands indented below a line of the help.
fn example(help: &str) -> String {
    let (_, example) = help.split_once("An example of a file:\n").unwrap();
    example.lines().take_while(|line| line.starts_with("  ")).map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn the_file_of_options_that_the_help_shows_is_one() {
    let help = stdout(&run(&["explain", "--help"]));
    let written = example(&help);
    assert_eq!(written, example(&stdout(&run(&["check", "--help"]))));
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    assert!(readme.contains(&format!("```yaml\n{written}```")), "the README shows the same file");

    let ((_options, options), (_index, index)) = (file(&written), file(INDEX));
    let output = run(&["explain", "--options", path(&options), path(&index)]);
    assert_eq!(output.status.code(), Some(0));
    let assumed = run(&["explain", "--assume", "validate_index=linux/amd64,linux/arm64", path(&index)]);
    assert_eq!(stdout(&output), stdout(&assumed));
    assert!(stdout(&output).contains("must exist"));
    let output = run(&["check", "--options", path(&options), "--cases", "1", "--ops", "5", "--seed", "1"]);
    assert!(stdout(&output).contains("delete: true"), "{}", stdout(&output));
}

#[test]
fn output_that_is_lost_is_an_error_and_a_reader_who_leaves_is_none() {
    let (_manifest, manifest) = file(r#"{"schemaVersion": 1}"#);
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("docker/registry/v2")).unwrap();
    let check = ["check", "--cases", "1", "--ops", "5", "--seed", "1"];
    for arguments in [&check[..], &["explain", path(&manifest)], &["fsck", "--root", path(root.path())], &["--help"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output =
            program(arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert!(could_not(&output).contains("cannot write to stdout: No space left"), "{arguments:?}");
    }
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let child = program(&check).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn what_a_registry_says_is_bounded_and_its_control_characters_are_escaped() {
    let code = format!("\u{1b}[31m\u{202e}{}", "X".repeat(2_000_000));
    let body = serde_json::json!({"errors": [{"code": code}]}).to_string();
    let head =
        format!("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let url = server_with(PONG, &format!("{head}Connection: close\r\n\r\n{body}"));
    let output = run(&["check", &url, "--cases", "3", "--ops", "5", "--seed", "1", "--time", "60s"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.len() < 40_000, "{} bytes", text.len());

    let (_manifest, manifest) = file(&INDEX.replace("amd64", "\\u001b[31m"));
    let text = stdout(&run(&["explain", path(&manifest)]));
    assert!(text.contains(r"\u{1b}[31m") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_number_that_is_no_status_is_called_so() {
    let answer = "HTTP/1.1 999 What\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let text = stdout(&run(&["check", &server_with(PONG, answer), "--cases", "3", "--ops", "5", "--seed", "1"]));
    assert!(text.contains("rule        wire.status.known (MUST): "), "{text}");
    assert!(text.contains("seen        999 is not a status"), "{text}");
}
