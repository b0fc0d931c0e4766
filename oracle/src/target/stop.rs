//! The end of a run before its time.

use std::sync::Arc;

use tokio::sync::watch;

/// Ends what goes on when somebody asks for it, from any thread: what is in flight is left, and nothing more is begun. Clones are one
/// and the same.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    /// Nobody has asked.
    fn default() -> Self {
        Stop(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks for the end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Has anybody asked?
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        // It ends in an error only without a sender, and `self` is one.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}
