//! How many operations a second are generated, and checked on the registry in process.

#![allow(missing_docs, reason = "criterion's macros make functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use proofhouse::campaign::{CampaignConfig, case, run_in};
use proofhouse::target::{EmbeddedTarget, Target};
use proptest::strategy::ValueTree as _;

const OPERATIONS: usize = 60;

fn config(seed: u64) -> CampaignConfig {
    CampaignConfig { cases: Some(1), ops: OPERATIONS, seed, ..CampaignConfig::default() }
}

fn generation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generation");
    group.throughput(Throughput::Elements(OPERATIONS as u64));
    let mut seed = 0;
    group.bench_function("operations", |bencher| {
        bencher.iter(|| {
            seed += 1;
            case(&config(seed), seed, &|_| true).map(|tree| black_box(tree.current().ops().len()))
        });
    });
    group.finish();
}

/// Seeds whose cases run many times: the mean of the same cases, so that two runs can be compared.
const SEEDS: std::ops::Range<u64> = 0..16;

fn lockstep(criterion: &mut Criterion, name: &str, target: &mut dyn Target) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let mut checked = |seed: u64| {
        let report = runtime.block_on(run_in(&config(seed), target, &mut ())).expect("the registry is in process");
        report.operations
    };
    let operations = SEEDS.map(&mut checked).sum();
    let mut group = criterion.benchmark_group("lockstep");
    group.throughput(Throughput::Elements(operations));
    group.sample_size(10);
    group.bench_function(name, |bencher| bencher.iter(|| SEEDS.map(&mut checked).sum::<u64>()));
    group.finish();
}

fn on_disk(criterion: &mut Criterion) {
    lockstep(criterion, "filesystem", &mut EmbeddedTarget::default());
}

fn durable(criterion: &mut Criterion) {
    lockstep(criterion, "filesystem, fsync", &mut EmbeddedTarget::builder().fsync(true).build());
}

fn in_memory(criterion: &mut Criterion) {
    lockstep(criterion, "memory", &mut EmbeddedTarget::builder().memory().build());
}

criterion_group!(benches, generation, in_memory, on_disk, durable);
criterion_main!(benches);
