//! Long histories with real threads: eight clients at once, over HTTP, a server with four threads, a directory with real fsyncs.
//!
//! Here nobody decides who goes first: the machine does. What the clients saw must have an order that the model permits, and what is
//! left in the directory must be sound. `PROOFHOUSE_HISTORIES` says how many histories there are (default: 4),
//! `PROOFHOUSE_HISTORY_OPS` how many operations each has (default: 400, half of them at once), `PROOFHOUSE_HISTORY_SEED` where they begin.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::sync::Arc;
use std::thread;

use proofhouse::campaign::{CampaignConfig, CampaignReport, OptionSets, run_in};
use proofhouse::target::{HttpOptions as TargetOptions, HttpTarget};
use proofhouse_model::{Cache, Dialect, Options};
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::cache::InMemoryCache;
use proofhouse_registry::driver::{Filesystem, FilesystemOptions};
use proofhouse_registry::fsck::{FsckOptions, Problem};
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::registry::Registry;
use proofhouse_registry::server::{Server, ServerOptions};
use proofhouse_tests::environment::number;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

const CLIENTS: usize = 8;

/// What `proofhouse serve` makes: synced, deletable, with a cache.
fn registry(root: &Path) -> Registry {
    let driver = Arc::new(Filesystem::new(root, FilesystemOptions::default()));
    let cache: Arc<_> = Arc::new(InMemoryCache::new(10_000));
    RegistryBuilder::new(driver).enable_delete().blob_descriptor_cache_provider(Some(cache)).build().unwrap()
}

/// What is wrong with the directory, for a new process. Clients may take an image's layer away; nothing else is theirs to break.
fn unsound(root: &Path) -> Vec<String> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let check = FsckOptions { repair: false, deep: true };
    let report = runtime.block_on(registry(root).check(check, &())).unwrap();
    let findings = report.findings.iter();
    findings
        .filter(|finding| !matches!(finding.problem, Problem::PartMissing { .. }))
        .map(ToString::to_string)
        .collect()
}

/// Serves the directory from threads of its own while the campaign runs.
fn campaign(root: &Path, config: &CampaignConfig) -> CampaignReport {
    let api = Api::new(registry(root), ApiConfig::default());
    let (tell, told) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = thread::spawn(move || {
        let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(async {
            let options = ServerOptions::new(HttpOptions::new(Secret::new(b"of a test")));
            let server = Server::bind("127.0.0.1:0", api, options).await.unwrap();
            tell.send(server.address()).unwrap();
            server.run(async { stopped.await.unwrap_or_default() }).await;
        });
    });
    let url = format!("http://{}", told.recv().unwrap());
    let report = Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut target = HttpTarget::connect(&url, TargetOptions::new(config.dialect)).await.unwrap();
        run_in(config, &mut target, &mut ()).await.unwrap()
    });
    stop.send(()).unwrap();
    serving.join().unwrap();
    report
}

#[test]
fn long_histories_of_real_threads_have_an_order() {
    let (histories, ops) = (number("PROOFHOUSE_HISTORIES", 4), number("PROOFHOUSE_HISTORY_OPS", 400));
    let seed = number("PROOFHOUSE_HISTORY_SEED", 1);
    let options = Options { delete: true, cache: Cache::Large, ..Options::default() };
    let config = CampaignConfig {
        dialect: Dialect::Proofhouse,
        // The odd ones have several clients.
        cases: Some(2 * histories),
        ops: usize::try_from(ops).unwrap(),
        seed,
        option_sets: OptionSets::Fixed(options),
        clients: CLIENTS,
        ..CampaignConfig::default()
    };
    let root = tempfile::tempdir().unwrap();
    let report = campaign(root.path(), &config);
    let CampaignReport { cases, operations, undecided, elapsed, divergences, .. } = &report;
    println!("{histories} histories, {operations} operations in {elapsed:?}, {undecided} undecided");
    assert!(divergences.is_empty(), "seed {seed}: {divergences:#?}");
    assert_eq!(*cases, 2 * histories);
    assert_eq!(unsound(root.path()), Vec::<String>::new(), "seed {seed}");
    assert!(*undecided < histories.div_ceil(2), "{undecided} of {histories} are undecided");
}
