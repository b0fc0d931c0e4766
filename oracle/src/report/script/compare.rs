//! The last answer of a script against the reported one.
//!
//! What a report knows of an answer is its outcome, not its bytes: the status, the headers that the outcome was read from, and a
//! digest of the body where that is content. Upload ids and locations are made anew in every run, so they are not compared.

use std::fmt::Write as _;

use proofhouse_model::{Content, Dialect, Op, Outcome, digest_of};

use super::super::Told;
use super::super::shell::quoted;
use crate::lockstep::{self, COMMAND_SUCCEEDS, GOES_ON_ANSWERING};
use crate::wire;

/// Lines that call `differs` where the last answer is another than the one of this step. None: it cannot be compared.
pub(super) fn comparison(dialect: Dialect, last: &Told) -> Option<String> {
    let mut lines = Lines(String::new());
    match &last.outcome {
        Outcome::Upload { size, .. } => {
            lines.status("202 204");
            if *size > 1 {
                lines.call("holds_to", &[&(size - 1).to_string()]);
            }
        }
        Outcome::BlobStored { digest } => {
            lines.status("201");
            lines.header("Docker-Content-Digest", digest.as_deref());
        }
        Outcome::Done => lines.status("200 202 204"),
        Outcome::Blob { digest, size, body } => {
            let part = body.as_ref().is_some_and(|body| body.range.is_some());
            lines.status(if part { "206" } else { "200" });
            lines.header("Docker-Content-Digest", digest.as_deref());
            match body {
                Some(body) => lines.body(&body.bytes),
                None => lines.header("Content-Length", Some(&size.to_string())),
            }
        }
        Outcome::Redirect { .. } => lines.status("301 302 303 307 308"),
        Outcome::ManifestStored { digest, subject, .. } => {
            lines.status("201");
            lines.header("Docker-Content-Digest", digest.as_deref());
            lines.header("OCI-Subject", subject.as_deref());
        }
        Outcome::Manifest { digest, media_type, size, bytes } => {
            lines.status("200");
            lines.header("Docker-Content-Digest", digest.as_deref());
            match dialect {
                Dialect::Proofhouse => lines.header("Content-Type", Some(media_type)),
                _ => lines.call("type_is", &[media_type]),
            }
            match bytes {
                Some(bytes) => lines.body(bytes),
                None => lines.header("Content-Length", Some(&size.to_string())),
            }
        }
        // A walk takes several pages.
        Outcome::Names { names, more } if !matches!(last.op, Op::WalkRepositories { .. }) => {
            lines.status("200");
            let member = if matches!(last.op, Op::ListTags { .. }) { "tags" } else { "repositories" };
            let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            lines.call("names_are", &[member, &names.join(",")]);
            if !more {
                lines.header("Link", None);
            }
        }
        Outcome::Referrers { referrers, filtered } => {
            lines.status("200");
            let digests: Vec<&str> = referrers.iter().map(|referrer| referrer.digest.as_str()).collect();
            lines.call("all_of", &["digest", &digests.join(" ")]);
            lines.header("OCI-Filters-Applied", filtered.then_some("artifactType"));
        }
        Outcome::Refused { status, errors } => {
            lines.status(&status.to_string());
            if !errors.is_empty() {
                let codes: Vec<String> = errors.iter().map(|error| error.code.to_string()).collect();
                lines.call("all_of", &["code", &codes.join(" ")]);
            }
        }
        Outcome::Broken { what } => return broken(what),
        _ => return None,
    }
    Some(lines.0)
}

/// What a rule of the wire says of an answer tells enough of it in most cases.
fn broken(what: &str) -> Option<String> {
    let (rule, seen) = lockstep::cited(what)?;
    let mut lines = Lines(String::new());
    if rule == wire::WHOLE || rule == GOES_ON_ANSWERING {
        lines.call("broken_off", &[]);
        return Some(lines.0);
    }
    if rule == COMMAND_SUCCEEDS {
        lines.call("command_fails", &[]);
        return Some(lines.0);
    }
    if let Some((digest, body)) = seen.strip_prefix("it says ").and_then(|rest| rest.split_once(", and the body is ")) {
        lines.header("Docker-Content-Digest", Some(digest));
        let (algorithm, hexadecimal) = body.split_once(':')?;
        lines.call("body_is", &[algorithm, hexadecimal]);
        return Some(lines.0);
    }
    let status: String = seen.chars().take_while(char::is_ascii_digit).collect();
    if status.len() == 3 {
        lines.status(&status);
        match (rule.0, seen.split_once(" without a ")) {
            ("wire.error.body", _) => return None,
            (_, Some((_, header))) => lines.header(header, None),
            _ => {}
        }
        return Some(lines.0);
    }
    let (name, value) = seen.split_once(": ")?;
    let whole = ["Docker-Content-Digest", "Range", "OCI-Chunk-Min-Length", "Content-Type"].contains(&name);
    whole.then(|| {
        lines.header(name, Some(value));
        lines.0
    })
}

/// Calls of the script's functions.
struct Lines(String);

impl Lines {
    fn call(&mut self, function: &str, arguments: &[&str]) {
        self.0 += function;
        for argument in arguments {
            let _ = write!(self.0, " {}", quoted(argument));
        }
        self.0.push('\n');
    }

    /// One of these, separated by spaces.
    fn status(&mut self, statuses: &str) {
        self.call("status_is", &statuses.split(' ').collect::<Vec<_>>());
    }

    /// None: it is not there.
    fn header(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.call("header_is", &[name, value]),
            None => self.call("no_header", &[name]),
        }
    }

    fn body(&mut self, bytes: &Content) {
        let digest = digest_of("sha256", bytes);
        if let Some((algorithm, hexadecimal)) = digest.split_once(':') {
            self.call("body_is", &[algorithm, hexadecimal]);
        }
    }
}
