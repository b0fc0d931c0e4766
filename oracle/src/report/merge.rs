//! Several reports as one: the parts of a campaign, or runs with seeds of their own.
//!
//! What was counted is summed, and divergences of one shape are one divergence. Only what is held to the same is put together, and
//! nothing twice: two parts that ran the same cases are refused. Of a campaign whose parts are not all there, the
//! report says which are missing. The order in which the parts are given does not matter.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::known::KnownSeen;
use super::{Advice, Counts, Mix, Report, Subject, Verdict, dialect_name, options_set, rate, short};
use crate::campaign::Ended;
use crate::campaign::shard::Shard;
use crate::probe::Inference;

mod divergences;

/// One run of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRun {
    /// The seed of its first case.
    pub seed: u64,
    /// Cases that ran.
    pub cases: u64,
    /// Which part of a campaign it was; null: all of one.
    pub shard: Option<Shard>,
}

/// Why reports cannot be one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// There are none.
    #[error("there is no report to merge")]
    Nothing,
    /// They are not of one registry, or not held to the same.
    #[error("{} and {} cannot be one report: {what} {} in the one and {} in the other", names[0], names[1], values[0], values[1])]
    Different {
        /// The two reports.
        names: [String; 2],
        /// In what they differ, with a verb.
        what: &'static str,
        /// What it is in each.
        values: [String; 2],
    },
    /// They are parts of different campaigns.
    #[error("{} and {} are not parts of one campaign: the one is {}, the other {}", names[0], names[1], values[0], values[1])]
    Campaigns {
        /// The two reports.
        names: [String; 2],
        /// What each is.
        values: [String; 2],
    },
    /// They have a case in common.
    #[error("{} and {} have the same cases, from seed {seed} on, which would count twice", names[0], names[1])]
    Twice {
        /// The two reports.
        names: [String; 2],
        /// The first seed that is in both.
        seed: u64,
    },
}

/// One report of several, each with a name for errors.
///
/// # Errors
/// They are not of one registry that was held to one specification, or not of one campaign, or have cases in common.
pub fn merge(reports: Vec<(String, Report)>) -> Result<Report, MergeError> {
    let mut reports = reports;
    alike(&reports)?;
    apart(&reports)?;
    // Each has a run.
    reports.sort_by_key(|(_, report)| report.runs().iter().map(place).min());
    let reports: Vec<Report> = reports.into_iter().map(|(_, report)| report).collect();
    Ok(united(&reports).ok_or(MergeError::Nothing)?.judged())
}

impl Report {
    /// The runs that it tells of; one, if it was not merged.
    pub fn runs(&self) -> Vec<PartRun> {
        match &self.parts[..] {
            [] => vec![PartRun { seed: self.seed, cases: self.cases, shard: self.shard }],
            parts => parts.to_vec(),
        }
    }

    /// What is missing, in words. None: nothing is.
    pub(super) fn told_missing(&self) -> Option<String> {
        let of = self.parts.first()?.shard?.part.of();
        let (what, whose) = match self.missing.len() {
            0 => return None,
            1 => ("shard", "its"),
            _ => ("shards", "their"),
        };
        Some(format!("{what} {} of {of}: nothing is said of {whose} cases", ranges(&self.missing)))
    }
}

/// `1, 3-5`.
fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    let told = runs.map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        one => one.iter().map(u32::to_string).collect(),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Where a run stands among the others of its campaign.
fn place(run: &PartRun) -> (Option<u32>, u64) {
    (run.shard.map(|shard| shard.part.index()), run.seed)
}

/// Are they of one registry that was held to one specification?
fn alike(reports: &[(String, Report)]) -> Result<(), MergeError> {
    let Some((name, first)) = reports.first() else { return Err(MergeError::Nothing) };
    for (other_name, other) in &reports[1..] {
        let differs = |what: &'static str, tell: fn(&Report) -> String| {
            let values = [tell(first), tell(other)];
            let names = [name.clone(), other_name.clone()];
            if values[0] == values[1] { Ok(()) } else { Err(MergeError::Different { names, what, values }) }
        };
        differs("the dialect is", |report| dialect_name(report.dialect).to_owned())?;
        differs("the registry is", |report| {
            report.target.url.clone().unwrap_or_else(|| "ours, in process,".to_owned())
        })?;
        differs("the options are", |report| match &report.options {
            Some(options) => Value::Object(options_set(options)).to_string(),
            None => "others in each case".to_owned(),
        })?;
        differs("the operations of a case are", |report| report.ops.to_string())?;
        differs("a SHOULD that is not kept", |report| {
            if report.strict { "counts (--strict)" } else { "does not count" }.to_owned()
        })?;
    }
    Ok(())
}

