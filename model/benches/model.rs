//! How many operations a second the model follows.

#![allow(missing_docs, reason = "criterion's macros make functions")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use proofhouse_model::{Dialect, Expect, Model, Op, Options, Outcome, Platform, Specification, UploadRef, digest_of};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn model(options: Options) -> Model {
    Model::new(Specification::new(Dialect::Proofhouse, options).expect("these options have no patterns"))
}

/// The operation in the only way there is; what is seen of it.
fn perform(model: &mut Model, op: &Op) -> Outcome {
    let Expect::Exactly(seen) = model.expected(op).remove(0).expect else { panic!("{op:?} is refused") };
    model.observe(op, &seen).expect("it is what was expected");
    seen
}

/// An index that names nothing; `salt` tells it from others.
fn leaf(salt: usize) -> String {
    format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[],"x":{salt}}}"#)
}

fn put(repo: &str, document: &str) -> Op {
    Op::PutManifest {
        repo: repo.into(),
        reference: digest_of("sha256", document.as_bytes()),
        content_type: Some(INDEX.into()),
        tags: Vec::new(),
        bytes: document.into(),
    }
}

/// What a case of the oracle looks like: three repositories with a handful of things each.
fn small() -> Model {
    let mut model = model(Options { delete: true, ..Options::default() });
    for repo in ["zz", "zz/a", "zz-b"] {
        for blob in 0..6_u32 {
            let bytes = format!("blob {blob}");
            let digest = digest_of("sha256", bytes.as_bytes());
            let (bytes, upload) = (bytes.as_str().into(), UploadRef(blob));
            perform(&mut model, &Op::PutBlob { repo: repo.into(), digest, bytes, upload });
        }
        for salt in 0..8 {
            perform(&mut model, &put(repo, &leaf(salt)));
        }
    }
    model
}

fn operations(criterion: &mut Criterion) {
    let model = small();
    let digest = digest_of("sha256", b"blob 3");
    let operations = [
        Op::HeadBlob { repo: "zz".into(), digest: digest.clone() },
        Op::GetBlob { repo: "zz-b".into(), digest, range: None },
        Op::GetManifest { repo: "zz/a".into(), reference: digest_of("sha256", leaf(4).as_bytes()) },
        Op::ListTags { repo: "zz".into(), n: None, last: None },
        put("zz", &leaf(9)),
        Op::CollectGarbage { delete_untagged: true, dry_run: false, grace_seconds: 0 },
    ];
    let mut group = criterion.benchmark_group("operation");
    for operation in operations {
        let seen = perform(&mut model.clone(), &operation);
        group.throughput(Throughput::Elements(1));
        group.bench_function(operation.name(), |bencher| {
            // A clone is a copy of the state: it is not what is measured.
            bencher.iter_batched(
                || model.clone(),
                |mut model| black_box(model.observe(&operation, &seen)).is_ok(),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// An index of 1,000 entries of which every other one is selected, and all are there.
fn large_index(criterion: &mut Criterion) {
    const ENTRIES: usize = 1_000;
    let amd64 = Platform { architecture: "amd64".into(), os: "linux".into() };
    let mut model = model(Options { validate_index: true, platforms: vec![amd64], ..Options::default() });
    let mut entries = String::new();
    for salt in 0..ENTRIES {
        let document = leaf(salt);
        perform(&mut model, &put("a", &document));
        let digest = digest_of("sha256", document.as_bytes());
        let architecture = if salt % 2 == 0 { "amd64" } else { "arm64" };
        let comma = if salt == 0 { "" } else { "," };
        let platform = format!(r#"{{"architecture":"{architecture}","os":"linux"}}"#);
        write!(entries, r#"{comma}{{"mediaType":"{INDEX}","digest":"{digest}","size":7,"platform":{platform}}}"#)
            .expect("a string takes everything");
    }
    let operation = put("a", &format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{entries}]}}"#));
    let mut group = criterion.benchmark_group("index of 1,000 entries");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("validated", |bencher| bencher.iter(|| black_box(model.expected(&operation)).len()));
    group.finish();
}

criterion_group!(benches, operations, large_index);
criterion_main!(benches);
