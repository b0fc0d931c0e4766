//! What time it is, asked of whoever was given, never of the machine behind one's back.
//!
//! Ages decide what a collection may sweep, so tests must be able to say what time it is: [`ManualClock`] stands still until
//! it is told to advance. In production [`SystemClock`] answers.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sync::{Mutex, lock};

/// Says what time it is.
pub trait Clock: Send + Sync + Debug + 'static {
    /// Now.
    fn now(&self) -> SystemTime;

    /// Now, in whole seconds since 1970; 0 for anything before.
    fn seconds(&self) -> u64 {
        seconds_since_epoch(self.now())
    }
}

/// Whole seconds since 1970; 0 for anything before.
#[must_use]
pub fn seconds_since_epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs())
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    // Since 1970. A lock and not an atomic: a duration has two parts.
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that stands at this many seconds since 1970.
    #[must_use]
    pub const fn at(seconds: u64) -> Self {
        Self { elapsed: Mutex::new(Duration::from_secs(seconds)) }
    }

    /// Moves it forward, at most to the largest time there is.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = lock(&self.elapsed);
        *elapsed = elapsed.saturating_add(by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        let elapsed = *lock(&self.elapsed);
        UNIX_EPOCH.checked_add(elapsed).unwrap_or(UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::at(1_000);
        assert_eq!(clock.seconds(), 1_000);
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clock.seconds(), 1_001);
        assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_millis(1_001_500));
    }

    #[test]
    fn the_largest_step_does_not_panic() {
        let clock = ManualClock::at(5);
        clock.advance(Duration::MAX);
        let _ = clock.seconds();
    }

    #[test]
    fn a_time_before_1970_counts_as_0() {
        assert_eq!(seconds_since_epoch(UNIX_EPOCH - Duration::from_secs(9)), 0);
    }
}
