//! Divergences that are known: a file that a project keeps, so that only what is new fails its CI.
//!
//! Version 1. An entry is a [`Shape`], which says what the same fault has in common wherever it shows, and a comment for people.

use serde::{Deserialize, Serialize};

use super::words::counted;
use super::written::{self, Kind, WrittenError};
use super::{Diverged, Report, row};
use crate::lockstep::Shape;

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Of the format: 1.
    pub version: u32,
    /// What is known.
    pub known: Vec<Entry>,
}

/// A divergence that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// For people: at first the rule's sentence. It decides nothing.
    #[serde(default)]
    pub comment: String,
    /// What tells it from others.
    pub shape: Shape,
}

/// How often a known divergence was seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KnownSeen {
    /// The comment of the file.
    pub comment: String,
    /// What tells it from others.
    pub shape: Shape,
    /// In how many cases it was seen. 0: it is gone, or was not reached this time.
    pub cases: u64,
}

const KIND: Kind = Kind {
    version: VERSION,
    list: "known",
    wanted: "a file of known divergences is expected, as `proofhouse check --write-known FILE` writes it",
};

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Baseline, WrittenError> {
        written::read(text, KIND)
    }

    /// What a run knew, seen this time or not, and what it found.
    pub fn of(report: &Report) -> Baseline {
        let knew =
            report.known.iter().map(|known| Entry { comment: known.comment.clone(), shape: known.shape.clone() });
        let shapes = |divergence: &'_ Diverged| {
            let also = divergence.also.iter().map(|also| also.shape.clone());
            let comment = divergence.rule.sentence.clone();
            let entry = move |shape| Entry { comment: comment.clone(), shape };
            std::iter::once(divergence.shape.clone()).chain(also).map(entry).collect::<Vec<_>>()
        };
        let found = report.divergences.iter().flat_map(shapes);
        Baseline { version: VERSION, known: knew.chain(found).collect() }
    }

    /// As a file.
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        super::foreign::in_json(&text) + "\n"
    }
}

impl Entry {
    /// Why it can never be seen. None: it can.
    pub fn warning(&self) -> Option<String> {
        let Shape { rule, operation, .. } = &self.shape;
        let about = [operation, &self.comment].into_iter().filter(|text| !text.is_empty());
        let about: String = about.map(|text| format!(", {text}")).collect();
        row(rule)
            .is_none()
            .then(|| format!("warning: --known: there is no rule {rule:?}: the entry ({rule}{about}) is never seen"))
    }
}

impl KnownSeen {
    /// In one line.
    pub fn told(&self) -> String {
        let Shape { rule, expected, operation, outcome } = &self.shape;
        let expected = expected.as_ref().filter(|expected| *expected != rule);
        let expected = expected.map(|expected| format!(", where {expected} applies")).unwrap_or_default();
        let about = if operation.is_empty() { String::new() } else { format!(" ({operation}{expected}: {outcome})") };
        let level = row(rule).map(|row| format!(" {}", row.level)).unwrap_or_default();
        match self.cases {
            0 if row(rule).is_none() => format!("{rule}{about}: there is no such rule"),
            0 => format!("{rule}{level}{about}: gone, or not reached this time"),
            cases => format!("{rule}{level}{about}: seen in {}", counted(cases, "case")),
        }
    }
}
