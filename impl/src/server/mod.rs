//! The server: connections in, [`crate::http`] on each of them, and an orderly end.
//!
//! A [`Server`] is bound first and run then, so that its address is known before anybody asks. It ends when a future does, such
//! as [`stop_signal`]: nothing new is accepted, requests that have begun are answered, idle connections are closed; what is
//! not done within the drain time is cut off, and an upload that is cut off can be taken up again.

mod connection;
mod door;
mod upkeep;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::connection::Polite;
use self::door::Door;
use crate::api::Api;
use crate::http::{Front, HttpOptions, router, watching};
use crate::sync::Arc;
use crate::tls::ServerTls;

pub use self::door::{connections_for, raise_file_limit};
pub use self::upkeep::{UploadPurging, purge};

/// How many connections there are at once, where the system lets a process have so many.
const MAX_CONNECTIONS: usize = 10_000;

/// How many connections there are at once of those who watch.
const WATCHERS: usize = 64;

/// How long requests that were cut off may take to put away what they have.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a server runs.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// What is answered, and within which limits.
    pub http: HttpOptions,
    /// How long a connection has for the head of each request, the wait for its first byte included. It is closed then, also
    /// when it was merely idle. Default: 60 seconds.
    pub head_timeout: Duration,
    /// The longest head of a request in bytes; a longer one is answered 431. At least 8,192. Default: 64 KiB.
    pub max_head_bytes: usize,
    /// How many headers a request may have; more are answered 431. Default: 100.
    pub max_headers: usize,
    /// How many connections there are at once, at least 1. Further ones wait until one of them ends. Default: 10,000.
    pub max_connections: usize,
    /// How long a client may read nothing while an answer is being sent. Default: 60 seconds.
    pub write_timeout: Duration,
    /// How long a connection that the server closes is read on at most while the client is still sending, so that the client
    /// is sure to see the last answer. Default: 30 seconds.
    pub linger: Duration,
    /// How long requests that have begun may take when the server stops. Default: 30 seconds.
    pub drain: Duration,
    /// What connections are encrypted with. Default: they are not.
    pub tls: Option<Arc<ServerTls>>,
}

impl ServerOptions {
    /// The defaults, around these.
    #[must_use]
    pub fn new(http: HttpOptions) -> Self {
        Self {
            http,
            head_timeout: Duration::from_secs(60),
            max_head_bytes: 64 << 10,
            max_headers: 100,
            max_connections: MAX_CONNECTIONS,
            write_timeout: Duration::from_secs(60),
            linger: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            tls: None,
        }
    }
}

/// A server that is bound to its address.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    front: Front,
    app: Router,
    options: ServerOptions,
}

impl Server {
    /// Binds to the address; port 0 takes any that is free. Clients can connect from now on and are answered by [`run`](Self::run).
    ///
    /// # Errors
    /// If the address is none, or cannot be bound.
    pub async fn bind(address: impl ToSocketAddrs, api: Api, options: ServerOptions) -> io::Result<Self> {
        let listener = door::listen(address).await?;
        let address = listener.local_addr()?;
        let front = Front::new(api, options.http.clone());
        let app = router(front.clone());
        Ok(Self { listener, address, front, app, options })
    }

    /// A second server for those who watch over this one: `/healthz`, and the metrics under a path. It is not encrypted, and asks
    /// nobody who they are.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_watching(&self, address: impl ToSocketAddrs, metrics: Option<String>) -> io::Result<Self> {
        let listener = door::listen(address).await?;
        let address = listener.local_addr()?;
        let max_connections = self.options.max_connections.min(WATCHERS);
        let options = ServerOptions { tls: None, max_connections, ..self.options.clone() };
        let front = self.front.clone();
        Ok(Self { listener, address, app: watching(front.clone(), metrics), front, options })
    }

    /// The address it is bound to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` ends, and then winds up.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let http = self.builder();
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut door = Door::new(self.options.max_connections);
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                (stream, place) = door.next(&self.listener) => {
                    let connection = self.connection(&http, graceful.watcher(), stream);
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        tracing::info!(connections = connections.len(), "stopping");
        if tokio::time::timeout(self.options.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!(connections = connections.len(), "what is not done by now is cut off");
        }
        // Requests see their bodies break off, and put away what came.
        connections.shutdown().await;
        if tokio::time::timeout(LAST_WORDS, self.front.idle()).await.is_err() {
            tracing::error!("some requests could not be ended in time");
        }
    }

    fn builder(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        // Who has said all may say that nothing more comes, and is answered.
        http.half_close(true);
        http.timer(TokioTimer::new())
            .header_read_timeout(self.options.head_timeout)
            .max_headers(self.options.max_headers)
            .max_buf_size(self.options.max_head_bytes.max(8 << 10));
        http
    }

    /// What becomes of one connection.
    fn connection(
        &self,
        http: &http1::Builder,
        watcher: Watcher,
        stream: TcpStream,
    ) -> impl Future<Output = ()> + Send + use<> {
        let options = &self.options;
        let (http, app, tls, head_timeout) =
            (http.clone(), self.app.clone(), options.tls.clone(), options.head_timeout);
        // A small answer does not wait for more.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small answers may be late");
        }
        let stream = Polite::new(stream, options.write_timeout, options.linger);
        async move {
            let Some(tls) = tls else { return serve(&http, app, watcher, stream).await };
            let accepting = TlsAcceptor::from(tls.config()).accept(stream);
            match tokio::time::timeout(head_timeout, accepting).await {
                Ok(Ok(stream)) => serve(&http, app, watcher, stream).await,
                Ok(Err(error)) => tracing::debug!(%error, "a client and TLS did not agree"),
                Err(_) => tracing::debug!("a client took too long over TLS"),
            }
        }
    }
}

async fn serve<S>(http: &http1::Builder, app: Router, watcher: Watcher, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Ends when the process is asked to stop: SIGTERM or SIGINT.
///
/// # Errors
/// If the signals cannot be listened to.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(poll_fn(move |context| {
        if terminate.poll_recv(context).is_ready() || interrupt.poll_recv(context).is_ready() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    }))
}
