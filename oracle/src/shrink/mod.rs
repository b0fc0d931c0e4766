//! Makes a case that diverges smaller.
//!
//! A [`CaseTree`] is proptest's value tree over whole cases: [`simplify`](ValueTree::simplify) proposes a smaller one,
//! [`complicate`](ValueTree::complicate) takes the proposal back and makes the next. Actions are dropped in chunks first
//! (halves, quarters, ... single ones, from the end), again and again until none can go; then payloads and options get
//! smaller, one edit at a time; then actions again. Options that are fixed are never touched: the target would not have the
//! others. Nothing is random and no precondition is kept: every subsequence means something.

use proptest::strategy::ValueTree;

use crate::case::Case;

mod edits;

pub(crate) use edits::{Edit, all as edits};

/// A case, and the next proposal to make it smaller.
#[derive(Debug, Clone)]
pub struct CaseTree {
    best: Case,
    proposal: Option<Case>,
    phase: Phase,
    /// Something was accepted since actions were last dropped from the start.
    progress: bool,
}

#[derive(Debug, Clone)]
enum Phase {
    /// Drop `size` actions, of which the last is the `from_end`th from the end, counted from 0.
    Drop {
        size: usize,
        from_end: usize,
    },
    /// Make the edits that are left; the next is last.
    Edit(Vec<Edit>),
    Done,
}

impl CaseTree {
    /// Begins with a case that is as large as it will ever be.
    pub fn new(case: Case) -> CaseTree {
        let phase = Phase::Drop { size: case.actions.len().div_ceil(2).max(1), from_end: 0 };
        CaseTree { best: case, proposal: None, phase, progress: false }
    }

    /// The smallest case so far that was not taken back.
    pub fn best(&self) -> &Case {
        &self.best
    }

    /// Has everything been tried?
    pub fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Makes the next proposal; false if there is none.
    fn propose(&mut self) -> bool {
        loop {
            match &mut self.phase {
                Phase::Drop { size, from_end } => {
                    let length = self.best.actions.len();
                    if *from_end < length {
                        let end = length - *from_end;
                        let mut smaller = self.best.clone();
                        smaller.actions.drain(end.saturating_sub(*size)..end);
                        self.proposal = Some(smaller);
                        return true;
                    }
                    if *size > 1 {
                        (*size, *from_end) = (*size / 2, 0);
                    } else if std::mem::take(&mut self.progress) {
                        *from_end = 0;
                    } else {
                        let mut edits = edits::all(&self.best);
                        edits.reverse();
                        self.phase = Phase::Edit(edits);
                    }
                }
                Phase::Edit(edits) => {
                    let Some(edit) = edits.pop() else {
                        self.phase = if std::mem::take(&mut self.progress) {
                            Phase::Drop { size: 1, from_end: 0 }
                        } else {
                            Phase::Done
                        };
                        continue;
                    };
                    if let Some(smaller) = edit.apply(&self.best) {
                        self.proposal = Some(smaller);
                        return true;
                    }
                }
                Phase::Done => return false,
            }
        }
    }
}

impl ValueTree for CaseTree {
    type Value = Case;

    fn current(&self) -> Case {
        self.proposal.as_ref().unwrap_or(&self.best).clone()
    }

    /// Keeps the last proposal, and makes another.
    fn simplify(&mut self) -> bool {
        if let Some(proposal) = self.proposal.take() {
            self.best = proposal;
            self.progress = true;
        }
        self.propose()
    }

    /// Takes the last proposal back, and makes another.
    fn complicate(&mut self) -> bool {
        if self.proposal.take().is_some()
            && let Phase::Drop { size, from_end } = &mut self.phase
        {
            *from_end += *size;
        }
        self.propose()
    }
}

#[cfg(test)]
mod tests {
    use proofhouse_model::{Deny, Op, Options, Platform};
    use proptest::strategy::Strategy as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::*;
    use crate::campaign::OptionSets;
    use crate::generate::Cases;

    fn tree(seed: u8) -> CaseTree {
        tree_with(seed, &OptionSets::Varied)
    }

    fn tree_with(seed: u8, option_sets: &OptionSets) -> CaseTree {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        Cases { length: 60, option_sets, offers: &|_| true }.new_tree(&mut runner).unwrap()
    }

    /// Shrinks as long as the case still `fails`, and counts the attempts.
    fn shrink(mut tree: CaseTree, fails: impl Fn(&Case) -> bool) -> (Case, usize) {
        let mut attempts = 0;
        let mut more = tree.simplify();
        while more {
            attempts += 1;
            assert!(attempts < 10_000, "shrinking does not end");
            more = if fails(&tree.current()) { tree.simplify() } else { tree.complicate() };
        }
        assert!(tree.is_done());
        (tree.current(), attempts)
    }

    fn two_puts(case: &Case) -> bool {
        let put = |op: &Op| matches!(op, Op::PutManifest { bytes, .. } if !bytes.is_empty());
        case.ops().iter().filter(|op| put(op)).count() >= 2
    }

    #[test]
    fn only_what_the_divergence_needs_is_left() {
        for seed in 0..5 {
            let (case, attempts) = shrink(tree(seed), two_puts);
            assert_eq!(case.actions.len(), 2, "seed {seed} after {attempts} attempts");
            assert_eq!(case.options.resolve(&case.pool), Options::default());
            let longest = case.ops().iter().map(|op| format!("{op:?}").len()).max().unwrap_or(0);
            assert!(longest < 400, "{:?}", case.ops());
            assert!(attempts < 600, "{attempts} attempts");
        }
    }

    #[test]
    fn fixed_options_are_in_every_proposal_as_they_were_given() {
        let platform = |architecture: &str| Platform { architecture: architecture.into(), os: "linux".into() };
        let given = Options {
            delete: true,
            validate_index: true,
            platforms: vec![platform("amd64"), platform("arm64")],
            urls_allow: Some("^https://".into()),
            deny: Some(Deny { repo: "a".into(), digest: "sha256:0".into() }),
            max_manifest_bytes: 9_000,
            catalog_max: 50,
            ..Options::default()
        };
        let option_sets = OptionSets::Fixed(given.clone());
        for fails in [|_: &Case| true, |_: &Case| false, two_puts] {
            shrink(tree_with(1, &option_sets), |case| {
                assert_eq!(case.options.resolve(&case.pool), given);
                fails(case)
            });
        }
    }

    #[test]
    fn a_case_that_fails_whatever_it_holds_shrinks_to_nothing() {
        let (case, _) = shrink(tree(9), |_| true);
        assert!(case.actions.is_empty());
    }

    #[test]
    fn a_case_of_which_nothing_can_go_stays_as_it_is() {
        let before = tree(3);
        let (case, _) = shrink(before.clone(), |_| false);
        assert_eq!(case.actions, before.current().actions);
        assert_eq!(case.options, before.current().options);
    }

    #[test]
    fn shrinking_twice_gives_the_same() {
        let [one, other] = [0, 1].map(|_| shrink(tree(4), two_puts).0);
        assert_eq!(one.ops(), other.ops());
    }
}
