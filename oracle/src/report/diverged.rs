//! One divergence, as a report tells it.
//!
//! What was asked and answered, in words and whole; what was permitted instead, and by which rule; how to see it again.

use std::borrow::Cow;

use proofhouse_model::{Level, Model, Op, Options, Outcome, RuleId, Specification, Violation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Row, SHOWN, Setup, answers, foreign, hint, options_set, row, shell, why, words};
use crate::campaign::{Divergence, Finding, Step};
use crate::concurrent::history::Call;
use crate::lockstep::{self, Shape};

/// A sequence at whose end the target does what it must not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Diverged {
    /// The rule, the last request and its answer, in a few words.
    pub title: String,
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

impl Diverged {
    /// For files that are given to others: without the user's own commands, which are nobody else's business.
    ///
    /// They stand in the command that finds it again, and where one of them failed, which is no answer of the registry's.
    pub(super) fn for_others(&self) -> Cow<'_, Diverged> {
        let mut words = shell::words(&self.reproduce);
        let mut hidden = Vec::new();
        for (flag, argument) in words.clone().iter().zip(words.iter_mut().skip(1)) {
            if let Some((_, stands_for)) = COMMANDS.iter().find(|(name, _)| name == flag) {
                let command = std::mem::replace(argument, (*stands_for).to_owned());
                hidden.push((format!("`{command}`"), format!("`{stands_for}`")));
            }
        }
        if hidden.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut others = Diverged { reproduce: shell::joined(&words), ..self.clone() };
        let also = others.also.iter_mut().map(|also| &mut also.step);
        for told in others.steps.iter_mut().chain(also) {
            if let Some(outcome) = without(&told.outcome, &hidden) {
                told.seen = foreign(&answers::answer(&outcome), SHOWN);
                told.outcome = outcome;
            }
        }
        for told in &mut others.history {
            if let Some(outcome) = told.call.outcome.as_ref().and_then(|outcome| without(outcome, &hidden)) {
                told.seen = answers::answer(&outcome);
                told.call.outcome = Some(outcome);
            }
        }
        // What was seen at the end is what one of these answers says.
        let wrong = self.outcomes().find(|outcome| foreign(&wrong_in(outcome), SHOWN) == self.seen);
        if let Some((was, is)) = wrong.and_then(|was| Some((was, without(was, &hidden)?))) {
            let head = self.title.strip_suffix(&brief(Some(was), &wrong_in(was))).unwrap_or_default();
            let wrong = wrong_in(&is);
            others.title = format!("{head}{}", brief(Some(&is), &wrong));
            others.seen = foreign(&wrong, SHOWN);
        }
        Cow::Owned(others)
    }

    /// Every answer of the sequence.
    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        let history = self.history.iter().filter_map(|told| told.call.outcome.as_ref());
        self.steps.iter().map(|told| &told.outcome).chain(history)
    }

    /// What was wrong, in a few words: what the title says after the rule and the request.
    pub(super) fn brief(&self) -> &str {
        let title = self.title.strip_prefix(&format!("{}: ", self.rule.id)).unwrap_or(&self.title);
        let asked = self.steps.last().map(|last| asked(&last.op));
        asked.and_then(|asked| title.strip_prefix(&asked)).unwrap_or(title)
    }
}

/// A request that is answered as wrongly as another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToldAlso {
    /// What was asked and answered.
    #[serde(flatten)]
    pub step: Told,
    /// What tells it from other divergences.
    pub shape: Shape,
}

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Permitted {
    /// The rule that permits it.
    pub rule: String,
    /// What the client must see then, in words.
    pub expect: String,
}

/// Arguments that are commands of the user's own, and what stands for them elsewhere.
const COMMANDS: [(&str, &str); 3] =
    [("--gc-cmd", "YOUR-GC-COMMAND"), ("--restart-cmd", "YOUR-RESTART-COMMAND"), ("--kill-cmd", "YOUR-KILL-COMMAND")];

/// The same without these texts. None: it has none of them.
fn without(outcome: &Outcome, texts: &[(String, String)]) -> Option<Outcome> {
    let Outcome::Broken { what } = outcome else { return None };
    let hidden = texts.iter().fold(what.clone(), |what, (text, instead)| what.replace(text, instead));
    (hidden != *what).then_some(Outcome::Broken { what: hidden })
}

/// What an answer says that is wrong, in words.
fn wrong_in(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Broken { what } => lockstep::cited(what).map_or(what.as_str(), |(_, seen)| seen).to_owned(),
        seen => answers::answer(seen),
    }
}

fn brief(wrong: Option<&Outcome>, seen: &str) -> String {
    foreign(&answers::brief(wrong, seen), SHOWN)
}

/// What was asked last, as a title has it before the answer.
fn asked(op: &Op) -> String {
    format!("{} → ", foreign(&answers::brief_request(op), SHOWN))
}

/// As a report tells it.
pub(super) fn diverged(setup: &Setup, divergence: Divergence) -> Diverged {
    let rule = divergence.finding.rule().to_string();
    let mut permitted = Vec::new();
    let seen = match &divergence.finding {
        Finding::Answer(violation) => {
            let permits = |(rule, expect): (RuleId, String)| Permitted {
                rule: rule.to_string(),
                expect: foreign(&expect, SHOWN),
            };
            permitted.extend(all_permitted(violation, &divergence).into_iter().map(permits));
            wrong_in(&violation.seen)
        }
        finding => finding.to_string(),
    };
    let told = |step: Step| Told {
        request: foreign(&words::request(&step.op), SHOWN),
        seen: foreign(&answers::answer(&step.outcome), SHOWN),
        op: step.op,
        outcome: step.outcome,
    };
    let called = |call: Call| ToldCall {
        request: words::request(&call.op),
        seen: call.outcome.as_ref().map_or_else(|| "no answer".to_owned(), answers::answer),
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
    let wrong = match &divergence.finding {
        Finding::Answer(violation) => Some(&violation.seen),
        _ => None,
    };
    let title = title(&rule, &brief(wrong, &seen), &divergence);
    let Divergence { seed, found_after, cases, also, shrunk: divergence } = divergence;
    Diverged {
        title,
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

fn all_permitted(violation: &Violation, divergence: &Divergence) -> Vec<(RuleId, String)> {
    // The options are those with which it was found.
    match Specification::new(divergence.dialect, divergence.options.clone()) {
        Ok(specification) => answers::permitted_after(violation, Model::new(specification), &divergence.steps),
        Err(_) => violation.permitted.clone(),
    }
}

/// What tells it from others in a list.
fn title(rule: &str, brief: &str, divergence: &Divergence) -> String {
    match (&divergence.finding, divergence.steps.last()) {
        (Finding::Answer(_), Some(last)) if divergence.history.is_empty() => {
            format!("{rule}: {}{brief}", asked(&last.op))
        }
        _ => format!("{rule}: {brief}"),
    }
}

/// The command that makes the case again.
fn reproduce(setup: &Setup, seed: u64) -> String {
    let mut words = vec!["proofhouse".to_owned(), "check".to_owned()];
    words.extend(setup.arguments.iter().cloned());
    words.extend(["--ops".to_owned(), setup.ops.to_string(), "--seed".to_owned(), seed.to_string()]);
    words.extend(["--cases".to_owned(), "1".to_owned()]);
    shell::joined(&words)
}