/// Are they parts of one campaign, or none of any, and without a case in common?
fn apart(reports: &[(String, Report)]) -> Result<(), MergeError> {
    let runs = reports.iter().flat_map(|(name, report)| report.runs().into_iter().map(move |run| (name, run)));
    let mut runs: Vec<(&String, PartRun)> = runs.collect();
    for pair in runs.windows(2) {
        let [(one, first), (other, second)] = pair else { continue };
        let campaign = |run: &PartRun| run.shard.map(|shard| (shard.seed, shard.cases, shard.part.of()));
        if campaign(first) != campaign(second) {
            let names = [(*one).clone(), (*other).clone()];
            return Err(MergeError::Campaigns { names, values: [told(first), told(second)] });
        }
    }
    // In this order two that have a case in common stand side by side; seeds go round.
    runs.sort_by_key(|(_, run)| run.seed);
    let next = runs.iter().skip(1).chain(runs.first().filter(|_| runs.len() > 1));
    for ((one, run), (other, next)) in runs.iter().zip(next) {
        if next.seed.wrapping_sub(run.seed) < run.cases.max(1) {
            return Err(MergeError::Twice { names: [(*one).clone(), (*other).clone()], seed: next.seed });
        }
    }
    Ok(())
}

/// Which part of which campaign.
fn told(run: &PartRun) -> String {
    match run.shard {
        None => "a campaign of its own".to_owned(),
        Some(Shard { part, seed, cases }) => {
            let cases = cases.map(|cases| format!(" and --cases {cases}")).unwrap_or_default();
            format!("shard {part} of one with --seed {seed}{cases}")
        }
    }
}

/// The sum of reports that stand in order. None: there are none.
fn united(reports: &[Report]) -> Option<Report> {
    let (first, rest) = reports.split_first()?;
    let mut parts: Vec<PartRun> = reports.iter().flat_map(Report::runs).collect();
    parts.sort_by_key(place);
    let shard = parts.first().and_then(|run| run.shard);
    let there: BTreeSet<u32> = parts.iter().filter_map(|run| run.shard).map(|shard| shard.part.index()).collect();
    let missing = (1..=shard.map_or(0, |shard| shard.part.of())).filter(|index| !there.contains(index)).collect();
    let mut inferred = first.inferred.clone();
    inferred.retain(|known| rest.iter().all(|report| report.inferred.iter().any(|other| says_the_same(known, other))));
    let mut counts = Counts::default();
    reports.iter().for_each(|report| counts.add(&report.coverage));
    let coverage = counts.told(first.dialect, first.target.url.is_none(), &inferred);
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum();
    let (operations, seconds) = (sum(|report| report.operations), reports.iter().map(|it| it.elapsed_seconds).sum());
    let target = Subject {
        namespace: first
            .target
            .namespace
            .clone()
            .filter(|it| rest.iter().all(|of| of.target.namespace.as_ref() == Some(it))),
        fsync: first.target.fsync.filter(|it| rest.iter().all(|of| of.target.fsync == Some(*it))),
        ..first.target.clone()
    };
    Some(Report {
        version: first.version,
        verdict: Verdict::Incomplete,
        strict: first.strict,
        ended: reports.iter().map(|report| report.ended).max().unwrap_or(Ended::Cases),
        stopped: reports.iter().find_map(|report| report.stopped.clone()),
        cut_off: reports.iter().find_map(|report| report.cut_off.clone()),
        target,
        dialect: first.dialect,
        options: first.options.clone(),
        inferred,
        seed: shard.map_or(first.seed, |shard| shard.seed),
        shard: None,
        parts,
        missing,
        ops: first.ops,
        cases: sum(|report| report.cases),
        operations,
        generated: sum(|report| report.generated),
        elapsed_seconds: short(seconds),
        undecided: sum(|report| report.undecided),
        operations_per_second: rate(operations, seconds),
        mix: Mix { succeeded: share(reports, |mix| mix.succeeded), wrote: share(reports, |mix| mix.wrote) },
        coverage,
        advice: advice(reports),
        known: known(reports),
        divergences: divergences::united(reports),
    })
}

/// How it was found out may be told otherwise in each run.
fn says_the_same(one: &Inference, other: &Inference) -> bool {
    (one.key, &one.value, one.origin) == (other.key, &other.value, other.origin)
}

/// A share of all generated operations. In each report it is a whole number of them.
#[allow(clippy::cast_precision_loss, reason = "a share, for people")]
fn share(reports: &[Report], share: fn(&Mix) -> f64) -> f64 {
    let part: f64 = reports.iter().map(|report| (share(&report.mix) * report.generated as f64).round()).sum();
    let whole: u64 = reports.iter().map(|report| report.generated).sum();
    if whole == 0 { 0.0 } else { short(part / whole as f64) }
}

/// By rule, as in each of them.
fn advice(reports: &[Report]) -> Vec<Advice> {
    let mut all: Vec<Advice> = Vec::new();
    for advice in reports.iter().flat_map(|report| &report.advice) {
        match all.iter_mut().find(|other| other.rule.id == advice.rule.id) {
            Some(other) => other.count += advice.count,
            None => all.push(advice.clone()),
        }
    }
    all.sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
    all
}

fn known(reports: &[Report]) -> Vec<KnownSeen> {
    let mut all: Vec<KnownSeen> = Vec::new();
    for known in reports.iter().flat_map(|report| &report.known) {
        match all.iter_mut().find(|other| other.shape == known.shape) {
            Some(other) => other.cases += known.cases,
            None => all.push(known.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests;
