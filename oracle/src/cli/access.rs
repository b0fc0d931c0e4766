//! Getting in: where `check`, `replay` and `diff` find credentials, whom they trust, and how fast they ask.
//!
//! In this order: `--username` with `--password-stdin`, the environment, and the file of Docker or Podman. The first that says
//! something counts. Passwords come on stdin or from the environment, where nobody else on the machine sees them, and never
//! stand in the command that reproduces a divergence.

use std::env;
use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::Args;
use proofhouse::target::HttpOptions;
use proofhouse::target::http::access::{Access, Credentials, Secret, Trust, authfile};
use proofhouse::target::http::registry_url;
use proofhouse_model::Dialect;
use url::Url;

use super::Failure;

/// More than that on stdin is no password.
const LONGEST_PASSWORD: u64 = 64 * 1024;

const USERNAME: &str = "PROOFHOUSE_USERNAME";
const PASSWORD: &str = "PROOFHOUSE_PASSWORD";
const TOKEN: &str = "PROOFHOUSE_TOKEN";

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(super) struct AccessFlags {
    /// How many requests a second at most, for example 20 or 0.5. Default: as many as the registry answers.
    #[arg(long, value_name = "N", value_parser = rate, requires = "url")]
    rate: Option<f64>,
    /// Whose credentials are shown to the registry (of two: to the first). Also: PROOFHOUSE_USERNAME and PROOFHOUSE_PASSWORD, or PROOFHOUSE_TOKEN, or an
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
    /// How the registry at a URL is asked. Looks for all of it, once. Repositories will begin with `namespace`, if that is known.
    pub(super) fn options(&self, url: &str, namespace: Option<&str>, dialect: Dialect) -> Result<HttpOptions, Failure> {
        let base = registry_url(url)?;
        let credentials = match self.told()? {
            Some(told) => told,
            None => self.kept(&base, namespace.unwrap_or_default())?,
        };
        self.with(credentials, namespace, dialect)
    }

    /// As [`options`](Self::options), for the second of two registries. What was told is for the first, and nobody else is shown it:
    /// the credentials for this one are in a file, by its host.
    pub(super) fn options_of_another(&self, url: &str, dialect: Dialect) -> Result<HttpOptions, Failure> {
        let credentials = self.kept(&registry_url(url)?, "")?;
        self.with(credentials, None, dialect)
    }

    fn with(
        &self,
        credentials: Credentials,
        namespace: Option<&str>,
        dialect: Dialect,
    ) -> Result<HttpOptions, Failure> {
        let trust = match &self.ca {
            Some(path) => Trust::with_authorities(path)?,
            None if self.insecure => Trust::anybody(),
            None => Trust::default(),
        };
        Ok(HttpOptions {
            namespace: namespace.map(str::to_owned),
            rate: self.rate,
            access: Access { credentials, trust },
            ..HttpOptions::new(dialect)
        })
    }

    /// Those of the command line or the environment. None: neither says anything.
    fn told(&self) -> Result<Option<Credentials>, Failure> {
        if let Some(username) = &self.username {
            return Ok(Some(Credentials::password(username, Secret::new(password()?))?));
        }
        match (variable(USERNAME)?, variable(PASSWORD)?, variable(TOKEN)?) {
            (None, None, None) => Ok(None),
            (Some(username), Some(password), None) => {
                Ok(Some(Credentials::password(&username, Secret::new(password))?))
            }
            (None, None, Some(token)) => Ok(Some(Credentials::Token(Secret::new(token)))),
            (_, _, Some(_)) => Err(Failure(format!("{TOKEN} is set beside {USERNAME} or {PASSWORD}: unset one"))),
            (Some(_), None, None) => Err(Failure(format!("{USERNAME} is set, and {PASSWORD} is not"))),
            (None, Some(_), None) => Err(Failure(format!("{PASSWORD} is set, and {USERNAME} is not"))),
        }
    }

    /// Those of the file of Docker or Podman.
    fn kept(&self, base: &Url, namespace: &str) -> Result<Credentials, Failure> {
        let named = self.authfile.clone().or_else(|| path(env::var_os("REGISTRY_AUTH_FILE")));
        if let Some(file) = named {
            return Ok(authfile::read(&file, base, namespace)?.unwrap_or_default());
        }
        let runtime = path(env::var_os("XDG_RUNTIME_DIR")).map(|it| it.join("containers/auth.json"));
        let home = env::home_dir().map(|it| it.join(".docker/config.json"));
        let usual: Vec<PathBuf> = runtime.into_iter().chain(home).collect();
        Ok(authfile::first(&usual, base, namespace)?)
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
        arguments.extend(self.rate.iter().flat_map(|rate| ["--rate".to_owned(), rate.to_string()]));
        arguments
    }
}

/// A request a day is the least.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1.0 / 86_400.0..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of requests a second, such as 20 or 0.5".to_owned()),
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
