//! A divergence as a script that needs `sh` and curl, and nothing of ours.
//!
//! It asks what was asked, in a namespace of its own, follows uploads where the registry says, and compares the last answer with the
//! reported one: status, headers that matter, digest of the body. Exit status 0: it is the same; 1: it is not; 2: nothing can
//! be said, which is also so where an answer does not show the finding (storage, several clients), and where the registry wants
//! credentials that it is not given.

use std::fmt::Write as _;

use proofhouse_model::{Dialect, Op, Outcome};

use super::shell::quoted;
use super::{Diverged, Report, SHOWN, Told, foreign, words};
use crate::lockstep::{self, STORAGE_AS_THE_MODEL};
use crate::target::http::sketch::{NAMESPACE, Sketch, sketch};

mod compare;

const FUNCTIONS: &str = include_str!("script/functions.sh");

/// The script. Text of others in it is quoted, and in comments it is escaped.
pub(super) fn script(report: &Report, divergence: &Diverged) -> String {
    let mut out = format!("#!/bin/sh\n# {}: {}\n", divergence.rule.id, comment(&divergence.rule.sentence));
    out += "#\n# sh repro.sh [URL]: asks the registry what broke this rule. Exit status 0: the last answer is the reported one;\n";
    out += "# 1: it is another; 2: nothing can be said. It writes below a fresh prefix, and leaves what it wrote.\n";
    out += "# If the registry wants credentials: PROOFHOUSE_USERNAME and PROOFHOUSE_PASSWORD in the environment are shown to it (Basic), or\n";
    out += "# PROOFHOUSE_TOKEN (Bearer).\n";
    if divergence.steps.iter().any(|step| command(&step.op).is_some()) {
        out += "# RESTART and GC are the commands that restart the registry and collect its garbage.\n";
    }
    out += "set -u\nLC_ALL=C\nexport LC_ALL\n";
    match &report.target.url {
        Some(url) => {
            let _ = writeln!(out, "base=${{1:-{}}}", quoted_in_braces(url));
        }
        None => out += "base=${1:?the URL of a registry, for example http://localhost:5000}\n",
    }
    out += FUNCTIONS;
    let last = divergence.steps.len();
    for (at, told) in divergence.steps.iter().enumerate() {
        let _ = write!(out, "\n# {}. {}\n", at + 1, comment(&told.request));
        if at + 1 < last || !divergence.history.is_empty() {
            let _ = writeln!(out, "# Then it was: {}", comment(&told.seen));
        }
        // A command that is expected to fail does not end the script.
        let failed = at + 1 == last && told.outcome != Outcome::Done;
        out += &match command(&told.op) {
            Some((what, variable)) if failed => format!("try {} \"${{{variable}:-}}\"\n", quoted(what)),
            Some((what, variable)) => format!("run {} \"${{{variable}:-}}\"\n", quoted(what)),
            None => asked(report, told),
        };
    }
    out + &verdict(report, divergence)
}

/// One step.
fn asked(report: &Report, told: &Told) -> String {
    let sketch = match sketch(&told.op) {
        Ok(sketch) => sketch,
        Err(why) => return format!("could_not {}\n", quoted(&foreign(&why, SHOWN))),
    };
    let mut out = String::new();
    let body = sketch.body.as_ref().filter(|body| !body.is_empty());
    if let Some(body) = body {
        let _ = writeln!(out, "printf -- '{}' >\"$work/payload\"", octal(body));
    }
    if let Some(status) = denied(&told.outcome) {
        let _ = writeln!(out, "denied={status}");
    }
    let _ = write!(out, "ask {} {}", sketch.method, url(&sketch));
    let mut typed = false;
    for (name, value) in &sketch.headers {
        typed |= name == "content-type";
        // curl takes a header without a value for one to leave out.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        let _ = write!(out, " \\\n  --header {}", quoted(&header));
    }
    if sketch.body.is_some() {
        if !typed {
            out += " \\\n  --header 'Content-Type:'";
        }
        out += if body.is_some() { " \\\n  --data-binary \"@$work/payload\"" } else { " \\\n  --data-binary ''" };
    }
    let pulls = matches!(told.op, Op::GetBlob { .. } | Op::HeadBlob { .. });
    if pulls && report.dialect != Dialect::Proofhouse && !matches!(told.outcome, Outcome::Redirect { .. }) {
        out += " \\\n  --location";
    }
    out.push('\n');
    if let Some(opens) = sketch.opens {
        let _ = writeln!(out, "remember {} {}", opens.0, in_namespace(&sketch.repository));
    }
    out
}

