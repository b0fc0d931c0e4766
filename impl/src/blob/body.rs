//! What a client sends: bytes that come in pieces, perhaps with their number said before.

use std::fmt;
use std::io;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// The body of a request.
pub struct Body {
    /// The number of bytes, if the client said it. A stream that then gives another number is the caller's mistake.
    pub length: Option<u64>,
    /// The bytes. An error means that the client stopped sending.
    pub stream: BoxStream<'static, io::Result<Bytes>>,
}

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// Bytes that come in pieces.
    #[must_use]
    pub fn stream(length: Option<u64>, stream: BoxStream<'static, io::Result<Bytes>>) -> Self {
        Self { length, stream }
    }

    /// The whole body if it has at most `limit` bytes; else a body that gives the same bytes again, those read included.
    ///
    /// # Errors
    /// If the client stopped sending.
    pub(crate) async fn gather(mut self, limit: usize) -> io::Result<Result<Bytes, Self>> {
        let mut gathered = Vec::new();
        let mut size = 0;
        while let Some(chunk) = self.stream.next().await {
            let chunk = chunk?;
            size += chunk.len();
            gathered.push(chunk);
            if size > limit {
                let rest = std::mem::replace(&mut self.stream, stream::empty().boxed());
                self.stream = stream::iter(gathered.into_iter().map(Ok)).chain(rest).boxed();
                return Ok(Err(self));
            }
        }
        Ok(Ok(if let [whole] = &*gathered { whole.clone() } else { gathered.concat().into() }))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { length: Some(bytes.len() as u64), stream: stream::iter([Ok(bytes)]).boxed() }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    fn pieces() -> Body {
        Body::stream(None, stream::iter([Ok("ab".into()), Ok("c".into()), Ok("de".into())]).boxed())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_body_is_whole_up_to_the_limit_and_in_pieces_beyond_it() {
        assert_eq!(pieces().gather(5).await.unwrap().expect("it has five bytes"), "abcde");
        let rest = pieces().gather(4).await.unwrap().expect_err("it has five bytes");
        let all: Vec<Bytes> = rest.stream.try_collect().await.unwrap();
        assert_eq!(all.concat(), b"abcde");
    }
}
