//! `proofhouse serve`.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use proofhouse::file;
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::config::{Address, Config, Debugging, StorageDriver, Warning};
use proofhouse_registry::control::{self, RootLock};
use proofhouse_registry::driver::{Filesystem, FilesystemOptions, SystemClock};
use proofhouse_registry::http::{HttpOptions, Place, Secret};
use proofhouse_registry::server::{
    Server, ServerOptions, UploadPurging, connections_for, purge, raise_file_limit, stop_signal,
};
use proofhouse_registry::tls::ServerTls;

use super::log::{self, LogAs};
use super::{Failure, Verdict, say};

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct Serve {
    /// Where everything is kept. It is made if it is missing. Default: registry-data, or what the configuration says.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Where to listen. Port 0 takes any that is free; the first line on stdout says which. Default: 127.0.0.1:5000, or what
    /// the configuration says.
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<String>,
    /// A config.yml of distribution's, version 3. Variables REGISTRY_... of the environment change it; docs/config.md tells
    /// of every key.
    #[arg(long, value_name = "CONFIG.YML")]
    config: Option<PathBuf>,
    /// Let clients delete blobs, manifests and tags.
    #[arg(long)]
    delete: bool,
    /// How many connections there may be at once; more wait until one ends. Default: half as many as files may be open, and
    /// 10,000 at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_connections: Option<u64>,
    /// How the log on stderr is written, one line for each request. Default: text, or what the configuration says.
    #[arg(long, value_enum)]
    log: Option<LogAs>,
}

/// Where to listen if nothing is said.
const ADDRESS: &str = "127.0.0.1:5000";

/// How many threads may block at once if nothing is said; tokio's own default.
const THREADS: usize = 512;

/// How often certificate files are looked at.
const TLS_PERIOD: Duration = Duration::from_secs(10);

/// What is served, and how: made of the arguments and the configuration.
struct Plan {
    /// None: in memory.
    root: Option<PathBuf>,
    builder: RegistryBuilder,
    api: ApiConfig,
    server: ServerOptions,
    address: String,
    purging: Option<UploadPurging>,
    debug: Option<Debugging>,
    threads: usize,
    /// No secret is configured: it is the directory's, or without one random and gone with the process.
    own_secret: bool,
}

impl Serve {
    /// Good: it served until it was asked to stop.
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        let config = self.configuration()?;
        log::start(config.as_ref().map(|(config, _)| &config.log), self.log);
        for warning in config.iter().flat_map(|(_, warnings)| warnings) {
            tracing::warn!("{warning}");
        }
        let mut plan = match &config {
            Some((config, _)) => self.configured(config)?,
            None => self.plain()?,
        };
        let files = raise_file_limit();
        let connections = self.max_connections.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        plan.server.max_connections = connections.unwrap_or_else(|| connections_for(files));
        if let Some(root) = &plan.root {
            writable(root)?;
        }
        let lock = plan.root.as_deref().map(|root| RootLock::take(root, "serve")).transpose()?;
        if plan.own_secret {
            match lock.as_ref().zip(plan.root.as_deref()) {
                Some((lock, root)) => plan.server.http.secret = control::secret(lock, root)?,
                None => {
                    tracing::warn!("no http.secret is configured, and there is no directory to keep one: it is random");
                }
            }
        }
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.enable_all().max_blocking_threads(plan.threads).build()?.block_on(serve(plan, lock.as_ref()))
    }

    /// The configuration, if one is given, and what it has that is not to be had.
    fn configuration(&self) -> Result<Option<(Config, Vec<Warning>)>, Failure> {
        let Some(path) = &self.config else { return Ok(None) };
        let bad = |error: &dyn std::fmt::Display| Failure(format!("--config: {}: {error}", path.display()));
        let text = file::read_text(path).map_err(|error| bad(&error))?;
        // What is not UTF-8 is no variable of ours.
        let environment =
            env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Config::parse(&text, environment).map(Some).map_err(|error| bad(&error))
    }

    fn plain(&self) -> Result<Plan, Failure> {
        let root = self.root.clone().unwrap_or_else(|| "registry-data".into());
        let builder = RegistryBuilder::new(Arc::new(Filesystem::new(&root, FilesystemOptions::default())));
        Ok(Plan {
            root: Some(root),
            builder: if self.delete { builder.enable_delete() } else { builder },
            api: ApiConfig::default(),
            server: ServerOptions::new(HttpOptions::new(Secret::random()?)),
            address: self.addr.clone().unwrap_or_else(|| ADDRESS.to_owned()),
            purging: Some(UploadPurging::default()),
            debug: None,
            threads: THREADS,
            own_secret: true,
        })
    }

    fn configured(&self, config: &Config) -> Result<Plan, Failure> {
        let mut config = config.clone();
        if let Some(root) = &self.root {
            config.storage.driver.move_to(root.clone());
        }
        config.storage.delete |= self.delete;
        let (root, threads) = match &config.storage.driver {
            StorageDriver::Filesystem { root, max_threads } => (Some(root.clone()), *max_threads),
            StorageDriver::InMemory => (None, THREADS),
        };
        let secret = config.http.secret.as_ref().map(|secret| Secret::new(secret.expose().as_bytes()));
        let own_secret = secret.is_none();
        let secret = secret.map_or_else(Secret::random, Ok)?;
        let mut http = HttpOptions::new(secret);
        http.authorizer = config.authorizer(Arc::new(SystemClock))?;
        http.read_only = config.storage.read_only;
        http.headers.clone_from(&config.http.headers);
        let origin = config.http.host.as_ref().filter(|_| !config.http.relative_urls);
        http.place = Place::new(origin.map(url::Url::as_str), &config.http.prefix);
        let mut server = ServerOptions::new(http);
        server.drain = config.http.drain_timeout.unwrap_or(server.drain);
        if let Some(tls) = &config.http.tls {
            server.tls = Some(Arc::new(ServerTls::load(tls.clone())?));
        }
        let said = config.http.address.as_ref().map(every);
        Ok(Plan {
            root,
            builder: config.builder(config.driver()),
            api: config.api_config(),
            server,
            address: self.addr.clone().or(said).unwrap_or_else(|| ADDRESS.to_owned()),
            purging: config.storage.upload_purging.filter(|_| !config.storage.read_only),
            debug: config.http.debug.clone(),
            threads,
            own_secret,
        })
    }
}

