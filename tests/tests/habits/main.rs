//! No false alarm: registries of quite different habits, each within the standard, are found to conform.
//!
//! And the same registries with one fault are not: a test that finds nothing must be able to find something.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod server;

use proofhouse::campaign::{CampaignConfig, CampaignReport, OptionSets, run_in};
use proofhouse::config::Said;
use proofhouse::probe;
use proofhouse::report::{Report, Setup, Subject};
use proofhouse::target::{HttpOptions, HttpTarget};
use proofhouse_model::Dialect;
use server::{Habits, router};

/// Takes what it can do without: no deletion, no parts, no referrers, small pages, everything checked.
const FRUGAL: Habits = Habits {
    single_post: false,
    ranges: false,
    page: 2,
    delete: false,
    referrers: false,
    filter: false,
    malformed: 404,
    absolute: true,
    shared: None,
    mount: false,
    verifies: true,
    reads: true,
    docker: false,
    sha512: false,
    digests: false,
    bodies: false,
    empty_tags: false,
    cancel: false,
    streams: false,
    tag_parameters: false,
};

/// Takes whatever comes: no reference is checked, blobs are there for all.
const GENEROUS: Habits = Habits {
    single_post: true,
    ranges: true,
    page: 1_000,
    delete: true,
    referrers: true,
    filter: false,
    malformed: 400,
    absolute: false,
    shared: Some(0),
    mount: true,
    verifies: false,
    reads: false,
    docker: true,
    sha512: true,
    digests: true,
    bodies: true,
    empty_tags: true,
    cancel: true,
    streams: true,
    tag_parameters: true,
};

/// What a check of such a registry finds, set up as its probe says. What diverges is printed.
#[allow(clippy::print_stdout, reason = "shown where the test fails")]
async fn check(habits: Habits, seed: u64, cases: u64) -> CampaignReport {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(axum::serve(listener, router(habits, address.clone())).into_future());
    let mut target = HttpTarget::connect(&address, HttpOptions::new(Dialect::Oci)).await.unwrap();
    let options = probe::probe(&mut target, Dialect::Oci, &Said::default()).await.unwrap().options;
    let config = CampaignConfig {
        dialect: Dialect::Oci,
        cases: Some(cases),
        ops: 50,
        seed,
        option_sets: OptionSets::Fixed(options),
        findings: 5,
        clients: 3,
        ..CampaignConfig::default()
    };
    let report = run_in(&config, &mut target, &mut ()).await.unwrap();
    serving.abort();
    if !report.divergences.is_empty() {
        let subject = Subject { url: Some(address), namespace: None, fsync: None };
        let (dialect, arguments) = (Dialect::Oci, Vec::new());
        let (inferred, known) = (Vec::new(), Vec::new());
        let setup = Setup { subject, dialect, options: None, inferred, known, seed, ops: 50, strict: false, arguments };
        println!("{habits:?}\n{}", Report::new(setup, report.clone(), None).text());
    }
    report
}

async fn conforms(habits: Habits, seed: u64) {
    let report = check(habits, seed, 150).await;
    assert!(report.divergences.is_empty(), "seed {seed}");
    assert_eq!(report.cases, 150);
}

#[tokio::test]
async fn a_registry_that_can_do_little_conforms() {
    conforms(FRUGAL, 1).await;
}

#[tokio::test]
async fn a_registry_that_takes_everything_conforms() {
    conforms(GENEROUS, 2).await;
}

#[tokio::test]
async fn each_habit_of_the_one_is_permitted_to_the_other() {
    let swapped = [
        Habits { single_post: true, absolute: false, ..FRUGAL },
        Habits { ranges: true, page: 1, ..FRUGAL },
        Habits { delete: true, digests: true, ..FRUGAL },
        Habits { referrers: true, filter: true, ..FRUGAL },
        Habits { mount: true, malformed: 400, ..FRUGAL },
        Habits { verifies: false, docker: true, sha512: true, ..FRUGAL },
        Habits { page: 3, malformed: 404, ..GENEROUS },
        Habits { filter: true, verifies: true, absolute: true, ..GENEROUS },
        Habits { sha512: false, streams: false, tag_parameters: false, ..GENEROUS },
        Habits { reads: true, docker: false, cancel: false, empty_tags: false, ..GENEROUS },
        Habits { shared: None, ..GENEROUS },
        Habits { shared: Some(0), delete: true, mount: true, ..FRUGAL },
    ];
    for (at, habits) in swapped.into_iter().enumerate() {
        let report = check(habits, 100 + at as u64, 30).await;
        assert!(report.divergences.is_empty(), "{at} {habits:?}");
    }
}

#[tokio::test]
async fn a_registry_that_keeps_repositories_apart_and_then_does_not_is_found() {
    let report = check(Habits { shared: Some(40), ..GENEROUS }, 3, 30).await;
    let rules: Vec<_> = report.divergences.iter().map(|divergence| divergence.finding.rule().0).collect();
    assert!(rules.contains(&"blob.unlinked"), "{rules:?}");
}
