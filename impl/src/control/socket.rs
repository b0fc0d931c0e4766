//! The socket through which a server is asked: one JSON document a line, the work in, events out.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;

use futures::FutureExt as _;
use futures::future::{self, BoxFuture, Either};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::{ControlError, DIRECTORY, Done, RootLock, Work};
use crate::fsck::FsckOptions;
use crate::progress::Progress;
use crate::registry::Registry;
use crate::sync::{JoinHandle, UnboundedSender, spawn, unbounded_channel, watch};

/// What a server tells whoever asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Stage { what: String, steps: Option<u64> },
    Step,
    Done(Done),
    Failed { reason: String },
}

fn socket(root: &Path) -> PathBuf {
    root.join(DIRECTORY).join("control")
}

/// A socket that is listened on until this is dropped.
#[derive(Debug)]
#[must_use = "it ends when this is dropped"]
pub struct Listening {
    task: JoinHandle<()>,
    path: PathBuf,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        // Nobody listens there any more. The next server removes it as well.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes work for the registry below `root`, which this process holds. If whoever asked goes away, a collection or a check stops
/// as soon as it leaves nothing half done, so that clients need not wait for what nobody waits for.
///
/// A repair is not done for others: what a server remembers would not be told. Nothing else can harm its clients.
///
/// # Errors
/// If the socket cannot be made; a path of more than about 100 bytes cannot have one.
pub fn listen(_held: &RootLock, root: &Path, registry: Registry) -> io::Result<Listening> {
    let path = socket(root);
    // Left by a process that was killed: the directory is ours, so nobody else listens there.
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(&path)?,
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    let task = spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    spawn(serve(stream, registry.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot be listened on any more");
                    return;
                }
            }
        }
    });
    Ok(Listening { task, path })
}

/// Tells the events of a work to whoever listens. If nobody does, they are lost.
struct Telling {
    events: UnboundedSender<Event>,
    /// Closed when whoever asked is gone.
    asking: watch::Receiver<()>,
}

impl Progress for Telling {
    fn stage(&self, what: &str, steps: Option<u64>) {
        let _ = self.events.send(Event::Stage { what: what.to_owned(), steps });
    }

    fn step(&self) {
        let _ = self.events.send(Event::Step);
    }

    fn abandoned(&self) -> BoxFuture<'_, ()> {
        let mut asking = self.asking.clone();
        async move { while asking.changed().await.is_ok() {} }.boxed()
    }
}

async fn serve(stream: UnixStream, registry: Registry) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read);
    if let Err(error) = read.read_line(&mut line).await {
        tracing::debug!(%error, "a control connection ended before it said anything");
        return;
    }
    let (events, mut told) = unbounded_channel();
    // Goes when this returns.
    let (_here, asking) = watch::channel(());
    spawn(async move {
        let progress = Telling { events, asking };
        let end = match serde_json::from_str(&line) {
            Ok(Work::Check(FsckOptions { repair: true, .. })) => {
                Event::Failed { reason: "it is serving, and repairs are made while it is stopped".to_owned() }
            }
            Ok(work) => {
                tracing::info!(?work, "work begins");
                match work.run(&registry, &progress).await {
                    Ok(done) => {
                        tracing::info!(summary = done.summary, "work is done");
                        Event::Done(done)
                    }
                    Err(error) => {
                        tracing::error!(%error, "work has stopped");
                        Event::Failed { reason: error.to_string() }
                    }
                }
            }
            Err(error) => Event::Failed { reason: format!("this server does not know such work: {error}") },
        };
        let _ = progress.events.send(end);
    });
    let mut nothing = [0];
    loop {
        // Whoever asks says nothing more, but for going.
        let event = match future::select(pin!(told.recv()), pin!(read.read(&mut nothing))).await {
            Either::Left((Some(event), _)) => event,
            Either::Left((None, _)) | Either::Right(_) => return,
        };
        let Ok(mut text) = serde_json::to_vec(&event) else { return };
        text.push(b'\n');
        if write.write_all(&text).await.is_err() {
            return;
        }
    }
}

/// Has a work done by the server of `root`. Nothing if none listens there.
pub(super) async fn ask(root: &Path, work: Work, progress: &dyn Progress) -> Result<Option<Done>, ControlError> {
    let path = socket(root);
    let unusable = |source| ControlError::Io { path: path.clone(), source };
    let server = |reason: String| ControlError::Server { root: root.to_owned(), reason };
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(unusable(error)),
    };
    let (read, mut write) = stream.into_split();
    let mut text = serde_json::to_vec(&work).map_err(|error| server(error.to_string()))?;
    text.push(b'\n');
    write.write_all(&text).await.map_err(unusable)?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await.map_err(unusable)? {
        match serde_json::from_str(&line).map_err(|error| server(error.to_string()))? {
            Event::Stage { what, steps } => progress.stage(&what, steps),
            Event::Step => progress.step(),
            Event::Done(done) => return Ok(Some(done)),
            Event::Failed { reason } => return Err(server(reason)),
        }
    }
    Err(server("it went away; the work may still be going on".to_owned()))
}
