//! What may be wrong with the question, not with the target.
//!
//! Whether deletion is enabled may be assumed instead of asked. A target that is set up the other way diverges at the first
//! deletion, and then it helps to say what to pass.

use proofhouse_model::{Code, Dialect, Op, Outcome, RuleId};

use super::Setup;
use crate::campaign::{Divergence, Finding, Step};
use crate::probe::is_unsupported;

/// What to pass, if it looks as if the target were set up differently. None: nothing looks so.
///
/// Every deletion in the sequence must look so: a target that is of two minds breaks a rule under either assumption.
pub(super) fn hint(setup: &Setup, divergence: &Divergence) -> Option<String> {
    let Finding::Answer(violation) = &divergence.finding else { return None };
    let deletions = || divergence.steps.iter().filter(|step| deletes(&step.op));
    // In process the target is set up as the options say.
    if setup.subject.url.is_none() || !divergence.steps.last().is_some_and(|step| deletes(&step.op)) {
        return None;
    }
    if divergence.options.delete {
        deletions().all(|step| is_unsupported(&step.outcome)).then(|| {
            "it was assumed that deletion is enabled there, and it looks disabled; if it is, pass --assume delete=false"
                .to_owned()
        })
    } else {
        // Without the assumption OCI leaves it to the target, until it has once done one of the two.
        let broken = violation.rule == RuleId("delete.off") && divergence.dialect != Dialect::Oci;
        (broken && deletions().all(is_on)).then(|| {
            "it was assumed that deletion is disabled there, and it looks enabled; if it is, pass --assume delete=true"
                .to_owned()
        })
    }
}

fn deletes(op: &Op) -> bool {
    matches!(op, Op::DeleteBlob { .. } | Op::DeleteManifest { .. })
}

/// It deleted, or looked for what was to be deleted.
fn is_on(step: &Step) -> bool {
    match (&step.op, &step.outcome) {
        (_, Outcome::Done) => true,
        (_, Outcome::Refused { status: 404, errors }) => {
            let looked = |code: &Code| matches!(code, Code::BlobUnknown | Code::ManifestUnknown | Code::NameUnknown);
            errors.iter().any(|error| looked(&error.code))
        }
        // 2.8 deletes by digest only.
        (Op::DeleteManifest { .. }, Outcome::Refused { status: 400, errors }) => {
            errors.iter().any(|error| error.code == Code::DigestInvalid)
        }
        _ => false,
    }
}
