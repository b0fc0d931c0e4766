//! A report as text, 80 columns wide.

use std::fmt::Write as _;

use super::words::{command_cut_off, counted, grouped, shorten, wrap};
use super::{Advice, Coverage, Diverged, Report, SHOWN, Verdict, foreign};
use crate::campaign::Ended;

const WIDTH: usize = 80;

/// Steps before the last are shown at most so far.
const LONGEST_SEEN: usize = 600;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    let many = report.divergences.len();
    for (at, divergence) in report.divergences.iter().enumerate() {
        if many > 1 {
            line(&mut out, "", &format!("{} of {many}", at + 1));
        }
        out += &diverged(divergence);
    }
    let verdict = match report.verdict {
        Verdict::Conforms => "CONFORMS",
        Verdict::Diverges => "DIVERGES",
        Verdict::Incomplete => "INCOMPLETE",
    };
    let ended = match report.ended {
        Ended::Time => ", until the time was up",
        Ended::Target => ", until it was not to be had any more",
        Ended::Interrupted => ", until it was interrupted",
        Ended::Cases | Ended::Divergence => "",
    };
    let summary = format!(
        "{}, {} in {:.1} s ({} per second){ended}",
        counted(report.cases, "case"),
        counted(report.operations, "operation"),
        report.elapsed_seconds,
        grouped(whole(report.operations_per_second)),
    );
    line(&mut out, &format!("{verdict}  "), &summary);
    if let Some(command) = &report.cut_off {
        line(&mut out, "cut off   ", &command_cut_off(command));
    }
    if let Some(missing) = report.told_missing() {
        line(&mut out, "missing   ", &missing);
    }
    if let Some(why) = &report.stopped {
        line(&mut out, "ended     ", why);
    }
    let mix = format!(
        "of {} {:.0} % succeeded, {:.0} % wrote",
        counted(report.generated, "generated operation"),
        100.0 * report.mix.succeeded,
        100.0 * report.mix.wrote
    );
    line(&mut out, "mix       ", &mix);
    if report.undecided > 0 {
        let text = format!("{} had too many calls at once to look for an order", counted(report.undecided, "case"));
        line(&mut out, "undecided ", &text);
    }
    out += &coverage(&report.coverage);
    for known in &report.known {
        line(&mut out, "known     ", &known.told());
    }
    for advice in &report.advice {
        out += &advised(advice);
    }
    if report.strict && !report.advice.is_empty() {
        line(&mut out, "          ", "advice counts, since the run is strict");
    }
    out
}

/// Whether it shows each time; nothing: it does.
pub(super) fn flaky(divergence: &Diverged) -> Option<(&'static str, String)> {
    let Diverged { replayed, replays, .. } = divergence;
    match replays {
        0 => Some(("unconfirmed", "the same sequence was not run once more".to_owned())),
        _ if replayed < replays => {
            Some(("flaky", format!("it diverged in {replayed} of {replays} runs of the same sequence")))
        }
        _ => None,
    }
}

fn coverage(coverage: &Coverage) -> String {
    let mut out = String::new();
    let reached = coverage.applicable - coverage.unreached.len();
    line(&mut out, "coverage  ", &format!("{reached} of {} rules that apply were exercised", coverage.applicable));
    if !coverage.unreached.is_empty() {
        line(&mut out, "          ", &format!("never reached: {}", coverage.unreached.join(", ")));
    }
    if !coverage.absent.is_empty() {
        line(&mut out, "          ", &format!("of what is absent there: {}", coverage.absent.join(", ")));
    }
    out
}

fn advised(advice: &Advice) -> String {
    let mut out = String::new();
    let Advice { rule, count, first } = advice;
    let text = format!("{} ({}, {}): {} Seen: {first}", rule.id, rule.level, counted(*count, "time"), rule.sentence);
    line(&mut out, "advice    ", &shorten(&text));
    out
}

pub(super) fn diverged(divergence: &Diverged) -> String {
    let mut out = String::new();
    let shrunk = if divergence.shrink_complete { "" } else { ", not to the end" };
    let found = format!(
        "after {}; shrunk from {} to {} in {}{shrunk}",
        counted(divergence.found_after, "operation"),
        divergence.original_length,
        divergence.steps.len() + divergence.history.len(),
        counted(divergence.attempts, "attempt")
    );
    line(&mut out, "divergence  ", &found);
    if divergence.cases > 1 {
        line(&mut out, "            ", &format!("seen in {} cases", grouped(divergence.cases)));
    }
    if let Some((what, told)) = flaky(divergence) {
        line(&mut out, &format!("{what:<12}"), &told);
    }
    out.push('\n');
    let last = divergence.steps.len();
    for (at, step) in divergence.steps.iter().enumerate() {
        line(&mut out, &format!("{:>4}. ", at + 1), &shorten(&step.request));
        if at + 1 < last || !divergence.history.is_empty() {
            line(&mut out, "      → ", &foreign(&shorten(&step.seen), LONGEST_SEEN));
        }
    }
    for told in &divergence.history {
        let (call, number) = (&told.call, told.call.client + 1);
        let when = format!("  client {number} {:>3}–{:<3} ", call.called, call.returned);
        line(&mut out, &when, &shorten(&told.request));
        line(&mut out, "                   → ", &foreign(&shorten(&told.seen), LONGEST_SEEN));
    }
    out.push('\n');
    for (at, permitted) in divergence.permitted.iter().enumerate() {
        let text = format!("{} [{}]", permitted.expect, permitted.rule);
        line(&mut out, if at == 0 { "permitted   " } else { "         or " }, &shorten(&text));
    }
    line(&mut out, "seen        ", &shorten(&divergence.seen));
    for also in &divergence.also {
        let text = format!("{}: {}", also.step.request, also.step.seen);
        line(&mut out, "also        ", &foreign(&shorten(&text), LONGEST_SEEN));
    }
    out.push('\n');
    let rule = &divergence.rule;
    line(&mut out, "rule        ", &format!("{} ({}): {}", rule.id, rule.level, rule.sentence));
    if !rule.standard.is_empty() {
        line(&mut out, "            ", &format!("{}, \"{}\"", rule.standard, rule.section));
    }
    if let Some(reading) = rule.reading {
        line(&mut out, "reading     ", reading);
    }
    if let Some(why) = &divergence.why {
        line(&mut out, "why         ", why);
    }
    let options: Vec<String> = divergence.options_set.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let options = if options.is_empty() { "all as by default".to_owned() } else { options.join(", ") };
    line(&mut out, "options     ", &options);
    if let Some(hint) = &divergence.hint {
        line(&mut out, "hint        ", hint);
    }
    // A command must be copied whole: it is not broken into lines.
    let _ = writeln!(out, "reproduce   {}\n", divergence.reproduce);
    out
}

fn line(out: &mut String, first: &str, text: &str) {
    out.push_str(&wrap(first, &foreign(text, SHOWN), WIDTH));
    out.push('\n');
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate: positive, far below 2^53")]
fn whole(rate: f64) -> u64 {
    rate as u64
}
