//! Following what was seen.
//!
//! A [`Model`] holds every state in which the registry may be. Each observed outcome keeps the branches that it matches;
//! where none is left, that is a [`Violation`].

use std::collections::BTreeSet;

use crate::state::Choice;
use crate::{Branch, Level, Op, Outcome, RuleId, Specification, State, rule, step};

/// How many states are held at most. More is reported as a violation of its own kind, never cut silently.
pub const MOST_STATES: usize = 256;

/// Every state in which a registry may be, after what was seen of it.
#[derive(Debug, Clone)]
pub struct Model {
    spec: Specification,
    states: Vec<State>,
}

/// What kind of violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationKind {
    /// No branch permits the outcome.
    NotPermitted,
    /// The registry may be in more than [`MOST_STATES`] states: nothing is said about it any more.
    TooManyStates,
}

/// An outcome that no branch permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The first rule that would have applied; one of level MUST, if any is.
    pub rule: RuleId,
    /// Everything that was permitted, in words, each with its rule.
    pub permitted: Vec<(RuleId, String)>,
    /// What was seen instead.
    pub seen: Outcome,
    /// Which kind.
    pub kind: ViolationKind,
}

impl Model {
    /// An empty registry.
    pub fn new(spec: Specification) -> Model {
        let shared = spec.options().shared_blobs.map(|shared| (Choice::SharedBlobs, usize::from(shared)));
        let empty = State { choices: shared.into_iter().collect(), ..State::default() };
        Model { spec, states: vec![empty] }
    }

    /// What it is held to.
    pub fn specification(&self) -> &Specification {
        &self.spec
    }

    /// The first of the states.
    pub fn state(&self) -> &State {
        &self.states[0]
    }

    /// Every state in which the registry may be, in order.
    pub fn possible(&self) -> &[State] {
        &self.states
    }

    /// The answer never came: the operation may have been done in any way that is permitted, or not at all.
    pub fn lose_sight(&mut self, op: &Op) {
        let done = self.expected(op).into_iter().map(|branch| branch.next);
        self.states = self.states.iter().cloned().chain(done).collect::<BTreeSet<_>>().into_iter().collect();
    }

    /// Everything that is permitted now, from every state.
    pub fn expected(&self, op: &Op) -> Vec<Branch> {
        self.states.iter().flat_map(|state| step(&self.spec, state, op)).collect()
    }

    /// Keeps the branches that the outcome matches, and names the rule of the first.
    ///
    /// Errors: a [`Violation`] if there is none; the model is then as it was.
    pub fn observe(&mut self, op: &Op, seen: &Outcome) -> Result<RuleId, Box<Violation>> {
        let branches = self.expected(op);
        let mut met = None;
        let mut next = BTreeSet::new();
        for branch in branches.iter().filter(|branch| branch.expect.matches(seen)) {
            met.get_or_insert(branch.rule);
            next.insert(bound(branch, seen));
        }
        let violation = |kind| {
            let permitted = branches.iter().map(|branch| (branch.rule, branch.expect.to_string())).collect();
            // Nobody breaks what is a MAY: where a MUST has a say, it is that which is broken.
            let must = branches.iter().find(|branch| rule(branch.rule).is_some_and(|row| row.level == Level::Must));
            let rule = must.or(branches.first()).map_or(RuleId("none"), |branch| branch.rule);
            Box::new(Violation { rule, permitted, seen: seen.clone(), kind })
        };
        match met {
            None => Err(violation(ViolationKind::NotPermitted)),
            Some(_) if next.len() > MOST_STATES => Err(violation(ViolationKind::TooManyStates)),
            Some(rule) => {
                self.states = next.into_iter().collect();
                Ok(rule)
            }
        }
    }
}

/// The state after, with the id that was learned.
fn bound(branch: &Branch, seen: &Outcome) -> State {
    let mut next = branch.next.clone();
    if let (Some(upload), Outcome::Upload { id, .. }) = (branch.opens, seen)
        && let Some(upload) = next.uploads.get_mut(&upload)
    {
        upload.id = Some(id.clone());
        next.used_ids.insert(id.clone());
    }
    next
}

impl std::error::Error for Violation {}
