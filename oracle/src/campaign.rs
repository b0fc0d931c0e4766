//! Many cases, one after another, until something diverges or the time is up.
//!
//! Case number `i` of a campaign with seed `s` is made from the seed `s + i` and nothing else, so that
//! `--seed <s + i> --cases 1` makes it again. The first divergence is shrunk and ends the campaign.

use std::time::{Duration, Instant};

use proofhouse_model::{Dialect, Op, Options, Outcome, RuleId, Violation};
use proptest::strategy::Strategy as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::coverage::Coverage;
use crate::generate::Cases;
use crate::lockstep::{self, Origin};
use crate::shrink::CaseTree;
use crate::target::{Target, TargetError};
use crate::wire;

mod reduce;

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
    /// How long at most, shrinking included. The case that runs when the time is up is cut short, and does not count.
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
    /// Always the same, also while shrinking. For targets that are what they are.
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
    Answer(Box<Violation>),
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
    /// The rule that is broken. What breaks a rule of the wire is that rule's business, whatever was asked.
    pub fn rule(&self) -> RuleId {
        match self {
            Finding::Answer(violation) => match &violation.seen {
                Outcome::Broken { what } => wire::cited(what).map_or(violation.rule, |(cited, _)| cited.id),
                _ => violation.rule,
            },
            Finding::Storage { .. } => lockstep::STORAGE_AS_THE_MODEL,
            Finding::Lost { .. } => lockstep::COLLECTION_KEEPS_CLOSURE,
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
    /// How the registry was set up; after shrinking, if the options were varied.
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
    /// Every way to make it smaller was tried; false when the time was up, or the target was not to be had any more.
    pub shrink_complete: bool,
}

/// How a campaign went.
#[derive(Debug, Clone)]
pub struct CampaignReport {
    /// Cases that ran to their end, and the one that diverged.
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
    let started = Instant::now();
    let deadline = config.time.map(|time| started + time);
    let limit = config.cases.unwrap_or(if deadline.is_some() { u64::MAX } else { 100 });
    let mut report = CampaignReport {
        cases: 0,
        operations: 0,
        generated: 0,
        elapsed: Duration::ZERO,
        coverage: Coverage::default(),
        divergence: None,
        ended: Ended::Cases,
    };
    while report.cases < limit {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            report.ended = Ended::Time;
            break;
        }
        let seed = config.seed.wrapping_add(report.cases);
        let tree = case(config, seed, &|op| target.offers(op))?;
        let run = lockstep::run(tree.best(), config.dialect, target, Some(&mut report.coverage), deadline).await;
        let run = match run {
            Err(TargetError::TimeUp) => {
                report.ended = Ended::Time;
                break;
            }
            run => run?,
        };
        report.cases += 1;
        report.operations += run.performed.len() as u64;
        report.generated += run.performed.iter().filter(|performed| performed.origin == Origin::Action).count() as u64;
        progress.case_done(report.cases, report.operations);
        if run.finding.is_some() {
            let mut until = Instant::now() + config.shrink_time;
            until = deadline.map_or(until, |deadline| until.min(deadline));
            let found_after = report.operations;
            let shrunk = reduce::reduce(tree, run, config.dialect, target, until, progress).await;
            report.divergence = Some(Divergence { seed, dialect: config.dialect, found_after, ..shrunk });
            report.ended = Ended::Divergence;
            break;
        }
    }
    report.elapsed = started.elapsed();
    Ok(report)
}

