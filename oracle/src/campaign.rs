//! Many cases, one after another, until enough was found or the time is up.
//!
//! Case number `i` of a campaign with seed `s` is made from the seed `s + i` and nothing else, so that
//! `--seed <s + i> --cases 1` makes it again; only its bytes are others on a target that keeps what was pushed
//! ([`Target::keeps_contents`]). A divergence is shrunk, and the campaign goes on for another: one of a [`Shape`]
//! that was found before is only counted.

use std::time::{Duration, Instant};

use futures::future::join_all;
use proofhouse_model::{Dialect, Op, Options};
use proptest::strategy::Strategy as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::concurrent::{self, Dealt};
use crate::coverage::Coverage;
use crate::generate::Cases;
use crate::lockstep::{self, Origin, Run, Shape};
use crate::shrink::CaseTree;
use crate::target::{Target, TargetError};

mod finding;
mod reduce;
pub mod shard;

pub use finding::{Also, Divergence, Finding, Shrunk, Step};

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
    /// After how many distinct divergences the campaign ends; at least 1.
    pub findings: usize,
    /// How many clients work at the same time in the cases whose seed is odd. With 1 each case has one client.
    pub clients: usize,
    /// Divergences that are expected: they are counted, and neither shrunk nor reported as found.
    pub known: Vec<Shape>,
}

impl Default for CampaignConfig {
    /// Our own registry, 100 cases of 60 operations, every set of options, 30 seconds for shrinking, one divergence.
    fn default() -> Self {
        CampaignConfig {
            dialect: Dialect::Proofhouse,
            cases: Some(100),
            ops: 60,
            seed: 0,
            time: None,
            option_sets: OptionSets::Varied,
            shrink_time: Duration::from_secs(30),
            findings: 1,
            clients: 1,
            known: Vec::new(),
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

/// Why a campaign ended; the later one stands here, the less can be said of the cases that did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// All cases ran.
    Cases,
    /// The time is up.
    Time,
    /// As many distinct divergences were found as were asked for.
    Divergence,
    /// Somebody asked for its end ([`Stop`](crate::target::Stop)).
    Interrupted,
    /// There is no registry any more that could be tested; [`CampaignReport::stopped`] says why. Only where something was found.
    Target,
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
    /// Each distinct divergence, shrunk, as they were found.
    pub divergences: Vec<Divergence>,
    /// Cases with several clients for which no order was found, nor that there is none.
    pub undecided: u64,
    /// In how many cases each of [`CampaignConfig::known`] was seen.
    pub known: Vec<u64>,
    /// Why it ended.
    pub ended: Ended,
    /// Why there is no registry any more that could be tested.
    pub stopped: Option<String>,
}

impl CampaignReport {
    /// The first divergence.
    pub fn into_first(self) -> Option<Divergence> {
        self.divergences.into_iter().next()
    }
}

/// Runs a campaign, in a current-thread runtime of its own; not to be called from within one (see [`run_in`]).
///
/// # Errors
/// When there is no registry to test (see [`TargetError`]), and nothing was found by then. A divergence is not an error.
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
    let mut campaign = Campaign::new(config, target, progress, deadline);
    // Of each client one case alone, and as many with several clients.
    let round = if config.clients > 1 { 2 * config.clients as u64 } else { 1 };
    let mut next = 0;
    while next < limit {
        let seeds: Vec<u64> = (next..limit.min(next + round)).map(|at| config.seed.wrapping_add(at)).collect();
        next += seeds.len() as u64;
        match campaign.cases(&seeds).await {
            Ok(()) => {}
            Err(TargetError::TimeUp) => {
                campaign.report.ended = Ended::Time;
                break;
            }
            Err(TargetError::Interrupted) => {
                campaign.report.ended = Ended::Interrupted;
                break;
            }
            Err(error) if campaign.report.divergences.is_empty() => return Err(error),
            Err(error) => {
                campaign.report.ended = Ended::Target;
                campaign.report.stopped = Some(error.to_string());
                break;
            }
        }
        if campaign.is_enough() {
            campaign.report.ended = Ended::Divergence;
            break;
        }
    }
    campaign.report.elapsed = started.elapsed();
    Ok(campaign.report)
}

/// A campaign that runs.
struct Campaign<'a> {
    config: &'a CampaignConfig,
    target: &'a mut dyn Target,
    progress: &'a mut dyn Progress,
    deadline: Option<Instant>,
    /// The shapes that were known before, and then those of the divergences that were found.
    known: Vec<Shape>,
    report: CampaignReport,
}

