//! A report as one page that needs nothing else: no script, no picture, nothing from elsewhere.
//!
//! What decides stands there in words, so it is read without colour as with it. The page is well-formed XML besides its first line,
//! and everything that somebody else wrote goes through [`escaped`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::words::{counted, grouped};
use super::xml::escaped;
use super::{Diverged, Report, RuleCount, Verdict, dialect_name, files, text, words};
use crate::campaign::Ended;
use crate::probe::Origin;

mod sequence;

const STYLE: &str = include_str!("html/style.css");

pub(super) fn render(report: &Report) -> String {
    let verdict = match report.verdict {
        Verdict::Conforms => "CONFORMS",
        Verdict::Diverges => "DIVERGES",
        Verdict::Incomplete => "INCOMPLETE",
    };
    let what = report.target.url.as_deref().unwrap_or("our registry, in process");
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"/><title>{verdict}: {}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"/><style>{STYLE}</style></head>\n<body>\n",
        escaped(what)
    );
    let _ = writeln!(out, "<h1>{} held to {}</h1>", escaped(what), dialect_name(report.dialect));
    let _ = writeln!(out, "<p class=\"verdict\" id=\"verdict\">{verdict}: {}</p>", escaped(&in_words(report)));
    out += &summary(report);
    out += &divergences(report);
    out += &known(report);
    out += &advice(report);
    out += &sections(report);
    out += &rules(report);
    out += "<p>The same for machines: <a href=\"report.json\">report.json</a>, <a href=\"junit.xml\">junit.xml</a>.</p>\n</body>\n</html>\n";
    out
}

/// The verdict in a sentence.
fn in_words(report: &Report) -> String {
    let count = report.divergences.len();
    match (report.verdict, count) {
        (Verdict::Conforms, _) if report.known.iter().any(|known| known.cases > 0) => {
            "nothing but the known divergences was seen".to_owned()
        }
        (Verdict::Conforms, _) => "every answer was one that the specification permits".to_owned(),
        (Verdict::Diverges, 0) => "every MUST was kept, but not every SHOULD, and the run is strict".to_owned(),
        (Verdict::Diverges, 1) => "1 distinct divergence was found".to_owned(),
        (Verdict::Diverges, _) => format!("{count} distinct divergences were found"),
        (Verdict::Incomplete, _) if report.cut_off.is_some() => {
            "every answer was permitted, but a command never came to its end".to_owned()
        }
        (Verdict::Incomplete, _) => "every answer was permitted, but parts of the campaign are missing".to_owned(),
    }
}

fn summary(report: &Report) -> String {
    let mut out = String::from("<h2>What was tested</h2>\n<table>\n");
    let mut row = |name: &str, text: &str| {
        let _ = writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escaped(text));
    };
    row("Registry", report.target.url.as_deref().unwrap_or("our registry, in process"));
    if let Some(namespace) = &report.target.namespace {
        row("Repositories begin with", namespace);
    }
    row("Held to", dialect_name(report.dialect));
    let options = match &report.options {
        None => "differently in each case".to_owned(),
        Some(options) => set(&super::options_set(options)),
    };
    row("Set up", &options);
    for found in report.inferred.iter().filter(|found| !found.absent) {
        row(if found.origin == Origin::Probe { "Found out" } else { "Said" }, &found.told());
    }
    for found in report.inferred.iter().filter(|found| found.absent) {
        let text = format!("{}: optional in the standard, not held against it", found.told());
        row("Absent", &text);
    }
    let strict = if report.strict { "; a SHOULD that is not kept fails the run" } else { "" };
    let ended = match report.ended {
        Ended::Cases => "when all cases had run",
        Ended::Time => "when the time was up",
        Ended::Divergence => "when as many divergences were found as were asked for",
        Ended::Interrupted => "when it was interrupted",
        Ended::Target => "when the registry was not to be had any more",
    };
    let shard = report.shard.map(|shard| format!(", shard {} of seed {}", shard.part, shard.seed)).unwrap_or_default();
    let ops = counted(report.ops as u64, "operation");
    row("Run", &format!("seed {}{shard}, {ops} a case{strict}", report.seed));
    let checked = format!("{}, {}", counted(report.cases, "case"), counted(report.operations, "operation"));
    row("Checked", &format!("{checked} in {:.1} s; it ended {ended}", report.elapsed_seconds));
    if !report.parts.is_empty() {
        row("Merged from", &counted(report.parts.len() as u64, "run"));
    }
    if let Some(missing) = report.told_missing() {
        row("Missing", &missing);
    }
    if let Some(why) = &report.stopped {
        row("Ended", why);
    }
    if let Some(command) = &report.cut_off {
        row("Cut off", &words::command_cut_off(command));
    }
    if report.undecided > 0 {
        row(
            "Undecided",
            &format!("{} had too many calls at once to look for an order", counted(report.undecided, "case")),
        );
    }
    let reached = report.coverage.applicable - report.coverage.unreached.len();
    row("Coverage", &format!("{reached} of {} rules that apply were exercised", report.coverage.applicable));
    out + "</table>\n"
}

