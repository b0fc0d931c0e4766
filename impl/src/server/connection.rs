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
    /// The HTTP library hangs up on a client that begins with all of it, and refuses what is almost it; so it gets to see that.
    preface: Preface,
    /// Runs while the client reads nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// From when the server has said its last.
    closing: Option<Closing>,
}

/// How much of HTTP/2's preface a connection has begun with.
#[derive(Clone, Copy, Debug)]
struct Preface(usize);

impl Preface {
    const BYTES: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const NONE: usize = usize::MAX;

    /// Where in these bytes, which come next, the preface ends.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.0 >= Self::BYTES.len() || bytes.is_empty() {
            return None;
        }
        let missing = &Self::BYTES[self.0..];
        let length = bytes.len().min(missing.len());
        self.0 = if bytes[..length] == missing[..length] { self.0 + length } else { Self::NONE };
        (self.0 == Self::BYTES.len()).then(|| length - 1)
    }
}

/// When a connection that is being closed is let go.
#[derive(Debug)]
struct Closing {
    quiet: Pin<Box<Sleep>>,
    latest: Instant,
}

impl<S> Polite<S> {
    pub(super) const fn new(stream: S, write_timeout: Duration, linger: Duration) -> Self {
        Self { stream, write_timeout, linger, preface: Preface(0), stalled: None, closing: None }
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
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Some(at) = this.preface.end_in(&buffer.filled()[before..]) {
            buffer.filled_mut()[before + at] = b' ';
        }
        read
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preface_is_found_in_one_piece_or_in_many_and_only_at_the_beginning() {
        let whole = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand more";
        assert_eq!(Preface(0).end_in(whole), Some(23));
        let mut preface = Preface(0);
        assert_eq!(
            whole.chunks(5).map(|piece| preface.end_in(piece)).collect::<Vec<_>>(),
            [None, None, None, None, Some(3), None, None]
        );
        for other in [&b"PRI * HTTP/1.1\r\n"[..], b"GET / HTTP/1.1\r\n", b"PUT"] {
            let mut preface = Preface(0);
            assert_eq!((preface.end_in(other), preface.end_in(whole)), (None, None));
        }
    }
}
