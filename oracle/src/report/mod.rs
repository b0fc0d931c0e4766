//! What a campaign found, for people and for machines.
//!
//! [`Report`] is a document of version 1, described in `docs/report.md`. What was asked and answered stands in it whole; only what is
//! said of it in words is cut ([`foreign`]). [`Report::text`] renders the same for a terminal of 80 columns, [`files`] as a
//! directory: for people, for CI, for the registry's tracker, and for a replay. A divergence is told as what was asked, what was
//! seen, what was permitted instead, by which rule of which standard, and how to see it again.

pub mod answers;
mod catalogue;
pub mod comparison;
mod coverage;
mod dialect;
mod diverged;
pub mod files;
mod foreign;
mod hint;
mod html;
mod issue;
mod junit;
pub mod known;
pub mod merge;
pub mod repro;
mod script;
mod shell;
mod text;
mod why;
pub mod words;
mod written;
mod xml;

use proofhouse_model::{Dialect, Options, RuleId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::campaign::shard::Shard;
use crate::campaign::{CampaignReport, Ended};
use crate::probe::Inference;
use crate::wire::Tally;

pub use catalogue::{Row, applicable, catalogue, row};
use coverage::Counts;
pub use coverage::{Coverage, OperationCount, RuleCount};
pub use dialect::{DIALECTS, dialect_name};
pub use diverged::{Diverged, Permitted, Told, ToldAlso, ToldCall};
pub use foreign::{SHOWN, foreign};
use known::{Entry, KnownSeen};
use merge::PartRun;
use written::Kind;
pub use written::WrittenError;

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// What was tested, as far as a report tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subject {
    /// The registry's URL. None: the registry in process.
    pub url: Option<String>,
    /// Every repository that was written to begins with this. None: in process.
    pub namespace: Option<String>,
    /// Writes were made durable. None: not known, it is another process.
    pub fsync: Option<bool>,
}

/// How it was tested.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What was tested.
    pub subject: Subject,
    /// What it was held to.
    pub dialect: Dialect,
    /// How it is set up. None: differently in each case.
    pub options: Option<Options>,
    /// The seed of the first case.
    pub seed: u64,
    /// Operations that were generated for each case.
    pub ops: usize,
    /// A SHOULD that is not kept makes it diverge, too.
    pub strict: bool,
    /// What is known about the target: what was said, and what was found out.
    pub inferred: Vec<Inference>,
    /// The divergences that do not count, in the order of [`CampaignConfig::known`](crate::campaign::CampaignConfig::known).
    pub known: Vec<Entry>,
    /// The arguments that the command to reproduce needs besides seed and cases.
    pub arguments: Vec<String>,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every answer was one that the specification permits; in strict runs, every SHOULD was kept.
    Conforms,
    /// Some was not.
    Diverges,
    /// Every answer was permitted, but a command that was to be run did not come to its end, or parts of the campaign are missing:
    /// nothing is said about that.
    Incomplete,
}

/// A campaign as a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Of the format: 1.
    pub version: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// A SHOULD that is not kept counts as a divergence.
    pub strict: bool,
    /// Why it ended.
    pub ended: Ended,
    /// Why there is no registry any more that could be tested; null: there is.
    pub stopped: Option<String>,
    /// The command that never came to its end; null: there is none.
    pub cut_off: Option<String>,
    /// What was tested.
    pub target: Subject,
    /// What it was held to.
    #[serde(with = "dialect")]
    pub dialect: Dialect,
    /// How it is set up; null: differently in each case.
    pub options: Option<Options>,
    /// What is known about the target: what was said, and what was found out.
    pub inferred: Vec<Inference>,
    /// The seed of the first case.
    pub seed: u64,
    /// Which part of a campaign ran; null: all of it.
    pub shard: Option<Shard>,
    /// The runs that were merged into this report; empty: it is of one run.
    #[serde(default)]
    pub parts: Vec<PartRun>,
    /// The numbers of the parts of the campaign that are not among them.
    #[serde(default)]
    pub missing: Vec<u32>,
    /// Operations that were generated for each case.
    pub ops: usize,
    /// Cases that ran.
    pub cases: u64,
    /// Operations that were checked, sweeps included.
    pub operations: u64,
    /// Operations that were generated, without sweeps.
    pub generated: u64,
    /// How long it took in seconds, shrinking included.
    pub elapsed_seconds: f64,
    /// Cases with several clients for which no order was found, nor that there is none: the search was given up.
    pub undecided: u64,
    /// Checked operations per second; with a divergence shrinking counts as time, not as operations.
    pub operations_per_second: f64,
    /// What the generated operations did.
    pub mix: Mix,
    /// What was exercised.
    pub coverage: Coverage,
    /// Each SHOULD that was not kept.
    pub advice: Vec<Advice>,
    /// Each divergence that was known before, and how often it was seen. They do not fail a run.
    pub known: Vec<KnownSeen>,
    /// Each distinct divergence that was not known, shrunk, as they were found.
    pub divergences: Vec<Diverged>,
}

