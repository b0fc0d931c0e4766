//! A sequence of operations on the model and on the registry in memory, in lockstep.
//!
//! The first byte chooses what there is and how the registry is set up; the second, whether everything is read back afterwards (below
//! 16); the rest is [`choices`](super::choices).

use std::cell::RefCell;

use proofhouse::action::{Action, sweep};
use proofhouse::lockstep::replay;
use proofhouse::target::{EmbeddedTarget, TargetError};
use proofhouse_model::Op;

use super::pair::run;
use super::{Taken, choices};

/// No sequence has more operations.
const MOST: usize = 24;

/// Runs the sequence. Taken: some operation succeeded that is not only a question.
///
/// # Panics
/// Where model and registry disagree.
pub fn operations(data: &[u8]) -> Taken {
    thread_local! {
        static TARGET: RefCell<EmbeddedTarget> = RefCell::new(EmbeddedTarget::builder().memory().build());
    }
    let Some((base, actions, spare)) = choices::sequence(data, MOST) else { return Taken::No };
    let (pool, specification) = (&base.case.pool, &base.specification);
    let resolved = |actions: &[Action]| actions.iter().map(|action| action.resolve(pool)).collect::<Vec<Op>>();
    let ops = resolved(&actions);
    TARGET.with_borrow_mut(|target| {
        let replayed = run(async {
            let mut replayed = replay(&ops, specification.clone(), target).await?;
            if spare < 16 {
                // What is open, and what is there by sha512, is known by now.
                let sweep = resolved(&sweep(pool, replayed.model.state()));
                replayed.go_on(&sweep, target).await?;
            }
            Ok::<_, TargetError>(replayed)
        });
        let replayed = replayed.expect("memory is a target");
        if let Some(violation) = replayed.violation {
            let steps = replayed.steps.iter().map(|step| format!("{:?}\n    {:?}", step.op, step.outcome));
            let (options, steps) = (specification.options(), steps.collect::<Vec<_>>().join("\n  "));
            panic!("{violation}\n the options: {options:?}\n the sequence:\n  {steps}");
        }
        let writes = |op: &Op| matches!(op, Op::PutBlob { .. } | Op::PutManifest { .. } | Op::FinishUpload { .. });
        Taken::of(replayed.steps.iter().any(|step| writes(&step.op) && step.outcome.succeeded()))
    })
}