/// Where to listen; without a host at every address of the machine, of both families where there are both.
fn every(address: &Address) -> String {
    match &address.host {
        Some(_) => address.to_string(),
        None => format!("[::]:{}", address.port),
    }
}

async fn serve(plan: Plan, lock: Option<&RootLock>) -> Result<Verdict, Failure> {
    let registry = plan.builder.build()?;
    let api = Api::new(registry.clone(), plan.api);
    let tls = plan.server.tls.clone();
    // Before the address is told: whoever reads it may ask for the end at once.
    let stop = stop_signal()?;
    let address = &plan.address;
    let server = Server::bind(address, api, plan.server)
        .await
        .map_err(|error| Failure(format!("--addr: cannot listen on {address}: {error}")))?;
    // Without it gc, purge-uploads and fsck have to wait until the server is stopped; clients lack nothing.
    let control = lock.zip(plan.root.as_deref()).map(|(lock, root)| control::listen(lock, root, registry.clone()));
    if let Some(Err(error)) = &control {
        tracing::warn!(%error, "gc, purge-uploads and fsck cannot ask this server");
    }
    let mut upkeep = tokio::task::JoinSet::new();
    if let Some(purging) = plan.purging {
        upkeep.spawn(purge(registry, purging));
    }
    if let Some(Debugging { address, metrics }) = &plan.debug {
        let address = every(address);
        let bound = server.bind_watching(&address, metrics.clone()).await;
        let watching =
            bound.map_err(|error| Failure(format!("http.debug.addr: cannot listen on {address}: {error}")))?;
        tracing::info!(address = %watching.address(), "metrics and health are served");
        upkeep.spawn(watching.run(std::future::pending()));
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Some(tls) = tls {
        upkeep.spawn(tls.watch(TLS_PERIOD));
    }
    say(&format!("listening on {scheme}://{}", server.address()));
    server.run(stop).await;
    upkeep.shutdown().await;
    Ok(Verdict::Good)
}

/// Makes the directory if it is missing, and tries it.
fn writable(root: &Path) -> Result<(), Failure> {
    let unusable = |error: io::Error| Failure(format!("--root: cannot keep anything in {}: {error}", root.display()));
    fs::create_dir_all(root).map_err(unusable)?;
    tempfile::Builder::new().prefix(".tmp-").tempfile_in(root).map_err(unusable)?;
    Ok(())
}
