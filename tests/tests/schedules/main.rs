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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use proofhouse_registry::races::Race;
use shuttle::Runner;
use shuttle::scheduler::{RandomScheduler, ReplayScheduler, Schedule, Scheduler, Task, TaskId};

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

/// Schedules at random; the last one is remembered, as a failure prints it.
struct Remembering(RandomScheduler, Arc<Mutex<Option<Schedule>>>);

impl Scheduler for Remembering {
    fn new_execution(&mut self) -> Option<Schedule> {
        let schedule = self.0.new_execution();
        self.1.lock().unwrap().clone_from(&schedule);
        schedule
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, yields: bool) -> Option<TaskId> {
        let task = self.0.next_task(runnable, current, yields);
        task.inspect(|task| self.1.lock().unwrap().as_mut().unwrap().push_task(*task))
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[test]
fn a_schedule_that_fails_fails_again() {
    let race = Race::CacheFilledLate;
    let (shows, _) = noticed(race).unwrap();
    let scenario = scenarios::all().into_iter().find(|scenario| scenario.name == shows).unwrap();
    let failure = |scheduler: Box<dyn Scheduler + Send>| {
        let scenario = scenario.clone();
        let run = move || explore::once(&scenario, Some(race));
        let runner = Runner::new(scheduler, explore::config());
        let said = catch_unwind(AssertUnwindSafe(|| runner.run(run))).unwrap_err();
        said.downcast_ref::<String>().cloned().unwrap()
    };
    let remembered = Arc::default();
    let first = failure(Box::new(Remembering(RandomScheduler::new_from_seed(7, 1000), Arc::clone(&remembered))));
    let schedule = remembered.lock().unwrap().clone().unwrap();
    assert!(first.contains("no order explains"), "{first}");
    assert_eq!(failure(Box::new(ReplayScheduler::new_from_schedule(schedule))), first);
}

#[test]
fn each_guard_that_is_missing_is_noticed() {
    let missed: Vec<&Race> = Race::ALL.iter().filter(|race| noticed(**race).is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
