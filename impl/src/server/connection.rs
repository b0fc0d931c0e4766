//! A connection that lets its client read the last answer, and does not wait for ever for one that reads nothing.
//!
//! Where a connection is closed while the client is still sending, the system discards what the client has not read yet, the
//! answer included. So closing means: say that nothing more comes, then read and drop what does, until the client closes
//! too, sends nothing for a while, or the time is up.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// A client that is still sending when the connection is closed does not pause for so long.
const QUIET: Duration = Duration::from_secs(1);

/// How much is read at once of what is dropped.
const SCRAP: usize = 8 << 10;

/// A stream with manners.
#[derive(Debug)]
pub(super) struct Polite<S> {
    stream: S,
    write_timeout: Duration,
    linger: Duration,
    /// Runs while the client reads nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// From when the server has said its last.
    closing: Option<Closing>,
}

/// When a connection that is being closed is let go.
#[derive(Debug)]
struct Closing {
    quiet: Pin<Box<Sleep>>,
    latest: Instant,
}

impl<S> Polite<S> {
    pub(super) const fn new(stream: S, write_timeout: Duration, linger: Duration) -> Self {
        Self { stream, write_timeout, linger, stalled: None, closing: None }
    }

    /// What a write gave, unless it has been given nothing for too long.
    fn timed<T>(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Polite<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Polite<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.timed(context, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.timed(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.timed(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            let now = Instant::now();
            let latest = now + this.linger;
            this.closing = Some(Closing { quiet: Box::pin(sleep_until(latest.min(now + QUIET))), latest });
        }
        let mut scrap = [0; SCRAP];
        loop {
            let Some(closing) = &mut this.closing else { return Poll::Ready(Ok(())) };
            let mut buffer = ReadBuf::new(&mut scrap);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let now = Instant::now();
                    if now >= closing.latest {
                        return Poll::Ready(Ok(()));
                    }
                    closing.quiet.as_mut().reset(closing.latest.min(now + QUIET));
                }
                // It has closed, or is gone.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(closing.quiet.as_mut().poll(context));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}
