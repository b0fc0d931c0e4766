//! Many cases, one after another, until something diverges or the time is up.
//!
//! Case number `i` of a campaign with seed `s` is made from the seed `s + i` and nothing else, so that
//! `--seed <s + i> --cases 1` makes it again. The first divergence is shrunk and ends the campaign.

use std::time::Duration;

use proofhouse_model::{Dialect, Op, Options, Outcome, RuleId, Violation};

use crate::coverage::Coverage;
use crate::target::{Target, TargetError};

/// What to run.
#[derive(Debug, Clone)]
pub struct CampaignConfig {
    /// Which specification the target is held to.
    pub dialect: Dialect,
    /// How many cases at most. None: as many as the time allows; without [`time`](Self::time) too, 100.
    pub cases: Option<u64>,
    /// How many operations are generated for each case, before the sweep.
    pub ops: usize,
    /// The seed of the first case.
    pub seed: u64,
    /// How long at most, shrinking included. The case that runs when the time is up is finished first.
    pub time: Option<Duration>,
    /// How the registry is set up.
    pub option_sets: OptionSets,
    /// How long a divergence is shrunk at most.
    pub shrink_time: Duration,
}

impl Default for CampaignConfig {
    /// Our own registry, 100 cases of 60 operations, every set of options, 30 seconds for shrinking.
    fn default() -> Self {
        CampaignConfig {
            dialect: Dialect::Proofhouse,
            cases: Some(100),
            ops: 60,
            seed: 0,
            time: None,
            option_sets: OptionSets::Varied,
            shrink_time: Duration::from_secs(30),
        }
    }
}

/// How the registry is set up in each case.
#[derive(Debug, Clone)]
pub enum OptionSets {
    /// Each case with options of its own. For targets that can be set up at will.
    Varied,
    /// Always the same.
    Fixed(Options),
}

/// Is told how a campaign goes.
pub trait Progress {
    /// A case is done; so many cases and checked operations in all.
    fn case_done(&mut self, cases: u64, operations: u64) {
        let _ = (cases, operations);
    }
    /// A divergence is being shrunk: the shortest sequence so far, and the candidates tried.
    fn shrinking(&mut self, length: usize, attempts: u64) {
        let _ = (length, attempts);
    }
}

/// Tells nobody.
impl Progress for () {}

/// Why a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All cases ran, and none diverged.
    Cases,
    /// The time is up.
    Time,
    /// A case diverged.
    Divergence,
}

/// One operation and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// What was asked.
    pub op: Op,
    /// What the target answered.
    pub outcome: Outcome,
}

/// What is wrong.
#[derive(Debug, Clone)]
pub enum Finding {
    /// The last answer is one that no rule permits.
    Answer(Violation),
    /// After the last step the storage is not what it must be.
    Storage {
        /// What differs, one sentence each; never empty.
        differences: Vec<String>,
    },
    /// A collection took something from a manifest that it left.
    ///
    /// This is found from the answers alone, without the model: the last step asks for what is missing.
    Lost {
        /// The repository.
        repo: String,
        /// The digest of the manifest, which can be fetched after the collection as before it.
        manifest: String,
        /// The digest of the blob or manifest which it names, and which could be fetched only before.
        missing: String,
    },
}

impl Finding {
    /// The rule that is broken.
    pub fn rule(&self) -> RuleId {
        match self {
            Finding::Answer(violation) => violation.rule,
            Finding::Storage { .. } => crate::lockstep::STORAGE_AS_THE_MODEL,
            Finding::Lost { .. } => crate::lockstep::COLLECTION_KEEPS_CLOSURE,
        }
    }
}

/// A sequence at whose end the target does what it must not.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// `--seed <seed> --cases 1` makes the case again.
    pub seed: u64,
    /// The specification that is broken.
    pub dialect: Dialect,
    /// How the registry was set up, after shrinking.
    pub options: Options,
    /// The shrunk sequence with the answers; the last one diverges.
    pub steps: Vec<Step>,
    /// What is wrong.
    pub finding: Finding,
    /// How many operations were checked in this campaign before this was found.
    pub found_after: u64,
    /// How long the sequence was before it was shrunk.
    pub original_length: usize,
    /// How many candidates were tried.
    pub attempts: u64,
    /// Every way to make it smaller was tried; false when the time was up.
    pub shrink_complete: bool,
}

/// How a campaign went.
#[derive(Debug, Clone)]
pub struct CampaignReport {
    /// Cases that ran, the one that diverged included.
    pub cases: u64,
    /// Operations that were checked, sweeps included, shrinking not.
    pub operations: u64,
    /// Operations that were generated and checked, without sweeps.
    pub generated: u64,
    /// How long it took, shrinking included.
    pub elapsed: Duration,
    /// What was exercised.
    pub coverage: Coverage,
    /// The first divergence, shrunk.
    pub divergence: Option<Divergence>,
    /// Why it ended.
    pub ended: Ended,
}

/// Runs a campaign, in a current-thread runtime of its own; not to be called from within one (see [`run_in`]).
///
/// # Errors
/// When there is no registry to test (see [`TargetError`]). A divergence is not an error.
pub fn run(
    config: &CampaignConfig,
    target: &mut dyn Target,
    progress: &mut dyn Progress,
) -> Result<CampaignReport, TargetError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|reason| TargetError::Options(format!("no runtime: {reason}")))?;
    runtime.block_on(run_in(config, target, progress))
}

/// As [`run`], in the runtime of the caller.
///
/// # Errors
/// As [`run`].
pub async fn run_in(
    config: &CampaignConfig,
    target: &mut dyn Target,
    progress: &mut dyn Progress,
) -> Result<CampaignReport, TargetError> {
    let _ = (config, target, progress);
    unimplemented!("the next commit")
}
