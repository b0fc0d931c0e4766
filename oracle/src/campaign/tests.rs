//! Campaigns on a target that is perfect, or lies in a way that is known.

use proofhouse_model::{Code, ErrorItem, Outcome, RuleId};

use super::*;
use crate::perfect::Perfect;

fn config(cases: u64) -> CampaignConfig {
    CampaignConfig { cases: Some(cases), seed: 1, ..CampaignConfig::default() }
}

fn run_on(mut target: Perfect, cases: u64) -> CampaignReport {
    run(&config(cases), &mut target, &mut ()).unwrap()
}

#[test]
fn most_of_what_is_generated_succeeds_and_much_of_it_writes() {
    let report = run_on(Perfect::new(), 200);
    assert!(report.divergences.is_empty(), "{:?}", report.divergences);
    let mix = report.coverage.mix();
    println!("{}", report.coverage);
    assert_eq!(mix.generated, report.generated);
    assert_eq!(report.generated, 200 * 60);
    assert!(mix.success_share() > 0.6, "{mix:?}");
    assert!(mix.write_share() > 0.15, "{mix:?}");
}

#[test]
fn every_rule_of_the_dialect_is_reached() {
    let report = run_on(Perfect::new(), 1_500);
    let reached = |id: &RuleId| report.coverage.rules.contains_key(id);
    let applicable = crate::report::applicable(Dialect::Proofhouse, true).into_iter();
    let missed: Vec<RuleId> = applicable.filter(|id| !reached(id)).collect();
    assert_eq!(missed, []);
}

/// A blob that the repository does not link is served if any repository links it.
fn serves_every_repository() -> Perfect {
    Perfect::lying(|model, op, truth| match (op, &truth) {
        (Op::GetBlob { digest, range: None, .. }, Outcome::Refused { status: 404, .. }) => {
            match model.state().blobs.get(digest) {
                Some(blob) => Outcome::Blob {
                    digest: Some(digest.clone()),
                    size: blob.bytes.size(),
                    body: Some(proofhouse_model::BlobBody { bytes: blob.bytes.clone(), range: None }),
                },
                None => truth,
            }
        }
        _ => truth,
    })
}

#[test]
fn a_blob_that_leaks_is_shown_with_two_operations() {
    let report = run_on(serves_every_repository(), 100);
    assert_eq!(report.ended, Ended::Divergence);
    let divergence = report.into_first().expect("a divergence");
    assert_eq!(divergence.finding.rule().0, "blob.unlinked");
    let names: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
    assert_eq!(names, ["PutBlob", "GetBlob"], "{:#?}", divergence.steps);
    assert!(divergence.shrink_complete);
    assert_eq!(divergence.options, Options::default());
    assert_eq!((divergence.replayed, divergence.replays), (3, 3), "it is not flaky");
}

#[test]
fn the_seed_of_a_divergence_makes_its_case_again() {
    let first = run_on(serves_every_repository(), 100).into_first().expect("a divergence");
    let again = CampaignConfig { seed: first.seed, ..config(1) };
    let second = run(&again, &mut serves_every_repository(), &mut ()).unwrap().into_first().expect("a divergence");
    assert_eq!(first.steps, second.steps);
    assert_eq!(first.original_length, second.original_length);
}

#[test]
fn an_answer_that_cannot_be_read_is_a_divergence() {
    let broken = Perfect::lying(|_, op, truth| match op {
        Op::ListTags { .. } => Outcome::Broken { what: "503".into() },
        _ => truth,
    });
    let divergence = run_on(broken, 10).into_first().expect("a divergence");
    assert_eq!(divergence.steps.len(), 1);
}

/// The bytes of a blob break one rule of the wire, and those of a tiny blob another.
fn breaks_two_rules_of_the_wire() -> Perfect {
    Perfect::lying(|_, _, truth| match truth {
        Outcome::Blob { size: 0..=2, body: Some(_), .. } => {
            Outcome::Broken { what: "wire.digest.form: it is short".into() }
        }
        Outcome::Blob { body: Some(_), .. } => Outcome::Broken { what: "wire.digest.body: it is long".into() },
        truth => truth,
    })
}

#[test]
fn shrinking_keeps_to_the_rule_of_the_wire_that_was_broken_first() {
    let mut long = 0;
    for seed in 0..6 {
        let rule = |shrink_time| {
            let config = CampaignConfig { seed, shrink_time, ..config(100) };
            let report = run(&config, &mut breaks_two_rules_of_the_wire(), &mut ()).unwrap();
            report.into_first().expect("a divergence").finding.rule().0
        };
        let (found, shrunk) = (rule(Duration::ZERO), rule(Duration::from_secs(30)));
        assert_eq!(found, shrunk, "seed {seed}");
        long += u32::from(found == "wire.digest.body");
    }
    assert!(long > 0, "no seed reads a blob that could become a tiny one");
}

