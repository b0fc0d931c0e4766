//! Makes cases in which something happens.
//!
//! A generator keeps a model of the registry beside the sequence that it makes, and so knows what is there. Most of
//! the time it works on a few *plans* at once, interleaved (push an image, its index, delete a child, collect; an upload in
//! chunks; a mount; a referrer), and in between it does something at random, mostly to what exists, sometimes to what nearly does.
//! Everything is drawn from the test runner's generator: a seed fixes a case.

use std::collections::BTreeMap;
use std::fmt;

use proofhouse_model::{Dialect, Model, Op, Options, Outcome, Specification, UploadRef};
use proptest::strategy::{NewTree, Strategy};
use proptest::test_runner::TestRunner;

use crate::action::Action;
use crate::assume::assume;
use crate::campaign::OptionSets;
use crate::case::{Case, CaseOptions, Checks};
use crate::coverage::writes;
use crate::pool::{Payload, Pool, RepoId};
use crate::shrink::CaseTree;

mod actions;
mod dice;
mod known;
mod plans;
mod setup;

use dice::Dice;
use known::Known;

/// Makes cases of a given length.
pub struct Cases<'a> {
    /// How many actions.
    pub length: usize,
    /// How the registry is set up.
    pub option_sets: &'a OptionSets,
    /// Which operations the target offers; no others are made.
    pub offers: &'a dyn Fn(&Op) -> bool,
}

impl fmt::Debug for Cases<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cases").field("length", &self.length).field("option_sets", &self.option_sets).finish()
    }
}

impl Strategy for Cases<'_> {
    type Tree = CaseTree;
    type Value = Case;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        Ok(CaseTree::new(self.case(&mut Dice(runner.rng()))?))
    }
}

impl Cases<'_> {
    fn case(&self, dice: &mut Dice) -> Result<Case, proptest::test_runner::Reason> {
        let limited = matches!(self.option_sets, OptionSets::Varied) && dice.percent(6);
        let spec = setup::pool(dice, limited);
        let options = match self.option_sets {
            OptionSets::Varied => setup::options(dice, &spec, limited),
            OptionSets::Fixed(options) => CaseOptions { base: options.clone(), deny: None, fixed: true },
        };
        let pool = Pool::new(spec);
        let specification = Specification::new(Dialect::Proofhouse, options.resolve(&pool))
            .map_err(|error| proptest::test_runner::Reason::from(error.to_string()))?;
        let mut generator = Generator::new(dice, &pool, Model::new(specification), self.offers);
        let actions = (0..self.length).map(|_| generator.next()).collect();
        Ok(Case { options, pool, actions, checks: Checks::ALL })
    }
}

/// How many plans are under way at once.
const PLANS: usize = 3;

struct Generator<'a, 'd> {
    dice: &'a mut Dice<'d>,
    pool: &'a Pool,
    model: Model,
    offers: &'a dyn Fn(&Op) -> bool,
    known: Known,
    /// Plans under way; what comes next is last.
    plans: Vec<Vec<Action>>,
    next_upload: u32,
    /// What is being uploaded, where that is known.
    intents: BTreeMap<UploadRef, Payload>,
    /// The seconds that are worth telling apart: grace periods and waits are drawn from them.
    grace: u64,
}

impl<'a, 'd> Generator<'a, 'd> {
    fn new(dice: &'a mut Dice<'d>, pool: &'a Pool, model: Model, offers: &'a dyn Fn(&Op) -> bool) -> Self {
        let grace = dice.pick(&[0, 1, 60, 3_600]);
        let known = Known::new(pool);
        let (plans, intents) = (Vec::new(), BTreeMap::new());
        Generator { dice, pool, model, offers, known, plans, next_upload: 0, intents, grace }
    }

    fn next(&mut self) -> Action {
        for _ in 0..20 {
            if self.plans.len() < PLANS && self.dice.percent(60) {
                let mut plan = self.plan();
                plan.reverse();
                self.plans.push(plan);
            }
            let plan = if self.plans.is_empty() || self.dice.percent(50) {
                None
            } else {
                Some(self.dice.below(self.plans.len()))
            };
            let action = match plan.and_then(|plan| self.plans[plan].pop()) {
                Some(action) => action,
                None => self.any_action(),
            };
            let op = action.resolve(self.pool);
            if (self.offers)(&op) {
                let outcome = self.assume(&action, &op);
                // When a step of a plan fails, what follows would mostly fail too.
                if let Some(plan) = plan
                    && (self.plans[plan].is_empty() || !outcome.succeeded() && self.dice.percent(60))
                {
                    self.plans.swap_remove(plan);
                }
                return action;
            }
            self.plans.retain(|plan| !plan.is_empty());
        }
        // Every target offers reading.
        Action::HeadBlob { repo: self.repo().into(), what: self.blob_digest(RepoId(0)) }
    }

