//! A server that has no file descriptors left.
//!
//! The disk that fails at each call (`tests/tests/crash`) lets one call fail at a time; here the kernel refuses every file beyond a number,
//! which is lowered while the server runs. Whoever is told that something is stored has it, nothing is left open, and once files may be
//! opened again, pushes go on.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests, and one says that it compares nothing")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{run, serving};
use proofhouse_model::digest_of;

/// A connection that was opened while there were descriptors, and stays.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(url: &str) -> Client {
        let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client(BufReader::new(stream))
    }

    /// Status and body.
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: registry\r\nContent-Length: {length}\r\n\r\n");
        self.0.get_mut().write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "{method} {path}: the connection ends");
            if line == "\r\n" {
                break;
            }
            lines.push(line.to_ascii_lowercase());
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        (status, body)
    }
}

/// Of a process.
fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// The process may open no file with a number from this one on.
fn limit(process: u32, files: usize) {
    let arguments = [format!("--pid={process}"), format!("--nofile={files}:")];
    assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
}

fn blob(number: usize) -> (String, Vec<u8>) {
    let bytes = format!("{number:08}").repeat(1_000).into_bytes();
    (digest_of("sha256", &bytes), bytes)
}

#[test]
fn a_server_without_descriptors_says_so_and_loses_nothing_that_it_acknowledged() {
    if !Command::new("prlimit").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("there is no prlimit here: nothing runs out of descriptors");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let (mut server, url) = serving(&root);
    let process = server.id();
    let mut client = Client::connect(&url);
    let push = |client: &mut Client, number: usize| {
        let (digest, bytes) = blob(number);
        client.ask("POST", &format!("/v2/a/blobs/uploads/?digest={digest}"), &bytes).0
    };
    assert_eq!(push(&mut client, 0), 201);
    // Several at once, so that it is not always the first file of a push for which there is no descriptor.
    let mut others: Vec<Client> = (0..4).map(|_| Client::connect(&url)).collect();
    others.iter_mut().for_each(|other| assert_eq!(push(other, 0), 201));
    let before = descriptors(process);
    let (mut statuses, mut number) = (Vec::new(), 1);
    // Some that were counted may have been closed since, so it begins below, where there is none for sure.
    for more in 0..20 {
        limit(process, before.saturating_sub(8) + more);
        std::thread::scope(|scope| {
            let pushing: Vec<_> = others
                .iter_mut()
                .zip(number..)
                .map(|(other, first)| {
                    scope.spawn(move || [0, 4, 8].map(|more| (first + more, push(other, first + more))))
                })
                .collect();
            pushing.into_iter().for_each(|pushed| statuses.extend(pushed.join().unwrap()));
        });
        number += 12;
        // What is stored is served, or it is said that it cannot be.
        let (status, body) = client.ask("GET", &format!("/v2/a/blobs/{}", blob(0).0), b"");
        assert!(status == 500 || (status == 200 && body == blob(0).1), "{status} with {} bytes", body.len());
    }
    limit(process, 1_024);
    let refused = statuses.iter().filter(|(_, status)| *status == 500).count();
    assert!(statuses.iter().all(|(_, status)| matches!(status, 201 | 500)), "{statuses:?}");
    assert!(refused > 0 && refused < statuses.len(), "some had no descriptor: {statuses:?}");
    assert_eq!(push(&mut client, number), 201, "it goes on");
    let until = Instant::now() + Duration::from_secs(60);
    while descriptors(process) > before {
        assert!(Instant::now() < until, "{} descriptors, and {before} before", descriptors(process));
        std::thread::yield_now();
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let (mut server, url) = serving(&root);
    let mut client = Client::connect(&url);
    statuses.extend([(0, 201), (number, 201)]);
    for (number, told) in &statuses {
        let (digest, bytes) = blob(*number);
        let (status, body) = client.ask("GET", &format!("/v2/a/blobs/{digest}"), b"");
        // What was refused may be there all the same, but then it is whole.
        let whole = status == 200 && body == bytes;
        assert!(whole || (*told == 500 && status == 404), "blob {number} was answered with {told}, and now {status}");
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let checked = run(&["fsck", "--root", root.to_str().unwrap()]);
    assert!(checked.status.success(), "{checked:?}");
}