/// The case of a seed, with all that is needed to shrink it. The same for the same configuration and target.
///
/// # Errors
/// [`TargetError::Options`] if the fixed options are none.
pub fn case(config: &CampaignConfig, seed: u64, offers: &dyn Fn(&Op) -> bool) -> Result<CaseTree, TargetError> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let settings = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(settings, rng);
    let cases = Cases { length: config.ops, option_sets: &config.option_sets, offers };
    cases.new_tree(&mut runner).map_err(|reason| TargetError::Options(reason.to_string()))
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Code, ErrorItem};

    use super::*;
    use crate::perfect::Perfect;

    fn config(cases: u64) -> CampaignConfig {
        CampaignConfig { cases: Some(cases), seed: 1, ..CampaignConfig::default() }
    }

    fn run_on(mut target: Perfect, cases: u64) -> CampaignReport {
        run(&config(cases), &mut target, &mut ()).unwrap()
    }

    #[test]
    fn most_of_what_is_generated_succeeds_and_much_of_it_writes() {
        let report = run_on(Perfect::new(), 200);
        assert!(report.divergence.is_none(), "{:?}", report.divergence);
        let mix = report.coverage.mix();
        println!("{}", report.coverage);
        assert_eq!(mix.generated, report.generated);
        assert_eq!(report.generated, 200 * 60);
        assert!(mix.success_share() > 0.6, "{mix:?}");
        assert!(mix.write_share() > 0.15, "{mix:?}");
    }

    #[test]
    fn every_rule_of_the_dialect_is_reached() {
        let report = run_on(Perfect::new(), 1_500);
        let reached = |id: &RuleId| report.coverage.rules.contains_key(id);
        let applicable = crate::report::applicable(Dialect::Proofhouse, true).into_iter();
        let missed: Vec<RuleId> = applicable.filter(|id| !reached(id)).collect();
        assert_eq!(missed, []);
    }

    /// A blob that the repository does not link is served if any repository links it.
    fn serves_every_repository() -> Perfect {
        Perfect::lying(|model, op, truth| match (op, &truth) {
            (Op::GetBlob { digest, range: None, .. }, Outcome::Refused { status: 404, .. }) => {
                match model.state().blobs.get(digest) {
                    Some(blob) => Outcome::Blob {
                        digest: Some(digest.clone()),
                        size: blob.bytes.size(),
                        body: Some(proofhouse_model::BlobBody { bytes: blob.bytes.clone(), range: None }),
                    },
                    None => truth,
                }
            }
            _ => truth,
        })
    }

    #[test]
    fn a_blob_that_leaks_is_shown_with_two_operations() {
        let report = run_on(serves_every_repository(), 100);
        let divergence = report.divergence.expect("a divergence");
        assert_eq!(divergence.finding.rule().0, "blob.unlinked");
        let names: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
        assert_eq!(names, ["PutBlob", "GetBlob"], "{:#?}", divergence.steps);
        assert!(divergence.shrink_complete);
        assert_eq!(divergence.options, Options::default());
        assert_eq!(report.ended, Ended::Divergence);
    }

    #[test]
    fn the_seed_of_a_divergence_makes_its_case_again() {
        let first = run_on(serves_every_repository(), 100).divergence.expect("a divergence");
        let again = CampaignConfig { seed: first.seed, ..config(1) };
        let second = run(&again, &mut serves_every_repository(), &mut ()).unwrap().divergence.expect("a divergence");
        assert_eq!(first.steps, second.steps);
        assert_eq!(first.original_length, second.original_length);
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_a_divergence() {
        let broken = Perfect::lying(|_, op, truth| match op {
            Op::ListTags { .. } => Outcome::Broken { what: "503".into() },
            _ => truth,
        });
        let divergence = run_on(broken, 10).divergence.expect("a divergence");
        assert_eq!(divergence.steps.len(), 1);
    }

    /// The bytes of a blob break one rule of the wire, and those of a tiny blob another.
    fn breaks_two_rules_of_the_wire() -> Perfect {
        Perfect::lying(|_, _, truth| match truth {
            Outcome::Blob { size: 0..=2, body: Some(_), .. } => {
                Outcome::Broken { what: "wire.digest.form: it is short".into() }
            }
            Outcome::Blob { body: Some(_), .. } => Outcome::Broken { what: "wire.digest.body: it is long".into() },
            truth => truth,
        })
    }

    #[test]
    fn shrinking_keeps_to_the_rule_of_the_wire_that_was_broken_first() {
        let mut long = 0;
        for seed in 0..6 {
            let rule = |shrink_time| {
                let config = CampaignConfig { seed, shrink_time, ..config(100) };
                let report = run(&config, &mut breaks_two_rules_of_the_wire(), &mut ()).unwrap();
                report.divergence.expect("a divergence").finding.rule().0
            };
            let (found, shrunk) = (rule(Duration::ZERO), rule(Duration::from_secs(30)));
            assert_eq!(found, shrunk, "seed {seed}");
            long += u32::from(found == "wire.digest.body");
        }
        assert!(long > 0, "no seed reads a blob that could become a tiny one");
    }

    #[test]
    fn a_wrong_error_detail_is_a_divergence() {
        let wrong = Perfect::lying(|_, _, truth| match truth {
            Outcome::Refused { status, errors } => {
                let detail = |error: ErrorItem| match error.code {
                    Code::ManifestBlobUnknown => ErrorItem { detail: None, ..error },
                    _ => error,
                };
                Outcome::Refused { status, errors: errors.into_iter().map(detail).collect() }
            }
            _ => truth,
        });
        let divergence = run_on(wrong, 100).divergence.expect("a divergence");
        let names: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
        assert_eq!(names, ["PutManifest"]);
    }

    #[test]
    fn what_only_the_storage_shows_is_found_and_shrunk() {
        let mut target = Perfect::new();
        target.differences = |state| {
            let tagged = state.repos.values().any(|repo| !repo.tags.is_empty());
            if tagged { vec!["Tag is wrong".into()] } else { Vec::new() }
        };
        let divergence = run_on(target, 10).divergence.expect("a divergence");
        assert_eq!(divergence.finding.rule(), lockstep::STORAGE_AS_THE_MODEL);
        let names: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
        assert_eq!(names, ["PutManifest"], "{:#?}", divergence.steps);
    }

    #[test]
    fn a_campaign_ends_when_its_time_is_up() {
        let config = CampaignConfig { cases: None, time: Some(Duration::from_millis(200)), ..config(0) };
        let report = run(&config, &mut Perfect::new(), &mut ()).unwrap();
        assert_eq!(report.ended, Ended::Time);
        assert!(report.cases > 0 && report.elapsed < Duration::from_secs(5));
    }

    /// A target that is there for so many operations, and then has an excuse.
    struct Until(Perfect, u64, fn() -> TargetError);

    #[async_trait::async_trait(?Send)]
    impl Target for Until {
        async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
            self.0.fresh(options).await
        }
        async fn perform(&mut self, op: &Op) -> Outcome {
            self.1 = self.1.saturating_sub(1);
            if self.1 == 0 { Outcome::Broken { what: "no time".into() } } else { self.0.perform(op).await }
        }
        fn interruption(&mut self) -> Option<TargetError> {
            (self.1 == 0).then(self.2)
        }
    }

    #[test]
    fn time_that_ends_during_an_operation_ends_the_campaign_and_is_no_divergence() {
        let one = run_on(Perfect::new(), 1).operations;
        for (operations, cases) in [(1, 0), (one, 0), (one + 1, 1)] {
            let mut target = Until(Perfect::new(), operations, || TargetError::TimeUp);
            let report = run(&config(100), &mut target, &mut ()).unwrap();
            assert_eq!((report.ended, report.cases), (Ended::Time, cases));
            assert!(report.divergence.is_none());
        }
    }

    #[test]
    fn a_target_that_is_not_to_be_had_any_more_is_an_error() {
        let throttles = || TargetError::Throttles { what: "429".into() };
        let error = run(&config(100), &mut Until(Perfect::new(), 9, throttles), &mut ()).unwrap_err();
        assert!(matches!(error, TargetError::Throttles { .. }));
    }

    #[test]
    fn what_was_found_is_not_lost_when_the_target_goes_while_it_is_shrunk() {
        let found_after = run_on(serves_every_repository(), 100).divergence.expect("a divergence").found_after;
        let throttles = || TargetError::Throttles { what: "429".into() };
        let mut target = Until(serves_every_repository(), found_after + 2, throttles);
        let divergence = run(&config(100), &mut target, &mut ()).unwrap().divergence.expect("a divergence");
        assert_eq!(divergence.finding.rule().0, "blob.unlinked");
        assert!(!divergence.shrink_complete);
    }
}
