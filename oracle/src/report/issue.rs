//! A divergence as a text for the registry's own tracker.
//!
//! Its readers know their registry and not us: what was done, what the standard says, what happened, and a script to see it again.

use std::fmt::Write as _;

use proofhouse_model::Op;

use super::{Diverged, Report, SHOWN, foreign, text, words};
use crate::target::http::sketch::{NAMESPACE, sketch};

pub(super) fn render(report: &Report, divergence: &Diverged) -> String {
    let rule = &divergence.rule;
    let last = divergence.steps.last();
    let title = match last {
        Some(last) if divergence.history.is_empty() => {
            let request = words::marked(&unescaped(&request_line(&last.op)));
            format!("{}: answered with {}", foreign(&request, 160), divergence.brief())
        }
        _ => divergence.title.clone(),
    };
    let mut out = format!("# {}\n\n", inline(&title));
    out += "## What was done\n\n";
    for (at, step) in divergence.steps.iter().enumerate() {
        let _ = writeln!(out, "{}. {}", at + 1, code(&request_line(&step.op)));
        if sketch(&step.op).is_ok() {
            let _ = writeln!(out, "   ({})", inline(&words::marked(&step.request)));
        }
        if at + 1 < divergence.steps.len() || !divergence.history.is_empty() {
            let _ = writeln!(out, "   → {}", inline(&words::marked(&step.seen)));
        }
    }
    if !divergence.history.is_empty() {
        out += "\nThen several clients asked at the same time. The numbers are the order in which requests were sent and answers came.\n\n";
        for told in &divergence.history {
            let call = &told.call;
            let (client, called, returned) = (call.client + 1, call.called, call.returned);
            let (request, seen) = (words::marked(&told.request), words::marked(&told.seen));
            let _ =
                writeln!(out, "- client {client}, {called} to {returned}: {}\n  → {}", inline(&request), inline(&seen));
        }
    }
    out += "\n## Expected\n\n";
    for permitted in &divergence.permitted {
        let _ = writeln!(out, "- {}", inline(&words::marked(&permitted.expect)));
    }
    if !divergence.permitted.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", inline(&rule.sentence));
    if !rule.standard.is_empty() {
        let _ = writeln!(out, "({}, section \"{}\", {}.)", inline(&rule.standard), inline(&rule.section), rule.level);
    }
    if let Some(reading) = rule.reading {
        let _ = writeln!(out, "\nHow it is read: {}.", inline(reading));
    }
    if let Some(why) = &divergence.why {
        let _ = writeln!(out, "\nWhy it counts: {}.", inline(why));
    }
    let _ = writeln!(out, "\n## Seen\n\n{}\n", inline(&words::marked(&divergence.seen)));
    if let Some((_, told)) = text::flaky(divergence) {
        let _ = writeln!(out, "Of the same requests: {told}.\n");
    }
    for (at, also) in divergence.also.iter().enumerate() {
        if at == 0 {
            out += "Answered as wrongly, whatever was asked before:\n\n";
        }
        let (request, seen) = (request_line(&also.step.op), words::marked(&also.step.seen));
        let end = if at + 1 == divergence.also.len() { "\n" } else { "" };
        let _ = writeln!(out, "- {}\n  → {}{end}", code(&request), inline(&seen));
    }
    out += "## How to reproduce\n\n";
    if divergence.history.is_empty() {
        out += "The attached `repro.sh` needs only `sh` and curl. It exits with 0 if the last answer is the one reported here:\n\n";
        let url = report.target.url.as_deref().unwrap_or("http://localhost:5000");
        let _ = writeln!(out, "    sh repro.sh {}\n", super::shell::quoted(&foreign(url, SHOWN)));
        out += "If the registry wants credentials, it takes them from `PROOFHOUSE_USERNAME` and `PROOFHOUSE_PASSWORD`, or from `PROOFHOUSE_TOKEN`, in the environment.\n\n";
    }
    let _ = writeln!(
        out,
        "Found by Proofhouse, in rule `{}`:\n\n    {}",
        rule.id,
        foreign(&divergence.reproduce, usize::MAX)
    );
    out
}

/// Method and path as they stand in a request, where it is one; else in words.
pub(super) fn request_line(op: &Op) -> String {
    match sketch(op) {
        Ok(sketch) => {
            let path = sketch.path.replace(NAMESPACE, "NAMESPACE");
            match (sketch.at, path.split_once('?')) {
                (None, _) => format!("{} {path}", sketch.method),
                (Some(upload), Some((_, query))) => {
                    format!("{} (location of upload {})?{query}", sketch.method, upload.0)
                }
                (Some(upload), None) => format!("{} (location of upload {})", sketch.method, upload.0),
            }
        }
        Err(_) => words::request(op),
    }
}

/// With digests as they are read, also those in a query.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("sha256%3A", "sha256:").replace("sha512%3A", "sha512:")
}

/// As code, whatever stands in it. Somebody may copy it, so digests are whole.
fn code(text: &str) -> String {
    let text = foreign(&unescaped(text), 1_000);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    if longest == 0 { format!("`{text}`") } else { format!("{fence} {text} {fence}") }
}

/// As text in which nothing is markup. An underscore within a word is none, and codes are full of them.
fn inline(text: &str) -> String {
    let text = foreign(text, SHOWN);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let within = before.is_alphanumeric() && characters.peek().is_some_and(|next| next.is_alphanumeric());
        let markup = matches!(character, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '#' | '&' | '|' | '~');
        if markup || (character == '_' && !within) {
            out.push('\\');
        }
        out.push(character);
        before = character;
    }
    out
}
