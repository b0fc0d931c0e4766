//! When a request may be sent: at a bounded rate, and again after a registry that throttles has said when.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use crate::wire::headers::text;

/// How often a request is sent before it is said that the registry throttles.
pub(super) const TRIES: u32 = 4;

/// What a registry asks for beyond that is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// At most so many requests a second.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    between: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// `rate`: requests a second, more than 0. None: without a bound.
    pub(super) fn new(rate: Option<f64>) -> Pace {
        let between = rate.map_or(Duration::ZERO, |rate| Duration::try_from_secs_f64(1.0 / rate).unwrap_or_default());
        Pace { between, next: None }
    }

    /// When a request may be sent that is ready `now`; it is counted as sent then.
    pub(super) fn slot(&mut self, now: Instant) -> Instant {
        let slot = self.next.map_or(now, |next| next.max(now));
        self.next = Some(slot + self.between);
        slot
    }
}

/// How long to wait before a request is sent again that was answered so, the first time with `tries` 1.
///
/// `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). Without one the wait doubles from a second on. None: it is
/// longer than anybody waits.
pub(super) fn wait(headers: &HeaderMap, tries: u32, now: SystemTime) -> Option<Duration> {
    let doubled = Duration::from_secs(1 << tries.saturating_sub(1).min(10));
    let wait = text(headers, "retry-after").and_then(|value| after(value, now)).unwrap_or(doubled);
    (wait <= LONGEST_WAIT).then_some(wait)
}

fn after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let now = Timestamp::try_from(now).ok()?;
    // A date that is past says: now.
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_no_closer_than_the_rate_allows() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pace = Pace::new(Some(4.0));
        let slots = [at(0), at(1), at(1), at(2_000), at(2_100)].map(|ready| pace.slot(ready));
        assert_eq!(slots, [at(0), at(250), at(500), at(2_000), at(2_250)]);
        let mut unbounded = Pace::new(None);
        assert_eq!([at(3), at(3)].map(|ready| unbounded.slot(ready)), [at(3), at(3)]);
    }

    #[test]
    fn a_registry_says_when_to_ask_again_in_seconds_or_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let waits = |value: Option<&'static str>, tries| {
            let value = value.map(|value| (reqwest::header::RETRY_AFTER, value.parse().unwrap()));
            wait(&value.into_iter().collect(), tries, now)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(waits(Some("0"), 1), seconds(0));
        assert_eq!(waits(Some("7"), 3), seconds(7));
        assert_eq!(waits(Some("Sun, 06 Nov 1994 08:49:47 GMT"), 1), seconds(10));
        assert_eq!(waits(Some("Sun, 06 Nov 1994 08:49:07 GMT"), 1), seconds(0));
        assert_eq!(waits(Some("31"), 1), None);
        assert_eq!(waits(Some("99999999999999999999"), 1), seconds(1));
        assert_eq!([1, 2, 3].map(|tries| waits(None, tries)), [seconds(1), seconds(2), seconds(4)]);
        assert_eq!(waits(Some("soon"), 2), seconds(2));
    }
}