#[test]
fn a_wrong_error_detail_is_a_divergence() {
    let wrong = Perfect::lying(|_, _, truth| match truth {
        Outcome::Refused { status, errors } => {
            let detail = |error: ErrorItem| match error.code {
                Code::ManifestBlobUnknown => ErrorItem { detail: None, ..error },
                _ => error,
            };
            Outcome::Refused { status, errors: errors.into_iter().map(detail).collect() }
        }
        _ => truth,
    });
    let divergence = run_on(wrong, 100).into_first().expect("a divergence");
    let names: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
    assert_eq!(names, ["PutManifest"]);
}

#[test]
fn what_only_the_storage_shows_is_found_and_shrunk() {
    let mut target = Perfect::new();
    target.differences = |state| {
        let tagged = state.repos.values().any(|repo| !repo.tags.is_empty());
        if tagged { vec!["Tag is wrong".into()] } else { Vec::new() }
    };
    let divergence = run_on(target, 10).into_first().expect("a divergence");
    assert_eq!(divergence.finding.rule(), lockstep::STORAGE_AS_THE_MODEL);
    let names: Vec<&str> = divergence.steps.iter().map(|step| step.op.name()).collect();
    assert_eq!(names, ["PutManifest"], "{:#?}", divergence.steps);
}

#[test]
fn a_campaign_ends_when_its_time_is_up() {
    let config = CampaignConfig { cases: None, time: Some(Duration::from_millis(200)), ..config(0) };
    let report = run(&config, &mut Perfect::new(), &mut ()).unwrap();
    assert_eq!(report.ended, Ended::Time);
    assert!(report.cases > 0 && report.elapsed < Duration::from_secs(5));
}

/// Answers HEAD of a blob as if it were never there, and DELETE of one that is not as if it were done.
fn lies_twice() -> Perfect {
    Perfect::lying(|_, op, truth| match (op, &truth) {
        (Op::HeadBlob { .. }, Outcome::Blob { .. }) => Outcome::Refused { status: 404, errors: Vec::new() },
        (Op::DeleteBlob { .. }, Outcome::Refused { status: 404, .. }) => Outcome::Done,
        _ => truth,
    })
}

fn broken_rules(divergences: &[Divergence]) -> Vec<&'static str> {
    divergences.iter().map(|divergence| divergence.finding.rule().0).collect()
}

#[test]
fn a_campaign_goes_on_for_another_divergence_and_tells_each_once() {
    let config = CampaignConfig { findings: 3, ..config(60) };
    let report = run(&config, &mut lies_twice(), &mut ()).unwrap();
    let mut rules = broken_rules(&report.divergences);
    rules.sort_unstable();
    assert_eq!(rules, ["blob.delete.missing", "blob.head"]);
    assert!(report.divergences.iter().all(|divergence| divergence.cases > 1 && divergence.shrink_complete));
    let lengths: Vec<usize> = report.divergences.iter().map(|divergence| divergence.steps.len()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 3, "a push and a HEAD; a DELETE: {:#?}", report.divergences);
    assert_eq!((report.cases, report.ended), (60, Ended::Cases));
}

#[test]
fn what_comes_after_a_wrong_answer_that_is_known_is_checked_too() {
    // Every sweep heads blobs and lists tags: without going on, nothing after the first of them would be looked at.
    let lies = || {
        Perfect::lying(|_, op, truth| match (op, &truth) {
            (Op::HeadBlob { .. }, Outcome::Blob { .. }) => Outcome::Done,
            (Op::ListTags { .. }, Outcome::Names { .. }) => Outcome::Names { names: vec!["lie".into()], more: false },
            _ => truth,
        })
    };
    let all = CampaignConfig { findings: 9, ..config(30) };
    let report = run(&all, &mut lies(), &mut ()).unwrap();
    let known = report.divergences.iter().map(|divergence| divergence.shape.clone()).collect::<Vec<_>>();
    assert!((2..9).contains(&known.len()), "{known:?}");
    let again = CampaignConfig { known: known.clone(), ..all };
    let report = run(&again, &mut lies(), &mut ()).unwrap();
    assert!(report.divergences.is_empty(), "{:#?}", report.divergences);
    assert_eq!(report.known.len(), known.len());
    assert!(report.known.iter().all(|cases| *cases > 0), "{:?}", report.known);
    let checked_whole = report.operations / report.cases;
    assert!(checked_whole > 60, "a case does not end at what is known: {checked_whole} operations each");
}

