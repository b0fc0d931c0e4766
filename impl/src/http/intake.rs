//! The body of a request, on its way in.
//!
//! A handler may read it all, some of it, or none. An [`Intake`] knows how much came and why no more did; when the answer is
//! known it says whether the connection can go on: a short rest is read and dropped, after a long one the connection is
//! closed. A client that sends nothing for a while is given up; each piece that comes gives it as long again, if it is no crumb.

use std::io;
use std::time::Duration;

use axum::body::Body as HttpBody;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use crate::api::Body;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering, OwnedSemaphorePermit, Semaphore, lock};

/// A rest of at most so many bytes is read so that the connection can go on.
const SHORT_REST: u64 = 64 << 10;

/// A client that sends fewer bytes a second than this is given up when it has used up its time: or one byte now and then would hold
/// one of the places for those who send.
const SLOWEST: u64 = 1 << 10;

/// How long a short rest is waited for. It is on its way already.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// What bodies that are held whole may take together. A clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Semaphore>);

/// A part of it, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    memory: Arc<Semaphore>,
    permits: Option<OwnedSemaphorePermit>,
}

/// A permit is for so many bytes.
const UNIT: usize = 1 << 10;

impl Memory {
    /// So many bytes, rounded up.
    pub(super) fn of(bytes: u64) -> Self {
        let units = usize::try_from(bytes.div_ceil(UNIT as u64)).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    fn none(&self) -> Held {
        Held { memory: Arc::clone(&self.0), permits: None }
    }
}

impl Held {
    /// Holds at least so many bytes. None: there are not so many left.
    fn grow(&mut self, bytes: usize) -> Option<()> {
        let held = self.permits.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(UNIT).saturating_sub(held);
        if more > 0 {
            let permits = Arc::clone(&self.memory).try_acquire_many_owned(u32::try_from(more).ok()?).ok()?;
            match &mut self.permits {
                Some(held) => held.merge(permits),
                None => self.permits = Some(permits),
            }
        }
        Some(())
    }
}

/// A body that was gathered, and the memory that it takes.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) bytes: Bytes,
    pub(super) _memory: Held,
}

/// Why a body was not gathered.
#[derive(Debug)]
pub(super) enum NotGathered {
    /// It is longer than it may be.
    TooLong,
    /// Others take all the memory that there is for such.
    NoMemory,
    /// The client stopped sending.
    Body(io::Error),
}

/// The body of one request, shared by who reads it and who answers.
#[derive(Debug)]
pub(super) struct Intake {
    /// None while it is being read, and when there is nothing more to read.
    body: Mutex<Option<HttpBody>>,
    length: Option<u64>,
    /// The client waits to be told to send it.
    waits: bool,
    timeout: Duration,
    read: AtomicBool,
    received: AtomicU64,
    ended: AtomicBool,
    stalled: AtomicBool,
}

impl Intake {
    /// `timeout`: how long each next piece may take.
    pub(super) fn new(headers: &HeaderMap, body: HttpBody, timeout: Duration) -> Arc<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let empty = http_body::Body::is_end_stream(&body);
        // Only what the connection itself goes by: a length beside a coding is refused before it gets here.
        let length = if empty { Some(0) } else { text(CONTENT_LENGTH).and_then(|length| length.parse().ok()) };
        let waits = text(EXPECT).is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        Arc::new(Self {
            body: Mutex::new((!empty).then_some(body)),
            length,
            waits,
            timeout,
            read: AtomicBool::new(false),
            received: AtomicU64::new(0),
            ended: AtomicBool::new(empty),
            stalled: AtomicBool::new(false),
        })
    }

    /// The number of bytes, if the client said it.
    pub(super) const fn length(&self) -> Option<u64> {
        self.length
    }

    /// How many bytes came.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    /// Whether the client was given up because it sent nothing more.
    pub(super) fn stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// The bytes. What is not read when this is dropped can still be dealt with by [`settle`](Self::settle).
    pub(super) fn read(self: &Arc<Self>) -> Body {
        self.read.store(true, Ordering::Release);
        let reader = Reader::new(lock(&self.body).take(), self);
        let pieces = stream::unfold(reader, async |mut reader| reader.next().await.map(|piece| (piece, reader)));
        Body::stream(self.length, pieces.boxed())
    }

    /// All bytes, if there are at most `limit`. What has come holds its part of the memory, what has not holds none: a client that
    /// promises much and sends nothing is in nobody's way.
    ///
    /// # Errors
    /// See [`NotGathered`].
    pub(super) async fn gather(self: &Arc<Self>, limit: u64, memory: &Memory) -> Result<Gathered, NotGathered> {
        if self.length.is_some_and(|length| length > limit) {
            return Err(NotGathered::TooLong);
        }
        let mut body = self.read();
        let (mut gathered, mut held) = (Vec::new(), memory.none());
        while let Some(piece) = body.stream.next().await {
            let piece = piece.map_err(NotGathered::Body)?;
            if gathered.len() as u64 + piece.len() as u64 > limit {
                return Err(NotGathered::TooLong);
            }
            held.grow(gathered.len() + piece.len()).ok_or(NotGathered::NoMemory)?;
            gathered.extend_from_slice(&piece);
        }
        Ok(Gathered { bytes: gathered.into(), _memory: held })
    }

    /// To be called when the answer is known: whether another request can follow on the connection.
    pub(super) async fn settle(self: &Arc<Self>) -> bool {
        if self.ended.load(Ordering::Acquire) {
            return true;
        }
        let Some(body) = lock(&self.body).take() else { return false };
        let rest = self.length.map_or(u64::MAX, |length| length.saturating_sub(self.received()));
        // Reading would tell a client that waits to send.
        let waits = self.waits && !self.read.load(Ordering::Acquire);
        if waits || rest > SHORT_REST {
            return false;
        }
        let mut reader = Reader::new(Some(body), self);
        let all = async { while let Some(Ok(_)) = reader.next().await {} };
        let in_time = tokio::time::timeout(REST_TIMEOUT, all).await.is_ok();
        reader.body = None;
        in_time && self.ended.load(Ordering::Acquire)
    }
}

