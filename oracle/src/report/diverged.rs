//! One divergence, as a report tells it.
//!
//! What was asked and answered, in words and whole; what was permitted instead, and by which rule; how to see it again.

use proofhouse_model::{Level, Op, Options, Outcome, RuleId};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Row, SHOWN, Setup, foreign, hint, options_set, quoted, row, why, words};
use crate::campaign::{Divergence, Finding, Step};
use crate::concurrent::history::Call;
use crate::lockstep::{self, Shape};

/// A sequence at whose end the target does what it must not.
#[derive(Debug, Clone, Serialize)]
pub struct Diverged {
    /// The seed of the case.
    pub seed: u64,
    /// The command that finds it again.
    pub reproduce: String,
    /// How the registry was set up.
    pub options: Options,
    /// The options that are not the default.
    pub options_set: Map<String, Value>,
    /// The shrunk sequence; the last step diverges.
    pub steps: Vec<Told>,
    /// What several clients did after the steps, some of it at the same time; empty if there was one client only.
    pub history: Vec<ToldCall>,
    /// What was seen at the end.
    pub seen: String,
    /// Everything that was permitted there, each with its rule.
    pub permitted: Vec<Permitted>,
    /// The rule that is broken.
    pub rule: Row,
    /// Why it counts although the rule is no MUST; null: it is one.
    pub why: Option<String>,
    /// What to pass, if the target looks as if it were set up differently; null: it does not.
    pub hint: Option<String>,
    /// How many operations were checked before this was found.
    pub found_after: u64,
    /// How long the sequence was before it was shrunk.
    pub original_length: usize,
    /// How many shorter or simpler candidates were tried.
    pub attempts: u64,
    /// All were tried; false when the time was up, or the target was not to be had any more.
    pub shrink_complete: bool,
    /// What tells it from other divergences.
    pub shape: Shape,
    /// In how many cases it was seen.
    pub cases: u64,
    /// Other requests that are answered as wrongly, whatever was asked before.
    pub also: Vec<ToldAlso>,
    /// How often the shrunk sequence was run once more. 0: nothing is said of whether it is flaky, for want of time or because it was found before all else.
    pub replays: u64,
    /// How often it diverged then; less than `replays`: it is flaky.
    pub replayed: u64,
}

/// A request that is answered as wrongly as another.
#[derive(Debug, Clone, Serialize)]
pub struct ToldAlso {
    /// What was asked and answered.
    #[serde(flatten)]
    pub step: Told,
    /// What tells it from other divergences.
    pub shape: Shape,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// What was asked.
    pub op: Op,
    /// What was answered.
    pub outcome: Outcome,
    /// What was asked, in words.
    pub request: String,
    /// What was answered, in words.
    pub seen: String,
}

/// What one of several clients did.
#[derive(Debug, Clone, Serialize)]
pub struct ToldCall {
    /// The call: client, operation, answer (null: none came) and the moments, counted in events.
    #[serde(flatten)]
    pub call: Call,
    /// What was asked, in words.
    pub request: String,
    /// What was answered, in words.
    pub seen: String,
}

/// One way that was permitted.
#[derive(Debug, Clone, Serialize)]
pub struct Permitted {
    /// The rule that permits it.
    pub rule: String,
    /// What the client must see then, in words.
    pub expect: String,
}

/// As a report tells it.
pub(super) fn diverged(setup: &Setup, divergence: Divergence) -> Diverged {
    let rule = divergence.finding.rule().to_string();
    let mut permitted = Vec::new();
    let seen = match &divergence.finding {
        Finding::Answer(violation) => {
            let permits = |(rule, expect): &(RuleId, String)| Permitted {
                rule: rule.to_string(),
                expect: foreign(expect, SHOWN),
            };
            permitted.extend(violation.permitted.iter().map(permits));
            match &violation.seen {
                Outcome::Broken { what } => lockstep::cited(what).map_or(what.as_str(), |(_, seen)| seen).to_owned(),
                seen => seen.to_string(),
            }
        }
        finding => finding.to_string(),
    };
    permitted.dedup_by(|one, other| one.rule == other.rule && one.expect == other.expect);
    let told = |step: Step| Told {
        request: foreign(&words::request(&step.op), SHOWN),
        seen: foreign(&step.outcome.to_string(), SHOWN),
        op: step.op,
        outcome: step.outcome,
    };
    let called = |call: Call| ToldCall {
        request: words::request(&call.op),
        seen: call.outcome.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string),
        call,
    };
    let unknown = || Row {
        id: rule.clone(),
        level: Level::Must.to_string(),
        sentence: "(a rule that is in no table)".into(),
        standard: String::new(),
        section: String::new(),
        reading: None,
    };
    let row = row(&rule).unwrap_or_else(unknown);
    let (why, hint) = (why::why(&divergence, &row), hint::hint(setup, &divergence));
    let Divergence { seed, found_after, cases, also, shrunk: divergence } = divergence;
    Diverged {
        why,
        hint,
        seed,
        reproduce: reproduce(setup, seed),
        options_set: options_set(&divergence.options),
        options: divergence.options,
        steps: divergence.steps.into_iter().map(told).collect(),
        history: divergence.history.into_iter().map(called).collect(),
        seen: foreign(&seen, SHOWN),
        permitted,
        rule: row,
        found_after,
        original_length: divergence.original_length,
        attempts: divergence.attempts,
        shrink_complete: divergence.shrink_complete,
        shape: divergence.shape,
        cases,
        also: also.into_iter().map(|also| ToldAlso { step: told(also.step), shape: also.shape }).collect(),
        replays: divergence.replays,
        replayed: divergence.replayed,
    }
}

/// The command that makes the case again.
fn reproduce(setup: &Setup, seed: u64) -> String {
    let mut words = vec!["proofhouse".to_owned(), "check".to_owned()];
    words.extend(setup.arguments.iter().cloned());
    words.extend(["--ops".to_owned(), setup.ops.to_string(), "--seed".to_owned(), seed.to_string()]);
    words.extend(["--cases".to_owned(), "1".to_owned()]);
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}
