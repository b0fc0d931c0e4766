//! `proofhouse serve` as people call it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

use common::listening;
use serde_json::Value;

/// A server that runs until it is stopped or dropped.
struct Served {
    process: Child,
    address: String,
    log: BufReader<ChildStderr>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(root: &Path, more: &[&str]) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
        command.args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(root).args(more);
        Served::run(command)
    }

    fn run(mut command: Command) -> Served {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let address = listening(&mut process).strip_prefix("http://").unwrap().to_owned();
        let log = BufReader::new(process.stderr.take().unwrap());
        Served { process, address, log }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Sends a request of these lines and gives the whole answer.
    fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = self.connect();
        let length = body.len();
        write!(stream, "{head} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.process.id())).status().unwrap();
        assert!(sent.success());
    }

    /// What is left of the log, and how the program ended.
    fn end(mut self) -> (String, ExitStatus) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (log, self.process.wait().unwrap())
    }
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name}: {answer}"))
}

#[test]
fn it_serves_what_is_kept_until_it_is_asked_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("not/yet");
    for (signal, status) in [("TERM", "202"), ("INT", "404")] {
        let served = Served::start(&root, &["--delete"]);
        assert!(served.ask("GET /v2/", "").starts_with("HTTP/1.1 200"));
        let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        if signal == "TERM" {
            let put = served.ask(&format!("POST /v2/a/blobs/uploads/?digest={digest}"), "hello");
            assert!(put.starts_with("HTTP/1.1 201"), "{put}");
        }
        // What the first process was told to delete is gone in the second.
        let deleted = served.ask(&format!("DELETE /v2/a/blobs/{digest}"), "");
        assert!(deleted.starts_with(&format!("HTTP/1.1 {status}")), "{deleted}");
        served.signal(signal);
        let (log, ended) = served.end();
        assert_eq!(ended.code(), Some(0), "{log}");
    }
}

#[test]
fn without_its_flag_nothing_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path(), &[]);
    assert!(served.ask("DELETE /v2/a/manifests/t", "").starts_with("HTTP/1.1 405"));
}

#[test]
fn an_upload_under_way_is_finished_before_it_ends_and_goes_on_in_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path(), &[]);
    let location = header(&served.ask("POST /v2/a/blobs/uploads/", ""), "location").to_owned();
    let mut stream = served.connect();
    write!(stream, "PATCH {location} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    let mut told = [0; 25];
    // The body is wanted: the request is under way.
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"01234").unwrap();
    served.signal("TERM");
    while TcpStream::connect(&served.address).is_ok() {}
    stream.write_all(b"56789").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(header(&answer, "range"), "0-9");
    assert_eq!(served.end().1.code(), Some(0));

    let served = Served::start(directory.path(), &[]);
    let status = served.ask(&format!("GET {location}"), "");
    assert_eq!(header(&status, "range"), "0-9");
    let digest = "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
    let done = served.ask(&format!("PUT {}&digest={digest}", header(&status, "location")), "");
    assert!(done.starts_with("HTTP/1.1 201"), "{done}");
}

#[test]
fn each_request_is_a_line_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path(), &["--log", "json"]);
    let answer = served.ask("GET /v2/a/tags/list?n=1", "");
    served.signal("TERM");
    let (log, _) = served.end();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["target"] == "proofhouse::access").unwrap();
    assert_eq!(line["id"], header(&answer, "x-request-id"));
    assert_eq!(
        (&line["method"], &line["path"], &line["status"]),
        (&"GET".into(), &"/v2/a/tags/list".into(), &404.into())
    );
    assert_eq!((&line["repository"], &line["action"]), (&"a".into(), &"pull".into()));

    let served = Served::start(directory.path(), &[]);
    served.ask("GET /nowhere%0aforged", "");
    served.signal("TERM");
    let (log, _) = served.end();
    assert!(
        log.lines().any(|line| line.contains("path=\"/nowhere%0aforged\"") && line.contains("status=404")),
        "{log}"
    );
}

/// The one line on stderr of a program that could not run.
fn could_not(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(output.stdout, b"");
    stderr
}

