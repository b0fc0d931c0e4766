//! Runs a case on a target and on the model, and compares every answer.
//!
//! After the actions comes a *sweep*: everything in the pool is read back from every repository through the same questions, for
//! a fault that no later action happened to touch; then the storage is looked at. Around a watched collection, what can be
//! fetched is asked before and after: the promise of a collection is checked from the answers alone, without the model.

use std::collections::BTreeSet;
use std::time::Instant;

use proofhouse_model::{Dialect, Model, Op, Outcome, RuleId, Specification, Violation, ViolationKind};
use serde::{Deserialize, Serialize};

use crate::action::{self, Action};
use crate::campaign::{Finding, Step};
use crate::case::Case;
use crate::coverage::{Coverage, writes};
use crate::target::{Target, TargetError, ask};
use crate::wire;

mod fetchable;
mod rules;

use fetchable::Fetchable;
pub use rules::{
    CAPABILITY_ASSUMED, COLLECTION_KEEPS_CLOSURE, COLLECTION_KEEPS_TAGS, COMMAND_SUCCEEDS, CaseRule, GOES_ON_ANSWERING,
    HISTORY_IN_SOME_ORDER, STORAGE_AS_THE_MODEL, cited, rule, rules,
};

/// Why an operation was performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is one of the case's actions.
    Action,
    /// To see what can be fetched around a collection.
    Probe,
    /// To read everything back.
    Sweep,
}

/// An operation that was performed.
#[derive(Debug, Clone)]
pub struct Performed {
    /// In terms of the pool.
    pub action: Action,
    /// In the registry's terms, and the answer.
    pub step: Step,
    /// Why.
    pub origin: Origin,
}

/// How a case went.
#[derive(Debug)]
pub struct Run {
    /// Everything that was performed, in order. After a wrong answer that is not known nothing more is.
    pub performed: Vec<Performed>,
    /// What is wrong and was not known, if something is.
    pub finding: Option<Finding>,
    /// Which of the known shapes were met.
    pub known: BTreeSet<usize>,
    /// The model after the last answer that it permits.
    pub model: Model,
}

/// What two divergences have in common when they are the same fault, as far as a machine can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The rule that is broken.
    pub rule: String,
    /// The model's, where the rule is one of the wire: a 500 for a blob that is there is not one for a blob that is not.
    pub expected: Option<String>,
    /// The kind of operation; empty if it is not about an answer.
    pub operation: String,
    /// The class of what was seen.
    pub outcome: String,
}

impl Shape {
    /// Rule (of the wire and of the model), kind of the operation and class of its outcome. `op` is the last operation.
    pub(crate) fn of(finding: &Finding, op: Option<&Op>) -> Shape {
        let (expected, operation, outcome) = match finding {
            Finding::Answer(violation) => {
                let outcome = format!("{} {:?}", violation.seen.class_name(), violation.kind);
                (Some(violation.rule.to_string()), op.map_or("", Op::name), outcome)
            }
            Finding::Storage { differences } => {
                let first = differences.first().map(String::as_str).unwrap_or_default();
                (None, "", first.split(' ').next().unwrap_or_default().to_owned())
            }
            Finding::Lost { .. } | Finding::LostTag { .. } | Finding::Unordered => (None, "", String::new()),
        };
        Shape { rule: finding.rule().to_string(), expected, operation: operation.to_owned(), outcome }
    }
}

impl Run {
    /// The shape of what is wrong.
    pub fn shape(&self) -> Option<Shape> {
        let op = self.performed.last().map(|last| &last.step.op);
        self.finding.as_ref().map(|finding| Shape::of(finding, op))
    }
}

