//! Getting in: where `check` finds credentials, and whom it trusts.
//!
//! In this order: `--username` with `--password-stdin`, the environment, and the file of Docker or Podman. The first that says
//! something counts. Passwords come on stdin or from the environment, where nobody else on the machine sees them, and never
//! stand in the command that reproduces a divergence.

use std::env;
use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::Args;
use proofhouse::target::http::access::{Access, Credentials, Secret, Trust, authfile};
use proofhouse::target::http::registry_url;

use super::Failure;

/// More than that on stdin is no password.
const LONGEST_PASSWORD: u64 = 64 * 1024;

const USERNAME: &str = "PROOFHOUSE_USERNAME";
const PASSWORD: &str = "PROOFHOUSE_PASSWORD";
const TOKEN: &str = "PROOFHOUSE_TOKEN";

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(super) struct AccessFlags {
    /// Whose credentials are shown to the registry. Also: PROOFHOUSE_USERNAME and PROOFHOUSE_PASSWORD, or PROOFHOUSE_TOKEN, or an
    /// auth file.
    #[arg(long, value_name = "NAME", requires = "password_stdin", requires = "url")]
    username: Option<String>,
    /// Reads the password from stdin; a line's end is cut off.
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// A file of credentials, as Docker and Podman write it. Default: $REGISTRY_AUTH_FILE, else
    /// $XDG_RUNTIME_DIR/containers/auth.json and ~/.docker/config.json. Helpers are not run.
    #[arg(long, value_name = "FILE", requires = "url")]
    authfile: Option<PathBuf>,
    /// Authorities in PEM that are trusted, too.
    #[arg(long, value_name = "FILE", requires = "url", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Takes any certificate, and sends credentials over plain http. Whoever is on the way can read them.
    #[arg(long, requires = "url")]
    insecure: bool,
}

impl AccessFlags {
    /// Looks for all of it, once. Repositories will begin with `namespace`, if that is known.
    pub(super) fn access(&self, url: &str, namespace: Option<&str>) -> Result<Access, Failure> {
        let trust = match &self.ca {
            Some(path) => Trust::with_authorities(path)?,
            None if self.insecure => Trust::anybody(),
            None => Trust::default(),
        };
        Ok(Access { credentials: self.credentials(url, namespace.unwrap_or_default())?, trust })
    }

    fn credentials(&self, url: &str, namespace: &str) -> Result<Credentials, Failure> {
        let base = registry_url(url)?;
        if let Some(username) = &self.username {
            return Ok(Credentials::password(username, Secret::new(password()?))?);
        }
        match (variable(USERNAME)?, variable(PASSWORD)?, variable(TOKEN)?) {
            (None, None, None) => {}
            (Some(username), Some(password), None) => {
                return Ok(Credentials::password(&username, Secret::new(password))?);
            }
            (None, None, Some(token)) => return Ok(Credentials::Token(Secret::new(token))),
            (_, _, Some(_)) => {
                return Err(Failure(format!("{TOKEN} is set beside {USERNAME} or {PASSWORD}: unset one")));
            }
            (Some(_), None, None) => return Err(Failure(format!("{USERNAME} is set, and {PASSWORD} is not"))),
            (None, Some(_), None) => return Err(Failure(format!("{PASSWORD} is set, and {USERNAME} is not"))),
        }
        let named = self.authfile.clone().or_else(|| path(env::var_os("REGISTRY_AUTH_FILE")));
        if let Some(file) = named {
            return Ok(authfile::read(&file, &base, namespace)?.unwrap_or_default());
        }
        let runtime = path(env::var_os("XDG_RUNTIME_DIR")).map(|it| it.join("containers/auth.json"));
        let home = env::home_dir().map(|it| it.join(".docker/config.json"));
        let usual: Vec<PathBuf> = runtime.into_iter().chain(home).collect();
        Ok(authfile::first(&usual, &base, namespace)?)
    }

    /// What is to be said before anything else; nothing is verified then.
    pub(super) fn warning(&self) -> Option<&'static str> {
        self.insecure.then_some("--insecure: no certificate is verified, and credentials go to whoever answers")
    }

    /// The flags again, for the command that reproduces a divergence.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(username) = &self.username {
            arguments.extend(["--username".to_owned(), username.clone(), "--password-stdin".to_owned()]);
        }
        for (name, path) in [("--authfile", &self.authfile), ("--ca", &self.ca)] {
            arguments.extend(path.iter().flat_map(|path| [name.to_owned(), path.display().to_string()]));
        }
        if self.insecure {
            arguments.push("--insecure".to_owned());
        }
        arguments
    }
}

/// An empty one is as good as none.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure(format!("{name} is no text in UTF-8"))),
    }
}

fn path(value: Option<std::ffi::OsString>) -> Option<PathBuf> {
    value.filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn password() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST_PASSWORD + 1).read_to_string(&mut text);
    read.map_err(|error| Failure(format!("cannot read the password from stdin: {error}")))?;
    if text.len() as u64 > LONGEST_PASSWORD {
        return Err(Failure(format!("what is on stdin is longer than {LONGEST_PASSWORD} bytes: that is no password")));
    }
    let line = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        return Err(Failure("there is no password on stdin".to_owned()));
    }
    Ok(line.to_owned())
}
