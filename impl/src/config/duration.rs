//! Durations as Go writes them: `168h`, `1h30m`, `1.5s`, `0`.
//!
//! Source: Go's `time.ParseDuration`. One below zero makes no sense for any key here and is refused.

use std::time::Duration;

/// In nanoseconds. The two signs for micro look alike and are not.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The longest that Go can say: some 292 years.
const MAX: u128 = i64::MAX as u128;

/// Nothing if this is none, or too long.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total: u128 = 0;
    loop {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // A unit goes on until the next number.
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(whole, fraction, *nanoseconds)?).filter(|total| *total <= MAX)?;
        if next.is_empty() {
            return Some(Duration::from_nanos(u64::try_from(total).ok()?));
        }
        rest = next;
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn scaled(whole: &str, fraction: &str, unit: u128) -> Option<u128> {
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Beyond a nanosecond nothing is left of an hour after 13 digits.
    let fraction = &fraction[..fraction.len().min(15)];
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.checked_mul(unit)?.checked_add(parts * unit / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("0s", 0),
            ("+5s", 5_000_000_000),
            ("168h", 604_800_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("1m0.25s", 60_250_000_000),
            ("2ms3us4ns", 2_003_004),
            ("1µs1μs", 2_000),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("2562047h47m16.854775807s", u64::try_from(MAX).unwrap()),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "5",
            "h",
            "s5",
            "5 s",
            "5S",
            "5d",
            "-5s",
            "-0",
            "+",
            "++5s",
            ".s",
            "1.2.3s",
            "5s ",
            "1e3s",
            "2562047h47m16.854775808s",
            "99999999999999999999999999999999999999999h",
            "300000000h",
            "٣s",
            "5sé",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[+.0-9hmsµn]{0,20}|\\PC{0,12}") {
            let _ = parse(&text);
        }
    }
}
