//! The file in which Docker and Podman keep credentials.
//!
//! `auths` has an entry for each registry: `auth` (user and password), `identitytoken` or `registrytoken`. A key is a host with or
//! without a port, a scheme or a path; the longest path that leads to the repositories wins. Helpers (`credHelpers`, `credsStore`)
//! are programs that keep the credentials elsewhere: they are not run, and that is told when credentials are wanted.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value};
use url::Url;

use super::{AccessError, Credentials, Secret};
use crate::file;

/// All names of one registry, whose API and whose entry are on different hosts.
const DOCKER_HUB: &[&str] = &["docker.io", "index.docker.io", "registry-1.docker.io"];

/// What the file has for repositories that begin with `namespace`. None: nothing.
///
/// # Errors
/// The file cannot be read, or the entry cannot be used. No error tells what is in an entry.
pub fn read(path: &Path, base: &Url, namespace: &str) -> Result<Option<Credentials>, AccessError> {
    let text = file::read(path).map_err(|source| AccessError::File { path: path.to_owned(), source })?;
    let document: Value = serde_json::from_slice(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        AccessError::NoJson { path: path.to_owned(), line, column }
    })?;
    if !document.is_object() {
        return Err(AccessError::NoAuthFile { path: path.to_owned() });
    }
    let members = |key: &str| document[key].as_object().into_iter().flatten();
    let helper = |name: &Value| {
        let helper = name.as_str().unwrap_or_default().to_owned();
        Credentials::Helper { file: path.to_owned(), helper }
    };
    // A helper for this registry is asked before anything else, so an entry beside it may be out of date.
    if let Some((_, name)) = members("credHelpers").find(|(key, _)| matches(key, base, namespace).is_some()) {
        return Ok(Some(helper(name)));
    }
    let fitting = members("auths").filter_map(|(key, entry)| Some((matches(key, base, namespace)?, key, entry)));
    let Some((_, key, entry)) = fitting.max_by_key(|(length, ..)| *length) else { return Ok(None) };
    let wrong = |reason| AccessError::Entry { path: path.to_owned(), entry: key.clone(), reason };
    let entry = entry.as_object().ok_or_else(|| wrong("is no object"))?;
    match credentials(entry).map_err(wrong)? {
        // `docker login` with a store leaves an entry with nothing in it.
        Credentials::Nobody if document["credsStore"].is_string() => Ok(Some(helper(&document["credsStore"]))),
        Credentials::Nobody => Ok(None),
        found => Ok(Some(found)),
    }
}

/// The first of the usual files that has something.
///
/// # Errors
/// As [`read`], but that a file need not be there.
pub fn first(paths: &[PathBuf], base: &Url, namespace: &str) -> Result<Credentials, AccessError> {
    for path in paths {
        match read(path, base, namespace) {
            Err(AccessError::File { source, .. })
                if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Ok(None) => {}
            Ok(Some(found)) => return Ok(found),
            Err(error) => return Err(error),
        }
    }
    Ok(Credentials::Nobody)
}

/// How long the path of a key is that is for this registry and these repositories. None: it is for others.
fn matches(key: &str, base: &Url, namespace: &str) -> Option<usize> {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let with_scheme = Url::parse(&format!("{}://{host}", base.scheme())).ok()?;
    let hub = |url: &Url| url.host_str().is_some_and(|host| DOCKER_HUB.contains(&host));
    let same = with_scheme.host() == base.host() && with_scheme.port() == base.port();
    let hubs = hub(&with_scheme) && hub(base);
    if !same && !hubs {
        return None;
    }
    let path = path.trim_end_matches('/');
    if matches!(path, "" | "v1" | "v2") {
        return Some(0);
    }
    let below = namespace.strip_prefix(path)?;
    (below.is_empty() || below.starts_with('/')).then_some(path.len())
}

