//! What several suites of the program need: running it, and servers that answer without thinking.

#![allow(dead_code, clippy::unwrap_used, reason = "each suite takes of it what it needs, and fails by it")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The URL that a server says it listens on, in its first line on a piped stdout.
pub(crate) fn listening(server: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).trim().to_owned()
}

/// A server on a directory, with deletion, and its URL.
pub(crate) fn serving(root: &Path) -> (Child, String) {
    serving_with(root, &["--delete"])
}

/// A server on a directory, with these arguments besides, and its URL.
fn serving_with(root: &Path, more: &[&str]) -> (Child, String) {
    let mut command = program(&["serve", "--addr", "127.0.0.1:0", "--root"]);
    let mut server = command.arg(root).args(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let url = listening(&mut server);
    (server, url)
}

/// Our server on a directory of its own, until it is dropped.
pub(crate) struct Served {
    process: Child,
    pub(crate) url: String,
    pub(crate) directory: tempfile::TempDir,
}

impl Served {
    pub(crate) fn new(more: &[&str]) -> Served {
        let directory = tempfile::tempdir().unwrap();
        let (process, url) = serving_with(&directory.path().join("root"), more);
        Served { process, url, directory }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The one line on stderr of a program that could not run.
pub(crate) fn could_not(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

/// A server that gives every connection the same answer, but for the ping.
pub(crate) fn server_with(ping: &str, answer: &str) -> String {
    let (ping, answer) = (ping.to_owned(), answer.to_owned());
    server_that(move |request| if request.starts_with(b"GET /v2/ ") { ping.clone() } else { answer.clone() })
}

/// A server that closes each connection after one answer, which the request decides.
pub(crate) fn server_that(answers: impl Fn(&[u8]) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let _ = stream.write_all(answers(&request[..length]).as_bytes());
            // A connection that is closed with something unread is reset, and the answer may be lost with it.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    url
}

/// A server whose every answer but the ping breaks `wire.header.single`. That is found before anything is read from an answer,
/// so it does not matter what is asked.
pub(crate) fn server_of_two_minds() -> String {
    server_with(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "HTTP/1.1 404 Not Found\r\nLocation: /v2/a\r\nLocation: /v2/b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
}

/// A server whose every answer but the ping is a server error.
pub(crate) fn server_of_errors() -> String {
    server_with(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
}
