//! A campaign in parts.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{run, server_of_errors, stdout};
use serde_json::{Value, json};

/// The report of a run, as a document.
fn checked(arguments: &[&str]) -> Value {
    let output = run(&[&["check", "--format", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn a_shard_runs_its_part_of_the_cases_and_says_which() {
    let all = ["--cases", "7", "--ops", "5", "--seed", "7"];
    let cases = |shard: &str| {
        let report = checked(&[&all[..], &["--shard", shard]].concat());
        let (index, of) = shard.split_once('/').unwrap();
        let number = |text: &str| text.parse::<u64>().unwrap();
        let expected = json!({"index": number(index), "of": number(of), "seed": 7, "cases": 7});
        assert_eq!(report["shard"], expected);
        (report["seed"].as_u64().unwrap(), report["cases"].as_u64().unwrap())
    };
    assert_eq!([cases("1/3"), cases("2/3"), cases("3/3")], [(7, 2), (9, 2), (11, 3)]);
    assert_eq!(checked(&all)["shard"], Value::Null);
    let text = stdout(&run(&[&["check"], &all[..], &["--shard", "2/3"]].concat()));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("; seed 9; ") && text.contains("; shard 2/3 "), "{text}");
}

#[test]
fn without_a_number_of_cases_shards_begin_far_from_one_another() {
    let url = server_of_errors();
    let report = checked(&[&url, "--time", "20s", "--findings", "1", "--seed", "7", "--shard", "3/4"]);
    assert_eq!(report["shard"], json!({"index": 3, "of": 4, "seed": 7, "cases": null}));
    assert_eq!(report["seed"], 7 + (2_u64 << 32));
}

#[test]
fn the_command_that_finds_a_divergence_again_needs_no_shard() {
    let url = server_of_errors();
    let report = checked(&[&url, "--cases", "20", "--ops", "5", "--findings", "1", "--seed", "7", "--shard", "2/2"]);
    let seed = report["divergences"][0]["seed"].as_u64().unwrap();
    assert!((17..27).contains(&seed), "{seed}");
    let reproduce = format!("proofhouse check {url} --ops 5 --seed {seed} --cases 1");
    assert_eq!(report["divergences"][0]["reproduce"], reproduce);
    let words: Vec<&str> = reproduce.split(' ').skip(1).collect();
    assert_eq!(run(&words).status.code(), Some(1));
}
