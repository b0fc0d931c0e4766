//! Model and registry agree, for every way to set the registry up.
//!
//! One property for each set of options, a fixed seed for each, and one campaign under varied options with a seed that is fresh in
//! CI and printed. What the campaigns reach is a test too: a rule that nothing reaches checks nothing.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proofhouse::campaign::{CampaignConfig, CampaignReport, OptionSets, run};
use proofhouse::coverage::Coverage;
use proofhouse::report::applicable;
use proofhouse::target::EmbeddedTarget;
use proofhouse_model::{Cache, Dialect, Options, Platform, rules};

fn campaign(option_sets: OptionSets, seed: u64, cases: u64, memory: bool) -> CampaignReport {
    let config = CampaignConfig { cases: Some(cases), ops: 50, seed, option_sets, ..CampaignConfig::default() };
    let builder = EmbeddedTarget::builder();
    let mut target = if memory { builder.memory().build() } else { builder.build() };
    run(&config, &mut target, &mut ()).expect("the temporary directory is writable")
}

fn agrees(options: Options, seed: u64) {
    let report = campaign(OptionSets::Fixed(options), seed, 40, false);
    assert!(report.divergences.is_empty(), "seed {seed}: {:#?}", report.divergences);
    assert_eq!(report.cases, 40);
}

fn deleting() -> Options {
    Options { delete: true, ..Options::default() }
}

fn platform(architecture: &str, os: &str) -> Platform {
    Platform { architecture: architecture.into(), os: os.into() }
}

#[test]
fn with_every_option_at_its_default() {
    agrees(Options::default(), 1);
}

#[test]
fn with_deletion() {
    agrees(deleting(), 2);
}

#[test]
fn with_every_entry_of_an_index_validated() {
    agrees(Options { validate_index: true, ..deleting() }, 3);
}

#[test]
fn with_one_platform_validated() {
    agrees(Options { validate_index: true, platforms: vec![platform("amd64", "linux")], ..deleting() }, 4);
}

#[test]
fn with_two_platforms_validated() {
    let platforms = vec![platform("amd64", "linux"), platform("arm64", "windows")];
    agrees(Options { validate_index: true, platforms, ..deleting() }, 5);
}

#[test]
fn with_platforms_but_without_validation_which_does_nothing() {
    agrees(Options { platforms: vec![platform("amd64", "linux")], ..deleting() }, 6);
}

#[test]
fn with_urls_allowed_and_denied() {
    let (urls_allow, urls_deny) = (Some("^https?://".into()), Some("denied|secret".into()));
    agrees(Options { urls_allow, urls_deny, ..deleting() }, 7);
}

#[test]
fn with_no_url_allowed() {
    agrees(Options { urls_allow: Some("^$".into()), ..deleting() }, 8);
}

#[test]
fn with_a_tiny_cache() {
    agrees(Options { cache: Cache::Tiny, ..deleting() }, 9);
}

#[test]
fn with_a_large_cache() {
    agrees(Options { cache: Cache::Large, ..deleting() }, 10);
}

#[test]
fn without_digest_resumption() {
    agrees(Options { digest_resumption: false, ..deleting() }, 11);
}

#[test]
fn with_any_lookup_limit() {
    for limit in [-1, 1, 8] {
        agrees(Options { tag_lookup_limit: limit, ..deleting() }, 12);
    }
}

#[test]
fn with_redirects() {
    agrees(Options { redirect: Some("https://cdn.example".into()), ..deleting() }, 13);
}

#[test]
fn without_layer_verification() {
    agrees(Options { skip_layer_verification: true, ..deleting() }, 14);
}

#[test]
fn in_memory() {
    let report = campaign(OptionSets::Varied, 15, 60, true);
    assert!(report.divergences.is_empty(), "seed 15: {:#?}", report.divergences);
}

#[test]
fn with_a_fresh_seed_in_ci() {
    let fresh = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = if fresh { since } else { 16 };
    println!("seed {seed}: `proofhouse check --seed {seed} --cases 100` runs the same cases");
    let report = campaign(OptionSets::Varied, seed, 100, false);
    assert!(report.divergences.is_empty(), "seed {seed}: {:#?}", report.divergences);
}

/// What 400 cases from seed 0 reach; they run once.
fn broad() -> &'static Coverage {
    static BROAD: OnceLock<Coverage> = OnceLock::new();
    BROAD.get_or_init(|| campaign(OptionSets::Varied, 0, 400, false).coverage)
}

#[test]
fn no_rule_that_applies_stays_unreached() {
    let coverage = broad();
    let applies = applicable(Dialect::Proofhouse, true);
    let unreached: BTreeSet<_> = applies.into_iter().filter(|id| !coverage.rules.contains_key(id)).collect();
    assert!(unreached.is_empty(), "unreached by 400 cases from seed 0: {unreached:?}");
    for rule in rules().iter().filter(|rule| !rule.applies_to(Dialect::Proofhouse, true)) {
        println!("{} does not apply: {} permits it to registries of others ({})", rule.id, rule.standard, rule.level);
    }
}

#[test]
fn most_operations_succeed_and_many_write() {
    let mix = broad().mix();
    println!("{mix:?}");
    assert!(mix.success_share() >= 0.60, "{:.2} succeeded", mix.success_share());
    assert!(mix.write_share() >= 0.15, "{:.2} wrote", mix.write_share());
}

#[test]
fn what_a_fixed_seed_reaches() {
    insta::assert_snapshot!(campaign(OptionSets::Varied, 0, 100, false).coverage);
}
