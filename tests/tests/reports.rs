//! The files of a report, of registries that are wrong in one way: what they promise is done with them.
//!
//! A script must say "still there" on the registry that it was made from, and "gone" on one that is right. It needs `sh` and curl;
//! where curl is not installed the test says so and passes, and in CI it fails.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by it, and say why; clippy knows only the functions marked as tests"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use proofhouse::campaign::{self, CampaignConfig, OptionSets};
use proofhouse::report::{Report, Setup, Subject, files};
use proofhouse::target::{HttpOptions, HttpTarget};
use proofhouse_model::{Dialect, Options};
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::Memory;
use proofhouse_registry::faults::Fault;
use proofhouse_registry::http::{HttpOptions as ServerHttp, Secret};
use proofhouse_registry::server::{Server, ServerOptions};
use proofhouse_tests::client::there;
use tokio::runtime::Runtime;

/// A server, wrong in this way or right, for as long as its runtime lives.
fn serve(runtime: &Runtime, fault: Option<Fault>) -> String {
    let builder = RegistryBuilder::new(Arc::new(Memory::default())).enable_delete();
    let builder = match fault {
        Some(fault) => builder.fault(fault),
        None => builder,
    };
    let http = ServerHttp::new(Secret::new(b"of a test"));
    let api = Api::new(builder.build().unwrap(), ApiConfig::default());
    let server = runtime.block_on(Server::bind("127.0.0.1:0", api, ServerOptions::new(http))).unwrap();
    let url = format!("http://{}", server.address());
    runtime.spawn(server.run(std::future::pending()));
    url
}

/// What a run of some cases finds on it.
fn report(url: &str, dialect: Dialect) -> Report {
    let options = Options { delete: true, ..Options::default() };
    let config = CampaignConfig {
        dialect,
        cases: Some(300),
        ops: 50,
        seed: 7,
        option_sets: OptionSets::Fixed(options.clone()),
        ..CampaignConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (campaign, tally, namespace) = runtime.block_on(async {
        let mut target = HttpTarget::connect(url, HttpOptions::new(dialect)).await.unwrap();
        let campaign = campaign::run_in(&config, &mut target, &mut ()).await.unwrap();
        (campaign, target.tally(), target.namespace().to_owned())
    });
    let setup = Setup {
        subject: Subject { url: Some(url.to_owned()), namespace: Some(namespace), fsync: None },
        dialect,
        options: Some(options),
        seed: config.seed,
        ops: config.ops,
        strict: false,
        inferred: Vec::new(),
        known: Vec::new(),
        arguments: vec![url.to_owned()],
    };
    Report::new(setup, campaign, Some(&tally))
}

fn sh(script: &Path, url: &str) -> Output {
    Command::new("sh").arg(script).arg(url).stdin(Stdio::null()).output().unwrap()
}

/// Each shows in another kind of answer: a status, bytes, an upload, a list, referrers.
const FAULTS: &[(Fault, Dialect)] = &[
    (Fault::CancelKeepsUpload, Dialect::Oci),
    (Fault::BlobDeleteKeepsLink, Dialect::Proofhouse),
    (Fault::RangeShort, Dialect::Oci),
    (Fault::ChunkOrderIgnored, Dialect::Oci),
    (Fault::FinishKeepsUpload, Dialect::Proofhouse),
    (Fault::UploadAnyRepository, Dialect::Proofhouse),
    (Fault::MountWithoutLink, Dialect::Oci),
    (Fault::LastLayerUnverified, Dialect::Proofhouse),
    (Fault::TagsOneMore, Dialect::Oci),
    (Fault::ReferrersUnfiltered, Dialect::Proofhouse),
];

#[test]
fn a_script_tells_the_registry_that_is_wrong_from_one_that_is_right() {
    if !there("curl") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let right = serve(&runtime, None);
    let mut last_answers = BTreeSet::new();
    for (fault, dialect) in FAULTS {
        let wrong = serve(&runtime, Some(*fault));
        let report = report(&wrong, *dialect);
        let directory = tempfile::tempdir().unwrap();
        files::write_all(&report, directory.path()).unwrap();
        let name = format!("{} as {dialect:?}", fault.name());
        assert!(!report.divergences.is_empty(), "{name} was not found");
        let script = directory.path().join("divergence-1/repro.sh");
        for (url, expected) in [(&wrong, 0), (&right, 1)] {
            let output = sh(&script, url);
            let told = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let text = fs::read_to_string(&script).unwrap();
            let (_, steps) = text.split_once("\n# 1. ").unwrap();
            assert_eq!(output.status.code(), Some(expected), "{name} at {url}:\n{told}\n{stderr}\n{steps}");
            assert!(stderr.is_empty(), "{name}: {stderr}");
        }
        last_answers.insert(report.divergences[0].shape.outcome.clone());
    }
    assert!(last_answers.len() >= 4, "too much of one kind: {last_answers:?}");
}

#[test]
fn a_script_says_so_if_nobody_answers() {
    if !there("curl") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let report = report(&serve(&runtime, Some(Fault::RangeShort)), Dialect::Oci);
    let directory = tempfile::tempdir().unwrap();
    files::write_all(&report, directory.path()).unwrap();
    // Port 1 has no server.
    let output = sh(&directory.path().join("divergence-1/repro.sh"), "http://127.0.0.1:1");
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot tell: curl ends with 7"), "{told}");
}
