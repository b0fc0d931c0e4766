//! A server that answers what it is told, for tests.
//!
//! It takes connections one after another and gives the next answer of its script to each request, whatever is asked. What was
//! asked is kept. When the script is at its end, so is the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request as it came: on which connection, the first line, the other lines in lower case, the body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) connection: usize,
    pub(super) line: String,
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line == header)
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// These bytes; the connection stays.
    Raw(Vec<u8>),
    /// These bytes, then the connection is closed.
    Cut(Vec<u8>),
    /// These bytes, and nothing more, ever.
    Stall(Vec<u8>),
    /// Nothing, ever.
    Hang,
}

/// An answer with a Content-Length.
pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    Reply::Raw(format!("HTTP/1.1 {status} X\r\n{lines}{length}\r\n{body}").into_bytes())
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) fn start(script: Vec<Reply>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut script = script.into_iter();
            let mut connections = 0;
            while script.len() > 0 {
                let Ok((stream, _)) = listener.accept() else { return };
                connections += 1;
                serve(&stream, connections, &mut script, &log);
            }
        });
        Server { url, asked }
    }

    /// How much of that there is.
    pub(super) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// What was asked since the last time.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Until the script is at its end or a connection is closed.
fn serve(stream: &TcpStream, connection: usize, script: &mut impl Iterator<Item = Reply>, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader, connection) {
        log.lock().unwrap().push(asked);
        match script.next() {
            Some(Reply::Raw(bytes)) => (&*stream).write_all(&bytes).unwrap(),
            Some(Reply::Cut(bytes)) => {
                // The client need not read all of it.
                let _ = (&*stream).write_all(&bytes);
                return;
            }
            Some(Reply::Hang) => {
                // Until the client gives up.
                let _ = reader.read(&mut [0]);
                return;
            }
            Some(Reply::Stall(bytes)) => {
                (&*stream).write_all(&bytes).unwrap();
                let _ = reader.read(&mut [0]);
                return;
            }
            None => return,
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>, connection: usize) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let headers: Vec<String> = lines.iter().map(|line| line.to_ascii_lowercase()).collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { connection, line, headers, body })
}