#[test]
fn what_keeps_it_from_serving_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let below = file.join("below");
    let (root, file, below) = (root.to_str().unwrap(), file.to_str().unwrap(), below.to_str().unwrap());
    for (arguments, named) in [
        (["--root", root, "--addr", &taken], &*taken),
        (["--root", root, "--addr", "localhost"], "localhost"),
        (["--root", root, "--addr", "127.0.0.1:99999"], "127.0.0.1:99999"),
        (["--root", root, "--addr", "no.such.host.invalid:1"], "no.such.host.invalid:1"),
        (["--root", file, "--addr", "127.0.0.1:0"], file),
        (["--root", below, "--addr", "127.0.0.1:0"], below),
        (["--root", root, "--log", "xml"], "xml"),
        (["--root", root, "--frobnicate", "x"], "--frobnicate"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_proofhouse")).arg("serve").args(arguments).output().unwrap();
        let line = could_not(&output);
        assert!(line.contains(named), "{arguments:?}: {line}");
    }
}

/// Runs a command on a directory.
fn on(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_proofhouse")).args(arguments).arg("--root").arg(root).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8([&*output.stdout, &*output.stderr].concat()).unwrap()
}

#[test]
fn garbage_is_collected_and_the_directory_checked_while_it_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path(), &[]);
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert!(served.ask(&format!("POST /v2/a/blobs/uploads/?digest={digest}"), "hello").starts_with("HTTP/1.1 201"));
    let kept = on(directory.path(), &["gc"]);
    assert_eq!((kept.status.code(), &*told(&kept)), (Some(0), "0 manifests and 0 blobs with 0 bytes removed\n"));
    let collected = on(directory.path(), &["gc", "--grace", "0s"]);
    let expected = format!("blob {digest}\n0 manifests and 1 blobs with 5 bytes removed\n");
    assert_eq!((collected.status.code(), told(&collected)), (Some(0), expected));
    assert!(served.ask(&format!("HEAD /v2/a/blobs/{digest}"), "").starts_with("HTTP/1.1 404"));
    assert_eq!(on(directory.path(), &["fsck", "--deep"]).status.code(), Some(0));
    let repair = on(directory.path(), &["fsck", "--repair"]);
    assert_eq!(repair.status.code(), Some(2));
    assert!(told(&repair).contains("repairs are made while it is stopped"), "{}", told(&repair));
}

#[test]
fn a_damaged_directory_is_told_by_the_exit_status_until_it_is_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path(), &[]);
    let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    served.ask(&format!("POST /v2/a/blobs/uploads/?digest=sha256:{hex}"), "hello");
    served.signal("TERM");
    served.end();
    let link = format!("docker/registry/v2/repositories/a/_layers/sha256/{hex}/link");
    fs::write(directory.path().join(link), "").unwrap();
    let found = on(directory.path(), &["fsck"]);
    assert_eq!(found.status.code(), Some(1), "{}", told(&found));
    let repaired = on(directory.path(), &["fsck", "--repair"]);
    assert!(told(&repaired).contains(&format!("(repaired: link it to sha256:{hex})")), "{}", told(&repaired));
    assert_eq!(repaired.status.code(), Some(0));
    let served = Served::start(directory.path(), &[]);
    assert!(served.ask(&format!("GET /v2/a/blobs/sha256:{hex}"), "").ends_with("hello"));
}

#[test]
fn one_directory_is_served_once() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path(), &[]);
    let second = on(directory.path(), &["serve", "--addr", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(2));
    let holder = format!("is in use by serve (process {})", served.process.id());
    assert!(told(&second).contains(&holder), "{}", told(&second));
}

