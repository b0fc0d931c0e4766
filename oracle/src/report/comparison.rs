//! How two registries compare, for people and for machines.
//!
//! [`Comparison`] is a document of version 1, described in `docs/report.md`. As in a [`Report`](super::Report), what was asked and
//! answered stands in it whole, and only what is said of it in words is cut.

use std::fs;
use std::path::Path;

use proofhouse_model::{Dialect, Op, Options, Outcome};
use serde::Serialize;

use super::answers;
use super::files::{self, WriteError};
use super::words::{self, counted, shorten, wrap};
use super::{SHOWN, dialect_name, foreign, shown};
use crate::diff::{Compared, Difference};
use crate::probe::Inference;

const WIDTH: usize = 80;

/// The document.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Of the format: 1.
    pub version: u32,
    /// `alike` or `different`.
    pub verdict: &'static str,
    /// What both were held to, as on the command line.
    pub dialect: &'static str,
    /// The seed of the first case.
    pub seed: u64,
    /// Cases that ran.
    pub cases: u64,
    /// Operations that both performed.
    pub operations: u64,
    /// The two.
    pub targets: [Compares; 2],
    /// Each distinct difference, by operation.
    pub differences: Vec<Differs>,
}

/// One of the two.
#[derive(Debug, Clone, Serialize)]
pub struct Compares {
    /// Its URL.
    pub url: String,
    /// How it is set up.
    pub options: Options,
    /// What was found out about it.
    pub inferred: Vec<Inference>,
}

/// Where they answer differently.
#[derive(Debug, Clone, Serialize)]
pub struct Differs {
    /// The kind of operation.
    pub operation: &'static str,
    /// In how many cases it was seen.
    pub cases: u64,
    /// The seed of the first.
    pub seed: u64,
    /// What was asked there, in order; the answers to the last differ.
    pub steps: Vec<Asked>,
    /// What each answered to the last, in the order of `targets`.
    pub answers: [Answered; 2],
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// What was asked.
    pub op: Op,
    /// The same in words.
    pub request: String,
}

/// What one of them answered.
#[derive(Debug, Clone, Serialize)]
pub struct Answered {
    /// What was answered.
    pub outcome: Outcome,
    /// The same in words.
    pub seen: String,
    /// The rule that permits it, or that is broken.
    pub rule: String,
    /// Some rule permits it.
    pub permitted: bool,
}

impl Comparison {
    /// Of what was found.
    pub fn new(dialect: Dialect, seed: u64, targets: [Compares; 2], compared: Compared) -> Comparison {
        let shown = |target: Compares| Compares { inferred: target.inferred.iter().map(shown).collect(), ..target };
        Comparison {
            version: 1,
            verdict: if compared.differences.is_empty() { "alike" } else { "different" },
            dialect: dialect_name(dialect),
            seed,
            cases: compared.cases,
            operations: compared.operations,
            targets: targets.map(shown),
            differences: compared.differences.into_iter().map(differs).collect(),
        }
    }

    /// For a terminal: the differences, and last the verdict.
    pub fn text(&self) -> String {
        let mut out: String = self.differences.iter().map(|difference| self.told(difference)).collect();
        let found = if self.differences.is_empty() { "ALIKE" } else { "DIFFERENT" };
        let (cases, operations) = (counted(self.cases, "case"), counted(self.operations, "operation"));
        let differences = counted(self.differences.len() as u64, "difference");
        out += &format!("{found}  {differences} in {cases}, {operations} on each\n");
        out
    }

    /// For machines.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(foreign::in_json(&serde_json::to_string_pretty(self)?))
    }

    /// Writes `diff.json`, and `diff.txt` for people, into a directory, which is made if it is missing.
    ///
    /// # Errors
    /// The first file that could not be written.
    pub fn write(&self, directory: &Path) -> Result<(), WriteError> {
        fs::create_dir_all(directory).map_err(|source| WriteError { path: directory.to_owned(), source })?;
        let path = directory.join("diff.json");
        let json = self.json().map_err(|error| WriteError { path: path.clone(), source: error.into() })?;
        files::write(&path, &(json + "\n"))?;
        let [one, other] = &self.targets;
        let head = head(&one.url, &other.url, self.dialect, self.seed);
        let known: String = self.targets.iter().map(Compares::told).collect();
        files::write(&directory.join("diff.txt"), &format!("{head}{known}{}", self.text()))
    }

    fn told(&self, difference: &Differs) -> String {
        let Differs { operation, cases, seed, steps, answers } = difference;
        let mut out = format!("\n{operation} ({}, first with seed {seed})\n", counted(*cases, "case"));
        for (at, step) in steps.iter().enumerate() {
            out += &line(&format!("{:>4}. ", at + 1), &foreign(&shorten(&step.request), 400));
        }
        for (target, answer) in self.targets.iter().zip(answers) {
            let which = if answer.permitted { "permitted by" } else { "breaks" };
            let text = format!("{}: {} [{which} {}]", target.url, answer.seen, answer.rule);
            out += &line("      → ", &foreign(&shorten(&text), SHOWN));
        }
        out
    }
}

impl Compares {
    /// What was found out about it, a line each.
    pub fn told(&self) -> String {
        self.inferred.iter().map(|one| line("  ", &foreign(&format!("{}: {}", self.url, one.told()), SHOWN))).collect()
    }
}

/// What is about to be compared.
pub fn head(one: &str, other: &str, dialect: &str, seed: u64) -> String {
    line("", &foreign(&format!("comparing {one} with {other}; {dialect}; seed {seed}"), SHOWN))
}

fn line(first: &str, text: &str) -> String {
    wrap(first, text, WIDTH) + "\n"
}

fn differs(difference: Difference) -> Differs {
    let Difference { operation, judged, cases, seed, ops, outcomes } = difference;
    let asked = |op: Op| Asked { request: foreign(&words::request(&op), SHOWN), op };
    let [one, other] = judged;
    let [one_outcome, other_outcome] = outcomes;
    let answers = [(one, one_outcome), (other, other_outcome)].map(|(judged, outcome)| Answered {
        seen: foreign(&answers::answer(&outcome), SHOWN),
        outcome,
        rule: judged.rule,
        permitted: judged.permitted,
    });
    Differs { operation, cases, seed, steps: ops.into_iter().map(asked).collect(), answers }
}
