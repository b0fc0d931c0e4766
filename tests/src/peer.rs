//! Another registry on this machine: Debian's `docker-registry`, CNCF distribution 2.8, over a directory of ours.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use tempfile::TempDir;

/// How long the peer may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name of its configuration file.
const CONFIGURATION: &str = "config.yml";

/// A running registry. It ends when this is dropped.
#[derive(Debug)]
pub struct Peer {
    process: Process,
    base: String,
    configuration: TempDir,
}

/// A process that is ended, and waited for, when this is dropped.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Peer {
    /// Starts the peer over a storage directory, on a free port of the loopback interface, with deletion on and no cache.
    /// Returns once it listens; nothing if it is not installed.
    ///
    /// # Errors
    /// If it does not start; the error has its log.
    pub fn start(root: &Path) -> io::Result<Option<Peer>> {
        let configuration = tempfile::tempdir()?;
        std::fs::write(configuration.path().join(CONFIGURATION), configured(root)?)?;
        let mut command = command("serve", &configuration);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            child => Process(child?),
        };
        let log = process.0.stderr.take().ok_or_else(|| io::Error::other("the peer has no log"))?;
        let (sender, receiver) = mpsc::channel();
        // Ends with the peer, whose end of the pipe is then closed.
        std::thread::spawn(move || follow(log, &sender));
        match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(address)) => Ok(Some(Peer { process, base: format!("http://{address}"), configuration })),
            Ok(Err(log)) => Err(io::Error::other(format!("the peer did not start: {log}"))),
            Err(_) => Err(io::Error::other(format!("the peer does not listen after {} s", PATIENCE.as_secs()))),
        }
    }

    /// Ends the peer and has it collect garbage: blobs that no manifest names. Manifests stay, tagged or not.
    ///
    /// # Errors
    /// If it cannot be run or fails; the error has its log.
    pub fn collect_garbage(self) -> io::Result<()> {
        let Peer { process, configuration, .. } = self;
        // It asks that nothing is written meanwhile.
        drop(process);
        let collected = command("garbage-collect", &configuration).stdin(Stdio::null()).output()?;
        if collected.status.success() {
            return Ok(());
        }
        let log = String::from_utf8_lossy(&collected.stderr);
        Err(io::Error::other(format!("the peer did not collect garbage: {}: {log}", collected.status)))
    }

    /// The URL of a path of it, or of a location that it gave.
    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http://") { path.to_owned() } else { format!("{}{path}", self.base) }
    }
}

/// One of its commands, with its configuration.
fn command(name: &str, configuration: &TempDir) -> Command {
    let mut command = Command::new("docker-registry");
    // Its own settings come from the environment, too; a test wants those of the file and no other.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("REGISTRY_") {
            command.env_remove(name);
        }
    }
    command.arg(name).arg(configuration.path().join(CONFIGURATION));
    command
}

/// Its configuration. What Rust quotes, YAML reads.
fn configured(root: &Path) -> io::Result<String> {
    let root = root.to_str().ok_or_else(|| io::Error::other("the directory's name is not UTF-8"))?;
    Ok(format!(
        "version: 0.1\n\
         log: {{level: info, formatter: text, accesslog: {{disabled: true}}}}\n\
         storage:\n  \
           filesystem: {{rootdirectory: {root:?}}}\n  \
           delete: {{enabled: true}}\n  \
           maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http: {{addr: '127.0.0.1:0', secret: of-a-test}}\n"
    ))
}

/// Reads the log to its end, so that the peer never waits for a reader; tells the address once it stands there, or else the log.
fn follow(log: ChildStderr, told: &Sender<Result<String, String>>) {
    const LISTENING: &str = "listening on ";
    let mut lines = Vec::new();
    let mut listening = false;
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if listening {
            continue;
        }
        if let Some((_, rest)) = line.split_once(LISTENING) {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c))).unwrap_or(rest.len());
            listening = told.send(Ok(rest[..end].to_owned())).is_ok();
        }
        lines.push(line);
    }
    if !listening {
        // Nobody may be waiting any more.
        let _ = told.send(Err(lines.join("\n")));
    }
}
