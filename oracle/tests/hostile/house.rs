//! A server of a process of its own, and a client that says whatever it wants.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use crate::common::serving;

/// How long an answer may take: there is nothing here that takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct House {
    directory: tempfile::TempDir,
    server: Child,
    address: String,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl House {
    /// Serves a directory that `plant` has prepared; the other is outside of it.
    pub(crate) fn open(plant: impl FnOnce(&Path, &Path)) -> House {
        let directory = tempfile::tempdir().unwrap();
        for name in ["root", "outside"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("outside/precious"), "precious").unwrap();
        plant(&directory.path().join("root"), &directory.path().join("outside"));
        let root = directory.path().join("root");
        let (server, url) = serving(&root);
        let address = url.strip_prefix("http://").unwrap().to_owned();
        House { directory, server, address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends the bytes, says that no more come, and reads until the other side has nothing more to say.
    pub(crate) fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that has heard enough may close before it has read all.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        all_of(&mut stream)
    }

    /// A request with a body, of which the length is told truly.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> String {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n",
            self.address
        );
        self.say(&[head.as_bytes(), body].concat())
    }

    /// The server is there, and answers a client that behaves.
    pub(crate) fn answers(&self) {
        let answer = self.ask("GET", "/v2/", "", b"");
        assert_eq!(status(&answer), Some(200), "{answer}");
    }

    /// The most memory that the process ever had, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// How many file descriptors the process has.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.server.id())).unwrap().count()
    }

    /// What is outside of the root, with its bytes.
    pub(crate) fn outside(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.directory.path().to_owned()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() && entry.path() != self.directory.path().join("root") {
                    left.push(entry.path());
                } else if kind.is_file() {
                    found.insert(entry.path(), fs::read(entry.path()).unwrap());
                }
            }
        }
        found
    }
}

/// What comes until the other side ends the connection. A reset ends it too.
pub(crate) fn all_of(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "the server leaves its client waiting");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of the first answer that is final.
pub(crate) fn status(answer: &str) -> Option<u16> {
    let lines = answer.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.get(..3)?.parse().ok()).find(|status| *status >= 200)
}
