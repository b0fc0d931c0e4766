//! Two targets side by side: the same sequences on both, and where they answer differently.
//!
//! Each target is judged by a model of its own, set up as that target is, so each answer comes with the rule that permits it, or with
//! the one that it breaks. After the first difference the two may hold different things, so a case ends there.

use std::collections::BTreeMap;
use std::time::Instant;

use proofhouse_model::{Model, Op, Options, Outcome, Specification};
use serde::Serialize;

use crate::campaign::{self, CampaignConfig};
use crate::lockstep;
use crate::target::{Target, TargetError, ask};

/// One of the two.
pub struct Side<'a> {
    /// Where it is.
    pub target: &'a mut dyn Target,
    /// How it is set up.
    pub options: Options,
}

/// What a target's model says of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Judged {
    /// The class of the answer.
    pub outcome: String,
    /// The rule that permits it, or that is broken.
    pub rule: String,
    /// Some rule permits it.
    pub permitted: bool,
}

/// Where two answers differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The kind of operation.
    pub operation: &'static str,
    /// What each says, in the order of the targets.
    pub judged: [Judged; 2],
    /// In how many cases it was seen.
    pub cases: u64,
    /// The seed of the first.
    pub seed: u64,
    /// What was asked there, in order; the answers to the last differ.
    pub ops: Vec<Op>,
    /// What was answered to the last.
    pub outcomes: [Outcome; 2],
}

/// How a comparison went.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// Cases that ran.
    pub cases: u64,
    /// Operations that both performed.
    pub operations: u64,
    /// Each distinct difference, by operation.
    pub differences: Vec<Difference>,
}

/// Runs the cases of a campaign on both. Of the configuration the dialect, the cases, the seed, the time, and the set of options count.
///
/// An operation that one of them does not offer is left out.
///
/// # Errors
/// When one of them is not there (see [`TargetError`]), or its options are none.
pub async fn run(config: &CampaignConfig, sides: &mut [Side<'_>; 2]) -> Result<Compared, TargetError> {
    let deadline = config.time.map(|time| Instant::now() + time);
    let limit = config.cases.unwrap_or(if deadline.is_some() { u64::MAX } else { 100 });
    let mut compared = Compared::default();
    let mut found: BTreeMap<(&'static str, [Judged; 2]), Difference> = BTreeMap::new();
    while compared.cases < limit && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        let seed = config.seed.wrapping_add(compared.cases);
        let offers = |op: &Op| sides.iter().all(|side| side.target.offers(op));
        let ops = campaign::case(config, seed, &offers)?.best().ops();
        match case(config, seed, &ops, sides, &mut compared.operations, deadline).await {
            Err(error) if error.ends_the_run() => break,
            Err(error) => return Err(error),
            Ok(None) => {}
            Ok(Some(difference)) => match found.get_mut(&(difference.operation, difference.judged.clone())) {
                Some(known) => known.cases += 1,
                None => {
                    let short = shortened(config, seed, difference, sides, deadline).await?;
                    found.insert((short.operation, short.judged.clone()), short);
                }
            },
        }
        compared.cases += 1;
    }
    compared.differences = found.into_values().collect();
    Ok(compared)
}

/// The same difference without what it does not need: each operation is left out once, the last of them first, while there is time.
async fn shortened(
    config: &CampaignConfig,
    seed: u64,
    difference: Difference,
    sides: &mut [Side<'_>; 2],
    deadline: Option<Instant>,
) -> Result<Difference, TargetError> {
    let mut best = difference;
    let mut at = best.ops.len().saturating_sub(1);
    while at > 0 {
        at -= 1;
        let mut ops = best.ops.clone();
        ops.remove(at);
        match case(config, seed, &ops, sides, &mut 0, deadline).await {
            Err(error) if error.ends_the_run() => break,
            Err(error) => return Err(error),
            Ok(Some(found)) if found.operation == best.operation && found.judged == best.judged => {
                at = at.min(found.ops.len().saturating_sub(1));
                best = found;
            }
            Ok(_) => {}
        }
    }
    Ok(best)
}

/// One case, until the answers differ.
async fn case(
    config: &CampaignConfig,
    seed: u64,
    ops: &[Op],
    sides: &mut [Side<'_>; 2],
    operations: &mut u64,
    deadline: Option<Instant>,
) -> Result<Option<Difference>, TargetError> {
    let mut models = Vec::new();
    for side in sides.iter_mut() {
        side.target.fresh(&side.options).await?;
        let specification = Specification::new(config.dialect, side.options.clone());
        models.push(Model::new(specification.map_err(|error| TargetError::Options(error.to_string()))?));
    }
    let mut asked = Vec::new();
    for op in ops {
        if !sides.iter().all(|side| side.target.offers(op)) {
            continue;
        }
        asked.push(op.clone());
        let mut answers = Vec::new();
        for (side, model) in sides.iter_mut().zip(&mut models) {
            let outcome = ask(side.target, op, deadline).await?;
            answers.push((judged(model, op, &outcome), outcome));
        }
        *operations += 1;
        let [(one, one_outcome), (other, other_outcome)] = &answers[..] else { return Ok(None) };
        if one.outcome != other.outcome {
            return Ok(Some(Difference {
                operation: op.name(),
                judged: [one.clone(), other.clone()],
                cases: 1,
                seed,
                ops: asked,
                outcomes: [one_outcome.clone(), other_outcome.clone()],
            }));
        }
        // Both are wrong in one way: what they hold now is not known.
        if !one.permitted || !other.permitted {
            return Ok(None);
        }
    }
    Ok(None)
}

fn judged(model: &mut Model, op: &Op, outcome: &Outcome) -> Judged {
    let verdict = lockstep::judge(model, op, outcome);
    let permitted = verdict.is_ok();
    let rule = match verdict {
        Ok(rule) => rule,
        Err(violation) => campaign::Finding::Answer(violation).rule(),
    };
    Judged { outcome: outcome.class_name(), rule: rule.to_string(), permitted }
}
