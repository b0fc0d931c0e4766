//! Every schedule: what concurrent requests are answered has an order, whichever of them goes first at each step.
//!
//! The paths that could undo one another are [`scenarios`], run by shuttle under many schedules, at random and with few changes of order;
//! a schedule that fails is printed as a string and replays from it. Besides, [`generated`] cases run under schedules of their own.
//! Whether all this can notice anything is shown by taking the registry's guards away, one by one.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod explore;
mod generated;
mod giving_way;
mod scenarios;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proofhouse_registry::races::Race;
use shuttle::scheduler::{RandomScheduler, ReplayScheduler};
use shuttle::{FailurePersistence, Runner};

#[test]
fn whatever_the_schedule_some_order_explains_what_was_seen() {
    for scenario in scenarios::all() {
        explore::explore(&scenario, None);
    }
}

#[test]
fn generated_cases_have_an_order_too() {
    let report = generated::campaign(None, 120);
    assert!(report.divergences.is_empty(), "{:#?}", report.divergences);
    assert!(report.operations > 5_000 && report.undecided == 0, "{} undecided", report.undecided);
}

/// The scenario under which the missing guard shows, and what was said.
fn noticed(race: Race) -> Option<(&'static str, String)> {
    scenarios::all().into_iter().find_map(|scenario| {
        let failed = catch_unwind(AssertUnwindSafe(|| explore::explore(&scenario, Some(race)))).err()?;
        let said = failed.downcast_ref::<String>().cloned().unwrap_or_default();
        Some((scenario.name, said))
    })
}

#[test]
fn a_schedule_that_fails_is_written_down_and_fails_again() {
    let directory = tempfile::tempdir().unwrap();
    let race = Race::CacheFilledLate;
    let (shows, _) = noticed(race).unwrap();
    let scenario = scenarios::all().into_iter().find(|scenario| scenario.name == shows).unwrap();
    let run = move || explore::once(&scenario, Some(race));
    let mut config = explore::config();
    config.failure_persistence = FailurePersistence::File(Some(directory.path().to_owned()));
    let failure = |run: &dyn Fn()| {
        let said = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        said.downcast_ref::<String>().cloned().unwrap()
    };
    let first = failure(&|| {
        Runner::new(RandomScheduler::new_from_seed(7, 1000), config.clone()).run(run.clone());
    });
    let file = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    let schedule = fs::read_to_string(file).unwrap();
    let again = failure(&|| {
        Runner::new(ReplayScheduler::new_from_encoded(&schedule), explore::config()).run(run.clone());
    });
    assert_eq!(first, again);
    assert!(first.contains("no order explains"), "{first}");
}

#[test]
fn each_guard_that_is_missing_is_noticed() {
    let missed: Vec<&Race> = Race::ALL.iter().filter(|race| noticed(**race).is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
