//! Model and served registry agree: the same generated sequences as in process, over HTTP on loopback.
//!
//! The server is held to our own dialect, exactly, and to OCI's as any registry would be. Between the two lies everything that
//! HTTP adds: routes, statuses, headers, tokens, framing; what the rules of the wire say of it is checked with every answer.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proofhouse::campaign::{CampaignConfig, CampaignReport, OptionSets, run_in};
use proofhouse::target::{HttpOptions as TargetOptions, HttpTarget, Target as _};
use proofhouse::wire::{self, Tally};
use proofhouse_model::{Dialect, Options, Platform};
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{Driver, Filesystem, FilesystemOptions, Memory, Redirecting};
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::{Server, ServerOptions};
use tokio::sync::oneshot;

/// A registry as the options say; those that no test here sets are left out.
fn registry(driver: Arc<dyn Driver>, options: &Options) -> Api {
    let driver = match &options.redirect {
        Some(base) => Arc::new(Redirecting::new(driver, base)),
        None => driver,
    };
    let mut builder = RegistryBuilder::new(driver);
    if options.redirect.is_some() {
        builder = builder.enable_redirect();
    }
    if options.delete {
        builder = builder.enable_delete();
    }
    if options.validate_index {
        builder = builder.enable_validate_image_index_images_exist();
    }
    for platform in &options.platforms {
        builder = builder.add_validate_image_index_images_exist_platform(&platform.architecture, &platform.os);
    }
    Api::new(builder.build().unwrap(), ApiConfig::default())
}

/// Serves the registry, runs the cases on it until what they wrote is taken away, and stops it.
async fn campaign(api: Api, dialect: Dialect, options: Options, seed: u64, cases: u64) -> (CampaignReport, Tally) {
    let http = HttpOptions { referrers_page: 2, ..HttpOptions::new(Secret::new(b"of a test")) };
    let server = Server::bind("127.0.0.1:0", api, ServerOptions::new(http)).await.unwrap();
    let url = format!("http://{}", server.address());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let target = TargetOptions { namespace: Some("proofhouse-served".into()), ..TargetOptions::new(dialect) };
    let mut target = HttpTarget::connect(&url, target).await.unwrap();
    let option_sets = OptionSets::Fixed(options);
    let config =
        CampaignConfig { dialect, cases: Some(cases), ops: 50, seed, option_sets, ..CampaignConfig::default() };
    let report = run_in(&config, &mut target, &mut ()).await.unwrap();
    let tally = target.tally().clone();
    // The last case has ended, too.
    target.fresh(&Options::default()).await.unwrap();
    drop(target);
    stop.send(()).unwrap();
    running.await.unwrap();
    (report, tally)
}

async fn agrees(dialect: Dialect, options: Options, seed: u64, cases: u64) -> Tally {
    let api = registry(Arc::new(Memory::default()), &options);
    let (report, tally) = campaign(api, dialect, options, seed, cases).await;
    assert!(report.divergences.is_empty(), "seed {seed}: {:#?}", report.divergences);
    assert_eq!(report.cases, cases);
    assert!(tally.advice.is_empty(), "seed {seed}: {:#?}", tally.advice);
    tally
}

fn deleting() -> Options {
    Options { delete: true, ..Options::default() }
}

#[tokio::test]
async fn with_deletion_every_rule_of_the_wire_is_kept() {
    let tally = agrees(Dialect::Proofhouse, deleting(), 1, 300).await;
    for rule in wire::rules().iter().filter(|rule| rule.applies_to(Dialect::Proofhouse)) {
        // It warns of nothing.
        let silent = rule.id.0 == "wire.warning";
        assert_eq!(tally.checked.contains_key(&rule.id), !silent, "{}", rule.id);
    }
}

#[tokio::test]
async fn with_every_option_at_its_default() {
    agrees(Dialect::Proofhouse, Options::default(), 2, 100).await;
}

#[tokio::test]
async fn with_indexes_validated_for_one_platform() {
    let platform = Platform { architecture: "amd64".into(), os: "linux".into() };
    let options = Options { validate_index: true, platforms: vec![platform], ..deleting() };
    agrees(Dialect::Proofhouse, options, 3, 100).await;
}

#[tokio::test]
async fn with_redirects() {
    let options = Options { redirect: Some("https://cdn.example".into()), ..deleting() };
    agrees(Dialect::Proofhouse, options, 4, 100).await;
}

/// The links below a directory: of blobs, of manifests and of tags, as long as they are there.
fn links(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(links(&path));
        } else if path.file_name().is_some_and(|name| name == "link") {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn over_a_directory_on_which_nothing_stays() {
    let directory = tempfile::tempdir().unwrap();
    // No crash is looked at here, and without fsync more cases fit into the time.
    let files = FilesystemOptions { fsync: false, ..FilesystemOptions::default() };
    let api = registry(Arc::new(Filesystem::new(directory.path(), files)), &deleting());
    let (report, _) = campaign(api, Dialect::Proofhouse, deleting(), 5, 50).await;
    assert!(report.divergences.is_empty(), "seed 5: {:#?}", report.divergences);
    assert_eq!(links(directory.path()), Vec::<PathBuf>::new(), "of {} cases", report.cases);
}

#[tokio::test]
async fn held_to_the_standard_as_any_registry() {
    agrees(Dialect::Oci, deleting(), 6, 200).await;
    agrees(Dialect::Oci, Options::default(), 7, 100).await;
}
