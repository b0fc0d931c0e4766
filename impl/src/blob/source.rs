//! What a client sends, on its way to the storage.
//!
//! While some pieces are being written, the next are received and hashed: network and processor need not wait for the disk, nor the disk
//! for them. What has come when the disk is ready is written at once, so a slow client's bytes wait for nobody; a fast one's are
//! written in larger batches the slower the disk is. An upload holds two batches at most, however large it is.

use std::io;
use std::pin::pin;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::digest::Hasher;
use crate::driver::{Appender, DriverError};

/// How many bytes, with what says where they are, are gathered while others are written, but for what the last piece has too many. Enough
/// for the hop to another thread not to show.
const BATCH: usize = 1 << 20;

/// Why nothing more comes.
#[derive(Debug)]
pub(super) enum End {
    /// That was all.
    All,
    /// There was more than it may be. What was too much is left out, with the rest of its piece.
    TooMuch,
    /// The client stopped sending.
    Broken(io::Error),
}

/// Bytes that come in, and who hashes them.
pub(super) struct Source<'a> {
    stream: BoxStream<'static, io::Result<Bytes>>,
    hasher: Option<&'a mut Hasher>,
    /// How many bytes may still come, if that is known.
    room: Option<u64>,
    received: u64,
    end: Option<End>,
}

impl<'a> Source<'a> {
    pub(super) const fn new(
        stream: BoxStream<'static, io::Result<Bytes>>,
        hasher: Option<&'a mut Hasher>,
        room: Option<u64>,
    ) -> Self {
        Self { stream, hasher, room, received: 0, end: None }
    }

    /// The next piece, hashed. None: nothing more comes. Nothing is lost if the wait is dropped.
    pub(super) async fn piece(&mut self) -> Option<Bytes> {
        while self.end.is_none() {
            match self.stream.next().await {
                None => self.end = Some(End::All),
                Some(Err(error)) => self.end = Some(End::Broken(error)),
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => match self.room.map(|room| room.checked_sub(piece.len() as u64)) {
                    Some(None) => self.end = Some(End::TooMuch),
                    room => {
                        self.room = room.flatten();
                        if let Some(hasher) = &mut self.hasher {
                            hasher.update(&piece);
                        }
                        self.received += piece.len() as u64;
                        return Some(piece);
                    }
                },
            }
        }
        None
    }

    /// Appends this piece and all that come after it. Nothing is made durable.
    ///
    /// # Errors
    /// If the storage fails. What was appended before stays.
    pub(super) async fn pour(&mut self, first: Bytes, into: &mut dyn Appender) -> Result<(), DriverError> {
        let mut pieces = vec![first];
        while !pieces.is_empty() {
            let (mut next, mut bytes) = (Vec::new(), 0);
            let mut writing = pin!(into.write_pieces(pieces));
            loop {
                tokio::select! {
                    biased;
                    written = &mut writing => {
                        written?;
                        break;
                    }
                    piece = self.piece(), if bytes < BATCH && self.end.is_none() => {
                        // A client may send each byte for itself, and then most of what is held is what says where they are.
                        bytes += piece.as_ref().map_or(0, |piece| piece.len() + size_of::<Bytes>());
                        next.extend(piece);
                    }
                }
            }
            if next.is_empty() {
                next.extend(self.piece().await);
            }
            pieces = next;
        }
        Ok(())
    }

    /// How many bytes came.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// Why nothing more came.
    pub(super) fn end(self) -> End {
        self.end.unwrap_or(End::All)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::stream;

    use super::*;
    use crate::digest::Algorithm;
    use crate::driver::{Driver as _, Memory, StoragePath};

    fn pieces(of: usize, count: usize) -> BoxStream<'static, io::Result<Bytes>> {
        stream::iter((0..count).map(move |n| Ok(Bytes::from(vec![u8::try_from(n % 251).unwrap(); of])))).boxed()
    }

    async fn poured(stream: BoxStream<'static, io::Result<Bytes>>, room: Option<u64>) -> (End, Bytes, String) {
        let driver = Arc::new(Memory::default());
        let place = StoragePath::new("/file").unwrap();
        let mut appender = driver.append(&place).await.unwrap();
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut source = Source::new(stream, Some(&mut hasher), room);
        if let Some(first) = source.piece().await {
            source.pour(first, &mut *appender).await.unwrap();
        }
        (source.end(), driver.read(&place).await.unwrap(), hasher.finish().to_string())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_comes_is_appended_and_hashed_in_its_order_over_several_batches() {
        for (size, count) in [(1, 3), (0, 2), (100_000, 9), (BATCH, 3), (3 * BATCH, 2)] {
            let expected: Vec<u8> = (0..count).flat_map(|n| vec![u8::try_from(n % 251).unwrap(); size]).collect();
            let (end, content, digest) = poured(pieces(size, count), None).await;
            assert!(matches!(end, End::All));
            assert!(content == expected, "{count} pieces of {size}");
            assert_eq!(digest, crate::digest::Digest::of(Algorithm::Sha256, &expected).to_string());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_came_before_the_end_is_appended_whatever_the_end() {
        let (end, content, _) = poured(pieces(10, 3), Some(30)).await;
        assert!(matches!(end, End::All) && content.len() == 30);
        let (end, content, _) = poured(pieces(10, 3), Some(29)).await;
        assert!(matches!(end, End::TooMuch) && content.len() == 20);
        let broken = pieces(BATCH, 2).chain(stream::iter([Err(io::ErrorKind::BrokenPipe.into())]));
        let (end, content, _) = poured(broken.boxed(), None).await;
        assert!(matches!(end, End::Broken(_)) && content.len() == 2 * BATCH);
    }
}
