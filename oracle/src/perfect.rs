//! For tests of the oracle itself: a target that answers what the model expects, until it is told to lie.

use async_trait::async_trait;
use proofhouse_model::{Dialect, Model, Op, Options, Outcome, Specification, State};

use crate::assume::assume;
use crate::target::{Target, TargetError};

/// Changes an answer.
type Lie = Box<dyn Fn(&Model, &Op, Outcome) -> Outcome>;

/// Answers as the model expects.
pub(crate) struct Perfect {
    model: Option<Model>,
    lie: Lie,
    /// What the storage is said to lack.
    pub(crate) differences: fn(&State) -> Vec<String>,
}

impl Perfect {
    pub(crate) fn new() -> Perfect {
        Perfect::lying(|_, _, outcome| outcome)
    }

    /// `lie` gets the model as it is after the operation, and the true answer.
    pub(crate) fn lying(lie: impl Fn(&Model, &Op, Outcome) -> Outcome + 'static) -> Perfect {
        Perfect { model: None, lie: Box::new(lie), differences: |_| Vec::new() }
    }
}

#[async_trait(?Send)]
impl Target for Perfect {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        let specification = Specification::new(Dialect::Proofhouse, options.clone());
        self.model = Some(Model::new(specification.map_err(|error| TargetError::Options(error.to_string()))?));
        Ok(())
    }

    async fn perform(&mut self, op: &Op) -> Outcome {
        let model = self.model.as_mut().expect("a case begins with fresh");
        let outcome = assume(model, op);
        (self.lie)(model, op, outcome)
    }

    fn is_library(&self) -> bool {
        true
    }

    async fn inspect(&mut self, state: &State) -> Option<Vec<String>> {
        Some((self.differences)(state))
    }
}
