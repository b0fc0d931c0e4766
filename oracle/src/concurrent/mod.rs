//! Several clients at once.
//!
//! A case is dealt to clients: it begins with one client, so that there is something to quarrel over; then several work at
//! the same time; then one reads everything back. What they saw is a [`history`]: some order of the calls must explain it.
//! What is no single step in any registry (a list, a walk over pages, a push of several tags) is asked only while nobody else
//! works.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::join_all;
use proofhouse_model::{Dialect, Model, Op, Outcome, UploadRef};

use crate::action::{self, Action};
use crate::campaign::{Finding, Step};
use crate::case::{Case, Checks};
use crate::coverage::Coverage;
use crate::lockstep::{self, HISTORY_IN_SOME_ORDER, Shape};
use crate::target::http::{NO_ANSWER, asked_at_upload, opened};
use crate::target::{Target, TargetError, ask};

mod components;
pub mod history;
mod shrink;

pub(crate) use shrink::reduce;

use history::{Call, Judgement, MOST_STEPS};

/// A case for several clients.
#[derive(Debug, Clone)]
pub struct Dealt {
    /// Pool and options; its own actions do not count.
    pub case: Case,
    /// What one client does first.
    pub before: Vec<Action>,
    /// What is then done at the same time, each with its client, from 0; in the order of each client.
    pub at_once: Vec<(usize, Action)>,
}

/// How a case with several clients went.
#[derive(Debug)]
pub struct Together {
    /// What one client did first.
    pub before: Vec<Step>,
    /// What several clients did then, and what was read back at the end; as it was called.
    pub calls: Vec<Call>,
    /// The model after `before`.
    pub start: Model,
    /// What is wrong, if something is.
    pub finding: Option<Finding>,
    /// The search for an order was given up, so nothing is said.
    pub undecided: bool,
}

impl Dealt {
    /// Deals the second half of a case's actions to clients.
    ///
    /// What goes on with an upload goes to the client that opened it: a session has one client. Between clients of others than
    /// our own registry nothing is deleted while a push may rely on it: no standard says what a push finds then.
    pub fn new(case: Case, dialect: Dialect, clients: usize) -> Dealt {
        let half = case.actions.len() / 2;
        let mut actions = case.actions.clone();
        let later = actions.split_off(half);
        let mut owners: BTreeMap<UploadRef, usize> = BTreeMap::new();
        let mut at_once = Vec::new();
        for action in later {
            let op = action.resolve(&case.pool);
            if !is_one_step(&op, dialect) {
                continue;
            }
            let turn = at_once.len() % clients.max(1);
            let client = match asked_at_upload(&op).or_else(|| opened(&op)) {
                Some(upload) => *owners.entry(upload).or_insert(turn),
                None => turn,
            };
            at_once.push((client, action));
        }
        Dealt { case, before: actions, at_once }
    }
}

/// Can it be one step, whoever else works?
fn is_one_step(op: &Op, dialect: Dialect) -> bool {
    match op {
        Op::HeadBlob { .. }
        | Op::GetBlob { .. }
        | Op::MountBlob { .. }
        | Op::StartUpload { .. }
        | Op::PutBlob { .. }
        | Op::Append { .. }
        | Op::UploadStatus { .. }
        | Op::FinishUpload { .. }
        | Op::CancelUpload { .. }
        | Op::HeadManifest { .. }
        | Op::GetManifest { .. }
        | Op::Restart => true,
        Op::PutManifest { tags, .. } => tags.is_empty(),
        Op::DeleteBlob { .. } => dialect == Dialect::Proofhouse,
        Op::DeleteManifest { reference, .. } => dialect == Dialect::Proofhouse || !reference.contains(':'),
        _ => false,
    }
}

