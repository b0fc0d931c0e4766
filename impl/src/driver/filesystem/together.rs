//! Syncs that several calls wait for together.
//!
//! A push syncs some dozen files and directories, and so does each push beside it. One sync of the whole filesystem costs little more
//! than that of a single file, and serves everybody who waits for one: a round. Two things can go wrong. Others may have much to
//! write on the same filesystem; so it is measured which way is quicker. And a round may fail, or tell of somebody else's failure; then
//! whoever had begun before syncs what is theirs, and hears what became of that.

use std::time::Duration;

use super::calls::Errno;
use crate::sync::{Condvar, Mutex, PoisonError, lock};

/// How much slower rounds may be than the syncs in place of them, all in all, before they are given up. The first one also writes what
/// others have left behind.
const PATIENCE: Duration = Duration::from_millis(50);

/// They are tried again after so many times as long: what is lost by trying is a hundredth.
const AGAIN_AFTER: u32 = 100;

/// A round of this length keeps clients waiting for what somebody else has written. It is not risked again soon.
const STALL: Duration = Duration::from_secs(1);
const AFTER_STALL: Duration = Duration::from_secs(3600);

/// After so many rounds somebody goes alone, so that it is known how long that takes nowadays.
const MEASURED: u32 = 256;

/// How many rounds had failed when a call began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since(u64);

impl Since {
    /// For what somebody else may have changed, at whatever time: no round may ever have failed.
    pub(super) const EVER: Self = Self(0);
}

#[derive(Debug, Default)]
pub(super) struct Together {
    rounds: Mutex<Rounds>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Rounds {
    begun: u64,
    ended: u64,
    failed: u64,
    // How many syncs the next round is in place of.
    awaited: u32,
    // How long one sync takes that is made alone, and for how many rounds that is believed.
    alone: Duration,
    left: u32,
    // How much was lost by rounds.
    loss: Duration,
    not_before: Duration,
}

impl Together {
    /// Asked before anything is changed that is to be synced.
    pub(super) fn since(&self) -> Since {
        Since(lock(&self.rounds).failed)
    }

    /// Waits for a round that begins now or later, in place of so many syncs. Whether everything that was changed `since` then is durable
    /// by it; if not, the caller has to sync what it changed.
    pub(super) fn wait(
        &self,
        since: Since,
        syncs: u32,
        now: impl Fn() -> Duration,
        sync: impl Fn() -> Result<(), Errno>,
    ) -> bool {
        let mut rounds = lock(&self.rounds);
        // One sync alone is no slower than a round.
        let is_running = rounds.begun > rounds.ended;
        if rounds.left == 0 || (syncs < 2 && !is_running) || now() < rounds.not_before {
            return false;
        }
        rounds.awaited = rounds.awaited.saturating_add(syncs);
        let awaited = rounds.begun + 1;
        while rounds.ended < awaited {
            if rounds.begun > rounds.ended {
                rounds = self.ended.wait(rounds).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            rounds.begun += 1;
            rounds.left = rounds.left.saturating_sub(1);
            let syncs = std::mem::take(&mut rounds.awaited);
            drop(rounds);
            let mut round = Round { of: self, is_done: false };
            let begun = now();
            round.is_done = sync().is_ok();
            let took = now().saturating_sub(begun);
            drop(round);
            rounds = lock(&self.rounds);
            rounds.loss = (rounds.loss + took).saturating_sub(rounds.alone.saturating_mul(syncs));
            if rounds.loss > PATIENCE {
                let loss = std::mem::take(&mut rounds.loss);
                let again_after = if took < STALL { loss.saturating_mul(AGAIN_AFTER) } else { AFTER_STALL };
                rounds.not_before = now().saturating_add(again_after);
            }
        }
        rounds.failed == since.0
    }

    /// Tells how long syncs took that were made alone.
    pub(super) fn took_alone(&self, syncs: u32, took: Duration) {
        let mut rounds = lock(&self.rounds);
        if let Some(took) = took.checked_div(syncs) {
            rounds.alone = if rounds.left == 0 { took } else { (rounds.alone * 3 + took) / 4 };
            rounds.left = MEASURED;
        }
    }
}

/// Ends a round, however that comes.
struct Round<'a> {
    of: &'a Together,
    is_done: bool,
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut rounds = lock(&self.of.rounds);
        rounds.ended += 1;
        rounds.failed += u64::from(!self.is_done);
        self.of.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::sync::{AtomicU64, Ordering};

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Ten milliseconds for a sync.
    fn measured() -> Together {
        let together = Together::default();
        together.took_alone(3, millis(30));
        together
    }

