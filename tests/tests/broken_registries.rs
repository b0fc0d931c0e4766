//! A check that cannot fail is worse than none.
//!
//! Every fault is a change inside the registry, behind a switch that only this suite can turn. The ordinary campaign, which
//! knows nothing of faults, must find each of them; its clean twin, with the same seeds, must find nothing.

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

/// What became of one fault.
struct Hunt {
    fault: Fault,
    found: Option<Divergence>,
    /// Until it was found and its sequence was as short as it gets.
    took: Duration,
}

impl Hunt {
    fn on(fault: Fault) -> Self {
        let report = campaign(Some(fault), CASES);
        Self { fault, took: report.elapsed, found: report.into_first() }
    }

    /// What is not as it must be. Of time nothing is said: it is the machine's.
    fn problem(&self) -> Option<String> {
        let name = self.fault.name();
        let Some(found) = &self.found else {
            return Some(format!("{name} was not caught in {CASES} cases from seed {SEED}"));
        };
        let (after, length) = (found.found_after, found.steps.len());
        (after > FOUND_WITHIN || length > SHRINKS_TO).then(|| format!("{name}: found after {after}, length {length}"))
    }

    /// A row of the table in `docs/detection.md`.
    fn row(&self) -> String {
        let (name, what) = (self.fault.name(), self.fault.describe());
        let report = self.fault.report().map(linked).unwrap_or_default();
        let (rule, after, length) = match &self.found {
            Some(found) => {
                (format!("`{}`", found.finding.rule()), found.found_after.to_string(), found.steps.len().to_string())
            }
            None => ("not found".to_owned(), String::new(), String::new()),
        };
        format!("| `{name}` | {what} | {report} | {rule} | {after} | {:.2} | {length} |", self.took.as_secs_f64())
    }
}

/// An issue or pull request by its number; GitHub sends on from one to the other.
fn linked(report: &str) -> String {
    match report.split_once('#') {
        Some((repository, number)) => format!("[{report}](https://github.com/{repository}/issues/{number})"),
        None => format!("[{report}](https://www.cve.org/CVERecord?id={report})"),
    }
}

/// Each fault on its own, on as many threads as there are cores.
fn every_fault() -> Vec<Hunt> {
    let next = AtomicUsize::new(0);
    let hunts = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(fault) = Fault::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hunt = Hunt::on(*fault);
                    hunts.lock().expect("no thread panics with it").push(hunt);
                }
            });
        }
    });
    let mut hunts = hunts.into_inner().expect("no thread panicked with it");
    hunts.sort_by_key(|hunt| hunt.fault);
    hunts
}

fn table(hunts: &[Hunt]) -> String {
    let head = "| switch | what it breaks | met in | rule that caught it | operations | seconds | length |";
    let rule = "| --- | --- | --- | --- | ---: | ---: | ---: |";
    let rows: Vec<String> = hunts.iter().map(Hunt::row).collect();
    let mut seconds: Vec<f64> = hunts.iter().map(|hunt| hunt.took.as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    let found = hunts.iter().filter(|hunt| hunt.found.is_some()).count();
    let (median, longest) = (seconds[seconds.len() / 2], seconds[seconds.len() - 1]);
    let sum = format!("{found} of {} found; median {median:.2} s, longest {longest:.2} s.", hunts.len());
    format!("{head}\n{rule}\n{}\n\n{sum}\n", rows.join("\n"))
}

#[test]
fn every_broken_registry_is_caught_and_shrunk() {
    let hunts = every_fault();
    let table = table(&hunts);
    // For whoever wants it (`ci/detection.sh`).
    println!("{table}");
    let problems: Vec<String> = hunts.iter().filter_map(Hunt::problem).collect();
    assert!(problems.is_empty(), "{}\n{table}", problems.join("\n"));
}

#[test]
fn the_clean_twin_passes_with_the_same_seeds() {
    let report = campaign(None, CASES);
    assert!(report.divergences.is_empty(), "seed {SEED}: {:#?}", report.divergences);
    assert!(report.operations > 0);
}