/// The status of an answer that wants credentials, or other ones. None: it was another answer.
fn denied(outcome: &Outcome) -> Option<u16> {
    let status = match outcome {
        Outcome::Refused { status, .. } => *status,
        Outcome::Broken { what } => lockstep::cited(what)?.1.get(..3)?.parse().ok()?,
        _ => return None,
    };
    matches!(status, 401 | 403).then_some(status)
}

/// What an operator does, and the variable of the command for it.
fn command(op: &Op) -> Option<(&'static str, &'static str)> {
    match op {
        Op::Restart => Some(("restart the registry", "RESTART")),
        Op::CollectGarbage { .. } => Some(("collect its garbage", "GC")),
        _ => None,
    }
}

fn url(sketch: &Sketch) -> String {
    let Some(upload) = sketch.at else { return in_namespace(&format!("$base{}", sketch.path)) };
    let location = format!("$(upload {} {})", upload.0, in_namespace(&sketch.repository));
    match sketch.path.split_once('?') {
        Some((_, query)) => format!("\"$(with \"{location}\" {})\"", in_namespace(query)),
        None => format!("\"{location}\""),
    }
}

/// A part of a URL between double quotes, with the script's own prefix. It is percent-encoded, so nothing in it means anything to a
/// shell.
fn in_namespace(part: &str) -> String {
    format!("\"{}\"", part.replace(NAMESPACE, "$ns"))
}

/// For `${1:-…}`, where quotes of a word stay.
fn quoted_in_braces(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '$' | '`' | '\\' | '}') {
            out.push('\\');
        }
        out.push(character);
    }
    out + "\""
}

/// Bytes as a format of `printf`.
fn octal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'%' => out.push_str("%%"),
            b'\'' | b'\\' => {
                let _ = write!(out, "\\{byte:03o}");
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out
}

/// In one line that ends where it seems to end.
fn comment(text: &str) -> String {
    foreign(&words::marked(text), 400)
}

/// What was expected, what was seen, and whether it is that.
fn verdict(report: &Report, divergence: &Diverged) -> String {
    let mut out = String::from("\nprintf '\\n'\n");
    let mut say = |what: &str, text: &str| {
        let _ = writeln!(out, "printf '%s\\n' {}", quoted(&foreign(&format!("{what}{text}"), SHOWN)));
    };
    say("rule:      ", &format!("{} ({}): {}", divergence.rule.id, divergence.rule.level, divergence.rule.sentence));
    for permitted in &divergence.permitted {
        say("permitted: ", &format!("{} [{}]", permitted.expect, permitted.rule));
    }
    say("reported:  ", &divergence.seen);
    let comparison = match divergence.steps.last() {
        _ if !divergence.history.is_empty() => {
            Err("several clients asked at the same time after this, which no script does")
        }
        _ if divergence.rule.id == STORAGE_AS_THE_MODEL.0 => Err("it shows on the disk, in no answer"),
        Some(last) => compare::comparison(report.dialect, last).ok_or("look at the last answer above"),
        None => Err("nothing was asked"),
    };
    match comparison {
        Ok(comparison) => {
            out += &comparison;
            out += "if [ \"$same\" = yes ]; then\n  echo 'the last answer is the reported one: it still diverges'\n  exit 0\nfi\n";
            out += "echo 'the last answer is not the reported one'\nexit 1\n";
        }
        Err(why) => {
            let _ = writeln!(out, "could_not {}", quoted(why));
        }
    }
    out
}
