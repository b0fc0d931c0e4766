//! Campaigns with several clients, on a registry that is right and on one that reads what is stale.

use std::cell::RefCell;
use std::rc::Rc;

use async_trait::async_trait;
use proofhouse_model::{Dialect, Model, Op, Options, Outcome, Specification};

use crate::assume::assume;
use crate::campaign::{self, CampaignConfig, CampaignReport, OptionSets};
use crate::coverage::writes;
use crate::lockstep::HISTORY_IN_SOME_ORDER;
use crate::target::{Target, TargetError};

/// Clients of one registry; each gives way to the others before and after it does something.
#[derive(Clone, Default)]
struct Shared {
    model: Rc<RefCell<Option<Model>>>,
    /// Tags are read as they were when this client last wrote.
    stale: bool,
    seen: Option<Model>,
}

#[async_trait(?Send)]
impl Target for Shared {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        let specification = Specification::new(Dialect::Proofhouse, options.clone());
        let model = Model::new(specification.map_err(|error| TargetError::Options(error.to_string()))?);
        self.seen = None;
        *self.model.borrow_mut() = Some(model);
        Ok(())
    }

    async fn perform(&mut self, op: &Op) -> Outcome {
        tokio::task::yield_now().await;
        let reads_a_tag = matches!(op, Op::GetManifest { reference, .. } if !reference.contains(':'));
        let outcome = match &mut self.seen {
            Some(seen) if self.stale && reads_a_tag => assume(&mut seen.clone(), op),
            _ => assume(self.model.borrow_mut().as_mut().expect("a case begins with fresh"), op),
        };
        if writes(op) {
            self.seen.clone_from(&self.model.borrow());
        }
        tokio::task::yield_now().await;
        outcome
    }

    fn offers(&self, op: &Op) -> bool {
        !matches!(op, Op::Restart | Op::Advance { .. } | Op::CollectGarbage { .. } | Op::PurgeUploads { .. })
    }

    fn clients(&self, count: usize) -> Vec<Box<dyn Target>> {
        (0..count).map(|_| Box::new(self.clone()) as Box<dyn Target>).collect()
    }
}

fn run(stale: bool, clients: usize) -> CampaignReport {
    run_from(stale, clients, 3, 40)
}

fn run_from(stale: bool, clients: usize, seed: u64, cases: u64) -> CampaignReport {
    let option_sets = OptionSets::Fixed(Options { delete: true, ..Options::default() });
    let config = CampaignConfig { cases: Some(cases), seed, clients, option_sets, ..CampaignConfig::default() };
    campaign::run(&config, &mut Shared { stale, ..Shared::default() }, &mut ()).unwrap()
}

#[test]
fn what_clients_of_a_registry_that_is_right_see_has_an_order() {
    let report = run(false, 4);
    assert!(report.divergences.is_empty(), "{:#?}", report.divergences);
    assert_eq!(report.undecided, 0);
    assert_eq!(report.coverage.rules.get(&HISTORY_IN_SOME_ORDER), Some(&20), "every second case has several clients");
}

#[test]
fn a_tag_that_is_read_stale_is_found_only_by_several_clients_and_shrinks_to_a_few_calls() {
    assert!(run(true, 1).divergences.is_empty(), "one client reads what it wrote");
    let divergence = run(true, 4).into_first().expect("a divergence");
    assert_eq!(divergence.finding.rule(), HISTORY_IN_SOME_ORDER);
    assert_eq!(divergence.replayed, divergence.replays, "here timing is always the same");
    let again = run_from(true, 4, divergence.seed, 1).into_first().expect("the seed alone makes it again");
    assert_eq!((again.steps.clone(), again.history.clone()), (divergence.steps.clone(), divergence.history.clone()));
    let told = divergence.steps.len() + divergence.history.len();
    assert!(told <= 5, "{:#?} {:#?}", divergence.steps, divergence.history);
}

#[test]
fn a_target_that_takes_one_client_only_says_so() {
    let config = CampaignConfig { cases: Some(2), clients: 2, ..CampaignConfig::default() };
    let error = campaign::run(&config, &mut crate::perfect::Perfect::new(), &mut ()).unwrap_err();
    assert!(error.to_string().contains("one client only"), "{error}");
}
