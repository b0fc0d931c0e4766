//! From the first divergence to the shortest sequence that still shows it.
//!
//! A proposal is kept only if it diverges again with the same rule, the same kind of operation and the same class of
//! outcome: otherwise shrinking would slip from one fault to another. What was found in a sweep or a probe is first made
//! into actions of the case, so that only those which matter are left.

use std::time::Instant;

use proofhouse_model::{Dialect, Op};
use proptest::strategy::ValueTree as _;

use super::{Divergence, Finding, Progress, Step};
use crate::case::{Case, Checks};
use crate::lockstep::{self, Origin, Performed, Run, Shape};
use crate::shrink::CaseTree;
use crate::target::Target;

/// No case needs so many; a target that answers by chance might.
const MOST_ATTEMPTS: u64 = 5_000;

/// Shrinks until nothing can go, or `until`. Seed, dialect and `found_after` are for the caller to fill in.
///
/// What was found is not lost when the target is gone, throttles or has no time left: then this is as far as it got.
pub(super) async fn reduce(
    tree: CaseTree,
    first: Run,
    dialect: Dialect,
    target: &mut dyn Target,
    until: Instant,
    progress: &mut dyn Progress,
) -> Divergence {
    let original = tree.best().clone();
    let original_length = first.performed.len();
    let shape = first.shape();
    let mut best = (original.clone(), first);
    let mut attempts = 0;
    let mut shrink_complete = false;
    for case in starts(&original, &best.1) {
        attempts += 1;
        let Ok(run) = lockstep::run(&case, dialect, target, None, Some(until)).await else { break };
        if run.shape() == shape {
            best = (case, run);
            shrink_complete = shrink(&mut best, shape.as_ref(), dialect, target, until, &mut attempts, progress).await;
            break;
        }
    }
    let (case, run) = best;
    let options = case.options.resolve(&case.pool);
    let finding = run.finding.unwrap_or(Finding::Storage { differences: Vec::new() });
    let steps = told(run.performed, &finding);
    let (seed, found_after) = (0, 0);
    Divergence { seed, dialect, options, steps, finding, found_after, original_length, attempts, shrink_complete }
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
    vec![lean, with(&mut all.iter(), checks)]
}

/// True if everything was tried.
async fn shrink(
    best: &mut (Case, Run),
    shape: Option<&Shape>,
    dialect: Dialect,
    target: &mut dyn Target,
    until: Instant,
    attempts: &mut u64,
    progress: &mut dyn Progress,
) -> bool {
    let mut tree = CaseTree::new(best.0.clone());
    let mut more = tree.simplify();
    while more {
        if Instant::now() >= until || *attempts >= MOST_ATTEMPTS {
            return false;
        }
        *attempts += 1;
        let case = tree.current();
        let Ok(run) = lockstep::run(&case, dialect, target, None, Some(until)).await else { return false };
        if run.shape().as_ref() == shape {
            *best = (case, run);
            more = tree.simplify();
        } else {
            more = tree.complicate();
        }
        progress.shrinking(best.0.actions.len(), *attempts);
    }
    true
}

/// What is told of a run: the actions, and of the probes only those that show what was lost; that comes last.
fn told(performed: Vec<Performed>, finding: &Finding) -> Vec<Step> {
    let Finding::Lost { repo, manifest, missing } = finding else {
        return performed.into_iter().map(|performed| performed.step).collect();
    };
    let about = |op: &Op, digest: &String| match op {
        Op::GetManifest { repo: at, reference: asked } | Op::HeadBlob { repo: at, digest: asked } => {
            at == repo && asked == digest
        }
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
    let (blob, manifest) = (succeeded("HeadBlob"), succeeded("GetManifest"));
    last.retain(|step| match step.op {
        Op::HeadBlob { .. } => blob && !step.outcome.succeeded(),
        _ => manifest && !step.outcome.succeeded(),
    });
    steps.extend(last);
    steps
}
