//! The seeds of the fuzz targets, through the targets, without a fuzzer.
//!
//! What a fuzzer found once stands here as well, by name, as a test that says what was wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proofhouse_tests::fuzz::{LAXER, STRICTER, TARGETS, Taken, config_yaml, manifest_parse_and_push, seeds};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let names = entries.map(|entry| entry.expect("the directory can be read").file_name());
    names.map(|name| name.into_string().expect("every name is UTF-8")).collect()
}

#[test]
fn the_corpus_holds_the_seeds_and_nothing_else() {
    let corpus = project().join("fuzz/corpus");
    let mut expected: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for seed in seeds::all() {
        let path = corpus.join(seed.target).join(&seed.name);
        let found = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(found == seed.bytes, "{}: cargo run -p proofhouse-tests --example seeds", path.display());
        assert!(expected.entry(seed.target).or_default().insert(seed.name), "two seeds have one name");
    }
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(expected.keys().copied().collect::<Vec<_>>(), targets);
    for (target, expected) in expected {
        assert_eq!(names(&corpus.join(target)), expected, "{target}: cargo run -p proofhouse-tests --example seeds");
    }
}

#[test]
fn every_target_has_a_program_for_the_fuzzer() {
    let programs: BTreeSet<String> = TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(names(&project().join("fuzz/fuzz_targets")), programs);
}

#[test]
fn both_sides_agree_on_every_seed_and_some_are_taken_and_some_are_not() {
    for (name, target) in TARGETS {
        let seeds = seeds::all().into_iter().filter(|seed| seed.target == name);
        let (taken, refused): (Vec<_>, Vec<_>) = seeds.partition(|seed| {
            // What a panic says is not always which seed it was.
            println!("{name}: {}", seed.name);
            target(&seed.bytes) == Taken::Yes
        });
        assert!(!taken.is_empty(), "{name}: nothing is taken");
        // A sequence of operations is taken if it changes anything, and every seed does.
        assert!(!refused.is_empty() || name == "crash_operations", "{name}: nothing is refused");
    }
}

#[test]
fn every_exception_of_the_third_reader_is_met_by_a_seed() {
    let mut met = BTreeSet::new();
    for seed in seeds::all().iter().filter(|seed| seed.target == "manifest_parse") {
        println!("{}", seed.name);
        manifest_parse_and_push(&seed.bytes, &mut met);
    }
    assert_eq!(met, STRICTER.into_iter().chain(LAXER).collect::<BTreeSet<_>>());
}

/// The oracle took any kind of cache for one; distribution warns of a kind that it does not know, and does without.
#[test]
fn a_cache_of_an_unknown_kind_is_none() {
    let text = b"version: 0.1\nstorage: {inmemory: null, cache: {blobdescriptor: inullory}}\n";
    assert_eq!(config_yaml(text), Taken::Yes);
}

/// The oracle would not read it; to distribution a list of no platforms is one of every platform, and so it is to the registry.
#[test]
fn a_list_of_no_platforms_is_every_platform() {
    for list in ["[]", "null"] {
        let indexes = format!("{{platforms: list, platformlist: {list}}}");
        let text = format!("version: 0.1\nstorage: inmemory\nvalidation: {{manifests: {{indexes: {indexes}}}}}\n");
        assert_eq!(config_yaml(text.as_bytes()), Taken::Yes);
    }
}

/// The registry took two keys for different ones that differ in their tags only, and the second replaced the first.
#[test]
fn a_key_under_two_tags_stands_twice() {
    let text = "version: 0.1\nstorage: inmemory\nvalidation:\n  !!set enabled: true\n  !!str enabled: false\n";
    assert_eq!(config_yaml(text.as_bytes()), Taken::No);
}

/// The oracle would not read a file with a number that no signed one can hold, though it stands where nobody looks.
#[test]
fn a_number_that_is_too_large_is_in_nobodys_way_where_it_says_nothing() {
    for number in ["11111111111111111113", "-11111111111111111113", "99999999999999999999999999999999999999999999"] {
        let text = format!("version: 0.1\nstorage: inmemory\nunknown: {number}\n");
        assert_eq!(config_yaml(text.as_bytes()), Taken::Yes, "{number}");
        let text = format!("version: 0.1\nstorage: inmemory\ncatalog: {{maxentries: {number}}}\n");
        assert_eq!(config_yaml(text.as_bytes()), Taken::No, "{number}");
    }
}
