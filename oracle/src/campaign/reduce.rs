//! From the first divergence to the shortest sequence that still shows it.
//!
//! A proposal is kept only if it diverges again with the same rule, the same kind of operation and the same class of
//! outcome: otherwise shrinking would slip from one fault to another. What was found in a sweep or a probe is first made
//! into actions of the case, so that only those which matter are left.

use std::time::Instant;

use proofhouse_model::{Dialect, Op};
use proptest::strategy::ValueTree as _;

use super::{Finding, Progress, ShrinkTime, Shrunk, Step};
use crate::case::{Case, Checks};
use crate::lockstep::{self, Origin, Performed, Run, Shape};
use crate::shrink::CaseTree;
use crate::target::{Target, TargetError};

/// No case needs so many; a target that answers by chance might.
const MOST_ATTEMPTS: u64 = 5_000;

/// How often the shrunk sequence is run once more, to see whether it diverges each time.
const REPLAYS: u64 = 3;

/// What is shrunk, and on what.
pub(super) struct Shrinking<'a> {
    /// What the target is held to.
    pub(super) dialect: Dialect,
    /// What else is wrong with it, and is not to be mistaken for this.
    pub(super) known: &'a [Shape],
    pub(super) target: &'a mut dyn Target,
    pub(super) time: ShrinkTime,
    pub(super) progress: &'a mut dyn Progress,
    /// Candidates tried.
    pub(super) attempts: u64,
}

/// A case that diverges, how it went, and the shape of what is wrong.
struct Failing {
    case: Case,
    run: Run,
    shape: Shape,
}

/// Shrinks until nothing can go, or the time is up. None: nothing is wrong with that run.
///
/// What was found is not lost when the target is gone, throttles or has no time left: then this is as far as it got.
pub(super) async fn reduce(mut shrinking: Shrinking<'_>, tree: CaseTree, first: Run) -> Option<Shrunk> {
    let shape = first.shape()?;
    let original_length = first.performed.len();
    let mut best = Failing { case: tree.best().clone(), run: first, shape };
    let mut shrink_complete = false;
    for case in starts(&best.case, &best.run) {
        let Ok(again) = shrinking.attempt(case, &best.shape, shrinking.time.shrink_until).await else { break };
        if let Some(smaller) = again {
            best = smaller;
            shrink_complete = shrinking.shrink(&mut best).await.unwrap_or(false);
            break;
        }
    }
    for case in best.case.after_the_empty_blob() {
        let until = shrinking.time.replay_until;
        if let Some(again) = shrinking.attempt(case, &best.shape, until).await.ok().flatten() {
            best = again;
            break;
        }
    }
    let attempts = shrinking.attempts;
    let (mut replays, mut replayed) = (0, 0);
    while replays < REPLAYS {
        let until = shrinking.time.replay_until;
        let Ok(again) = shrinking.attempt(best.case.clone(), &best.shape, until).await else { break };
        replays += 1;
        replayed += u64::from(again.is_some());
    }
    let Failing { case, run, shape } = best;
    let finding = run.finding?;
    Some(Shrunk {
        dialect: shrinking.dialect,
        options: case.options.resolve(&case.pool),
        steps: told(run.performed, &finding),
        history: Vec::new(),
        finding,
        shape,
        original_length,
        attempts,
        shrink_complete,
        replays,
        replayed,
    })
}

impl Shrinking<'_> {
    /// Runs a case. None: it does not diverge in this shape.
    async fn attempt(&mut self, case: Case, shape: &Shape, until: Instant) -> Result<Option<Failing>, TargetError> {
        self.attempts += 1;
        let case = case.afresh();
        let run = lockstep::run(&case, self.dialect, self.target, self.known, None, Some(until)).await?;
        Ok(run.shape().filter(|seen| seen == shape).map(|shape| Failing { case, run, shape }))
    }

    /// True if everything was tried.
    async fn shrink(&mut self, best: &mut Failing) -> Result<bool, TargetError> {
        let mut tree = CaseTree::new(best.case.clone());
        let mut more = tree.simplify();
        while more {
            let until = self.time.shrink_until;
            if Instant::now() >= until || self.attempts >= MOST_ATTEMPTS {
                return Ok(false);
            }
            if let Some(smaller) = self.attempt(tree.current(), &best.shape, until).await? {
                *best = smaller;
                more = tree.simplify();
            } else {
                more = tree.complicate();
            }
            self.progress.shrinking(best.case.actions.len(), self.attempts);
        }
        Ok(true)
    }
}

