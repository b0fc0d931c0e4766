//! Arguments, output, exit status.
//!
//! The report goes to stdout, how it goes on goes to stderr. Whatever keeps a command from running is one line on stderr
//! that names what is wrong, and exit status 2.

#![allow(clippy::print_stderr, reason = "this is the program's own output")]

mod access;
mod check;
mod cleaning;
mod diff;
mod duration;
mod explain;
mod files;
mod interrupts;
mod log;
mod maintain;
mod merge;
mod progress;
mod replay;
mod rules;
mod serve;
mod setup;
mod steps;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use proofhouse::report::{SHOWN, foreign};

/// Checks any container registry against a reference model.
#[derive(Debug, Parser)]
#[command(
    name = "proofhouse",
    version,
    after_help = "Exit status: 0 it conforms (or was asked to stop serving), 1 it does not, 2 it could not be checked, or not all of it \
                  (or not served), 130 or 143 SIGINT or SIGTERM ended the check before anything was found."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs generated sequences of operations on a registry, and shows the shortest one that breaks the specification.
    Check(Box<check::Check>),
    /// Makes one report of several: of the parts of a campaign (check --shard), or of runs with seeds of their own.
    Merge(merge::Merge),
    /// Replays the sequence of a divergence, repro.json of a report, at a URL or in process.
    Replay(replay::Replay),
    /// Runs the same sequences on two registries, and shows where they answer differently.
    Diff(diff::Diff),
    /// Lists the rules that registries are held to, or explains one.
    Rules(rules::Rules),
    /// Says which references of a manifest must exist under given options, or why the manifest is refused.
    Explain(explain::Explain),
    /// Serves a directory as a registry over HTTP, until SIGTERM or SIGINT.
    Serve(serve::Serve),
    /// Removes what no manifest needs from a registry's directory, also while it is being served.
    Gc(maintain::Collect),
    /// Removes uploads that nobody finished.
    PurgeUploads(maintain::PurgeUploads),
    /// Checks a registry's directory, and repairs it if asked to.
    Fsck(maintain::Fsck),
}

/// What a command found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is as it must be.
    Good,
    /// It is not.
    Bad,
    /// Nothing of what was found is bad, but not all could be looked at. It was told what.
    Open,
    /// Nothing was found until a signal ended it; the exit status that says so.
    Interrupted(u8),
}

/// Why a command could not run, in one line.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.to_string())
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            say(&error.to_string());
            return said(ExitCode::SUCCESS);
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return fail(
                "no command: there are check, merge, replay, diff, rules, explain, serve, gc, purge-uploads and fsck; --help tells more",
            );
        }
        Err(error) => return fail(&first_paragraph(&error.to_string())),
    };
    let verdict = match arguments.command {
        Command::Check(check) => check.run(),
        Command::Merge(merge) => merge.run(),
        Command::Replay(replay) => replay.run(),
        Command::Diff(diff) => diff.run(),
        Command::Rules(rules) => rules.run(),
        Command::Explain(explain) => explain.run(),
        Command::Serve(serve) => serve.run(),
        Command::Gc(collect) => collect.run(),
        Command::PurgeUploads(purge) => purge.run(),
        Command::Fsck(fsck) => fsck.run(),
    };
    match verdict {
        Ok(Verdict::Good) => said(ExitCode::SUCCESS),
        Ok(Verdict::Bad) => said(ExitCode::from(1)),
        Ok(Verdict::Open) => said(ExitCode::from(2)),
        Ok(Verdict::Interrupted(status)) => said(ExitCode::from(status)),
        Err(Failure(reason)) => fail(&reason),
    }
}

/// Nobody can act on a verdict whose report is lost.
fn said(code: ExitCode) -> ExitCode {
    match LOST.get() {
        Some(why) => fail(&format!("cannot write to stdout: {why}")),
        None => code,
    }
}

fn fail(reason: &str) -> ExitCode {
    // Much of it may be what a registry said.
    eprintln!("proofhouse: {}", foreign(&one_line(reason), SHOWN));
    ExitCode::from(2)
}

/// What clap says first; usage and hints come after.
fn first_paragraph(text: &str) -> String {
    let text = text.split("\n\n").next().unwrap_or_default();
    text.strip_prefix("error: ").unwrap_or(text).to_owned()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why something that was said is lost.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// To stdout. Nobody may be listening any more, which is not an error; anything else that keeps it from being written is remembered,
/// and is the exit status in the end.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            // The first is the one that is told.
            let _ = LOST.set(error);
        }
        Ok(()) | Err(_) => {}
    }
}
