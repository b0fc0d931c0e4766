//! How long until a fault in a served registry is found, shrunk and reported: `cargo run --release -p proofhouse-tests --example
//! planted -- target/release/proofhouse [SWITCH...]`.
//!
//! Each fault is planted in a registry of its own, served on loopback from a directory with its syncs, and `proofhouse check URL
//! --findings 1 --report DIR` is started on it as anybody would start it. What is printed is the time until that ends,
//! and whether the sequence shows the same to somebody who begins with an empty registry that has the fault.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::cache::InMemoryCache;
use proofhouse_registry::driver::{Filesystem, FilesystemOptions};
use proofhouse_registry::faults::Fault;
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::{Server, ServerOptions};
use tokio::runtime::Runtime;

/// How the registry is set up where the fault can show, and what the check is told of it because no client can find it out.
fn set_up(fault: Fault, builder: RegistryBuilder) -> (RegistryBuilder, &'static [&'static str]) {
    let filtered = |builder: RegistryBuilder| builder.add_validate_image_index_images_exist_platform("amd64", "linux");
    let pattern = |text: &str| text.parse().unwrap();
    let name = fault.name();
    match name {
        _ if name.starts_with("filter-") => {
            (filtered(builder.enable_delete().enable_validate_image_index_images_exist()), &[])
        }
        "url-deny-ignored" => {
            (builder.enable_delete().manifest_urls_deny_regexp(pattern("denied")), &["--assume", "urls_deny=denied"])
        }
        _ if name.starts_with("url-allow") => (
            builder.enable_delete().manifest_urls_allow_regexp(pattern("allowed")),
            &["--assume", "urls_allow=allowed"],
        ),
        "docker-list-unverified" => {
            (builder.enable_delete().enable_validate_image_index_images_exist(), &["--assume", "validate_index=all"])
        }
        "delete-always-on" => (builder, &["--assume", "delete=false"]),
        _ if name.starts_with("cache-") => {
            (builder.enable_delete().blob_descriptor_cache_provider(Some(Arc::new(InMemoryCache::new(1000)))), &[])
        }
        _ => (builder.enable_delete(), &[]),
    }
}

/// A registry with a fault, on a directory of its own; and what a check is told of it.
struct Served {
    directory: tempfile::TempDir,
    url: String,
    told: &'static [&'static str],
    serving: tokio::task::JoinHandle<()>,
}

impl Served {
    fn new(fault: Fault, runtime: &Runtime) -> Served {
        let directory = tempfile::tempdir().unwrap();
        let files = Filesystem::new(directory.path().join("root"), FilesystemOptions::default());
        let (builder, told) = set_up(fault, RegistryBuilder::new(Arc::new(files)));
        let api = Api::new(builder.fault(fault).build().unwrap(), ApiConfig::default());
        let options = ServerOptions::new(HttpOptions::new(Secret::new(b"of a test")));
        let server = runtime.block_on(Server::bind("127.0.0.1:0", api, options)).unwrap();
        let url = format!("http://{}", server.address());
        let serving = runtime.spawn(server.run(std::future::pending()));
        Served { directory, url, told, serving }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What a check told.
struct Found {
    /// Until it was reported.
    seconds: f64,
    rule: String,
    length: usize,
    /// On an empty registry with the same fault.
    again: bool,
}

/// None: nothing was found in the time.
fn check(program: &str, fault: Fault, dialect: &str, runtime: &Runtime) -> Option<Found> {
    let served = Served::new(fault, runtime);
    let report = served.directory.path().join("report");
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args([
        "check",
        &served.url,
        "--dialect",
        dialect,
        "--time",
        "20s",
        "--findings",
        "1",
        "--seed",
        "1",
        "--report",
    ]);
    command.arg(&report).args(served.told);
    let output = command.output().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    match output.status.code() {
        Some(0) => None,
        Some(1) => {
            let (rule, length) = told_of(&report);
            let empty = Served::new(fault, runtime);
            let mut replay = Command::new(program);
            replay.arg("replay").arg(report.join("divergence-1/repro.json")).arg(&empty.url);
            let again = replay.output().unwrap().status.code() == Some(1);
            Some(Found { seconds, rule, length, again })
        }
        _ => panic!("{}: {}", fault.name(), String::from_utf8_lossy(&output.stderr)),
    }
}

fn told_of(report: &Path) -> (String, usize) {
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report.join("report.json")).unwrap()).unwrap();
    let first = &report["divergences"][0];
    let length = first["steps"].as_array().unwrap().len() + first["history"].as_array().map_or(0, Vec::len);
    (first["rule"]["id"].as_str().unwrap().to_owned(), length)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().expect("the path of the program proofhouse");
    let only: Vec<String> = arguments.collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "| fault | dialect | rule | steps | reported after, s | on an empty registry |\n|---|---|---|---|---|---|"
    );
    let mut times = Vec::new();
    for fault in
        Fault::ALL.iter().copied().filter(|fault| only.is_empty() || only.iter().any(|name| name == fault.name()))
    {
        let found = ["oci", "proofhouse"]
            .into_iter()
            .find_map(|dialect| check(&program, fault, dialect, &runtime).map(|found| (dialect, found)));
        match found {
            Some((dialect, found)) => {
                let Found { seconds, rule, length, again } = found;
                let again = if again { "again" } else { "not seen" };
                println!("| {} | {dialect} | {rule} | {length} | {seconds:.1} | {again} |", fault.name());
                times.push(seconds);
            }
            None => println!("| {} | | not seen over HTTP | | | |", fault.name()),
        }
    }
    times.sort_by(f64::total_cmp);
    let [.., longest] = times[..] else { return };
    println!(
        "\n{} of {} found; median {:.1} s, longest {:.1} s",
        times.len(),
        if only.is_empty() { Fault::ALL.len() } else { only.len() },
        times[times.len() / 2],
        longest
    );
}