/// Cases to begin with, the most hopeful first: nothing after the divergence, and nothing implicit that is not needed.
fn starts(original: &Case, run: &Run) -> Vec<Case> {
    let with = |performed: &mut dyn Iterator<Item = &Performed>, checks: Checks| Case {
        actions: performed.map(|performed| performed.action.clone()).collect(),
        checks,
        ..original.clone()
    };
    let all = &run.performed;
    let last = all.len().saturating_sub(1);
    let checks = match run.finding {
        Some(Finding::Storage { .. }) => Checks { inspect: true, ..Checks::NONE },
        Some(Finding::Lost { .. }) => Checks { probe: true, ..Checks::NONE },
        _ => Checks::NONE,
    };
    // Probes belong to their collection: they come by themselves where they are needed.
    let mut wanted = all
        .iter()
        .enumerate()
        .filter(|(at, it)| it.origin == Origin::Action || *at == last && !checks.probe && !checks.inspect);
    let lean = with(&mut wanted.by_ref().map(|(_, it)| it), checks);
    if checks.probe {
        return vec![lean];
    }
    // What is wrong whatever was asked before is told with one step, and needs no search: that may be a command that takes a minute.
    let alone = with(&mut all.iter().skip(last), checks);
    let whole = [alone, lean, with(&mut all.iter(), checks)];
    // The empty blob is one that somebody may have pushed before, so it is told only where no other shows it.
    whole.iter().filter_map(Case::without_the_empty_blob).chain(whole.clone()).collect()
}

/// What is told of a run: the actions, and of the probes only those that show what was lost; that comes last.
fn told(performed: Vec<Performed>, finding: &Finding) -> Vec<Step> {
    let (repo, manifest, missing) = match finding {
        Finding::Lost { repo, manifest, missing } => (repo, manifest, missing),
        // The tag is what is asked for, before and after.
        Finding::LostTag { repo, tag, .. } => (repo, tag, tag),
        // What was asked around a collection is for what it took.
        Finding::Answer(_) => {
            let last = performed.len().saturating_sub(1);
            let told = performed.into_iter().enumerate().filter(|(at, it)| it.origin == Origin::Action || *at == last);
            return told.map(|(_, performed)| performed.step).collect();
        }
        Finding::Storage { .. } | Finding::Unordered => {
            return performed.into_iter().map(|performed| performed.step).collect();
        }
    };
    let about = |op: &Op, digest: &String| match op {
        Op::GetManifest { repo: at, reference: asked }
        | Op::HeadBlob { repo: at, digest: asked }
        | Op::GetBlob { repo: at, digest: asked, .. } => at == repo && asked == digest,
        _ => false,
    };
    let (mut steps, mut last) = (Vec::new(), Vec::new());
    let collected = performed.iter().rposition(|performed| matches!(performed.step.op, Op::CollectGarbage { .. }));
    for (at, performed) in performed.into_iter().enumerate() {
        let step = performed.step;
        match performed.origin {
            Origin::Action => steps.push(step),
            _ if about(&step.op, missing) && Some(at) > collected => last.push(step),
            _ if about(&step.op, missing) || about(&step.op, manifest) => steps.push(step),
            _ => {}
        }
    }
    // It was a blob, or a manifest; what it never was says nothing.
    let succeeded = |kind: &str| {
        steps.iter().any(|step: &Step| step.op.name() == kind && about(&step.op, missing) && step.outcome.succeeded())
    };
    let (blob, manifest) = (succeeded("HeadBlob") || succeeded("GetBlob"), succeeded("GetManifest"));
    last.retain(|step| match step.op {
        Op::HeadBlob { .. } | Op::GetBlob { .. } => blob && !step.outcome.succeeded(),
        _ => manifest && !step.outcome.succeeded(),
    });
    steps.extend(last);
    steps
}
