//! What was exercised, as a report tells it.
//!
//! [`Counts`] come from a campaign, or from the reports of its parts, and say how often each rule had a say; a report tells those of
//! every rule that such a target can meet.

use std::collections::BTreeMap;

use proofhouse_model::Dialect;
use serde::{Deserialize, Serialize};

use super::{Row, applicable, row};
use crate::campaign::CampaignReport;
use crate::facts;
use crate::lockstep::CAPABILITY_ASSUMED;
use crate::probe::Inference;
use crate::wire::{self, Tally};

/// What was exercised.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Coverage {
    /// Each rule that such a target can meet, and how often it had a say.
    pub rules: Vec<RuleCount>,
    /// How many these are, but for those in [`absent`](Self::absent).
    pub applicable: usize,
    /// Those of them that were never reached.
    pub unreached: Vec<String>,
    /// Those that were never reached because they are about something optional that is not there.
    pub absent: Vec<String>,
    /// How often each kind of operation got each class of outcome.
    pub operations: Vec<OperationCount>,
}

/// How often a rule had a say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleCount {
    /// The rule.
    pub rule: Row,
    /// How often it decided an answer or was checked on one. 0: it was never exercised, which is not the same as met.
    pub exercised: u64,
    /// How often it was kept then.
    pub met: u64,
}

/// How often an operation ended so.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperationCount {
    /// The kind of operation.
    pub operation: String,
    /// The class of outcome.
    pub outcome: String,
    /// How often.
    pub count: u64,
}

/// How often, by the names of rules and of operations.
#[derive(Debug, Default)]
pub(super) struct Counts {
    exercised: BTreeMap<String, u64>,
    met: BTreeMap<String, u64>,
    operations: BTreeMap<(String, String), u64>,
}

impl Counts {
    /// Of a campaign.
    pub(super) fn of(campaign: &CampaignReport, tally: Option<&Tally>) -> Counts {
        let rules = campaign.coverage.rules.iter().map(|(rule, count)| (rule.to_string(), *count));
        let operation = |((operation, outcome), count): (&(&'static str, String), &u64)| {
            (((*operation).to_owned(), outcome.clone()), *count)
        };
        let met: BTreeMap<String, u64> = rules.collect();
        let operations = campaign.coverage.operations.iter().map(operation).collect();
        let mut counts = Counts { exercised: met.clone(), met, operations };
        if let Some(tally) = tally {
            for (rule, count) in &tally.checked {
                counts.exercised.insert(rule.to_string(), *count);
                counts.met.insert(rule.to_string(), count - tally.broken(*rule));
            }
        }
        for divergence in &campaign.divergences {
            // Those of the wire are counted where they are checked.
            let rule = divergence.finding.rule();
            if wire::rule(rule.0).is_none() {
                *counts.exercised.entry(rule.to_string()).or_default() += divergence.cases;
            }
        }
        counts
    }

    /// Adds those of a report.
    pub(super) fn add(&mut self, coverage: &Coverage) {
        for RuleCount { rule, exercised, met } in coverage.rules.iter().filter(|count| count.exercised > 0) {
            *self.exercised.entry(rule.id.clone()).or_default() += exercised;
            *self.met.entry(rule.id.clone()).or_default() += met;
        }
        for OperationCount { operation, outcome, count } in &coverage.operations {
            *self.operations.entry((operation.clone(), outcome.clone())).or_default() += count;
        }
    }

    /// As a report tells them of such a target.
    pub(super) fn told(&self, dialect: Dialect, library: bool, inferred: &[Inference]) -> Coverage {
        let times = |counts: &BTreeMap<String, u64>, rule: &str| counts.get(rule).copied().unwrap_or_default();
        let mut applicable: Vec<&str> = applicable(dialect, library).into_iter().map(|rule| rule.0).collect();
        // Of most targets nothing was said.
        applicable.retain(|rule| *rule != CAPABILITY_ASSUMED.0 || times(&self.exercised, rule) > 0);
        // What takes a command of the user's (a restart) is shown where there was one.
        let besides = self.exercised.keys().map(String::as_str).filter(|rule| !applicable.contains(rule));
        let besides: Vec<&str> = besides.collect();
        applicable.extend(besides);
        let count = |id: &&str| {
            Some(RuleCount { rule: row(id)?, exercised: times(&self.exercised, id), met: times(&self.met, id) })
        };
        let rules: Vec<RuleCount> = applicable.iter().filter_map(count).collect();
        let is_absent = |fact: &str| inferred.iter().any(|known| known.absent && known.key == fact);
        let never = rules.iter().filter(|count| count.exercised == 0).map(|count| count.rule.id.clone());
        let (absent, unreached): (Vec<String>, Vec<String>) = never.partition(|rule| facts::without(rule, is_absent));
        let operation = |((operation, outcome), count): (&(String, String), &u64)| OperationCount {
            operation: operation.clone(),
            outcome: outcome.clone(),
            count: *count,
        };
        Coverage {
            applicable: rules.len() - absent.len(),
            rules,
            unreached,
            absent,
            operations: self.operations.iter().map(operation).collect(),
        }
    }
}
