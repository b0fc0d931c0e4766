//! One scenario under many schedules.
//!
//! A [`Scenario`] says what one client did before, what several do at once and what one reads at the end. Shuttle runs it again and
//! again, each time with another order of the clients' steps; some order of the requests must explain what they saw. A schedule under
//! which none does is printed as a string, and [`replay`](shuttle::replay) runs it again.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use futures::FutureExt as _;
use proofhouse::concurrent::history::{Call, Judgement, MOST_STEPS, judge};
use proofhouse::target::{EmbeddedTarget, Target};
use proofhouse_model::{Dialect, Model, Op, Options, Specification};
use proofhouse_registry::driver::Memory;
use proofhouse_registry::races::Race;
use shuttle::future::{block_on, spawn_local, yield_now};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use crate::giving_way::GivingWay;

#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) options: Options,
    pub(crate) before: Vec<Op>,
    pub(crate) clients: Vec<Vec<Op>>,
    pub(crate) after: Vec<Op>,
}

/// How many schedules of each kind are tried, unless `PROOFHOUSE_SCHEDULES` says otherwise.
const SCHEDULES: usize = 400;

/// How often the order of the clients changes against its rule, in the schedules that look for rare ones.
const CHANGES: usize = 3;

pub(crate) fn config() -> Config {
    let mut config = Config::new();
    // Requests nest deep.
    config.stack_size = 1 << 20;
    config
}

/// Runs a scenario under many schedules, some at random and some that change the order only a few times.
///
/// # Panics
/// With the schedule as a string, if no order of the requests explains what was seen.
pub(crate) fn explore(scenario: &Scenario, race: Option<Race>) {
    let schedules = std::env::var("PROOFHOUSE_SCHEDULES").map_or(SCHEDULES, |count| count.parse().unwrap());
    let run = |scenario: Scenario| move || once(&scenario, race);
    Runner::new(RandomScheduler::new_from_seed(7, schedules), config()).run(run(scenario.clone()));
    Runner::new(PctScheduler::new_from_seed(7, CHANGES, schedules), config()).run(run(scenario.clone()));
}

/// Runs a scenario once, under the schedule that shuttle has for it.
pub(crate) fn once(scenario: &Scenario, race: Option<Race>) {
    let specification = Specification::new(Dialect::Proofhouse, scenario.options.clone()).unwrap();
    let mut target = EmbeddedTarget::builder()
        .storage(|clock| Arc::new(GivingWay::new(Arc::new(Memory::new(clock)), Arc::new(|| yield_now().boxed()))))
        .alter(move |builder| match race {
            Some(race) => builder.race(race),
            None => builder,
        })
        .build();
    let name = scenario.name;
    block_on(async {
        target.fresh(&scenario.options).await.unwrap();
        let mut model = Model::new(specification);
        for op in &scenario.before {
            let seen = target.perform(op).await;
            model.observe(op, &seen).unwrap_or_else(|violation| panic!("{name}: alone, {op:?}: {violation}"));
        }
        let clock = Rc::new(Cell::new(0));
        let clients = target.clients(scenario.clients.len()).into_iter().zip(scenario.clients.clone()).enumerate();
        let working: Vec<_> = clients
            .map(|(client, (mut target, ops))| {
                let clock = Rc::clone(&clock);
                spawn_local(async move { ask(target.as_mut(), client, ops, &clock).await })
            })
            .collect();
        let mut history = Vec::new();
        for client in working {
            history.extend(client.await.unwrap());
        }
        history.extend(ask(&mut target, 0, scenario.after.clone(), &clock).await);
        history.sort_by_key(|call| call.called);
        let judgement = judge(&model, &history, MOST_STEPS);
        assert_eq!(judgement, Judgement::Linearizable, "{name}: no order explains\n{}", told(&history));
    });
}

async fn ask(target: &mut dyn Target, client: usize, ops: Vec<Op>, clock: &Cell<u64>) -> Vec<Call> {
    let tick = || {
        clock.set(clock.get() + 1);
        clock.get()
    };
    let mut calls = Vec::new();
    for op in ops {
        let called = tick();
        let outcome = Some(target.perform(&op).await);
        calls.push(Call { client, op, outcome, called, returned: tick() });
    }
    calls
}

fn told(history: &[Call]) -> String {
    let line = |call: &Call| {
        let seen = call.outcome.as_ref().map_or_else(|| "no answer".to_owned(), ToString::to_string);
        format!("  client {} {:>2}–{:<2} {:?} → {seen}\n", call.client, call.called, call.returned, call.op)
    };
    history.iter().map(line).collect()
}
