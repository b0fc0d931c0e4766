//! What a campaign finds.
//!
//! A [`Finding`] is what is wrong at the end of a sequence; [`Shrunk`] is the sequence, as short as it could be made; a
//! [`Divergence`] is that with where in the campaign it was seen.

use std::fmt;

use proofhouse_model::{Dialect, Op, Options, Outcome, RuleId, Violation};

use crate::concurrent::history::Call;
use crate::lockstep::{self, Shape};
use crate::wire;

/// One operation and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// What was asked.
    pub op: Op,
    /// What the target answered.
    pub outcome: Outcome,
}

/// What is wrong.
#[derive(Debug, Clone)]
pub enum Finding {
    /// The last answer is one that no rule permits.
    Answer(Box<Violation>),
    /// After the last step the storage is not what it must be.
    Storage {
        /// What differs, one sentence each; never empty.
        differences: Vec<String>,
    },
    /// A collection took something from a manifest that it left.
    ///
    /// This is found from the answers alone, without the model: the last step asks for what is missing.
    Lost {
        /// The repository.
        repo: String,
        /// The digest of the manifest, which can be fetched after the collection as before it.
        manifest: String,
        /// The digest of the blob or manifest which it names, and which could be fetched only before.
        missing: String,
    },
    /// A collection took a manifest that a tag names. As above, this is found from the answers alone.
    LostTag {
        /// The repository.
        repo: String,
        /// The tag, which could be fetched before.
        tag: String,
        /// What was fetched, and no longer is.
        digest: String,
    },
    /// No order of the calls explains what several clients saw.
    Unordered,
}

impl Finding {
    /// The rule that is broken. What breaks a rule of the wire, or of a whole case, is that rule's business, whatever was asked.
    pub fn rule(&self) -> RuleId {
        match self {
            Finding::Answer(violation) => match &violation.seen {
                Outcome::Broken { what } => lockstep::cited(what).map_or(violation.rule, |(cited, _)| cited),
                _ => violation.rule,
            },
            Finding::Storage { .. } => lockstep::STORAGE_AS_THE_MODEL,
            Finding::Lost { .. } => lockstep::COLLECTION_KEEPS_CLOSURE,
            Finding::LostTag { .. } => lockstep::COLLECTION_KEEPS_TAGS,
            Finding::Unordered => lockstep::HISTORY_IN_SOME_ORDER,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Answer(violation) => write!(f, "{}", violation.seen),
            Finding::Storage { differences } => write!(f, "on disk: {}", differences.join("; ")),
            Finding::Unordered => f.write_str("no order of the calls explains these answers"),
            Finding::LostTag { repo, tag, digest } => {
                write!(f, "before the collection {repo}:{tag} was {digest}, and it is not after it")
            }
            Finding::Lost { repo, manifest, missing } => {
                write!(f, "the collection left manifest {manifest} in {repo}, and took {missing} from it")
            }
        }
    }
}

/// A sequence at whose end the target does what it must not.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// `--seed <seed> --cases 1` makes the case again.
    pub seed: u64,
    /// How many operations were checked in this campaign before this was found.
    pub found_after: u64,
    /// In how many cases of the campaign it was seen.
    pub cases: u64,
    /// Other requests that are answered as wrongly whatever was asked before, as this one is.
    pub also: Vec<Also>,
    /// What it comes down to.
    pub shrunk: Shrunk,
}

/// A request whose answer breaks a rule of the wire that the answer to another breaks, too. Neither needs anything before it.
#[derive(Debug, Clone)]
pub struct Also {
    /// The request and its answer.
    pub step: Step,
    /// What tells it from other divergences.
    pub shape: Shape,
}

/// A divergence as short as it could be made.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The specification that is broken.
    pub dialect: Dialect,
    /// How the registry was set up; after shrinking, if the options were varied.
    pub options: Options,
    /// The shrunk sequence with the answers; the last one diverges, if there is no [`history`](Self::history).
    pub steps: Vec<Step>,
    /// What several clients asked after that, some of it at the same time; empty if there was one client only.
    pub history: Vec<Call>,
    /// What is wrong.
    pub finding: Finding,
    /// What tells it from other divergences.
    pub shape: Shape,
    /// How long the sequence was before it was shrunk.
    pub original_length: usize,
    /// How many candidates were tried.
    pub attempts: u64,
    /// Every way to make it smaller was tried; false when the time was up, or the target was not to be had any more.
    pub shrink_complete: bool,
    /// How often the shrunk sequence was run once more.
    pub replays: u64,
    /// How often it diverged then. Less than [`replays`](Self::replays): it is flaky.
    pub replayed: u64,
}

impl Divergence {
    /// What tells it from others, and then what tells those requests that are answered as wrongly.
    pub fn shapes(&self) -> impl Iterator<Item = &Shape> {
        std::iter::once(&self.shape).chain(self.also.iter().map(|also| &also.shape))
    }
}

impl std::ops::Deref for Divergence {
    type Target = Shrunk;

    fn deref(&self) -> &Shrunk {
        &self.shrunk
    }
}

impl Shrunk {
    /// The one step that it takes, if a rule of the wire is broken whatever was asked before.
    pub(super) fn alone(&self) -> Option<&Step> {
        let [step] = &self.steps[..] else { return None };
        let of_the_wire = self.history.is_empty() && wire::rule(&self.shape.rule).is_some();
        of_the_wire.then_some(step)
    }
}