fn set(options: &serde_json::Map<String, serde_json::Value>) -> String {
    let options: Vec<String> = options.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    if options.is_empty() { "all as by default".to_owned() } else { options.join(", ") }
}

fn divergences(report: &Report) -> String {
    if report.divergences.is_empty() {
        return String::new();
    }
    let mut out = String::from("<h2>Divergences</h2>\n");
    for (at, divergence) in report.divergences.iter().enumerate() {
        out += &diverged(at, divergence);
    }
    out
}

fn diverged(at: usize, divergence: &Diverged) -> String {
    let rule = &divergence.rule;
    let directory = files::name(at);
    let mut out = format!("<details class=\"divergence\" id=\"{directory}\"><summary>{}. ", at + 1);
    let _ = writeln!(out, "{}</summary>", escaped(&divergence.title));
    let source =
        if rule.standard.is_empty() { String::new() } else { format!(" {}, “{}”", rule.standard, rule.section) };
    let _ = writeln!(
        out,
        "<p><strong>{}</strong> {}{}</p>",
        escaped(&rule.level),
        escaped(&rule.sentence),
        escaped(&source)
    );
    if let Some(reading) = rule.reading {
        let _ = writeln!(out, "<p>How it is read: {}.</p>", escaped(reading));
    }
    if let Some(why) = &divergence.why {
        let _ = writeln!(out, "<p>Why it counts: {}.</p>", escaped(why));
    }
    out += &sequence::render(divergence);
    let _ = writeln!(out, "<p>Registry set up: {}.</p>", escaped(&set(&divergence.options_set)));
    if let Some(hint) = &divergence.hint {
        let _ = writeln!(out, "<p>Hint: {}</p>", escaped(hint));
    }
    let complete = if divergence.shrink_complete { "" } else { ", not to the end" };
    let (from, to) = (divergence.original_length, divergence.steps.len() + divergence.history.len());
    let attempts = counted(divergence.attempts, "attempt");
    let _ = writeln!(
        out,
        "<p>Shrunk from {} to {to} in {attempts}{complete}; seen in {}.</p>",
        counted(from as u64, "operation"),
        counted(divergence.cases, "case")
    );
    if let Some((what, told)) = text::flaky(divergence) {
        let _ = writeln!(out, "<p><strong>{what}</strong>: {told}.</p>");
    }
    if !divergence.also.is_empty() {
        out += "<p>Answered as wrongly, whatever was asked before:</p>\n<ul>\n";
        for also in &divergence.also {
            let text = words::marked(&format!("{}: {}", also.step.request, also.step.seen));
            let _ = writeln!(out, "<li>{}</li>", escaped(&text));
        }
        out += "</ul>\n";
    }
    let _ = writeln!(out, "<p>To find it again:</p>\n<pre>{}</pre>", escaped(&divergence.reproduce));
    let links =
        [("repro.sh", "a script with curl"), ("repro.json", "for proofhouse replay"), ("issue.md", "for its tracker")];
    let links = links.map(|(file, what)| format!("<a href=\"{directory}/{file}\">{file}</a> ({what})"));
    let _ = writeln!(out, "<p>Files: {}.</p>\n</details>", links.join(", "));
    out
}

