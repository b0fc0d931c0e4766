//! What a campaign exercised.
//!
//! A checker that nothing reaches finds nothing: [`Coverage`] counts which rules decided and which answers each kind of
//! operation got, and [`Mix`] says how much of it succeeded and wrote.

use std::collections::BTreeMap;
use std::fmt;

use proofhouse_model::{Op, Outcome, RuleId};

/// Counts of what was checked.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// How often each rule decided an answer, or was found to be kept by a whole case.
    pub rules: BTreeMap<RuleId, u64>,
    /// How often each kind of operation got each class of outcome, sweeps included.
    pub operations: BTreeMap<(&'static str, String), u64>,
    mix: Mix,
}

/// Shares of the generated operations, without sweeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mix {
    /// Generated operations.
    pub generated: u64,
    /// Those that did what was asked.
    pub succeeded: u64,
    /// Those that did what was asked and changed content.
    pub wrote: u64,
}

impl Mix {
    /// The share of operations that succeeded, from 0 to 1; 0 if there were none.
    pub fn success_share(&self) -> f64 {
        share(self.succeeded, self.generated)
    }

    /// The share of operations that changed content, from 0 to 1; 0 if there were none.
    pub fn write_share(&self) -> f64 {
        share(self.wrote, self.generated)
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share, for people")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Does the operation change content when it succeeds?
pub(crate) fn writes(op: &Op) -> bool {
    matches!(
        op,
        Op::DeleteBlob { .. }
            | Op::MountBlob { .. }
            | Op::StartUpload { .. }
            | Op::PutBlob { .. }
            | Op::Append { .. }
            | Op::FinishUpload { .. }
            | Op::CancelUpload { .. }
            | Op::PutManifest { .. }
            | Op::DeleteManifest { .. }
            | Op::RemoveRepository { .. }
            | Op::CollectGarbage { dry_run: false, .. }
            | Op::PurgeUploads { dry_run: false, .. }
    )
}

impl Coverage {
    /// Counts one checked operation. `generated` is false for operations of a sweep.
    pub fn count(&mut self, op: &Op, outcome: &Outcome, rule: RuleId, generated: bool) {
        *self.rules.entry(rule).or_default() += 1;
        *self.operations.entry((op.name(), outcome.class_name())).or_default() += 1;
        if generated {
            self.mix.generated += 1;
            self.mix.succeeded += u64::from(outcome.succeeded());
            self.mix.wrote += u64::from(outcome.succeeded() && writes(op));
        }
    }

    /// Counts that a rule which no single answer shows was checked, and is kept.
    pub fn kept(&mut self, rule: RuleId) {
        *self.rules.entry(rule).or_default() += 1;
    }

    /// Adds what another campaign, or another thread of this one, exercised.
    pub fn merge(&mut self, other: &Coverage) {
        for (rule, count) in &other.rules {
            *self.rules.entry(*rule).or_default() += count;
        }
        for (key, count) in &other.operations {
            *self.operations.entry(key.clone()).or_default() += count;
        }
        self.mix.generated += other.mix.generated;
        self.mix.succeeded += other.mix.succeeded;
        self.mix.wrote += other.mix.wrote;
    }

    /// How much of what was generated succeeded and wrote.
    pub fn mix(&self) -> Mix {
        self.mix
    }

    /// How many pairs of an operation and a class of outcome were seen.
    pub fn pairs(&self) -> usize {
        self.operations.len()
    }
}

/// A table of operations and outcomes, then the mix.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((operation, outcome), count) in &self.operations {
            writeln!(f, "{operation:<18} {outcome:<30} {count:>9}")?;
        }
        write!(
            f,
            "{} rules decided; of {} generated operations {:.0} % succeeded and {:.0} % wrote",
            self.rules.len(),
            self.mix.generated,
            100.0 * self.mix.success_share(),
            100.0 * self.mix.write_share()
        )
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::UploadRef;

    use super::*;

    fn counted() -> Coverage {
        let mut coverage = Coverage::default();
        let put = Op::StartUpload { repo: "a".into(), upload: UploadRef(0) };
        let refused = Outcome::Refused { status: 400, errors: Vec::new() };
        coverage.count(&put, &Outcome::Upload { id: "1".into(), size: 0 }, RuleId("upload.start"), true);
        coverage.count(&put, &refused, RuleId("name.invalid"), true);
        coverage.count(&Op::ListBlobs, &Outcome::Digests { digests: Vec::new() }, RuleId("blobs.list"), true);
        coverage.count(&Op::Restart, &Outcome::Done, RuleId("restart"), true);
        coverage.count(&Op::ListBlobs, &Outcome::Digests { digests: Vec::new() }, RuleId("blobs.list"), false);
        coverage
    }

    #[test]
    fn a_refused_write_is_no_write_and_a_sweep_is_not_in_the_mix() {
        let coverage = counted();
        assert_eq!(coverage.mix(), Mix { generated: 4, succeeded: 3, wrote: 1 });
        assert!((coverage.mix().write_share() - 0.25).abs() < 1e-9);
        assert_eq!((coverage.pairs(), coverage.rules[&RuleId("blobs.list")]), (4, 2));
        assert!(coverage.to_string().ends_with("of 4 generated operations 75 % succeeded and 25 % wrote"));
    }

    #[test]
    fn two_campaigns_add_up() {
        let mut coverage = counted();
        coverage.merge(&counted());
        assert_eq!(coverage.mix().generated, 8);
        assert_eq!(coverage.operations[&("Restart", "Done".to_owned())], 2);
        assert!(Coverage::default().mix().success_share().abs() < 1e-9);
    }
}