/// Runs a dealt case from the start, and looks for an order that explains it.
///
/// If it diverges while one client works, or what it holds then is not known, nothing is said: that is not about several clients.
///
/// # Errors
/// When there is no registry to test, it takes one client only, or `until` comes before the case is at its end.
pub async fn run(
    dealt: &Dealt,
    dialect: Dialect,
    target: &mut dyn Target,
    known: &[Shape],
    mut coverage: Option<&mut Coverage>,
    until: Option<Instant>,
) -> Result<Together, TargetError> {
    let Dealt { case, before, .. } = dealt;
    // What a collection takes that does not tell is not known to the model, and it would end the case.
    let tells = |action: &&Action| !(target.collects_blindly() && matches!(action, Action::CollectGarbage { .. }));
    let actions = before.iter().filter(tells).cloned().collect();
    let alone = Case { actions, checks: Checks::NONE, ..case.clone() };
    let first = lockstep::run(&alone, dialect, target, known, coverage.as_deref_mut(), until).await?;
    let before: Vec<Step> = first.performed.into_iter().map(|performed| performed.step).collect();
    let mut together = Together { before, calls: Vec::new(), start: first.model, finding: None, undecided: false };
    if first.finding.is_some() || !first.known.is_empty() {
        return Ok(together);
    }
    let clock = Clock::default();
    together.calls = all_at_once(dealt, target, &clock, until).await?;
    for action in action::sweep(&case.pool, together.start.state()) {
        let op = action.resolve(&case.pool);
        if target.offers(&op) && !is_at_lost_upload(&op, &together.calls) {
            together.calls.push(call(target, READER, op, &clock, until).await?);
        }
    }
    together.calls.sort_by_key(|call| call.called);
    if let Some(broken) = broken(&together.start, &together.calls) {
        together.finding = Some(broken);
        return Ok(together);
    }
    match history::judge_until(&together.start, &together.calls, MOST_STEPS, until) {
        Judgement::Linearizable => coverage.into_iter().for_each(|coverage| coverage.kept(HISTORY_IN_SOME_ORDER)),
        Judgement::NotLinearizable => together.finding = Some(Finding::Unordered),
        Judgement::Undecided => together.undecided = true,
    }
    Ok(together)
}

/// The client that reads everything back, after all others.
const READER: usize = 0;

/// Counts the events of a history.
#[derive(Debug, Default)]
struct Clock(Cell<u64>);

impl Clock {
    fn tick(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

async fn all_at_once(
    dealt: &Dealt,
    target: &dyn Target,
    clock: &Clock,
    until: Option<Instant>,
) -> Result<Vec<Call>, TargetError> {
    let clients = dealt.at_once.iter().map(|(client, _)| client + 1).max().unwrap_or(0);
    let mut others = target.clients(clients);
    if others.len() < clients {
        return Err(TargetError::Options("this target takes one client only".to_owned()));
    }
    let work = others.iter_mut().enumerate().map(|(client, other)| async move {
        let mut calls: Vec<Call> = Vec::new();
        for (_, action) in dealt.at_once.iter().filter(|(of, _)| *of == client) {
            let op = action.resolve(&dealt.case.pool);
            if other.offers(&op) && !is_at_lost_upload(&op, &calls) {
                calls.push(call(other.as_mut(), client, op, clock, until).await?);
            }
        }
        Ok(calls)
    });
    let calls: Result<Vec<Vec<Call>>, TargetError> = join_all(work).await.into_iter().collect();
    Ok(calls?.into_iter().flatten().collect())
}

/// Does it ask at an upload of which nobody knows how far it is? A part of a chunk whose answer never came may be there.
fn is_at_lost_upload(op: &Op, before: &[Call]) -> bool {
    let lost = |call: &Call| call.outcome.is_none().then(|| asked_at_upload(&call.op).or_else(|| opened(&call.op)))?;
    asked_at_upload(op).is_some_and(|upload| before.iter().filter_map(lost).any(|lost| lost == upload))
}

async fn call(
    target: &mut dyn Target,
    client: usize,
    op: Op,
    clock: &Clock,
    until: Option<Instant>,
) -> Result<Call, TargetError> {
    let called = clock.tick();
    let outcome = ask(target, &op, until).await?;
    let outcome = if is_unknown(&outcome) { None } else { Some(outcome) };
    Ok(Call { client, op, outcome, called, returned: clock.tick() })
}

/// No answer came in time: what was asked may be done yet, or never.
fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Broken { what } if what.contains(NO_ANSWER))
}

/// What no order can explain: an answer that cannot be read, or a 5xx.
fn broken(model: &Model, calls: &[Call]) -> Option<Finding> {
    let is_broken = |call: &&Call| matches!(call.outcome, Some(Outcome::Broken { .. }));
    let call = calls.iter().find(is_broken)?;
    let seen = call.outcome.clone()?;
    lockstep::judge(&mut model.clone(), &call.op, &seen).err().map(Finding::Answer)
}

#[cfg(test)]
mod tests;