fn known(report: &Report) -> String {
    if report.known.is_empty() {
        return String::new();
    }
    let mut out = String::from("<h2>Known divergences</h2>\n<p>They do not fail the run.</p>\n<ul>\n");
    for known in &report.known {
        let _ = writeln!(out, "<li>{} <em>{}</em></li>", escaped(&known.told()), escaped(&known.comment));
    }
    out + "</ul>\n"
}

fn advice(report: &Report) -> String {
    if report.advice.is_empty() {
        return String::new();
    }
    let mut out = String::from("<h2>Advice</h2>\n<p>What a registry SHOULD do, and this one did not.</p>\n<ul>\n");
    for advice in &report.advice {
        let times = counted(advice.count, "time");
        let text = format!("{} Seen {times}, first: {}", advice.rule.sentence, advice.first);
        let _ = writeln!(out, "<li><code>{}</code> {}</li>", escaped(&advice.rule.id), escaped(&words::marked(&text)));
    }
    out + "</ul>\n"
}

/// Coverage by standard and section.
fn sections(report: &Report) -> String {
    let mut sections: BTreeMap<(&str, &str), [usize; 4]> = BTreeMap::new();
    for count in &report.coverage.rules {
        let [all, met, broken, never] = sections.entry((&count.rule.standard, &count.rule.section)).or_default();
        *all += 1;
        *(match state(count) {
            State::Met => met,
            State::NotMet => broken,
            State::Never => never,
        }) += 1;
    }
    let mut out = String::from(
        "<h2>Coverage by section</h2>\n<table>\n<tr><th>Standard</th><th>Section</th><th>Rules</th><th>Met</th><th>Not always met</th><th>Never exercised</th></tr>\n",
    );
    for ((standard, section), counts) in sections {
        let _ = write!(out, "<tr><td>{}</td><td>{}</td>", escaped(standard), escaped(section));
        for count in counts {
            let _ = write!(out, "<td class=\"number\">{count}</td>");
        }
        out += "</tr>\n";
    }
    out + "</table>\n"
}

/// Coverage by rule.
fn rules(report: &Report) -> String {
    let mut out = String::from(
        "<h2>Coverage by rule</h2>\n<details><summary>Every rule that applies</summary>\n<table>\n\
         <tr><th>Rule</th><th>Level</th><th>What it says</th><th>Exercised</th><th>Met</th><th>In words</th></tr>\n",
    );
    for count in &report.coverage.rules {
        let words = match state(count) {
            State::Met => "met",
            State::NotMet => "not always met",
            State::Never => "never exercised",
        };
        let (rule, exercised, met) = (&count.rule, grouped(count.exercised), grouped(count.met));
        let (id, level, sentence) = (escaped(&rule.id), escaped(&rule.level), escaped(&rule.sentence));
        let _ = writeln!(
            out,
            "<tr><td><code>{id}</code></td><td>{level}</td><td>{sentence}</td><td class=\"number\">{exercised}</td>\
             <td class=\"number\">{met}</td><td>{words}</td></tr>"
        );
    }
    out + "</table>\n</details>\n"
}

enum State {
    Met,
    NotMet,
    Never,
}

fn state(count: &RuleCount) -> State {
    match count.exercised {
        0 => State::Never,
        exercised if count.met < exercised => State::NotMet,
        _ => State::Met,
    }
}
