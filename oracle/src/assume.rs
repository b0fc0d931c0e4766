//! What our registry would answer, for whoever has none at hand: the generator, and the oracle's own tests.

use proofhouse_model::{Errors, Expect, Id, Model, Op, Outcome};

/// Takes the operation as done in the one way that our dialect permits, and says what would have been seen of it.
pub(crate) fn assume(model: &mut Model, op: &Op) -> Outcome {
    let outcome = match model.expected(op).remove(0).expect {
        Expect::Exactly(outcome) => outcome,
        Expect::Upload { id: Id::Is(id), size } => Outcome::Upload { id, size },
        // Every id that there was before has a smaller number.
        Expect::Upload { id: Id::Fresh(used), size } => Outcome::Upload { id: format!("upload-{}", used.len()), size },
        Expect::Refused { statuses, errors: Errors::Exactly(errors) } => {
            Outcome::Refused { status: statuses[0], errors }
        }
        other => unreachable!("our dialect leaves nothing open: {other}"),
    };
    model.observe(op, &outcome).expect("it is what was expected");
    outcome
}
