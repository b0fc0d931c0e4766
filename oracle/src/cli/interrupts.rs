//! SIGINT and SIGTERM, for commands that write to a registry of others.
//!
//! The first ends the run as if its time were up: what was found is told, and what was written is deleted. The second ends the program
//! at once, and names what may be left. They are waited for in a thread of their own, so that they are seen whatever goes on.

use std::io::{self, Write as _};
use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use proofhouse::target::Stop;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Verdict;

/// What the exit status of a program is that a signal ends: this and the signal's number, as shells have it.
const ENDED_BY_SIGNAL: u8 = 128;

/// What was heard of signals so far.
#[derive(Debug, Default)]
pub(super) struct Interrupts {
    /// For whatever goes on.
    pub(super) stop: Stop,
    /// The exit status that the first signal asks for.
    status: Arc<OnceLock<u8>>,
    /// What the names of repositories begin with that are written to.
    namespaces: Arc<Mutex<Vec<String>>>,
}

impl Interrupts {
    /// From now on no signal ends the program by itself.
    ///
    /// # Errors
    /// Signals cannot be waited for.
    pub(super) fn heard() -> io::Result<Interrupts> {
        let interrupts = Interrupts::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? }
        };
        let Interrupts { stop, status, namespaces } = &interrupts;
        let (stop, status, namespaces) = (stop.clone(), Arc::clone(status), Arc::clone(namespaces));
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            listen(&runtime, signals, &stop, &status, &namespaces);
        })?;
        Ok(interrupts)
    }

    /// Repositories are written to whose names begin with this.
    pub(super) fn writes_below(&self, namespace: &str) {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).push(namespace.to_owned());
    }

    /// The exit status, if a signal ended the run and there is nothing worse to say. None: there was none.
    pub(super) fn status(&self) -> Option<u8> {
        self.status.get().copied()
    }

    /// What a run comes to that may have ended before its time.
    pub(super) fn verdict(&self, verdict: Verdict) -> Verdict {
        match (verdict, self.status()) {
            (Verdict::Good, Some(status)) => Verdict::Interrupted(status),
            (verdict, _) => verdict,
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// The exit status that the next one asks for.
    async fn next(&mut self) -> u8 {
        let number = tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        };
        ENDED_BY_SIGNAL + number
    }
}

fn listen(
    runtime: &Runtime,
    mut signals: Signals,
    stop: &Stop,
    status: &OnceLock<u8>,
    namespaces: &Mutex<Vec<String>>,
) {
    let first = runtime.block_on(signals.next());
    // Nobody else sets it.
    let _ = status.set(first);
    warn("interrupted: what was found is told, and what was written is deleted; once more ends it at once");
    stop.ask();
    let second = runtime.block_on(signals.next());
    for namespace in namespaces.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        warn(&format!("ended at once: something may be left in repositories that begin with {namespace}"));
    }
    process::exit(second.into());
}

/// To stderr, which may be closed by now.
fn warn(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
