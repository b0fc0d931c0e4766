//! A registry, and the program that checks it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::common::listening;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

const PROGRAM: &str = env!("CARGO_BIN_EXE_proofhouse");

/// Alice's password is `secret`.
pub(super) const USERS: &str = "alice:$2y$05$iO0SJvB5xonS8crxtTqrieQ.KUCoKTF5bK30.ZKqlgOXrGKwwnJFO\n";

/// Her name and password, as Basic and auth files have them.
pub(super) const AUTH: &str = "YWxpY2U6c2VjcmV0";

/// A server that runs until it is dropped, in a directory that others may put files in.
pub(super) struct Served {
    pub(super) directory: tempfile::TempDir,
    pub(super) url: String,
    process: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    /// With what `config` says, which is told the directory. What it does not say of the storage is said here.
    pub(super) fn start(config: impl FnOnce(&Path) -> String) -> Served {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yml");
        let config = config(directory.path());
        let deletes = "storage: {filesystem: {}, delete: {enabled: true}}\n";
        let storage = if config.contains("storage:") { "" } else { deletes };
        fs::write(&path, format!("version: 0.1\n{storage}{config}")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(directory.path().join("root"));
        command.arg("--config").arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let url = listening(&mut process);
        Served { directory, url, process }
    }

    /// Behind TLS, and for Alice only. Beside it lies `ca.pem`.
    pub(super) fn behind_tls() -> Served {
        Served::start(|directory| format!("{}{}", tls(directory), htpasswd(directory)))
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a short check with these arguments.
    pub(super) fn check(&self, arguments: &[&str]) -> Check {
        Check::of(&self.url).with(arguments)
    }

    /// As [`check`](Self::check), and its authority is known.
    pub(super) fn trusted(&self) -> Check {
        self.check(&["--ca", self.file("ca.pem").to_str().unwrap()])
    }
}

/// An authority and a certificate that it has signed for this machine; the section of a configuration that names them.
fn tls(directory: &Path) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(directory.join("ca.pem"), authority.pem()).unwrap();
    tls_of(directory, &certificate, &key)
}

/// The section of a configuration that names this certificate, which then lies in `tls.crt`.
pub(super) fn tls_of(directory: &Path, certificate: &Certificate, key: &KeyPair) -> String {
    let at = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (at("tls.crt", &certificate.pem()), at("tls.key", &key.serialize_pem()));
    format!("http: {{tls: {{certificate: {certificate}, key: {key}}}}}\n")
}

pub(super) fn htpasswd(directory: &Path) -> String {
    let path = directory.join("users");
    fs::write(&path, USERS).unwrap();
    format!("auth: {{htpasswd: {{realm: here, path: {}}}}}\n", path.display())
}

/// A command of the program, most often `check`, about to run with nothing of the surroundings.
pub(super) struct Check {
    command: Command,
    stdin: String,
}

impl Check {
    pub(super) fn of(url: &str) -> Check {
        Check::command(&["check", url, "--cases", "2", "--ops", "15", "--seed", "1"])
    }

    pub(super) fn command(arguments: &[&str]) -> Check {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().env("HOME", "/nowhere/at/all");
        Check { command, stdin: String::new() }
    }

    pub(super) fn with(mut self, arguments: &[&str]) -> Check {
        self.command.args(arguments);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Check {
        self.command.env(name, value);
        self
    }

    pub(super) fn stdin(mut self, text: &str) -> Check {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Exit status and all that was said, in which no password is.
    pub(super) fn run(mut self) -> Ran {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = self.command.spawn().unwrap();
        // A program that does not read it may have ended.
        let _ = process.stdin.take().unwrap().write_all(self.stdin.as_bytes());
        let Output { status, stdout, stderr } = process.wait_with_output().unwrap();
        let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        for told in [&stdout, &stderr] {
            for hidden in ["secret", "c2VjcmV0", "YWxpY2U6"] {
                assert!(!told.contains(hidden), "{hidden}: {told}");
            }
        }
        Ran { status: status.code().unwrap(), stdout, stderr }
    }
}

#[derive(Debug)]
pub(super) struct Ran {
    pub(super) status: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    /// It was checked, and conforms.
    #[track_caller]
    pub(super) fn conforms(&self) {
        assert_eq!(self.status, 0, "{self:?}");
    }

    /// The one line on stderr of a program that could not check.
    #[track_caller]
    pub(super) fn could_not(&self) -> &str {
        assert_eq!((self.status, self.stderr.lines().count()), (2, 1), "{self:?}");
        &self.stderr
    }
}
