//! A disk that forgets: what was acknowledged survives a crash at any instant, and what was not is there whole or not at all.
//!
//! `proofhouse_tests::crash` has the disk, and `docs/reliability.md` says how all of this is bounded.

use proofhouse_tests::crash::{Bound, Lie, Tried, crash_everywhere, fail_everywhere, with_short_writes};
use proofhouse_tests::environment::number;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be built");
    runtime.block_on(future)
}

/// Of a short sequence, every system call.
const SHORT: Bound = Bound { length: 12, call_one_in: 1, samples: 4, push_one_in: 16 };

/// Of a long one, some.
const LONG: Bound = Bound { length: 60, call_one_in: 67, samples: 2, push_one_in: 64 };

#[test]
fn what_was_acknowledged_survives_a_crash_after_any_system_call() {
    let mut tried = Tried::default();
    for (seeds, bound) in [(0..8, SHORT), (100..101, LONG)] {
        for seed in seeds {
            block_on(crash_everywhere(seed, bound, None, &mut tried)).unwrap_or_else(|told| panic!("{told}"));
        }
    }
    assert!(tried.points > 3_000 && tried.repeated > 300, "{tried:?}");
}

/// As many crashes as `PROOFHOUSE_CRASH_POINTS` says (default: 1,000,000), from the seed `PROOFHOUSE_CRASH_SEED` on.
#[test]
#[ignore = "takes hours; run it by name"]
fn a_long_run_loses_nothing() {
    let (points, first) = (number("PROOFHOUSE_CRASH_POINTS", 1_000_000), number("PROOFHOUSE_CRASH_SEED", 0));
    let (mut tried, mut seed) = (Tried::default(), first);
    while tried.points < points {
        let bound = if seed % 4 == 0 { LONG } else { SHORT };
        block_on(crash_everywhere(seed, bound, None, &mut tried)).unwrap_or_else(|told| panic!("{told}"));
        seed += 1;
        println!("seeds {first} to {}: {tried:?}, 0 lost", seed - 1);
    }
}

/// A disk that says it has synced, and has not: the same crashes must show it.
#[test]
fn a_sync_that_is_left_out_is_noticed() {
    for lie in [Lie::Files, Lie::Directories] {
        let mut tried = Tried::default();
        let noticed = (0..10).find_map(|seed| block_on(crash_everywhere(seed, SHORT, Some(lie), &mut tried)).err());
        let told = noticed.unwrap_or_else(|| panic!("{lie:?}: nobody noticed in {tried:?}"));
        assert!(told.contains("Not kept:"), "{told}");
    }
}

#[test]
fn a_disk_that_fails_is_told_of_and_nothing_else_is_lost() {
    let mut failures = 0;
    for seed in 0..2 {
        block_on(fail_everywhere(seed, 8, &mut failures)).unwrap_or_else(|told| panic!("{told}"));
    }
    assert!(failures > 500, "{failures}");
}

/// The cases of the seeds from `PROOFHOUSE_CRASH_SEED` on, as many as `PROOFHOUSE_CRASH_CASES` says (default: 1,000).
#[test]
#[ignore = "takes hours; run it by name"]
fn a_long_run_of_failures_loses_nothing() {
    let (cases, first) = (number("PROOFHOUSE_CRASH_CASES", 1_000), number("PROOFHOUSE_CRASH_SEED", 0));
    let mut failures = 0;
    for seed in first..first + cases {
        block_on(fail_everywhere(seed, SHORT.length, &mut failures)).unwrap_or_else(|told| panic!("{told}"));
        println!("seeds {first} to {seed}: {failures} failures, 0 lost");
    }
}

#[test]
fn a_disk_that_takes_half_of_every_write_is_written_to_until_it_has_all() {
    for seed in 0..20 {
        block_on(with_short_writes(seed, 60)).unwrap_or_else(|told| panic!("{told}"));
    }
}