/// What the generated operations did.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Mix {
    /// The share that did what was asked, from 0 to 1.
    pub succeeded: f64,
    /// The share that did what was asked and changed content, from 0 to 1.
    pub wrote: f64,
}

/// A SHOULD that was not kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Advice {
    /// The rule.
    pub rule: Row,
    /// How many answers did not keep it.
    pub count: u64,
    /// What the first of them was.
    pub first: String,
}

const KIND: Kind = Kind {
    version: VERSION,
    list: "divergences",
    wanted: "a report.json is expected, as `proofhouse check --report DIR` writes it",
};

impl Report {
    /// The report of a campaign. `tally` is what was counted on the wire; none of it in process.
    pub fn new(setup: Setup, campaign: CampaignReport, tally: Option<&Tally>) -> Report {
        let seconds = campaign.elapsed.as_secs_f64();
        let mix = campaign.coverage.mix();
        let advice = tally.map(advice).unwrap_or_default();
        let report = Report {
            version: VERSION,
            verdict: Verdict::Incomplete,
            strict: setup.strict,
            ended: campaign.ended,
            stopped: campaign.stopped.as_deref().map(|why| foreign(why, SHOWN)),
            cut_off: None,
            dialect: setup.dialect,
            options: setup.options.clone(),
            seed: setup.seed,
            shard: None,
            parts: Vec::new(),
            missing: Vec::new(),
            ops: setup.ops,
            cases: campaign.cases,
            operations: campaign.operations,
            generated: campaign.generated,
            undecided: campaign.undecided,
            elapsed_seconds: short(seconds),
            operations_per_second: rate(campaign.operations, seconds),
            mix: Mix { succeeded: short(mix.success_share()), wrote: short(mix.write_share()) },
            coverage: Counts::of(&campaign, tally).told(setup.dialect, setup.subject.url.is_none(), &setup.inferred),
            known: known_seen(&setup, &campaign),
            inferred: setup.inferred.iter().map(shown).collect(),
            advice,
            divergences: campaign
                .divergences
                .into_iter()
                .map(|divergence| diverged::diverged(&setup, divergence))
                .collect(),
            target: setup.subject,
        };
        report.judged()
    }

    /// The same with the verdict that all the rest of it comes to.
    fn judged(self) -> Report {
        let is_kept = self.divergences.is_empty() && (self.advice.is_empty() || !self.strict);
        let is_all = self.cut_off.is_none() && self.missing.is_empty();
        let verdict = match (is_kept, is_all) {
            (false, _) => Verdict::Diverges,
            (true, false) => Verdict::Incomplete,
            (true, true) => Verdict::Conforms,
        };
        Report { verdict, ..self }
    }

    /// The same of a run whose end cut off a command, which had not come to its end before.
    pub fn cut_off(self, command: Option<String>) -> Report {
        Report { cut_off: command, ..self }.judged()
    }

    /// The same of a run that is a part of a campaign.
    pub fn of_shard(self, shard: Option<Shard>) -> Report {
        Report { shard, ..self }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// Reads what [`json`](Self::json) writes; that writes the same again.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Report, WrittenError> {
        written::read(text, KIND)
    }

    /// For machines.
    pub fn json(&self) -> String {
        let document = serde_json::to_string_pretty(self);
        foreign::in_json(&document.unwrap_or_else(|error| format!("{{\"version\":1,\"error\":\"{error}\"}}")))
    }
}

/// The options that are not the default, by name.
pub fn options_set(options: &Options) -> Map<String, Value> {
    let members = |options: &Options| match serde_json::to_value(options) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let defaults = members(&Options::default());
    members(options).into_iter().filter(|(key, value)| defaults.get(key) != Some(value)).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a rate, for people")]
fn rate(operations: u64, seconds: f64) -> f64 {
    short(if seconds > 0.0 { operations as f64 / seconds } else { 0.0 })
}

/// With six digits after the point. A number of up to fifteen digits is read as it was written; `serde_json` may read a longer one as
/// its neighbour.
fn short(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// The evidence is what the target said.
fn shown(inference: &Inference) -> Inference {
    let (value, evidence) = (foreign(&inference.value, SHOWN), foreign(&inference.evidence, SHOWN));
    Inference { value, evidence, ..*inference }
}

fn known_seen(setup: &Setup, campaign: &CampaignReport) -> Vec<KnownSeen> {
    let seen = setup.known.iter().zip(&campaign.known);
    seen.map(|(entry, cases)| {
        let (comment, shape) = (foreign(&entry.comment, SHOWN), entry.shape.clone());
        KnownSeen { comment, shape, cases: *cases }
    })
    .collect()
}

fn advice(tally: &Tally) -> Vec<Advice> {
    let one = |(rule, (count, first)): (&RuleId, &(u64, String))| {
        Some(Advice { rule: row(rule.0)?, count: *count, first: foreign(first, SHOWN) })
    };
    tally.advice.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests;
