//! Where connections come in: not more at once than the process has file descriptors for.
//!
//! A server that runs out of descriptors fails requests that are under way, because their blobs are files. So a place is taken
//! before a connection is accepted, and given back when it ends; whoever finds no place waits in the system's backlog. Where
//! accepting fails all the same, it is tried again after a pause that grows.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};

use super::MAX_CONNECTIONS;
use crate::sync::{Arc, OwnedSemaphorePermit, Semaphore};

/// How long accepting pauses after it failed for a reason that is not one connection's, such as too many open files.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Descriptors for all that is no connection and no request: the listeners, the log, the runtime, work on the directory.
const OTHER_FILES: u64 = 64;

/// How many connections the system keeps until they are accepted, if it permits so many. Go's servers have as many as it permits.
const BACKLOG: u32 = 4_096;

/// Listens at the first of the addresses that can be had.
pub(super) async fn listen(addresses: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "there is no such address");
    for address in lookup_host(addresses).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // A server that ended must not keep the next one from its address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The places that there are for connections.
#[derive(Debug)]
pub(super) struct Door {
    places: Arc<Semaphore>,
    all: usize,
    /// It was said that there is no place; it is said again only after half of them were free.
    full: bool,
    pause: Duration,
}

impl Door {
    pub(super) fn new(places: usize) -> Self {
        let all = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(all)), all, full: false, pause: FIRST_PAUSE }
    }

    /// The next connection and its place. It may be dropped and called again; no connection is lost.
    pub(super) async fn next(&mut self, listener: &TcpListener) -> (TcpStream, OwnedSemaphorePermit) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.pause = FIRST_PAUSE;
                    self.note();
                    return (stream, place);
                }
                Err(error) if is_of_one_connection(&error) => tracing::debug!(%error, "a connection was lost"),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    let pause = self.pause;
                    self.pause = (pause * 2).min(LONGEST_PAUSE);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Says that there is no place left, once.
    fn note(&mut self) {
        let free = self.places.available_permits();
        if free == 0 && !self.full {
            tracing::warn!(connections = self.all, "there are as many connections as may be; others wait");
        }
        self.full = free == 0 || self.full && free < self.all / 2;
    }
}

/// A connection that was gone before it was accepted is nobody else's trouble.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Lets this process open as many files as the system permits it at all, and tells how many. Go's programs do so, too.
pub fn raise_file_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum.unwrap_or(u64::MAX);
    }
    current.unwrap_or(u64::MAX)
}

/// How many connections a process that may open so many files should have at most: each may have a file open beside it.
#[must_use]
pub fn connections_for(files: u64) -> usize {
    usize::try_from(files.saturating_sub(OTHER_FILES) / 2).unwrap_or(usize::MAX).clamp(1, MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_one_connections_trouble_is_passed_over_at_once() {
        for kind in [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset] {
            assert!(is_of_one_connection(&kind.into()), "{kind}");
        }
        // Too many open files, in the process and in the system: to try again at once would only burn the processor.
        for errno in [24, 23] {
            assert!(!is_of_one_connection(&io::Error::from_raw_os_error(errno)), "{errno}");
        }
    }

    #[test]
    fn every_connection_may_have_a_file_and_there_is_one_connection_at_least() {
        assert_eq!([0, 64, 128, 1_024, 1 << 20, u64::MAX].map(connections_for), [1, 1, 32, 480, 10_000, 10_000]);
    }
}