#[test]
fn health_is_that_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (root, elsewhere) = (directory.path().join("root"), directory.path().join("elsewhere"));
    fs::create_dir(&root).unwrap();
    let served = Served::start(&root, &[]);
    assert!(served.ask("GET /healthz", "").starts_with("HTTP/1.1 200"));
    fs::rename(&root, &elsewhere).unwrap();
    let gone = served.ask("GET /healthz", "");
    assert!(
        gone.starts_with("HTTP/1.1 503") && gone.ends_with("{\"error\":\"the storage cannot be read\"}\n"),
        "{gone}"
    );
    fs::rename(&elsewhere, &root).unwrap();
    assert!(served.ask("GET /healthz", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for command in ["gc", "fsck", "purge-uploads"] {
        let output = on(directory.path(), &[command]);
        assert_eq!(output.status.code(), Some(2));
        assert!(told(&output).contains("holds no registry"), "{}", told(&output));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn uploads_that_nobody_finished_are_purged_by_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let upload = |id: &str| directory.path().join("docker/registry/v2/repositories/a/_uploads").join(id);
    for (id, started) in [("old", "2001-02-03T04:05:06Z"), ("new", "2999-01-01T00:00:00Z"), ("odd", "once")] {
        fs::create_dir_all(upload(id)).unwrap();
        fs::write(upload(id).join("startedat"), started).unwrap();
    }
    let mut served = Served::start(directory.path(), &[]);
    let mut line = String::new();
    while !line.contains("purged uploads") {
        line.clear();
        assert!(served.log.read_line(&mut line).unwrap() > 0, "it ended");
    }
    assert!(line.contains("uploads=1"), "{line}");
    assert!(!upload("old").exists() && upload("new").exists() && upload("odd").exists());
}

/// A configuration in a directory of its own, served.
fn configured(directory: &Path, config: &str) -> Served {
    let path = directory.join("config.yml");
    fs::write(&path, format!("version: 0.1\n{config}")).unwrap();
    Served::start(&directory.join("root"), &["--config", path.to_str().unwrap()])
}

#[test]
fn what_the_configuration_says_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let served = configured(
        directory.path(),
        "storage: {filesystem: {rootdirectory: /never/used}, delete: {enabled: true}}
http: {prefix: /hub/, host: 'https://hub.example', headers: {X-Content-Type-Options: [nosniff], Warning: [one, two], Location: [/]}, relativeurls: false}
log: {accesslog: {disabled: true}, fields: {service: hub}}
notifications: {endpoints: [{name: n, url: 'http://n.example'}]}",
    );
    assert!(served.ask("GET /v2/", "").starts_with("HTTP/1.1 404"));
    let started = served.ask("POST /hub/v2/a/blobs/uploads/", "");
    assert!(header(&started, "location").starts_with("https://hub.example/hub/v2/a/blobs/uploads/"), "{started}");
    assert_eq!(header(&started, "x-content-type-options"), "nosniff");
    // Every value of a header, and none in place of the answer's own.
    let values = |name: &str| started.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!([values("warning: "), values("location: ")], [2, 1], "{started}");
    // Deletion is on: what is not there is not found.
    assert!(served.ask("DELETE /hub/v2/a/manifests/t", "").starts_with("HTTP/1.1 404"));
    // As distribution's server, every entry of an index must exist.
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{}","size":2}}]}}"#,
        "0".repeat(64)
    );
    let put = "PUT /hub/v2/a/manifests/t HTTP/1.1\r\nContent-Type: application/vnd.oci.image.index.v1+json";
    let mut stream = served.connect();
    write!(stream, "{put}\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{index}", index.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("MANIFEST_BLOB_UNKNOWN"), "{answer}");
    served.signal("TERM");
    let (log, ended) = served.end();
    assert_eq!(ended.code(), Some(0));
    assert!(log.contains("notifications") && !log.contains("proofhouse::access"), "{log}");
    assert!(log.lines().all(|line| line.ends_with(" service=\"hub\"")), "{log}");
    assert!(!log.contains("http.secret"), "the directory keeps one: {log}");
}

#[test]
fn only_who_is_known_may_enter() {
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    // The password is `secret`.
    fs::write(&users, "alice:$2y$05$iO0SJvB5xonS8crxtTqrieQ.KUCoKTF5bK30.ZKqlgOXrGKwwnJFO\n").unwrap();
    let served = configured(
        directory.path(),
        &format!("storage: {{filesystem: {{}}}}\nauth: {{htpasswd: {{realm: here, path: {}}}}}", users.display()),
    );
    let refused = served.ask("GET /v2/", "");
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("UNAUTHORIZED"), "{refused}");
    assert_eq!(header(&refused, "www-authenticate"), r#"Basic realm="here""#);
    for path in ["/v2/_catalog", "/v2/a/tags/list", "/metrics"] {
        assert!(served.ask(&format!("GET {path}"), "").starts_with("HTTP/1.1 401"), "{path}");
    }
    assert!(served.ask("GET /healthz", "").starts_with("HTTP/1.1 200"));
    for (credentials, status) in [("YWxpY2U6c2VjcmV0", "200"), ("YWxpY2U6d3Jvbmc=", "401"), ("Ym9iOnNlY3JldA==", "401")]
    {
        let mut stream = served.connect();
        write!(
            stream,
            "GET /v2/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Basic {credentials}\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{credentials}: {answer}");
    }
}