impl<'a> Campaign<'a> {
    fn new(
        config: &'a CampaignConfig,
        target: &'a mut dyn Target,
        progress: &'a mut dyn Progress,
        deadline: Option<Instant>,
    ) -> Campaign<'a> {
        let report = CampaignReport {
            cases: 0,
            operations: 0,
            generated: 0,
            elapsed: Duration::ZERO,
            coverage: Coverage::default(),
            divergences: Vec::new(),
            undecided: 0,
            known: vec![0; config.known.len()],
            ended: Ended::Cases,
            stopped: None,
        };
        Campaign { config, target, progress, deadline, known: config.known.clone(), report }
    }

    /// As many distinct divergences were found as were asked for.
    fn is_enough(&self) -> bool {
        self.report.divergences.len() >= self.config.findings
    }

    /// Some cases. With several clients they work together in those whose seed is odd, so that the seed alone makes a case again; in the
    /// others each works on one by itself, beside the others where the target can do that.
    async fn cases(&mut self, seeds: &[u64]) -> Result<(), TargetError> {
        let (together, alone): (Vec<u64>, Vec<u64>) =
            seeds.iter().partition(|seed| self.config.clients > 1 && **seed % 2 == 1);
        self.beside(&alone).await?;
        for seed in together {
            if self.is_enough() {
                break;
            }
            self.together(seed).await?;
        }
        Ok(())
    }

    /// Cases of one client each.
    async fn beside(&mut self, seeds: &[u64]) -> Result<(), TargetError> {
        // What all repositories share, other cases could add to and take from.
        let apart = match &self.config.option_sets {
            OptionSets::Fixed(options) => self.config.dialect != Dialect::Oci || options.shared_blobs == Some(false),
            OptionSets::Varied => false,
        };
        let mut targets = if apart && seeds.len() > 1 { self.target.beside(seeds.len()) } else { Vec::new() };
        if targets.len() < seeds.len() {
            for seed in seeds {
                if self.is_enough() {
                    break;
                }
                self.alone(*seed).await?;
            }
            return Ok(());
        }
        let trees: Result<Vec<CaseTree>, TargetError> = seeds.iter().map(|seed| self.tree(*seed)).collect();
        let trees = trees?;
        let (known, dialect, deadline) = (&self.known, self.config.dialect, self.deadline);
        let all = trees.iter().zip(&mut targets).map(|(tree, target)| async move {
            let mut coverage = Coverage::default();
            let run = lockstep::run(tree.best(), dialect, target.as_mut(), known, Some(&mut coverage), deadline).await;
            (run, coverage)
        });
        let all = join_all(all).await;
        let mut error = None;
        for (seed, (tree, (run, coverage))) in seeds.iter().zip(trees.into_iter().zip(all)) {
            self.report.coverage.merge(&coverage);
            match run {
                Ok(run) => self.ran(*seed, tree, run).await,
                Err(why) => {
                    error.get_or_insert(why);
                }
            }
            if self.is_enough() {
                return Ok(());
            }
        }
        error.map_or(Ok(()), Err)
    }

    fn tree(&self, seed: u64) -> Result<CaseTree, TargetError> {
        let tree = case(self.config, seed, &|op| self.target.offers(op))?;
        Ok(if self.target.keeps_contents() { CaseTree::new(tree.best().salted()) } else { tree })
    }

    /// # Errors
    /// The time was up before.
    fn is_time_left(&self) -> Result<(), TargetError> {
        let over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if over { Err(TargetError::TimeUp) } else { Ok(()) }
    }

    /// A case of one client.
    async fn alone(&mut self, seed: u64) -> Result<(), TargetError> {
        self.is_time_left()?;
        let tree = self.tree(seed)?;
        let Campaign { config, target, deadline, known, report, .. } = self;
        let coverage = Some(&mut report.coverage);
        let run = lockstep::run(tree.best(), config.dialect, &mut **target, known, coverage, *deadline).await?;
        self.ran(seed, tree, run).await;
        Ok(())
    }

    /// A case of one client has been run.
    async fn ran(&mut self, seed: u64, tree: CaseTree, run: Run) {
        let generated = run.performed.iter().filter(|performed| performed.origin == Origin::Action);
        self.report.cases += 1;
        self.report.operations += run.performed.len() as u64;
        self.report.generated += generated.count() as u64;
        run.known.iter().for_each(|met| self.met(*met));
        let found = match run.shape() {
            // One beside it may have found the same.
            Some(shape) if !self.is_known(&shape) => {
                let (time, dialect) = (self.shrink_time(), self.config.dialect);
                let Campaign { target, known, progress, .. } = self;
                let (target, progress) = (&mut **target, &mut **progress);
                reduce::reduce(reduce::Shrinking { dialect, known, target, time, progress, attempts: 0 }, tree, run)
                    .await
            }
            _ => None,
        };
        self.done(seed, found);
    }

    /// A case in which several clients work together.
    async fn together(&mut self, seed: u64) -> Result<(), TargetError> {
        self.is_time_left()?;
        let case = self.tree(seed)?.best().clone();
        let Campaign { config, target, deadline, known, report, .. } = self;
        let dialect = config.dialect;
        let dealt = Dealt::new(case, dialect, config.clients);
        let coverage = Some(&mut report.coverage);
        let together = concurrent::run(&dealt, dialect, &mut **target, known, coverage, *deadline).await?;
        report.cases += 1;
        report.operations += (together.before.len() + together.calls.len()) as u64;
        report.undecided += u64::from(together.undecided);
        let found = match together.finding.as_ref().map(|finding| Shape::of(finding, None)) {
            Some(shape) if !self.is_known(&shape) => {
                let time = self.shrink_time();
                concurrent::reduce(dealt, together, dialect, &mut *self.target, &self.known, time).await
            }
            _ => None,
        };
        self.done(seed, found);
        Ok(())
    }

    /// Was it known or found before? Then it is counted.
    fn is_known(&mut self, shape: &Shape) -> bool {
        let known = self.known.iter().position(|known| known == shape);
        known.inspect(|known| self.met(*known)).is_some()
    }

    /// A case has been run, and shrunk if need be.
    fn done(&mut self, seed: u64, found: Option<Shrunk>) {
        self.progress.case_done(self.report.cases, self.report.operations);
        if let Some(shrunk) = found {
            self.found(seed, shrunk);
        }
    }

    /// Another divergence, or another request that is answered as wrongly as that of one which is told already.
    fn found(&mut self, seed: u64, shrunk: Shrunk) {
        self.known.push(shrunk.shape.clone());
        let as_wrongly = |other: &Divergence| other.alone().is_some() && other.shape.rule == shrunk.shape.rule;
        if let Some(step) = shrunk.alone()
            && let Some(at) = self.report.divergences.iter().position(as_wrongly)
        {
            self.report.divergences[at].also.push(Also { step: step.clone(), shape: shrunk.shape.clone() });
            return;
        }
        let found_after = self.report.operations;
        self.report.divergences.push(Divergence { seed, found_after, cases: 1, also: Vec::new(), shrunk });
    }

    /// One of the known shapes was seen in a case.
    fn met(&mut self, known: usize) {
        if let Some(cases) = self.report.known.get_mut(known) {
            *cases += 1;
            return;
        }
        let shape = &self.known[known];
        let of = |other: &&mut Divergence| other.shapes().any(|other| other == shape);
        // Each shape that was not known before is one of a divergence.
        if let Some(divergence) = self.report.divergences.iter_mut().find(of) {
            divergence.cases += 1;
        }
    }

    /// How long may be shrunk from now on. What is left of the run's time is not all for shrinking: the result is run again.
    fn shrink_time(&self) -> ShrinkTime {
        let now = Instant::now();
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        let time = left.map_or(self.config.shrink_time, |left| (left * 3 / 4).min(self.config.shrink_time));
        ShrinkTime {
            shrink_until: now + time,
            replay_until: self.deadline.unwrap_or(now + time + self.config.shrink_time),
        }
    }
}

/// When shrinking ends, and when the result is not run again any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShrinkTime {
    pub(crate) shrink_until: Instant,
    pub(crate) replay_until: Instant,
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
mod tests;