    #[test]
    fn before_anything_was_measured_and_for_one_sync_everybody_is_alone() {
        let never = || -> Result<(), Errno> { panic!("nobody is to be served") };
        let together = Together::default();
        assert!(!together.wait(together.since(), 5, Duration::default, never));
        let together = measured();
        assert!(!together.wait(together.since(), 1, Duration::default, never));
    }

    #[test]
    fn rounds_that_lose_time_are_given_up_for_a_hundred_times_as_long() {
        let together = measured();
        let (time, count) = (Cell::new(millis(0)), Cell::new(0));
        let round = |takes| {
            let since = together.since();
            together.wait(
                since,
                3,
                || time.get(),
                || {
                    count.set(count.get() + 1);
                    time.set(time.get() + millis(takes));
                    Ok(())
                },
            )
        };
        // Ten lost, and won back; fifty lost; one more.
        for takes in [40, 20, 80, 31] {
            assert!(round(takes), "it was slow, perhaps, and made everything durable");
        }
        let until = time.get() + millis(5100);
        time.set(until - millis(1));
        assert!(!round(1));
        time.set(until);
        assert!(round(1));
        assert_eq!(count.get(), 5);
    }

    #[test]
    fn who_began_before_a_failure_is_not_served_and_who_began_after_it_is() {
        let together = measured();
        let before = together.since();
        assert!(!together.wait(together.since(), 2, Duration::default, || Err(Errno::IO)));
        assert!(!together.wait(before, 2, Duration::default, || Ok(())));
        assert!(together.wait(together.since(), 2, Duration::default, || Ok(())));
    }

    #[test]
    fn a_round_that_stalls_is_not_risked_for_an_hour() {
        let together = measured();
        let time = Cell::new(millis(0));
        let round = |takes| {
            together.wait(
                together.since(),
                3,
                || time.get(),
                || {
                    time.set(time.get() + takes);
                    Ok(())
                },
            )
        };
        assert!(round(STALL * 2));
        time.set(STALL * 2 + AFTER_STALL - millis(1));
        assert!(!round(millis(1)));
        time.set(STALL * 2 + AFTER_STALL);
        assert!(round(millis(1)));
    }

    #[test]
    fn a_round_that_panics_has_failed_and_nobody_waits_for_it_any_more() {
        let together = measured();
        let since = together.since();
        let round = || together.wait(since, 2, Duration::default, || panic!("as no call should"));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(round)).unwrap_err();
        assert!(!together.wait(since, 2, Duration::default, || Ok(())));
        assert!(!together.wait(Since::EVER, 2, Duration::default, || Ok(())));
        assert!(together.wait(together.since(), 2, Duration::default, || Ok(())));
    }

    #[test]
    fn a_round_serves_only_who_came_before_it_began() {
        let together = measured();
        let (changed, durable) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let since = together.since();
                        let mine = changed.fetch_add(1, Ordering::SeqCst) + 1;
                        let served = together.wait(since, 2, Duration::default, || {
                            let seen = changed.load(Ordering::SeqCst);
                            // Others change something meanwhile, and this does not serve them.
                            std::thread::yield_now();
                            durable.fetch_max(seen, Ordering::SeqCst);
                            Ok(())
                        });
                        match served {
                            true => assert!(durable.load(Ordering::SeqCst) >= mine),
                            // It is measured again, by somebody.
                            false => together.took_alone(1, millis(10)),
                        }
                    }
                });
            }
        });
        assert!(lock(&together.rounds).ended > 256);
    }
}
