//! The one door through which locks come into this crate.
//!
//! Nothing else here names `std::sync` or `tokio::sync`. Whoever wants to explore schedules swaps the primitives in this file.
//! Beside the re-exports stand two small things made of them: [`KeyedLocks`], a lock for each of many keys, and
//! [`Generation`], which lets a cache be filled without ever resurrecting what was removed meanwhile.

use std::collections::HashMap;
use std::hash::Hash;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
pub(crate) use tokio::sync::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock as AsyncRwLock, Semaphore,
};

pub(crate) use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
pub(crate) use tokio::sync::watch;
pub(crate) use tokio::task::{JoinError, JoinHandle, spawn, yield_now};

/// Locks a mutex whose data no panic can leave half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a job that may block or take long on tokio's pool of blocking threads. It runs to its end even if the future is dropped.
///
/// # Panics
/// If the job panics, with the same panic.
pub(crate) async fn blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    match try_blocking(job).await {
        Ok(result) => result,
        // This task is dropped at its next wait.
        Err(_) => std::future::pending().await,
    }
}

/// As [`blocking`], for callers that can say so if the job was not begun: only a runtime that is shutting down cancels one.
pub(crate) async fn try_blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    tokio::task::spawn_blocking(job).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => cancelled,
    })
}

/// A lock for each key, which one holds alone or several share. A key that nobody holds or waits for takes no memory.
#[derive(Debug)]
pub(crate) struct KeyedLocks<K> {
    held: Mutex<HashMap<K, Arc<AsyncRwLock<()>>>>,
    /// Everybody gets in at once: for suites that must notice.
    open: bool,
}

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        Self { held: Mutex::new(HashMap::new()), open: false }
    }
}

impl<K: Hash + Eq + Clone> KeyedLocks<K> {
    /// Locks that keep nobody out.
    #[cfg(feature = "faults")]
    pub(crate) fn open() -> Self {
        Self { open: true, ..Self::default() }
    }

    fn entry(&self, key: &K) -> Arc<AsyncRwLock<()>> {
        if self.open {
            return Arc::default();
        }
        Arc::clone(lock(&self.held).entry(key.clone()).or_default())
    }

    /// Waits until nobody else holds this key, and holds it alone until the guard goes.
    pub(crate) async fn lock(self: &Arc<Self>, key: K) -> KeyedGuard<K> {
        let entry = self.entry(&key);
        // Made before waiting: if the wait is dropped, the entry goes as well.
        let mut guard = KeyedGuard { locks: Arc::clone(self), key, held: Held::No };
        guard.held = Held::Alone(entry.write_owned().await);
        guard
    }

    /// Waits until nobody holds this key alone, or waits to, and shares it until the guard goes.
    pub(crate) async fn share(self: &Arc<Self>, key: K) -> KeyedGuard<K> {
        let entry = self.entry(&key);
        let mut guard = KeyedGuard { locks: Arc::clone(self), key, held: Held::No };
        guard.held = Held::Shared(entry.read_owned().await);
        guard
    }

    /// Holds this key alone until the guard goes, if nobody else does now.
    pub(crate) fn try_lock(self: &Arc<Self>, key: K) -> Option<KeyedGuard<K>> {
        let entry = self.entry(&key);
        let mut guard = KeyedGuard { locks: Arc::clone(self), key, held: Held::No };
        guard.held = Held::Alone(entry.try_write_owned().ok()?);
        Some(guard)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.held).len()
    }
}

/// Holds one key of [`KeyedLocks`].
#[derive(Debug)]
pub(crate) struct KeyedGuard<K: Hash + Eq + Clone> {
    locks: Arc<KeyedLocks<K>>,
    key: K,
    held: Held,
}

/// How a key is held. What is in it is only there to be dropped.
#[derive(Debug)]
enum Held {
    No,
    Alone(#[expect(dead_code, reason = "held")] OwnedRwLockWriteGuard<()>),
    Shared(#[expect(dead_code, reason = "held")] OwnedRwLockReadGuard<()>),
}

impl<K: Hash + Eq + Clone> Drop for KeyedGuard<K> {
    fn drop(&mut self) {
        let mut locks = lock(&self.locks.held);
        self.held = Held::No;
        // Clones are taken under the same lock: a count of one means that nobody waits.
        if locks.get(&self.key).is_some_and(|entry| Arc::strong_count(entry) == 1) {
            locks.remove(&self.key);
        }
    }
}

/// Counts removals, so that an answer looked up before a removal is not remembered after it.
///
/// Who fills a cache reads [`now`](Self::now) before it looks things up and fills through
/// [`unless_passed`](Self::unless_passed). Who removes something [`pass`](Self::pass)es after the removal, and clears the
/// cache after that.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    number: AtomicU64,
    filling: AsyncRwLock<()>,
    /// What was removed meanwhile counts for nothing: for suites that must notice.
    blind: bool,
}

impl Generation {
    /// One that sees no removal.
    #[cfg(feature = "faults")]
    pub(crate) fn blind() -> Self {
        Self { blind: true, ..Self::default() }
    }

    pub(crate) fn now(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Runs `fill` if nothing was removed since `seen`; no removal passes while it runs.
    pub(crate) async fn unless_passed<F: Future<Output = ()> + Send>(&self, seen: u64, fill: F) {
        let _filling = self.filling.read().await;
        if self.blind || self.now() == seen {
            fill.await;
        }
    }

    pub(crate) async fn pass(&self) {
        let _nobody_fills = self.filling.write().await;
        self.number.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn one_key_is_held_by_one_at_a_time_and_leaves_nothing_behind() {
        let locks = Arc::new(KeyedLocks::default());
        let inside = Arc::new(AtomicU64::new(0));
        let tasks = (0..20_u64).map(|n| {
            let (locks, inside) = (Arc::clone(&locks), Arc::clone(&inside));
            async move {
                let _guard = locks.lock(n % 2).await;
                let bit = 1 << (n % 2);
                assert_eq!(inside.fetch_or(bit, Ordering::SeqCst) & bit, 0);
                yield_now().await;
                inside.fetch_and(!bit, Ordering::SeqCst);
            }
        });
        futures::future::join_all(tasks).await;
        assert_eq!(locks.len(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_key_is_shared_by_all_who_do_not_want_it_alone() {
        use futures::FutureExt as _;
        let locks = Arc::new(KeyedLocks::default());
        let (first, second) = (locks.share("a").await, locks.share("a").await);
        assert!(locks.lock("a").now_or_never().is_none());
        drop(first);
        assert!(locks.try_lock("a").is_none());
        drop(second);
        let alone = locks.lock("a").now_or_never().unwrap();
        assert!(locks.share("a").now_or_never().is_none());
        drop(alone);
        assert_eq!(locks.len(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_wait_that_is_given_up_leaves_nothing_behind() {
        let locks = Arc::new(KeyedLocks::default());
        let held = locks.lock("a").await;
        assert!(locks.try_lock("a").is_none());
        drop(locks.try_lock("b").unwrap());
        assert_eq!(locks.len(), 1);
        assert!(futures::FutureExt::now_or_never(locks.lock("a")).is_none());
        drop(held);
        assert_eq!(locks.len(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nothing_is_filled_after_a_removal_has_passed() {
        let generation = Generation::default();
        let seen = generation.now();
        generation.pass().await;
        generation.unless_passed(seen, async { panic!("filled") }).await;
        let filled = AtomicU64::new(0);
        generation.unless_passed(generation.now(), async { filled.store(1, Ordering::SeqCst) }).await;
        assert_eq!(filled.into_inner(), 1);
    }
}
