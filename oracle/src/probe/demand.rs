//! What is said to be there, and must be.
//!
//! The standard lets a registry do without it; whoever says that it is there does not. So each such fact is asked for once, before the
//! campaign, and a target that does not show it diverges from what was said: by a rule of its own, with the requests that show it.

use proofhouse_model::{Outcome, Violation, ViolationKind};

use super::{Inference, Probed};
use crate::campaign::{CampaignConfig, CampaignReport, Divergence, Finding, Shrunk, Step};
use crate::facts::Value;
use crate::lockstep::{CAPABILITY_ASSUMED, Shape};

/// A fact that was asked for, and how that went.
#[derive(Debug)]
pub(super) struct Demand {
    /// `mounts=true`.
    assumed: String,
    /// What was asked, and answered; never empty.
    steps: Vec<Step>,
    /// Why the last answer does not show it. None: it does.
    unmet: Option<(String, Outcome)>,
}

impl Demand {
    /// None: nothing was asked.
    pub(super) fn new(key: &str, demanded: Value, answer: Option<Inference>, steps: &[Step]) -> Option<Demand> {
        let assumed = format!("{key}={demanded}");
        let last = steps.last()?.outcome.clone();
        let unmet = match answer {
            Some(answer) if answer.value == demanded.to_string() => None,
            Some(answer) => Some(answer.evidence),
            None => Some("the last answer leaves it open".to_owned()),
        };
        Some(Demand { assumed, steps: steps.to_vec(), unmet: unmet.map(|why| (why, last)) })
    }
}

impl Probed {
    /// Adds to a campaign on the target what it does not do although it was said: as divergences, or where they were known before as
    /// such.
    pub fn judge(&self, config: &CampaignConfig, campaign: &mut CampaignReport) {
        let mut found = Vec::new();
        for demand in &self.demands {
            let Some((why, seen)) = &demand.unmet else {
                campaign.coverage.kept(CAPABILITY_ASSUMED);
                continue;
            };
            let finding = Finding::Answer(Box::new(Violation {
                rule: CAPABILITY_ASSUMED,
                permitted: vec![(CAPABILITY_ASSUMED, format!("what {} says; but {why}", demand.assumed))],
                seen: seen.clone(),
                kind: ViolationKind::NotPermitted,
            }));
            let op = demand.steps.last().map(|step| &step.op);
            let shape = Shape { outcome: demand.assumed.clone(), ..Shape::of(&finding, op) };
            match config.known.iter().position(|known| *known == shape) {
                Some(known) => campaign.known[known] += 1,
                None => found.push(self.divergence(config, demand, finding, shape)),
            }
        }
        campaign.divergences.splice(0..0, found);
    }

    fn divergence(&self, config: &CampaignConfig, demand: &Demand, finding: Finding, shape: Shape) -> Divergence {
        let shrunk = Shrunk {
            dialect: config.dialect,
            options: self.options.clone(),
            steps: demand.steps.clone(),
            history: Vec::new(),
            finding,
            shape,
            original_length: demand.steps.len(),
            attempts: 0,
            shrink_complete: true,
            replays: 0,
            replayed: 0,
        };
        Divergence { seed: config.seed, found_after: 0, cases: 1, also: Vec::new(), shrunk }
    }
}