    fn assume(&mut self, action: &Action, op: &Op) -> Outcome {
        let outcome = assume(&mut self.model, op);
        if let Action::StartUpload { upload, .. } | Action::MountBlob { upload, .. } = action
            && !self.intents.contains_key(upload)
        {
            let payload = self.payload();
            self.intents.insert(*upload, payload);
        }
        if writes(op) && outcome.succeeded() {
            self.known.update(self.pool, self.model.state());
        }
        outcome
    }

    fn new_upload(&mut self) -> UploadRef {
        self.next_upload += 1;
        UploadRef(self.next_upload)
    }

    fn options(&self) -> &Options {
        self.model.specification().options()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng};

    use super::*;
    use crate::pool::{Named, ODDITIES};

    fn case_offering(seed: u8, offers: &dyn Fn(&Op) -> bool) -> Case {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let cases = Cases { length: 80, option_sets: &OptionSets::Varied, offers };
        cases.new_tree(&mut runner).unwrap().current()
    }

    fn case(seed: u8) -> Case {
        case_offering(seed, &|_| true)
    }

    #[test]
    fn what_does_not_write_changes_nothing() {
        let collect = |dry_run| Op::CollectGarbage { delete_untagged: false, dry_run, grace_seconds: 0 };
        assert!(writes(&collect(false)) && !writes(&collect(true)));
        for seed in 0..10 {
            let case = case(seed);
            let specification = Specification::new(Dialect::Proofhouse, case.options.resolve(&case.pool)).unwrap();
            let mut model = Model::new(specification);
            for op in case.ops() {
                let mut before = model.state().clone();
                assume(&mut model, &op);
                before.now = model.state().now;
                assert!(writes(&op) || *model.state() == before, "{op:?} changed something");
            }
        }
    }

    #[test]
    fn a_seed_makes_the_same_case_every_time_and_another_seed_another() {
        assert_eq!(case(1).ops(), case(1).ops());
        assert_ne!(case(1).ops(), case(2).ops());
    }

    #[test]
    fn what_the_target_does_not_offer_is_not_made() {
        let offers = |op: &Op| !matches!(op, Op::CollectGarbage { .. } | Op::Restart | Op::MountBlob { .. });
        for seed in 0..30 {
            assert!(case_offering(seed, &offers).ops().iter().all(offers), "seed {seed}");
        }
    }

    #[test]
    fn no_upload_is_opened_twice() {
        for seed in 0..30 {
            let mut opened = BTreeSet::new();
            for op in case(seed).ops() {
                if let Op::StartUpload { upload, .. } | Op::MountBlob { upload, .. } | Op::PutBlob { upload, .. } = op {
                    assert!(opened.insert(upload), "seed {seed}: {upload:?}");
                }
            }
        }
    }

    #[test]
    fn a_manifest_names_only_what_stands_before_it() {
        for seed in 0..100 {
            let pool = case(seed).pool;
            for manifest in pool.manifest_ids() {
                let later =
                    |named: &Named| matches!(named, Named::Of(Payload::Manifest(other), _) if *other >= manifest);
                assert!(!pool.manifest(manifest).names().iter().any(later), "seed {seed}");
            }
        }
    }

    #[test]
    fn every_oddity_comes_up() {
        let config = crate::campaign::CampaignConfig { ops: 0, ..Default::default() };
        let mut missing: Vec<_> = ODDITIES.to_vec();
        for seed in 0..6_000 {
            let tree = crate::campaign::case(&config, seed, &|_| true).unwrap();
            let odd = |oddity: &crate::pool::Oddity| {
                tree.best().pool.spec().manifests.iter().any(|manifest| manifest.oddity == Some(*oddity))
            };
            missing.retain(|oddity| !odd(oddity));
        }
        assert_eq!(missing, []);
    }
}
