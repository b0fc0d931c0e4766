//! Makes a case with several clients smaller.
//!
//! Halves, quarters, ... single actions are dropped, first of what one client did, then of what was done at once, as long as
//! nothing explains what is left; then payloads get smaller, and then actions are dropped again. Timing decides as well, so each
//! candidate gets several tries.

use std::ops::Range;
use std::time::Instant;

use proofhouse_model::{Dialect, Model};

use super::history::{Call, Judgement, MOST_STEPS, judge, unexplained};
use super::{Dealt, Together, run};
use crate::campaign::{Finding, ShrinkTime, Shrunk};
use crate::case::Case;
use crate::coverage::writes;
use crate::lockstep::Shape;
use crate::shrink;
use crate::target::{Target, TargetError};

/// How often a candidate is run before it is taken for sound.
const TRIES: u64 = 4;

/// How often what is left is run once more, to say how often it shows.
const REPLAYS: u64 = 10;

struct Shrinking<'a> {
    dialect: Dialect,
    target: &'a mut dyn Target,
    known: &'a [Shape],
    shape: Shape,
    time: ShrinkTime,
    attempts: u64,
}

/// Shrinks until nothing can go, or the time for it is up. What does not show again is not shrunk.
///
/// What was found is not lost when the target is gone, throttles or has no time left: then this is as far as it got.
pub(crate) async fn reduce(
    dealt: Dealt,
    first: Together,
    dialect: Dialect,
    target: &mut dyn Target,
    known: &[Shape],
    time: ShrinkTime,
) -> Option<Shrunk> {
    let shape = first.finding.as_ref().map(|finding| Shape::of(finding, None))?;
    let original_length = first.before.len() + first.calls.len();
    let mut shrinking = Shrinking { dialect, target, known, shape, time, attempts: 0 };
    let (mut best, mut shown) = (dealt, first);
    let (mut complete, mut replays, mut replayed) = (false, 0, 0);
    while replays < REPLAYS && replayed == 0 {
        let Ok(again) = shrinking.once(&best, time.shrink_until).await else { break };
        replays += 1;
        replayed += u64::from(again.is_some());
    }
    if replayed > 0 {
        complete = shrinking.whole(&mut best, &mut shown).await.is_ok();
        (replays, replayed) = (0, 0);
    }
    let attempts = shrinking.attempts;
    while replays < REPLAYS {
        let Ok(again) = shrinking.once(&best, time.replay_until).await else { break };
        replays += 1;
        replayed += u64::from(again.is_some());
    }
    let finding = shown.finding?;
    let history = match finding {
        Finding::Unordered => needed(&shown.start, &shown.calls),
        _ => shown.calls,
    };
    Some(Shrunk {
        dialect,
        options: best.case.options.resolve(&best.case.pool),
        steps: shown.before,
        history,
        finding,
        shape: shrinking.shape,
        original_length,
        attempts,
        shrink_complete: complete,
        replays,
        replayed,
    })
}

impl Shrinking<'_> {
    /// Everything that can be tried.
    async fn whole(&mut self, best: &mut Dealt, shown: &mut Together) -> Result<(), TargetError> {
        let mut size = best.before.len().max(best.at_once.len()).div_ceil(2).max(1);
        loop {
            let progress = self.pass(best, shown, size).await?;
            if size > 1 {
                size /= 2;
            } else if !progress && !self.edit(best, shown).await? {
                return Ok(());
            }
        }
    }

    /// Makes payloads smaller. True if anything became so.
    async fn edit(&mut self, best: &mut Dealt, shown: &mut Together) -> Result<bool, TargetError> {
        let mut progress = false;
        for edit in shrink::edits(&best.joined()) {
            let Some(smaller) = edit.apply(&best.joined()).and_then(|case| best.dealt_as_before(case)) else {
                continue;
            };
            if let Some(again) = self.tried(&smaller).await? {
                (*best, *shown) = (smaller, again);
                progress = true;
            }
        }
        Ok(progress)
    }

    /// Drops actions in chunks of a size, from the end, first those of one client. True if any could go.
    async fn pass(&mut self, best: &mut Dealt, shown: &mut Together, size: usize) -> Result<bool, TargetError> {
        let mut progress = false;
        for part in [Part::Before, Part::AtOnce] {
            let mut end = part.length(best);
            while end > 0 {
                let first = end.saturating_sub(size);
                let smaller = part.without(best, first..end);
                if let Some(again) = self.tried(&smaller).await? {
                    (*best, *shown) = (smaller, again);
                    progress = true;
                }
                end = first;
            }
        }
        Ok(progress)
    }

    /// Some tries of a candidate. None: it diverged in none of them.
    async fn tried(&mut self, candidate: &Dealt) -> Result<Option<Together>, TargetError> {
        self.attempts += 1;
        for _ in 0..TRIES {
            if let Some(again) = self.once(candidate, self.time.shrink_until).await? {
                return Ok(Some(again));
            }
        }
        Ok(None)
    }

    async fn once(&mut self, candidate: &Dealt, until: Instant) -> Result<Option<Together>, TargetError> {
        let candidate = Dealt { case: candidate.case.afresh(), ..candidate.clone() };
        let together = run(&candidate, self.dialect, self.target, self.known, None, Some(until)).await?;
        let same = together.finding.as_ref().is_some_and(|finding| Shape::of(finding, None) == self.shape);
        Ok(same.then_some(together))
    }
}

impl Dealt {
    /// All actions in one case.
    fn joined(&self) -> Case {
        let at_once = self.at_once.iter().map(|(_, action)| action);
        Case { actions: self.before.iter().chain(at_once).cloned().collect(), ..self.case.clone() }
    }

    /// The same number of actions, dealt in the same way. None: the number is another.
    fn dealt_as_before(&self, case: Case) -> Option<Dealt> {
        let mut before = case.actions.clone();
        if before.len() != self.before.len() + self.at_once.len() {
            return None;
        }
        let later = before.split_off(self.before.len());
        let at_once = self.at_once.iter().map(|(client, _)| *client).zip(later).collect();
        Some(Dealt { case, before, at_once })
    }
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Before,
    AtOnce,
}

impl Part {
    fn length(self, of: &Dealt) -> usize {
        match self {
            Part::Before => of.before.len(),
            Part::AtOnce => of.at_once.len(),
        }
    }

    fn without(self, of: &Dealt, range: Range<usize>) -> Dealt {
        let mut smaller = of.clone();
        match self {
            Part::Before => drop(smaller.before.drain(range)),
            Part::AtOnce => drop(smaller.at_once.drain(range)),
        }
        smaller
    }
}

/// The calls of the component that has no order, without the questions that are not needed: without them there is none either.
///
/// What changed something stays: an order of the rest would have to say what it did.
fn needed(start: &Model, calls: &[Call]) -> Vec<Call> {
    let mut needed = unexplained(start, calls);
    for at in (0..needed.len()).rev() {
        if writes(&needed[at].op) {
            continue;
        }
        let mut fewer = needed.clone();
        fewer.remove(at);
        if judge(start, &fewer, MOST_STEPS) == Judgement::NotLinearizable {
            needed = fewer;
        }
    }
    needed
}