#[test]
fn a_registry_that_is_read_only_answers_and_takes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = "storage: {filesystem: {}, maintenance: {readonly: {enabled: true}}, delete: {enabled: true}}";
    let served = configured(directory.path(), config);
    for request in ["POST /v2/a/blobs/uploads/", "PUT /v2/a/manifests/t", "DELETE /v2/a/manifests/t"] {
        let answer = served.ask(request, "");
        assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("read-only"), "{answer}");
    }
    assert!(served.ask("GET /v2/_catalog", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_configuration_that_would_weaken_the_registry_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yml");
    for (config, named) in [
        ("storage: {filesystem: {}}\nauth: {silly: {realm: r, service: s}}", "auth.silly"),
        ("storage: {s3: {bucket: b}}", "storage.s3"),
        ("storage: {filesystem: {}}\nhttp: {tls: {certificate: /no/such, key: /no/such}}", "/no/such"),
        ("storage: {filesystem: {}}\nauth: {htpasswd: {realm: r, path: /no/such}}", "/no/such"),
    ] {
        fs::write(&path, format!("version: 0.1\n{config}")).unwrap();
        let output =
            on(&directory.path().join("root"), &["serve", "--addr", "127.0.0.1:0", "--config", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{config}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(named), "{config}: {}", told(&output));
    }
}

#[test]
fn operators_have_a_listener_of_their_own_if_they_want() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        "storage: {filesystem: {}}\nhttp: {debug: {addr: '127.0.0.1:0', prometheus: {enabled: true, path: /m}}}";
    let mut served = configured(directory.path(), config);
    let mut line = String::new();
    while !line.contains("metrics and health") {
        line.clear();
        assert!(served.log.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let clients = served.address.clone();
    served.address = line.split("address=").nth(1).unwrap().trim().to_owned();
    assert!(served.ask("GET /m", "").contains("# TYPE"));
    assert!(served.ask("GET /healthz", "").starts_with("HTTP/1.1 200"));
    assert!(served.ask("GET /v2/", "").starts_with("HTTP/1.1 404"));
    assert_ne!(served.address, clients);
}

#[test]
fn uploads_go_on_after_a_restart_with_a_configured_secret_and_with_that_of_the_directory() {
    for config in ["storage: {filesystem: {}}\nhttp: {secret: known}", "storage: {filesystem: {}}"] {
        let directory = tempfile::tempdir().unwrap();
        let served = configured(directory.path(), config);
        let location = header(&served.ask("POST /v2/a/blobs/uploads/", ""), "location").to_owned();
        served.signal("TERM");
        let (log, _) = served.end();
        assert!(!log.contains("http.secret"), "{log}");
        let served = configured(directory.path(), config);
        let answer = served.ask(&format!("PATCH {location}"), "x");
        assert!(answer.starts_with("HTTP/1.1 202"), "{config}: {answer}");
    }
}

/// As many files as a process may have open are fewer than the connections that clients try to make.
#[test]
fn a_flood_of_connections_takes_no_file_from_requests_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 96 && exec \"$0\" serve --addr 127.0.0.1:0 --root \"$1\""]);
    command.arg(env!("CARGO_BIN_EXE_proofhouse")).arg(directory.path());
    let served = Served::run(command);
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let put = served.ask(&format!("POST /v2/a/blobs/uploads/?digest={digest}"), "hello");
    assert!(put.starts_with("HTTP/1.1 201"), "{put}");
    let mut early = served.connect();
    let get = format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: h\r\n\r\n");
    let told = |stream: &mut TcpStream| {
        stream.write_all(get.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            let mut piece = [0; 1024];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend(&piece[..read]);
            let text = String::from_utf8_lossy(&answer);
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        }
    };
    told(&mut early);
    let flood: Vec<TcpStream> = (0..100).map(|_| served.connect()).collect();
    for _ in 0..50 {
        told(&mut early);
    }
    drop(flood);
    // Those who waited get their turn.
    assert!(served.ask("GET /v2/", "").starts_with("HTTP/1.1 200"));
}
