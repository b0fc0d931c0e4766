//! Registries that go down over a request, or answer every request alike: what is wrong with them is told once.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{run, server_with, serving};
use serde_json::Value;

/// A registry that goes down when a manifest is pushed to it, and comes up again when somebody writes to a pipe.
struct Fragile {
    directory: tempfile::TempDir,
    server: Child,
    url: String,
}

impl Drop for Fragile {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Fragile {
    fn start() -> Fragile {
        let directory = tempfile::tempdir().unwrap();
        let (server, url) = serving(&directory.path().join("root"));
        let behind = url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let up = directory.path().join("up");
        assert!(Command::new("mkfifo").arg(&up).status().unwrap().success());
        thread::spawn(move || in_front(listener, behind, &up));
        Fragile { directory, server, url }
    }

    fn up(&self) -> PathBuf {
        self.directory.path().join("up")
    }
}

/// Hands on what comes, until a manifest is pushed; then nobody listens until somebody writes to `up`.
fn in_front(listener: TcpListener, behind: SocketAddr, up: &Path) {
    let address = listener.local_addr().unwrap();
    let mut listener = listener;
    loop {
        let down = Arc::new(AtomicBool::new(false));
        for client in listener.incoming().map_while(Result::ok) {
            if down.load(Ordering::SeqCst) {
                break;
            }
            let down = Arc::clone(&down);
            thread::spawn(move || handed_on(&client, behind, address, &down));
        }
        drop(listener);
        // Until somebody writes.
        fs::read(up).unwrap();
        listener = TcpListener::bind(address).unwrap();
    }
}

fn handed_on(client: &TcpStream, behind: SocketAddr, address: SocketAddr, down: &AtomicBool) {
    let server = TcpStream::connect(behind).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut &server, &mut &*client);
            let _ = client.shutdown(Shutdown::Both);
        });
        let mut buffer = [0; 65_536];
        while let Ok(length @ 1..) = (&mut &*client).read(&mut buffer) {
            let first = String::from_utf8_lossy(&buffer[..length.min(300)]).into_owned();
            if down.load(Ordering::SeqCst) || (first.starts_with("PUT ") && first.contains("/manifests/")) {
                down.store(true, Ordering::SeqCst);
                // So that whoever waits for clients looks.
                let _ = TcpStream::connect(address);
                break;
            }
            if (&mut &server).write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

fn check(url: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[&["check", url, "--seed", "3", "--format", "json", "--keep"], arguments].concat());
    let report = serde_json::from_slice(&output.stdout);
    (output.status.code(), report.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

/// The names of the operations, the last one first.
fn operations(divergence: &Value) -> Vec<String> {
    let steps = divergence["steps"].as_array().unwrap().iter().rev();
    steps.map(|step| step["op"].as_object().unwrap().keys().next().unwrap().clone()).collect()
}

#[test]
fn a_registry_that_goes_down_is_told_once_with_what_was_asked_last() {
    let registry = Fragile::start();
    let (code, report) = check(&registry.url, &["--cases", "20", "--assume", "delete=true"]);
    let divergences = report["divergences"].as_array().unwrap();
    assert_eq!((code, divergences.len()), (Some(1), 1), "{report:#}");
    assert_eq!(divergences[0]["rule"]["id"], "target.answers");
    assert_eq!(operations(&divergences[0])[0], "PutManifest");
    assert_eq!(report["ended"], "target");
    assert!(report["stopped"].as_str().unwrap().contains("does not answer any more"), "{report:#}");
}

#[test]
fn a_registry_that_is_started_again_is_shown_to_go_down_with_one_step() {
    let registry = Fragile::start();
    let restart = format!("echo >{}", registry.up().display());
    let (code, report) = check(
        &registry.url,
        &["--cases", "4", "--findings", "1", "--assume", "delete=true", "--restart-cmd", &restart],
    );
    let divergences = report["divergences"].as_array().unwrap();
    assert_eq!((code, divergences.len()), (Some(1), 1), "{report:#}");
    assert_eq!(divergences[0]["rule"]["id"], "target.answers");
    assert_eq!(operations(&divergences[0]), ["PutManifest"], "{report:#}");
    assert_eq!(divergences[0]["replayed"], 3);
}

#[test]
fn a_registry_that_answers_everything_with_an_error_is_told_once() {
    let ping = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let error = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let url = server_with(ping, error);
    let (code, report) = check(&url, &["--cases", "40"]);
    let divergences = report["divergences"].as_array().unwrap();
    assert_eq!((code, divergences.len()), (Some(1), 1), "{report:#}");
    assert_eq!(divergences[0]["rule"]["id"], "wire.status.server-error");
    assert!(divergences[0]["also"].as_array().unwrap().len() > 5, "{report:#}");
}
