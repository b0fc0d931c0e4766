//! Clients that people use, against our server: Skopeo copies images of every format, curl pushes blobs chunk by chunk.
//!
//! What is compared is what a client gets: the bytes of manifests and layers, lists, statuses. `directory` goes one step on, and
//! has another registry serve what a client filled through ours. Where a client is not installed these tests say so and pass;
//! in CI they fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by it, and say why; clippy knows only the functions marked as tests"
)]

mod chunks;
mod directory;
mod images;
mod indexes;

use std::path::Path;
use std::sync::Arc;

use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::{Driver, Filesystem, FilesystemOptions, Memory};
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::{Server, ServerOptions};
use proofhouse_tests::client::{Skopeo, there};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

fn skopeo() -> Option<Skopeo> {
    there("skopeo").then(|| Skopeo::new().unwrap())
}

/// Our server, with threads of its own, since clients are waited for without it. It goes when this is dropped.
struct Ours {
    runtime: Runtime,
    running: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    address: String,
}

impl Ours {
    fn serve(driver: Arc<dyn Driver>, options: impl FnOnce(RegistryBuilder) -> RegistryBuilder) -> Ours {
        let runtime = Runtime::new().unwrap();
        let registry = options(RegistryBuilder::new(driver).enable_delete()).build().unwrap();
        let http = HttpOptions::new(Secret::new(b"of a test"));
        let server = Server::bind("127.0.0.1:0", Api::new(registry, ApiConfig::default()), ServerOptions::new(http));
        let server = runtime.block_on(server).unwrap();
        let address = server.address().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = runtime.spawn(server.run(async {
            let _ = stopped.await;
        }));
        Ours { runtime, running, stop, address }
    }

    fn in_memory(options: impl FnOnce(RegistryBuilder) -> RegistryBuilder) -> Ours {
        Ours::serve(Arc::new(Memory::default()), options)
    }

    /// Over a directory, as in production: what is acknowledged is on the disk.
    fn over(root: &Path) -> Ours {
        Ours::serve(Arc::new(Filesystem::new(root, FilesystemOptions::default())), |builder| builder)
    }

    /// Ends it as a signal does: what is under way is answered, and nothing is written any more.
    fn end(self) {
        self.stop.send(()).unwrap();
        self.runtime.block_on(self.running).unwrap();
    }

    /// What Skopeo calls an image of it: `app:1`, `app@sha256:…`, or `app` for the repository.
    fn image(&self, name: &str) -> String {
        format!("docker://{}/{name}", self.address)
    }

    /// The URL of a path, or of a location that it gave.
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Copies into a registry, with these options besides.
fn push(skopeo: &Skopeo, options: &[&str], from: &str, to: &str) {
    skopeo.run(&[&["copy", "--dest-tls-verify=false"], options, &[from, to]].concat()).unwrap();
}
