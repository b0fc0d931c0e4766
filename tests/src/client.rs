//! Clients that people use, as processes: Skopeo, which copies images between registries and directories, and curl.
//!
//! Neither sees what the user has set up on this machine: they get a home of their own, in which everything is permitted.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Whether a program is installed, which means that it can tell its version.
pub fn installed(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    version.is_ok_and(|version| version.status.success())
}

/// The same; says so if it is missing, which is a failure in CI.
///
/// # Panics
/// In CI, where the program is missing.
#[allow(clippy::print_stdout, reason = "a test that tries nothing says so")]
pub fn there(program: &str) -> bool {
    let there = installed(program);
    if !there {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{program} must be installed in CI");
        println!("{program} is not installed: nothing was tried with it");
    }
    there
}

/// What ran and failed.
#[derive(Debug)]
pub struct Failed {
    /// What it was asked.
    pub arguments: Vec<String>,
    /// What it said of it.
    pub said: String,
}

/// Skopeo.
#[derive(Debug)]
pub struct Skopeo {
    home: TempDir,
}

impl Skopeo {
    /// Skopeo with a home of its own.
    ///
    /// # Errors
    /// If there can be no temporary directory.
    pub fn new() -> io::Result<Skopeo> {
        let home = tempfile::tempdir()?;
        let settings = home.path().join(".config/containers");
        fs::create_dir_all(&settings)?;
        fs::write(settings.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
        Ok(Skopeo { home })
    }

    /// Runs it, and gives what it printed.
    ///
    /// # Errors
    /// If it ends with another code than 0, or cannot be run at all.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Failed> {
        let failed = |said: String| Failed { arguments: arguments.iter().map(ToString::to_string).collect(), said };
        let output = Command::new("skopeo")
            .args(arguments)
            .env("HOME", self.home.path())
            // Credentials and settings of whoever runs the tests stand there.
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("REGISTRY_AUTH_FILE")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }

    /// Copies everything behind a name out of a registry, unchanged, and gives the files it makes of it: `manifest.json`, one
    /// more manifest for each image of an index, and each blob under its digest in hexadecimal digits.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn pull(&self, image: &str) -> Result<BTreeMap<String, Vec<u8>>, Failed> {
        let failed = |error: io::Error| Failed { arguments: vec![image.to_owned()], said: error.to_string() };
        let directory = tempfile::tempdir().map_err(failed)?;
        let target = format!("dir:{}", directory.path().display());
        self.run(&["copy", "--all", "--preserve-digests", "--src-tls-verify=false", image, &target])?;
        files(directory.path()).map_err(failed)
    }
}

fn files(directory: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        found.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
    }
    Ok(found)
}

/// What a server answered to curl.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Runs curl with these arguments and an input for those that say `@-` or `-`.
///
/// # Errors
/// If it cannot be run, gets no answer, or one that is none of HTTP.
pub fn curl(arguments: &[&str], input: &[u8]) -> io::Result<Answer> {
    let directory = tempfile::tempdir()?;
    let (head, body) = (directory.path().join("head"), directory.path().join("body"));
    let mut process = Command::new("curl")
        // First of all: no settings from the user's home.
        .arg("--disable")
        .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60"])
        .arg("--dump-header")
        .arg(&head)
        .arg("--output")
        .arg(&body)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let written = process.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let Output { status, stderr, .. } = process.wait_with_output()?;
    if !status.success() {
        return Err(io::Error::other(format!("curl {arguments:?}: {}", String::from_utf8_lossy(&stderr))));
    }
    // It reads its input to the end before it asks anything; only one without a body leaves it.
    if let Err(error) = written
        && (error.kind() != io::ErrorKind::BrokenPipe || !input.is_empty())
    {
        return Err(error);
    }
    // An answer without a body leaves no file.
    let body = if body.exists() { fs::read(body)? } else { Vec::new() };
    read(&fs::read_to_string(head)?, body).ok_or_else(|| io::Error::other(format!("curl {arguments:?}: no answer")))
}

/// Reads the last of the heads: `100 Continue` may come before.
fn read(heads: &str, body: Vec<u8>) -> Option<Answer> {
    let head = heads.trim_end().split("\r\n\r\n").last()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(Answer { status, headers, body })
}
