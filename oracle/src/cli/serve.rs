//! `proofhouse serve`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::control::{self, RootLock};
use proofhouse_registry::driver::{Filesystem, FilesystemOptions};
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::{Purging, Server, ServerOptions, purge, stop_signal};

use super::{Failure, Verdict, say};

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "this is the help text, for a terminal")]
pub(crate) struct Serve {
    /// Where everything is kept. It is made if it is missing.
    #[arg(long, value_name = "DIR", default_value = "registry-data")]
    root: PathBuf,
    /// Where to listen. Port 0 takes any that is free; the first line on stdout says which.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5000")]
    addr: String,
    /// Let clients delete blobs, manifests and tags.
    #[arg(long)]
    delete: bool,
    /// How the log on stderr is written, one line for each request.
    #[arg(long, value_enum, default_value_t = Log::Text)]
    log: Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    Text,
    Json,
}

impl Serve {
    /// Good: it served until it was asked to stop.
    pub(crate) fn run(&self) -> Result<Verdict, Failure> {
        writable(&self.root)?;
        let lock = RootLock::take(&self.root, "serve")?;
        self.log.start();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve(&lock))
    }

    async fn serve(&self, lock: &RootLock) -> Result<Verdict, Failure> {
        let driver = Arc::new(Filesystem::new(&self.root, FilesystemOptions::default()));
        let mut builder = RegistryBuilder::new(driver);
        if self.delete {
            builder = builder.enable_delete();
        }
        let registry = builder.build()?;
        let api = Api::new(registry.clone(), ApiConfig::default());
        let options = ServerOptions::new(HttpOptions::new(Secret::random()?));
        // Before the address is told: whoever reads it may ask for the end at once.
        let stop = stop_signal()?;
        let server = Server::bind(&self.addr, api, options)
            .await
            .map_err(|error| Failure(format!("--addr: cannot listen on {}: {error}", self.addr)))?;
        // Without it gc, purge-uploads and fsck have to wait until the server is stopped; clients lack nothing.
        let control = control::listen(lock, &self.root, registry.clone());
        if let Err(error) = &control {
            tracing::warn!(%error, "gc, purge-uploads and fsck cannot ask this server");
        }
        let upkeep = tokio::spawn(purge(registry, Purging::default()));
        say(&format!("listening on http://{}", server.address()));
        server.run(stop).await;
        upkeep.abort();
        Ok(Verdict::Good)
    }
}

/// Makes the directory if it is missing, and tries it.
fn writable(root: &Path) -> Result<(), Failure> {
    let unusable = |error: io::Error| Failure(format!("--root: cannot keep anything in {}: {error}", root.display()));
    fs::create_dir_all(root).map_err(unusable)?;
    tempfile::Builder::new().prefix(".tmp-").tempfile_in(root).map_err(unusable)?;
    Ok(())
}

impl Log {
    fn start(self) {
        let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false);
        match self {
            Self::Text => log.init(),
            Self::Json => log.json().flatten_event(true).init(),
        }
    }
}
