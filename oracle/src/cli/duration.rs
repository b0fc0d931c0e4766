//! Durations as people write them: `500ms`, `60s`, `5m`, `2h`.

use std::time::Duration;

/// Reads a duration: a number and a unit, `ms`, `s`, `m` or `h`; more than nothing.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wanted = || "a duration is a number and a unit, such as 500ms, 60s, 5m or 2h".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wanted())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(wanted()),
    };
    // Longer than that is a slip, and further than a clock can count from now.
    const LONGEST: u64 = 365 * 24 * 3_600_000;
    match milliseconds {
        Some(0) => Err("no time at all is too little".to_owned()),
        Some(milliseconds) if milliseconds <= LONGEST => Ok(Duration::from_millis(milliseconds)),
        _ => Err("more than a year is too much".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_duration() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse("2h"), Ok(Duration::from_secs(7_200)));
    }

    #[test]
    fn anything_else_is_none() {
        for bad in ["", "60", "s", "-1s", "1.5s", "1 s", "1d", "1S", "0s", "99999999999999999999s", "9000h"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