/// Runs a case from the start, until something is wrong or all is checked.
///
/// What has one of the `known` shapes is only noted. The case goes on after a question that was answered so; after anything
/// else it ends, because nobody can say what the target holds then.
///
/// # Errors
/// When there is no registry to test, or [`TargetError::TimeUp`] when `until` comes before the case is at its end.
pub async fn run(
    case: &Case,
    dialect: Dialect,
    target: &mut dyn Target,
    known: &[Shape],
    coverage: Option<&mut Coverage>,
    until: Option<Instant>,
) -> Result<Run, TargetError> {
    let options = case.options.resolve(&case.pool);
    target.fresh(&options).await?;
    let specification =
        Specification::new(dialect, options).map_err(|error| TargetError::Options(error.to_string()))?;
    let model = Model::new(specification);
    let (performed, met) = (Vec::new(), BTreeSet::new());
    let mut lockstep = Lockstep { case, target, model, known, coverage, until, performed, met };
    let finding = match lockstep.whole().await {
        Err(Stop::Found(finding)) => Some(finding),
        Err(Stop::Target(error)) => return Err(error),
        Ok(()) | Err(Stop::Unknown) => None,
    };
    Ok(Run { performed: lockstep.performed, finding, known: lockstep.met, model: lockstep.model })
}

/// How a replay went.
#[derive(Debug)]
pub struct Replay {
    /// What was performed, in order. After a wrong answer nothing more is.
    pub steps: Vec<Step>,
    /// What is wrong with the last of it, if something is.
    pub violation: Option<Box<Violation>>,
    /// What a collection took that it must not take. It told nothing, so this is found from what was asked before it and after it.
    pub lost: Option<Finding>,
    /// The model after the last answer that it permits.
    pub model: Model,
    /// After so many steps a collection told nothing: from then on the model does not know what there is.
    collected: Option<usize>,
}

/// Performs given operations, and compares every answer; for replays of a written sequence.
///
/// # Errors
/// When there is no registry to test, or the options are none.
pub async fn replay(ops: &[Op], specification: Specification, target: &mut dyn Target) -> Result<Replay, TargetError> {
    target.fresh(specification.options()).await?;
    let (steps, model) = (Vec::new(), Model::new(specification));
    let mut replay = Replay { steps, violation: None, lost: None, model, collected: None };
    replay.go_on(ops, target).await?;
    Ok(replay)
}

impl Replay {
    /// Performs more operations, of which the earlier answers decided. After a wrong answer nothing is.
    ///
    /// # Errors
    /// When there is no registry to test any more.
    pub async fn go_on(&mut self, ops: &[Op], target: &mut dyn Target) -> Result<(), TargetError> {
        for op in ops {
            if self.violation.is_some() {
                return Ok(());
            }
            let outcome = ask(target, op, None).await?;
            let blindly = target.collects_blindly() && matches!(op, Op::CollectGarbage { .. });
            let untold = outcome == Outcome::Done && blindly || !blindly && self.collected.is_some();
            if !untold {
                self.violation = judge(&mut self.model, op, &outcome).err();
            }
            self.steps.push(Step { op: op.clone(), outcome });
            if blindly {
                self.collected.get_or_insert(self.steps.len());
            }
        }
        if self.violation.is_none() {
            self.lost = self.collected.and_then(|at| fetchable::lost_by(self.steps.split_at(at)));
        }
        Ok(())
    }
}

/// The model's verdict; what cannot be read is never permitted. Of what is no answer of the registry's the model has nothing to say.
pub(crate) fn judge(model: &mut Model, op: &Op, seen: &Outcome) -> Result<RuleId, Box<Violation>> {
    if let Some(rule) = of_a_case(seen) {
        let expected = if rule.id == COMMAND_SUCCEEDS { "done, and the registry answers" } else { "an answer" };
        let permitted = vec![(rule.id, expected.to_owned())];
        let kind = ViolationKind::NotPermitted;
        return Err(Box::new(Violation { rule: rule.id, permitted, seen: seen.clone(), kind }));
    }
    match model.observe(op, seen) {
        Ok(rule) if matches!(seen, Outcome::Broken { .. }) => {
            let (permitted, kind) = (Vec::new(), ViolationKind::NotPermitted);
            Err(Box::new(Violation { rule, permitted, seen: seen.clone(), kind }))
        }
        verdict => verdict,
    }
}

fn fetchable(performed: &[Performed]) -> Fetchable {
    Fetchable::of(performed.iter().map(|performed| &performed.step))
}

/// The rule of a whole case that an outcome breaks by itself.
fn of_a_case(seen: &Outcome) -> Option<&'static CaseRule> {
    let Outcome::Broken { what } = seen else { return None };
    cited(what).and_then(|(id, _)| rule(id.0))
}