#[test]
fn a_divergence_that_comes_and_goes_is_told_as_flaky() {
    let asked = std::cell::Cell::new(0);
    let flaky = Perfect::lying(move |_, op, truth| match op {
        Op::ListTags { .. } => {
            asked.set(asked.get() + 1);
            if asked.get() % 2 == 1 { Outcome::Done } else { truth }
        }
        _ => truth,
    });
    let divergence = run_on(flaky, 10).into_first().expect("a divergence");
    assert!(divergence.replayed < divergence.replays, "{} of {}", divergence.replayed, divergence.replays);
    assert_eq!(divergence.replays, 3);
}

/// A target that is there for so many operations, and then has an excuse.
struct Until(Perfect, u64, fn() -> TargetError);

#[async_trait::async_trait(?Send)]
impl Target for Until {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        self.0.fresh(options).await
    }
    async fn perform(&mut self, op: &Op) -> Outcome {
        self.1 = self.1.saturating_sub(1);
        if self.1 == 0 { Outcome::Broken { what: "no time".into() } } else { self.0.perform(op).await }
    }
    fn interruption(&mut self) -> Option<TargetError> {
        (self.1 == 0).then(self.2)
    }
}

#[test]
fn a_run_that_ends_during_an_operation_ends_the_campaign_and_is_no_divergence() {
    let one = run_on(Perfect::new(), 1).operations;
    let ways: [(fn() -> TargetError, Ended); 2] =
        [(|| TargetError::TimeUp, Ended::Time), (|| TargetError::Interrupted, Ended::Interrupted)];
    for (error, ended) in ways {
        for (operations, cases) in [(1, 0), (one, 0), (one + 1, 1)] {
            let mut target = Until(Perfect::new(), operations, error);
            let report = run(&config(100), &mut target, &mut ()).unwrap();
            assert_eq!((report.ended, report.cases), (ended, cases));
            assert!(report.divergences.is_empty());
        }
    }
}

#[test]
fn a_target_that_is_not_to_be_had_any_more_is_an_error() {
    let throttles = || TargetError::Throttles { what: "429".into() };
    let error = run(&config(100), &mut Until(Perfect::new(), 9, throttles), &mut ()).unwrap_err();
    assert!(matches!(error, TargetError::Throttles { .. }));
}

#[test]
fn what_was_found_is_not_lost_when_the_target_goes_while_it_is_shrunk() {
    let found_after = run_on(serves_every_repository(), 100).into_first().expect("a divergence").found_after;
    let throttles = || TargetError::Throttles { what: "429".into() };
    let mut target = Until(serves_every_repository(), found_after + 2, throttles);
    let divergence = run(&config(100), &mut target, &mut ()).unwrap().into_first().expect("a divergence");
    assert_eq!(divergence.finding.rule().0, "blob.unlinked");
    assert!(!divergence.shrink_complete);
}

/// A target beside which there are others.
struct Many(fn() -> Perfect, Perfect);

#[async_trait::async_trait(?Send)]
impl Target for Many {
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError> {
        self.1.fresh(options).await
    }
    async fn perform(&mut self, op: &Op) -> Outcome {
        self.1.perform(op).await
    }
    fn beside(&self, count: usize) -> Vec<Box<dyn Target>> {
        (0..count).map(|_| Box::new((self.0)()) as Box<dyn Target>).collect()
    }
}

/// What comes of these cases, run beside one another or not.
fn cases_of(make: fn() -> Perfect, many: bool) -> CampaignReport {
    let option_sets = OptionSets::Fixed(Options { delete: true, ..Options::default() });
    let config = CampaignConfig { findings: 9, option_sets, ..config(40) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut one, mut all) = (make(), Many(make, make()));
    let target: &mut dyn Target = if many { &mut all } else { &mut one };
    let mut progress = ();
    let mut campaign = Campaign::new(&config, target, &mut progress, None);
    let seeds: Vec<u64> = (1..9).collect();
    for some in seeds.chunks(4) {
        runtime.block_on(campaign.beside(some)).unwrap();
    }
    campaign.report
}

#[test]
fn cases_beside_one_another_come_to_the_same_as_one_after_another() {
    let [one, many] = [false, true].map(|many| cases_of(Perfect::new, many));
    assert_eq!((one.cases, one.operations, one.generated), (many.cases, many.operations, many.generated));
    assert_eq!(one.coverage.rules, many.coverage.rules);
    assert!(many.divergences.is_empty() && many.cases == 8, "{:?}", many.divergences);
}

#[test]
fn what_several_cases_find_at_the_same_time_is_told_once() {
    let report = cases_of(lies_twice, true);
    let mut rules = broken_rules(&report.divergences);
    rules.sort_unstable();
    assert_eq!(rules, ["blob.delete.missing", "blob.head"], "{:#?}", report.divergences);
    assert!(report.divergences.iter().any(|divergence| divergence.cases > 1), "{:#?}", report.divergences);
    assert_eq!(report.cases, 8);
}
