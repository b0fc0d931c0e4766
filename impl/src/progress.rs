//! How far a long piece of work has come, for whoever waits for it; and whether anybody still does.

use futures::FutureExt as _;
use futures::future::{self, BoxFuture, Either};

/// Is told how a collection or a check goes on. `()` does not listen, and waits for ever.
pub trait Progress: Send + Sync {
    /// A part of the work begins: what it is, as in `reading repositories`, and of how many steps, if that is known.
    fn stage(&self, what: &str, steps: Option<u64>);

    /// One more step of this part is done.
    fn step(&self);

    /// Comes to its end when nobody waits for the work any more. Then the work stops, as soon as it leaves nothing half done.
    fn abandoned(&self) -> BoxFuture<'_, ()> {
        future::pending().boxed()
    }
}

impl Progress for () {
    fn stage(&self, _what: &str, _steps: Option<u64>) {}

    fn step(&self) {}
}

/// Nobody waits for the work any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for this work any more, so it was stopped")]
pub struct Abandoned;

/// Does a part of a work that changes nothing, or drops it.
pub(crate) async fn while_awaited<T>(progress: &dyn Progress, part: impl Future<Output = T>) -> Result<T, Abandoned> {
    match future::select(progress.abandoned(), std::pin::pin!(part)).await {
        Either::Left(((), _)) => Err(Abandoned),
        Either::Right((done, _)) => Ok(done),
    }
}

/// Fails if nobody waits any more: asked between two changes.
pub(crate) fn must_be_awaited(progress: &dyn Progress) -> Result<(), Abandoned> {
    progress.abandoned().now_or_never().map_or(Ok(()), |()| Err(Abandoned))
}