/// Why a case ends before its end.
enum Stop {
    /// Something is wrong.
    Found(Finding),
    /// What the target holds now is not known: after a fault that was known, or after a collection that did not tell.
    Unknown,
    /// There is no target any more, or no time.
    Target(TargetError),
}

struct Lockstep<'a> {
    case: &'a Case,
    target: &'a mut dyn Target,
    model: Model,
    known: &'a [Shape],
    coverage: Option<&'a mut Coverage>,
    until: Option<Instant>,
    performed: Vec<Performed>,
    met: BTreeSet<usize>,
}

impl Lockstep<'_> {
    async fn whole(&mut self) -> Result<(), Stop> {
        let case = self.case;
        for action in &case.actions {
            match action {
                Action::CollectGarbage { .. } if self.target.collects_blindly() => self.blindly(action).await?,
                Action::CollectGarbage { watched: true, .. } if case.checks.probe => self.watched(action).await?,
                _ => self.perform(action.clone(), Origin::Action).await?,
            }
        }
        if case.checks.sweep {
            for action in action::sweep(&case.pool, self.model.state()) {
                self.perform(action, Origin::Sweep).await?;
            }
        }
        if case.checks.inspect
            && let Some(differences) = self.target.inspect(self.model.state()).await
        {
            if !differences.is_empty() {
                return self.wrong(Finding::Storage { differences });
            }
            self.kept(STORAGE_AS_THE_MODEL);
        }
        Ok(())
    }

    /// Something is wrong: the case ends, unless that is known and changed nothing.
    fn wrong(&mut self, finding: Finding) -> Result<(), Stop> {
        let last = self.performed.last().map(|last| &last.step);
        let shape = Shape::of(&finding, last.map(|last| &last.op));
        let Some(known) = self.known.iter().position(|known| *known == shape) else { return Err(Stop::Found(finding)) };
        let changed = match &finding {
            // What did not come may have been done; what came and breaks a rule of the wire was a question's answer all the same.
            Finding::Answer(violation) => match &violation.seen {
                Outcome::Broken { what } => wire::cited(what).is_none() || last.is_none_or(|last| writes(&last.op)),
                _ => last.is_none_or(|last| writes(&last.op)),
            },
            Finding::Storage { .. } | Finding::Lost { .. } | Finding::LostTag { .. } | Finding::Unordered => false,
        };
        self.met.insert(known);
        if changed { Err(Stop::Unknown) } else { Ok(()) }
    }

    fn kept(&mut self, rule: RuleId) {
        if let Some(coverage) = &mut self.coverage {
            coverage.kept(rule);
        }
    }

    async fn perform(&mut self, action: Action, origin: Origin) -> Result<(), Stop> {
        let op = action.resolve(&self.case.pool);
        if !self.target.offers(&op) {
            return Ok(());
        }
        let outcome = self.ask(&op).await?;
        let verdict = judge(&mut self.model, &op, &outcome);
        if let (Ok(rule), Some(coverage)) = (&verdict, &mut self.coverage) {
            coverage.count(&op, &outcome, *rule, origin == Origin::Action);
        }
        self.performed.push(Performed { action, step: Step { op, outcome }, origin });
        match verdict {
            Ok(_) => Ok(()),
            Err(violation) => self.wrong(Finding::Answer(violation)),
        }
    }

    /// A collection, with what can be fetched before and after it.
    async fn watched(&mut self, collection: &Action) -> Result<(), Stop> {
        let before = self.probe().await?;
        self.perform(collection.clone(), Origin::Action).await?;
        let after = self.probe().await?;
        if let Some(lost) = after.lost_since(&before) {
            return self.wrong(lost);
        }
        self.kept(COLLECTION_KEEPS_CLOSURE);
        Ok(())
    }

    async fn probe(&mut self) -> Result<Fetchable, Stop> {
        let first = self.performed.len();
        for action in action::probe(&self.case.pool) {
            self.perform(action, Origin::Probe).await?;
        }
        Ok(fetchable(&self.performed[first..]))
    }

    /// A collection that does not tell what it took, with what can be fetched before and after it. It ends the case.
    async fn blindly(&mut self, collection: &Action) -> Result<(), Stop> {
        let op = collection.resolve(&self.case.pool);
        if !self.target.offers(&op) {
            return Ok(());
        }
        let first = self.performed.len();
        let questions = action::fetch(&self.case.pool);
        for action in questions.clone() {
            self.perform(action, Origin::Probe).await?;
        }
        let before = fetchable(&self.performed[first..]);
        let outcome = self.unchecked(collection.clone(), Origin::Action).await?;
        if outcome != Outcome::Done {
            return match judge(&mut self.model, &op, &outcome) {
                Err(violation) => self.wrong(Finding::Answer(violation)),
                Ok(_) => Err(Stop::Unknown),
            };
        }
        let first = self.performed.len();
        for action in questions {
            self.unchecked(action, Origin::Probe).await?;
        }
        let after = fetchable(&self.performed[first..]);
        if let Some(lost) = after.tag_lost_since(&before).or_else(|| after.lost_since(&before)) {
            return self.wrong(lost).and(Err(Stop::Unknown));
        }
        self.kept(COLLECTION_KEEPS_TAGS);
        self.kept(COLLECTION_KEEPS_CLOSURE);
        Err(Stop::Unknown)
    }

    /// Performs what the model has no say in.
    async fn unchecked(&mut self, action: Action, origin: Origin) -> Result<Outcome, Stop> {
        let op = action.resolve(&self.case.pool);
        let outcome = self.ask(&op).await?;
        self.performed.push(Performed { action, step: Step { op, outcome: outcome.clone() }, origin });
        Ok(outcome)
    }

    async fn ask(&mut self, op: &Op) -> Result<Outcome, Stop> {
        ask(self.target, op, self.until).await.map_err(Stop::Target)
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Options, State};

    use super::fetchable::tests::{IMAGE, fetchable};
    use super::*;
    use crate::campaign::{CampaignConfig, OptionSets};
    use crate::perfect::Perfect;

    /// What an empty case on a registry whose storage is like that finds, and how often its storage was found sound.
    fn storage(differences: fn(&State) -> Vec<String>) -> (Option<Finding>, u64) {
        let config =
            CampaignConfig { ops: 0, option_sets: OptionSets::Fixed(Options::default()), ..Default::default() };
        let tree = crate::campaign::case(&config, 0, &|_| true).unwrap();
        let mut target = Perfect::new();
        target.differences = differences;
        let mut coverage = Coverage::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = run(tree.best(), Dialect::Proofhouse, &mut target, &[], Some(&mut coverage), None);
        let finding = runtime.block_on(run).unwrap().finding;
        (finding, coverage.rules.get(&STORAGE_AS_THE_MODEL).copied().unwrap_or_default())
    }

    #[test]
    fn every_rule_of_a_whole_case_rejects_something_and_keeps_another() {
        let before = fetchable(&[IMAGE], &["c", "l"]);
        let (broken, never) = storage(|_| vec!["Blob x should not be there".into()]);
        let (sound, once) = storage(|_| Vec::new());
        assert_eq!((never, once), (0, 1));
        let cases = [
            (STORAGE_AS_THE_MODEL, broken, sound),
            (COLLECTION_KEEPS_CLOSURE, fetchable(&[IMAGE], &["c"]).lost_since(&before), before.lost_since(&before)),
        ];
        for (id, rejected, kept) in &cases {
            assert_eq!(rejected.as_ref().map(Finding::rule), Some(*id));
            assert!(kept.is_none(), "{id}: {kept:?}");
        }
        let met: Vec<RuleId> = cases.iter().map(|(id, ..)| *id).collect();
        // What takes several clients is rejected and kept in the tests of `concurrent`.
        let one_client = rules().iter().filter(|rule| rule.applies_to(Dialect::Proofhouse, true));
        assert_eq!(met, one_client.map(|rule| rule.id).collect::<Vec<_>>());
        assert!(rules().iter().all(|rule| !rule.section.is_empty() && rule.sentence.ends_with('.')));
    }
}