fn credentials(entry: &Map<String, Value>) -> Result<Credentials, &'static str> {
    let text = |key: &str| match entry.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err("has something in it that is no text"),
    };
    if let Some(token) = text("registrytoken")? {
        return Ok(Credentials::Token(Secret::new(token)));
    }
    if let Some(token) = text("identitytoken")? {
        return Ok(Credentials::Identity(Secret::new(token)));
    }
    let Some(auth) = text("auth")? else { return Ok(Credentials::Nobody) };
    let auth = auth.trim();
    let decoded = STANDARD.decode(auth).or_else(|_| STANDARD_NO_PAD.decode(auth));
    let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or("has an auth that is no base64 of a text")?;
    // Some versions of Docker filled it up with zeros.
    let decoded = decoded.trim_end_matches('\0');
    let (username, password) = decoded.split_once(':').ok_or("has an auth without a colon")?;
    Credentials::password(username, Secret::new(password)).map_err(|_| "has an auth without a user name")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = r#"{"auths": {
        "registry.example": {"auth": "YWxpY2U6c2VjcmV0"},
        "registry.example:5000": {"auth": "Ym9iOmE6Yg"},
        "registry.example/team": {"auth": "dGVhbTpz"},
        "registry.example/team/sub": {"auth": "c3ViOnM="},
        "https://old.example/v1/": {"auth": "YWxpY2U6c2VjcmV0"},
        "identity.example": {"auth": "MDAwMDo=", "identitytoken": "it"},
        "token.example": {"registrytoken": "rt"},
        "kept.example": {},
        "helped.example": {"auth": "YWxpY2U6c2VjcmV0"},
        "https://index.docker.io/v1/": {"auth": "YWxpY2U6c2VjcmV0"},
        "bad.example": {"auth": "c2VjcmV0"},
        "worse.example": {"auth": "secret!"},
        "nobody.example": {"auth": "OnNlY3JldA=="},
        "list.example": []
    }, "credHelpers": {"helped.example": "pass"}, "credsStore": "desktop"}"#;

    fn find(text: &str, url: &str, namespace: &str) -> Result<Option<Credentials>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, text).unwrap();
        let found = read(&path, &Url::parse(url).unwrap(), namespace);
        found.map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    fn user(name: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::password(name, Secret::new(password)).unwrap())
    }

    #[test]
    fn an_entry_is_found_by_host_and_port_whatever_its_key_looks_like() {
        let at = |url: &str| find(FILE, url, "proofhouse-1").unwrap();
        assert_eq!(at("https://registry.example/"), user("alice", "secret"));
        assert_eq!(at("https://registry.example:443/"), user("alice", "secret"));
        assert_eq!(at("http://registry.example/"), user("alice", "secret"));
        assert_eq!(at("https://registry.example:5000/"), user("bob", "a:b"));
        assert_eq!(at("https://registry.example:5001/"), None);
        assert_eq!(at("https://registry.example.evil/"), None);
        assert_eq!(at("https://old.example/"), user("alice", "secret"));
        assert_eq!(at("https://registry-1.docker.io/"), user("alice", "secret"));
        assert_eq!(at("https://other.example/"), None);
    }

    #[test]
    fn the_longest_path_that_leads_to_the_repositories_wins() {
        let at = |namespace: &str| find(FILE, "https://registry.example/", namespace).unwrap();
        assert_eq!(at("team/run"), user("team", "s"));
        assert_eq!(at("team"), user("team", "s"));
        assert_eq!(at("team/sub/run"), user("sub", "s"));
        assert_eq!(at("teams/run"), user("alice", "secret"));
    }

    #[test]
    fn tokens_are_told_from_passwords() {
        let at = |url: &str| find(FILE, url, "p").unwrap();
        assert_eq!(at("https://identity.example/"), Some(Credentials::Identity(Secret::new("it"))));
        assert_eq!(at("https://token.example/"), Some(Credentials::Token(Secret::new("rt"))));
    }

    #[test]
    fn what_a_helper_keeps_is_told_with_its_name() {
        for (url, name) in [("https://kept.example/", "desktop"), ("https://helped.example/", "pass")] {
            let Some(found @ Credentials::Helper { .. }) = find(FILE, url, "p").unwrap() else { panic!("{url}") };
            let advice = found.advice();
            assert!(advice.contains(&format!("the helper \"{name}\", which is not run; use --username")), "{advice}");
        }
        assert_eq!(find(r#"{"auths": {"kept.example": {}}}"#, "https://kept.example/", "p"), Ok(None));
    }

    #[test]
    fn what_cannot_be_used_is_named_without_what_is_in_it() {
        for (host, reason) in [
            ("bad.example", "has an auth without a colon"),
            ("worse.example", "has an auth that is no base64 of a text"),
            ("nobody.example", "has an auth without a user name"),
            ("list.example", "is no object"),
        ] {
            let error = find(FILE, &format!("https://{host}/"), "p").unwrap_err();
            assert_eq!(error, format!("FILE: the entry {host} {reason}"));
        }
        let error = find("{\"auths\": {\"a\": {\"auth\": secret}}}", "https://a/", "p").unwrap_err();
        assert_eq!(error, "FILE is no JSON: line 1, column 26");
    }

    #[test]
    fn what_is_json_and_no_auth_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auth.json");
        let base = Url::parse("http://localhost:5000/").unwrap();
        for text in ["[]", "null", "\"auths\"", "7"] {
            fs::write(&path, text).unwrap();
            let error = read(&path, &base, "").unwrap_err().to_string();
            assert!(error.contains("auth.json is no auth file: it must be an object with `auths`"), "{text}: {error}");
        }
        fs::write(&path, "{}").unwrap();
        assert!(read(&path, &base, "").unwrap().is_none(), "nobody is logged in");
    }

    #[test]
    fn the_first_file_that_has_something_counts() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["none", "empty", "full"].map(|name| directory.path().join(name));
        fs::write(&paths[1], "{}").unwrap();
        fs::write(&paths[2], FILE).unwrap();
        let base = Url::parse("https://registry.example/").unwrap();
        assert_eq!(Some(first(&paths, &base, "p").unwrap()), user("alice", "secret"));
        assert_eq!(first(&paths[..2], &base, "p").unwrap(), Credentials::Nobody);
        fs::write(&paths[1], "{").unwrap();
        assert!(first(&paths, &base, "p").is_err());
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?} {:?}", user("alice", "hunter2"), Credentials::Token(Secret::new("hunter2")));
        assert!(shown.contains("alice") && !shown.contains("hunter2"), "{shown}");
    }
}