/// Holds the body while it is read, and gives it back.
struct Reader {
    body: Option<HttpBody>,
    intake: Arc<Intake>,
    /// How long the client was waited for. What the registry itself takes is not the client's.
    waited: Duration,
}

impl Reader {
    fn new(body: Option<HttpBody>, intake: &Arc<Intake>) -> Self {
        Self { body, intake: Arc::clone(intake), waited: Duration::ZERO }
    }

    /// How long the next piece may take.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs(self.intake.received() / SLOWEST);
        self.intake.timeout.min((self.intake.timeout + earned).saturating_sub(self.waited))
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            let (patience, asked) = (self.patience(), Instant::now());
            let frame = tokio::time::timeout(patience, self.body.as_mut()?.frame()).await;
            self.waited += asked.elapsed();
            let error = match frame {
                // Of trailers nothing is wanted.
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => {
                        self.intake.received.fetch_add(piece.len() as u64, Ordering::AcqRel);
                        return Some(Ok(piece));
                    }
                    _ => continue,
                },
                Ok(None) => {
                    self.intake.ended.store(true, Ordering::Release);
                    self.body = None;
                    return None;
                }
                Ok(Some(Err(error))) => io::Error::other(error),
                Err(_) => {
                    self.intake.stalled.store(true, Ordering::Release);
                    io::Error::new(io::ErrorKind::TimedOut, "nothing more came in time")
                }
            };
            self.body = None;
            return Some(Err(error));
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            *lock(&self.intake.body) = Some(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: usize) -> Arc<Intake> {
        Intake::new(&HeaderMap::new(), HttpBody::from(vec![b'x'; bytes]), Duration::from_secs(1))
    }

    #[tokio::test(flavor = "current_thread")]
    async fn bodies_that_are_held_take_no_more_memory_together_than_there_is_and_give_it_back() {
        let memory = Memory::of(4 << 10);
        let first = body(3 << 10).gather(4 << 10, &memory).await.expect("there is memory for it");
        assert_eq!(first.bytes.len(), 3 << 10);
        assert!(matches!(body((1 << 10) + 1).gather(4 << 10, &memory).await, Err(NotGathered::NoMemory)));
        // The last unit is still there, and what was refused holds none of it.
        let second = body(1).gather(4 << 10, &memory).await.expect("there is memory for it, too");
        assert!(matches!(body(1).gather(4 << 10, &memory).await, Err(NotGathered::NoMemory)));
        drop((first, second));
        assert!(body(4 << 10).gather(4 << 10, &memory).await.is_ok());
        assert!(matches!(body((4 << 10) + 1).gather(4 << 10, &memory).await, Err(NotGathered::TooLong)));
    }

    /// A body of so many pieces of this many bytes, one every twenty seconds.
    fn slow(pieces: u32, bytes: usize) -> Arc<Intake> {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok::<_, io::Error>(Bytes::from(vec![b'x'; bytes]))
        });
        Intake::new(&HeaderMap::new(), HttpBody::from_stream(pieces), Duration::from_secs(30))
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_client_that_sends_crumbs_is_given_up_and_one_that_is_slow_is_not() {
        let memory = Memory::of(1 << 20);
        let crumbs = slow(10, 1);
        let began = Instant::now();
        assert!(matches!(crumbs.gather(1 << 20, &memory).await, Err(NotGathered::Body(_))));
        assert!(crumbs.stalled() && began.elapsed() <= Duration::from_secs(31), "{:?}", began.elapsed());
        let slow = slow(10, 20 << 10);
        assert_eq!(slow.gather(1 << 20, &memory).await.expect("it goes on").bytes.len(), 200 << 10);
    }
}
