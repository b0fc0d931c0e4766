//! A check that cannot fail is worse than none.
//!
//! Every fault is a change inside the registry, behind a switch that only this suite can turn. The ordinary campaign, which
//! knows nothing of faults, must find each of them; its clean twin, with the same seeds, must find nothing.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proofhouse::campaign::{CampaignConfig, CampaignReport, Divergence, run};
use proofhouse::target::EmbeddedTarget;
use proofhouse_registry::faults::Fault;

/// No fault may need more checked operations, sweeps included, than this.
const FOUND_WITHIN: u64 = 60_000;
/// No fault may need a longer sequence, once it is shrunk.
const SHRINKS_TO: usize = 6;
const CASES: u64 = 600;
const SEED: u64 = 20_000;

fn campaign(fault: Option<Fault>, cases: u64) -> CampaignReport {
    let config = CampaignConfig {
        cases: Some(cases),
        ops: 50,
        seed: SEED,
        shrink_time: Duration::from_secs(20),
        ..CampaignConfig::default()
    };
    let mut target = EmbeddedTarget::builder()
        .alter(move |builder| match fault {
            Some(fault) => builder.fault(fault),
            None => builder,
        })
        .build();
    run(&config, &mut target, &mut ()).expect("the temporary directory is writable")
}

/// Each fault on its own, on as many threads as there are cores.
fn every_fault() -> Vec<(Fault, Option<Divergence>)> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(fault) = Fault::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let divergence = campaign(Some(*fault), CASES).into_first();
                    found.lock().expect("no thread panics with it").push((*fault, divergence));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread panicked with it");
    found.sort_by_key(|(fault, _)| *fault);
    found
}

#[test]
fn every_broken_registry_is_caught_and_shrunk() {
    assert!(Fault::ALL.len() >= 15);
    let mut table = format!("{:<30} {:<28} {:>9} {:>6}\n", "fault", "rule", "found at", "length");
    let mut problems = Vec::new();
    for (fault, divergence) in every_fault() {
        let Some(divergence) = divergence else {
            problems.push(format!("{} was not caught in {CASES} cases from seed {SEED}", fault.name()));
            continue;
        };
        let (rule, length) = (divergence.finding.rule(), divergence.steps.len());
        writeln!(table, "{:<30} {:<28} {:>9} {length:>6}", fault.name(), rule.to_string(), divergence.found_after)
            .expect("a string takes all");
        if divergence.found_after > FOUND_WITHIN || length > SHRINKS_TO {
            problems.push(format!("{}: found after {}, length {length}", fault.name(), divergence.found_after));
        }
    }
    println!("{table}");
    assert!(problems.is_empty(), "{}\n{table}", problems.join("\n"));
}

#[test]
fn the_clean_twin_passes_with_the_same_seeds() {
    let report = campaign(None, CASES);
    assert!(report.divergences.is_empty(), "seed {SEED}: {:#?}", report.divergences);
    assert!(report.operations > 0);
}
